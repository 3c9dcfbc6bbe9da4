use std::num::NonZeroU32;

use super::*;
use crate::tests::start;

fn limit(per_second: u32, at_once: u32) -> RateLimit {
    let nonzero = |value| NonZeroU32::new(value).expect("a test limit is not zero");
    RateLimit { per_second: nonzero(per_second), at_once: nonzero(at_once) }
}

fn mac(index: u32) -> MacAddr {
    let [a, b, c, d] = index.to_be_bytes();
    MacAddr([2, 0, a, b, c, d])
}

#[test]
fn a_pace_spends_its_allowance_at_once_and_earns_it_back_over_time() {
    let now = start();
    let mut pace = Pace::new(limit(10, 4), now);
    for _ in 0..2 {
        assert!(pace.ready_at(2) <= now);
        pace.take(now, 2);
    }
    assert_eq!(pace.ready_at(1), now + Duration::from_millis(100));
    assert_eq!(pace.ready_at(2), now + Duration::from_millis(200));
    let later = now + Duration::from_secs(60);
    pace.take(later, 4);
    assert_eq!(pace.ready_at(1), later + Duration::from_millis(100), "silence does not add up beyond the allowance");
}

#[test]
fn an_allowance_below_the_cost_delays_and_does_not_block() {
    let now = start();
    let mut pace = Pace::new(limit(10, 1), now);
    assert_eq!(pace.ready_at(3), now);
    pace.take(now, 3);
    assert_eq!(pace.ready_at(3), now + Duration::from_millis(300));
}

#[test]
fn forged_senders_share_one_allowance_once_the_table_is_full() {
    let now = start();
    let mut senders = Senders::new(limit(1, 2), now);
    let admitted = (0..100_000).filter(|index| senders.admit(now, mac(*index))).count();
    assert_eq!(admitted, SENDERS + 2);
    assert_eq!(senders.paid.len(), SENDERS);
    assert_eq!(senders.by_paid.len(), SENDERS);
}

#[test]
fn settled_senders_make_room() {
    let mut now = start();
    let mut senders = Senders::new(limit(1, 2), now);
    (0..2_000).for_each(|index| {
        senders.admit(now, mac(index));
    });
    now += Duration::from_secs(10);
    (0..1_000).for_each(|index| assert!(senders.admit(now, mac(index + 5_000)), "sender {index}"));
    assert!(senders.paid.len() <= SENDERS);
}
