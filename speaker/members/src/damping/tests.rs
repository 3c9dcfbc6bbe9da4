use std::time::Duration;

use super::*;

#[expect(clippy::disallowed_methods, reason = "the one place where virtual time begins")]
fn begin() -> Instant {
    Instant::now()
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn timing() -> Timing {
    Timing { damping_losses: 3, damping_window: secs(600), ..Timing::default() }
}

/// Loses at each of the moments, in seconds, and returns those that began a damping.
fn lose_at(moments: &[u64], timing: &Timing) -> (Vec<u64>, Damping, Instant) {
    let (start, mut damping) = (begin(), Damping::default());
    let mut begun = Vec::new();
    for moment in moments {
        let now = start + secs(*moment);
        damping.expire(now);
        if damping.lose(now, timing) {
            begun.push(*moment);
        }
    }
    (begun, damping, start)
}

#[test]
fn the_third_loss_within_the_window_damps() {
    let cases: [(&[u64], &[u64]); 7] = [
        (&[0, 1], &[]),
        (&[0, 1, 2], &[2]),
        (&[0, 300, 600], &[600]),
        (&[0, 300, 601], &[]),
        (&[0, 300, 601, 602], &[602]),
        (&[0, 1, 2, 3, 4], &[2]),
        (&[0, 1, 2, 700, 701, 702], &[2, 702]),
    ];
    for (moments, expected) in cases {
        assert_eq!(lose_at(moments, &timing()).0, expected, "losses at {moments:?}");
    }
}

#[test]
fn damping_ends_a_window_after_the_last_loss() {
    let (_, mut damping, start) = lose_at(&[0, 1, 2, 500], &timing());
    assert_eq!(damping.until(), Some(start + secs(1100)));
    assert!(!damping.expire(start + secs(1099)));
    assert!(damping.expire(start + secs(1100)), "and says so once");
    assert!(!damping.expire(start + secs(1101)));
    assert_eq!(damping.until(), None);
}

#[test]
fn what_is_lost_in_pieces_is_one_loss() {
    let (start, mut damping) = (begin(), Damping::default());
    let piece = |milliseconds| start + Duration::from_millis(milliseconds);
    assert!((0..300).all(|at| !damping.lose(piece(at), &timing())));
    assert!(!damping.lose(piece(300), &timing()));
    assert!(damping.lose(piece(600), &timing()));
}

#[test]
fn a_limit_of_zero_never_damps_and_one_damps_at_once() {
    let limit = |damping_losses| Timing { damping_losses, ..timing() };
    assert_eq!(lose_at(&[0, 1, 2, 3], &limit(0)).0, []);
    assert_eq!(lose_at(&[0, 1], &limit(1)).0, [0]);
}
