use std::time::{Duration, Instant};

/// A record, and since when it has been the same.
#[derive(Debug)]
pub(super) struct Seen {
    record: Record,
    since: Instant,
    /// How long a holder of it may go on after that.
    pub(super) lasts: Duration,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Record {
    Version(String),
    /// It is there no more.
    Missing,
    /// There was one when we claimed it or somebody else did.
    Claimed,
}

impl Seen {
    /// Returns what is known after a look that shows `record`.
    pub(super) fn after(before: Option<&Self>, record: Record, now: Instant, lasts: Duration) -> Self {
        let since = before.filter(|before| before.record == record).map_or(now, |before| before.since);
        Self { record, since, lasts }
    }

    /// Returns when whoever holds it has been waited for long enough.
    pub(super) fn expires(&self) -> Instant {
        self.since + self.lasts
    }
}
