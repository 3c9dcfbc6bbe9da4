//! Which of our own datagrams were sent lately.

use std::time::{Duration, Instant};

/// An echo of a datagram that was sent this long ago, or up to twice as long, proves that its sender lives.
const RECENT: Duration = Duration::from_secs(1);

/// A bound on the sequence numbers of recent datagrams, to within a factor of two of [`RECENT`].
#[derive(Debug)]
pub(crate) struct Recent {
    since: Instant,
    /// The last one before `since`.
    before: u64,
    /// Up to here all are too old.
    stale: u64,
}

impl Recent {
    pub(crate) fn new(now: Instant) -> Self {
        Self { since: now, before: 0, stale: 0 }
    }

    /// Goes on with the clock; called before anything more is sent than `sequence`.
    pub(crate) fn advance(&mut self, now: Instant, sequence: u64) {
        let age = now.saturating_duration_since(self.since);
        if age >= RECENT {
            // A long time without a call is one without a datagram.
            self.stale = if age >= RECENT * 2 { sequence } else { self.before };
            self.before = sequence;
            self.since = now;
        }
    }

    pub(crate) fn contains(&self, sequence: u64) -> bool {
        sequence > self.stale
    }
}

#[cfg(test)]
mod tests;
