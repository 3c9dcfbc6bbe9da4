//! How long to wait before the next attempt.

use std::time::Duration;

use rand::RngExt as _;

const FIRST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(30);

/// Doubles from 200 ms to 30 s, with jitter, so that a thousand nodes do not come back at once.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// Returns the time to wait after one more failure; at least `asked`, what the server asked for, but never more than 30 s.
    pub(crate) fn next(&mut self, asked: Option<Duration>) -> Duration {
        let full = FIRST.saturating_mul(1 << self.failures.min(8)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        let jittered = full.mul_f64(rand::rng().random_range(0.5..1.0));
        jittered.max(asked.unwrap_or_default()).min(LONGEST)
    }

    /// Starts again after success.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_grows_to_a_bound_and_starts_again_after_success() {
        let mut backoff = Backoff::default();
        assert!((FIRST / 2..FIRST).contains(&backoff.next(None)));
        for _ in 0..20 {
            assert!(backoff.next(None) <= LONGEST);
        }
        assert!(backoff.next(None) >= LONGEST / 2);
        backoff.reset();
        assert!(backoff.next(None) < FIRST);
    }

    #[test]
    fn the_servers_wish_is_respected_within_the_bound() {
        assert_eq!(Backoff::default().next(Some(Duration::from_secs(3))), Duration::from_secs(3));
        assert_eq!(Backoff::default().next(Some(Duration::from_secs(3600))), LONGEST);
    }
}
