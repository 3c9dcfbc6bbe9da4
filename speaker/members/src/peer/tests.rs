use proptest::prelude::*;
use std::collections::BTreeSet;

use super::*;

proptest! {
    #[test]
    fn accepts_each_number_once_within_the_window(numbers in prop::collection::vec(1u64..400, 1..300)) {
        let mut window = ReplayWindow::default();
        let mut seen = BTreeSet::new();
        for number in numbers {
            let greatest = seen.last().copied().unwrap_or(0);
            let expected = !seen.contains(&number) && number + 128 > greatest;
            prop_assert_eq!(window.is_fresh(number), expected, "{} after {}", number, greatest);
            if expected {
                window.accept(number);
                seen.insert(number);
            }
        }
    }
}

#[test]
fn survives_the_ends_of_the_number_range() {
    let mut window = ReplayWindow::default();
    assert!(!window.is_fresh(0));
    window.accept(u64::MAX);
    assert!(!window.is_fresh(u64::MAX) && window.is_fresh(u64::MAX - 127) && !window.is_fresh(1));
    assert!(window.reaches(u64::MAX) && !window.reaches(1) && !window.reaches(0));
}
