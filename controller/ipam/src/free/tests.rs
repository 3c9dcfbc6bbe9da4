use super::*;

#[test]
fn hands_out_ranges_in_written_order_and_addresses_ascending() {
    let mut free = Free::new(false);
    free.insert(0, 50, 51);
    free.insert(1, 10, 11);
    let mut order = Vec::new();
    while let Some(position) = free.first() {
        order.push(position);
        free.remove(position);
    }
    assert_eq!(order, [(0, 50), (0, 51), (1, 10), (1, 11)]);
    assert_eq!(free.count(), 0);
}

#[test]
fn a_64_bit_network_is_one_span_and_counts_exactly() {
    let mut free = Free::new(false);
    let first = 0x2001_0db8_u128 << 96;
    free.insert(0, first, first + u128::from(u64::MAX));
    free.remove((0, first + 5));
    assert_eq!(free.spans.len(), 2);
    assert_eq!(free.count(), u128::from(u64::MAX));
}

#[test]
fn avoided_addresses_are_never_first_and_never_counted() {
    for (first, last) in [(0, 511), (250, 260), (255, 256), (255, 255), (256, 256), (1, 254), (0, 0), (100, 1100)] {
        let mut free = Free::new(true);
        free.insert(0, first, last);
        let expected: Vec<u128> = (first..=last).filter(|value| value % 256 != 0 && value % 256 != 255).collect();
        assert_eq!(free.count(), expected.len() as u128, "{first}-{last}");
        let mut found = Vec::new();
        while let Some(position) = free.first() {
            found.push(position.1);
            free.remove(position);
        }
        assert_eq!(found, expected, "{first}-{last}");
    }
}

#[test]
fn removing_what_is_not_free_changes_nothing() {
    let mut free = Free::new(true);
    free.insert(0, 254, 258);
    free.insert(1, 600, 601);
    for position in [(0, 253), (0, 255), (0, 256), (0, 259), (0, 600), (1, 254), (2, 600)] {
        free.remove(position);
        assert_eq!(free.count(), 5, "{position:?}");
    }
}
