use super::*;

const SLOW: Timers = timers(1_000, 300);
const FAST: Timers = timers(50, 300);

const fn timers(min_tx: u32, min_rx: u32) -> Timers {
    Timers { min_tx: Micros::new(min_tx * 1_000), min_rx: Micros::new(min_rx * 1_000) }
}

#[test]
fn sending_faster_and_expecting_less_take_effect_at_once() {
    let mut negotiation = Negotiation::settled(SLOW);
    negotiation.change(timers(50, 600));
    assert!(negotiation.is_polling());
    assert_eq!(negotiation.in_force(), timers(50, 600));
}

#[test]
fn sending_slower_waits_for_the_final() {
    let mut negotiation = Negotiation::settled(FAST);
    negotiation.change(SLOW);
    assert_eq!(negotiation.advertised(), SLOW);
    assert_eq!(negotiation.in_force(), FAST);
    negotiation.on_packet(false);
    assert_eq!(negotiation.in_force(), FAST);
    negotiation.on_packet(true);
    assert_eq!(negotiation.in_force(), SLOW);
    assert!(!negotiation.is_polling());
}

#[test]
fn expecting_more_waits_for_the_final() {
    let mut negotiation = Negotiation::settled(timers(300, 300));
    negotiation.change(timers(300, 50));
    assert_eq!(negotiation.in_force(), timers(300, 300));
    negotiation.on_packet(true);
    assert_eq!(negotiation.in_force(), timers(300, 50));
}

#[test]
fn unchanged_timers_need_no_poll() {
    let mut negotiation = Negotiation::settled(FAST);
    negotiation.change(FAST);
    assert!(!negotiation.is_polling());
}

#[test]
fn a_final_without_a_poll_changes_nothing() {
    let mut negotiation = Negotiation::settled(FAST);
    negotiation.on_packet(true);
    assert_eq!(negotiation, Negotiation::settled(FAST));
}

#[test]
fn the_final_of_an_outdated_poll_does_not_confirm_the_latest_timers() {
    let mut negotiation = Negotiation::settled(FAST);
    negotiation.change(SLOW);
    negotiation.change(timers(2_000, 300));
    negotiation.on_packet(true);
    assert_eq!(negotiation.in_force(), FAST);
    assert!(!negotiation.is_polling());

    negotiation.on_packet(true);
    assert!(!negotiation.is_polling(), "a second answer to the first sequence");
    negotiation.on_packet(false);
    assert!(negotiation.is_polling());
    negotiation.on_packet(true);
    assert_eq!(negotiation.in_force(), timers(2_000, 300));
}

#[test]
fn a_change_between_two_sequences_goes_into_the_second() {
    let mut negotiation = Negotiation::settled(FAST);
    negotiation.change(SLOW);
    negotiation.change(timers(2_000, 300));
    negotiation.on_packet(true);
    negotiation.change(timers(3_000, 300));
    negotiation.on_packet(false);
    negotiation.on_packet(true);
    assert_eq!(negotiation.in_force(), timers(3_000, 300));
    assert!(!negotiation.is_polling());
}
