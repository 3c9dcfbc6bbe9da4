use std::collections::BTreeSet;

use super::*;

fn multiplier(number: u8) -> NonZeroU8 {
    NonZeroU8::new(number).unwrap()
}

#[test]
fn detection_time_is_the_senders_multiplier_times_the_slower_wish() {
    // (multiplier, sender's min tx in ms, receiver's min rx in ms, detection time in ms)
    let table = [
        (3, 300, 300, 900),
        (3, 50, 300, 900),
        (3, 300, 50, 900),
        (1, 10, 10, 10),
        (255, 10, 60_000, 15_300_000),
        (5, 1_000, 10, 5_000),
        (3, 50, 0, 150),
    ];
    for (number, tx, rx, expected) in table {
        let got = detection_time(multiplier(number), Micros::new(tx * 1_000), Micros::new(rx * 1_000));
        assert_eq!(got, Duration::from_millis(expected), "multiplier {number}, tx {tx}, rx {rx}");
    }
}

#[test]
fn the_longest_detection_time_the_wire_can_ask_for_does_not_overflow() {
    let longest = detection_time(multiplier(255), Micros::new(u32::MAX), Micros::new(u32::MAX));
    assert_eq!(longest, Duration::from_micros(255 * u64::from(u32::MAX)));
}

#[test]
fn intervals_reach_from_10_ms_to_60_s() {
    let table =
        [(0, None), (9, None), (10, Some(10_000)), (60_000, Some(60_000_000)), (60_001, None), (u32::MAX, None)];
    for (milliseconds, expected) in table {
        let got = Interval::from_millis(milliseconds).map(|interval| interval.micros().get());
        assert_eq!(got.ok(), expected, "{milliseconds} ms");
    }
    let refused = Interval::from_millis(9).unwrap_err();
    assert_eq!(refused.to_string(), "interval of 9 ms is outside 10 ms to 60000 ms; choose one inside");
}

#[test]
fn jitter_uses_the_whole_range_and_never_leaves_it() {
    for (number, longest) in [(1, 90), (2, 100), (3, 100), (255, 100)] {
        let mut random = Random::new(7);
        let drawn: Vec<_> = (0..10_000).map(|_| random.jitter(Micros::new(100_000), multiplier(number))).collect();
        let (low, high) = (Duration::from_millis(75), Duration::from_millis(longest));
        assert!(drawn.iter().all(|span| (low..=high).contains(span)), "multiplier {number}");
        assert!(*drawn.iter().min().unwrap() < low + Duration::from_micros(200), "multiplier {number}");
        assert!(*drawn.iter().max().unwrap() > high - Duration::from_micros(200), "multiplier {number}");
    }
}

#[test]
fn jitter_of_the_shortest_and_longest_interval_stays_positive_and_bounded() {
    let mut random = Random::new(1);
    assert_eq!(random.jitter(Micros::new(1), multiplier(3)), Duration::from_micros(1));
    assert!(random.jitter(Micros::new(u32::MAX), multiplier(3)) <= Micros::new(u32::MAX).duration());
}

#[test]
fn source_ports_are_all_of_49152_to_65535_once() {
    for seed in 0..50 {
        let ports: Vec<_> = SourcePorts::new(&mut Random::new(seed)).collect();
        assert_eq!(ports.len(), 16_384, "seed {seed}");
        assert_eq!(ports.iter().collect::<BTreeSet<_>>().len(), 16_384, "seed {seed}");
        assert!(ports.iter().all(|port| *port >= 49_152), "seed {seed}");
    }
}

#[test]
fn source_ports_differ_from_seed_to_seed() {
    let first: BTreeSet<_> = (0..100).filter_map(|seed| SourcePorts::new(&mut Random::new(seed)).next()).collect();
    assert!(first.len() > 90, "{} different first ports", first.len());
}
