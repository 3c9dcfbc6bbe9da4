use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn members(spans: &Spans) -> BTreeSet<u64> {
    spans.0.iter().flat_map(|(&after, &upto)| after + 1..=upto).collect()
}

proptest! {
    #[test]
    fn behaves_like_a_set_of_numbers(inserted in prop::collection::vec((0u64..60, 0u64..12), 0..20), cut in 0u64..70) {
        let mut spans = Spans::default();
        let mut model = BTreeSet::new();
        for (after, length) in inserted {
            spans.insert(Span { after, upto: after + length });
            model.extend(after + 1..=after + length);
        }
        prop_assert_eq!(members(&spans), model.clone());
        let ends: Vec<(u64, u64)> = spans.0.iter().map(|(&after, &upto)| (after, upto)).collect();
        prop_assert!(ends.windows(2).all(|pair| pair[0].1 < pair[1].0), "disjoint and not adjacent: {ends:?}");
        let missing: BTreeSet<u64> = spans.gaps(80, 100).iter().flat_map(|gap| gap.after + 1..=gap.upto).collect();
        let expected: BTreeSet<u64> = (1..=80).filter(|number| !model.contains(number)).collect();
        prop_assert_eq!(missing, expected);
        for upto in 0..80 {
            prop_assert_eq!(spans.covers(upto), (1..=upto).all(|number| model.contains(&number)));
        }
        spans.remove_upto(cut);
        model.retain(|number| *number > cut);
        prop_assert_eq!(members(&spans), model);
    }
}
