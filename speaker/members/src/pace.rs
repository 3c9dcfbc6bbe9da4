//! A bound on the rate of what happens on top of the beats.

use std::time::{Duration, Instant};

/// A token bucket, kept as the time at which it would be full again.
#[derive(Debug)]
pub(crate) struct Pace {
    spacing: Duration,
    burst: u32,
    full_at: Instant,
}

impl Pace {
    /// Allows `rate` per second, of which `burst` may come at once.
    pub(crate) fn new(rate: u32, burst: u32, now: Instant) -> Self {
        Self { spacing: Duration::from_secs(1) / rate.max(1), burst, full_at: now }
    }

    /// Takes one token, if there is one.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let allowed = self.full_at <= now + self.spacing * (self.burst - 1);
        if allowed {
            self.full_at = self.full_at.max(now) + self.spacing;
        }
        allowed
    }

    /// Returns when the next token is there; long past if there is one.
    pub(crate) fn ready_at(&self) -> Instant {
        self.full_at.checked_sub(self.spacing * (self.burst - 1)).unwrap_or(self.full_at)
    }
}
