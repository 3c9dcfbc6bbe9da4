use super::*;

#[expect(clippy::disallowed_methods, reason = "the one place where virtual time begins")]
fn begin() -> Instant {
    Instant::now()
}

#[test]
fn what_was_sent_is_recent_for_one_to_two_seconds() {
    let start = begin();
    let mut recent = Recent::new(start);
    // Number n is sent at n times 100 ms.
    for sequence in 1..100u32 {
        let now = start + Duration::from_millis(100) * sequence;
        recent.advance(now, u64::from(sequence - 1));
        let oldest = (1..=sequence).find(|one| recent.contains(u64::from(*one))).unwrap();
        let age = sequence - oldest;
        assert!(age < 20, "{age} after {sequence}");
        assert!(sequence < 20 || age >= 9, "{age} after {sequence}");
    }
}

#[test]
fn after_a_long_silence_nothing_is_recent() {
    let start = begin();
    let mut recent = Recent::new(start);
    assert!(recent.contains(7));
    recent.advance(start + Duration::from_secs(30), 7);
    assert!(!recent.contains(7) && recent.contains(8));
}
