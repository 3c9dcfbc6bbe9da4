//! Jitter and back-off.

use std::time::Duration;

use crate::Retry;

/// A generator for jitter (SplitMix64): small, seeded, and good enough for spreading timers.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// RFC 4271 §10: a time shortened by up to a quarter.
    pub(crate) fn jitter(&mut self, time: Duration) -> Duration {
        let percent = u32::try_from(self.next() % 26).expect("at most 25");
        time - time / 100 * percent
    }
}

/// How patient we have become.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Backoff {
    failures: u32,
}

/// 2^16 times the shortest wait is beyond every longest one.
const MAX_DOUBLINGS: u32 = 16;

impl Backoff {
    /// Counts a failure and returns how long to wait.
    pub(crate) fn fail(&mut self, retry: Retry, random: &mut Random) -> Duration {
        let doubled = retry.shortest.saturating_mul(1 << self.failures.min(MAX_DOUBLINGS));
        self.failures = self.failures.saturating_add(1);
        random.jitter(doubled.min(retry.longest))
    }

    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}
