//! Rates: how fast this link may announce, and how many answers one sender may get.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::{MacAddr, RateLimit};

#[cfg(test)]
mod tests;

/// How many senders are told apart; more share one allowance, so that forged addresses gain nothing and cost no memory.
const SENDERS: usize = 1024;

/// A leaky bucket without its level: times are durations since the start, and `paid` is when all that was sent is worked off.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    per_frame: Duration,
    depth: Duration,
}

impl Bucket {
    fn new(limit: RateLimit) -> Self {
        let per_frame = Duration::from_secs(1) / limit.per_second.get();
        Self { per_frame, depth: per_frame.saturating_mul(limit.at_once.get()) }
    }

    /// Returns the earliest time for `frames` frames; a depth below their cost counts as that cost, or they could never go.
    fn ready_at(&self, paid: Duration, frames: u32) -> Duration {
        let cost = self.per_frame.saturating_mul(frames);
        (paid + cost).saturating_sub(self.depth.max(cost))
    }

    fn charge(&self, paid: Duration, now: Duration, frames: u32) -> Duration {
        paid.max(now) + self.per_frame.saturating_mul(frames)
    }
}

/// The pace of all announcements of one kind.
#[derive(Debug)]
pub(crate) struct Pace {
    bucket: Bucket,
    start: Instant,
    paid: Duration,
}

impl Pace {
    pub(crate) fn new(limit: RateLimit, now: Instant) -> Self {
        Self { bucket: Bucket::new(limit), start: now, paid: Duration::ZERO }
    }

    /// Returns when `frames` frames may go out together.
    pub(crate) fn ready_at(&self, frames: u32) -> Instant {
        self.start + self.bucket.ready_at(self.paid, frames)
    }

    /// Accounts for `frames` frames that go out now.
    pub(crate) fn take(&mut self, now: Instant, frames: u32) {
        self.paid = self.bucket.charge(self.paid, now.saturating_duration_since(self.start), frames);
    }
}

/// The allowance of every sender that has lately asked.
#[derive(Debug)]
pub(crate) struct Senders {
    bucket: Bucket,
    start: Instant,
    paid: BTreeMap<MacAddr, Duration>,
    by_paid: BTreeSet<(Duration, MacAddr)>,
    others: Duration,
}

impl Senders {
    pub(crate) fn new(limit: RateLimit, now: Instant) -> Self {
        let bucket = Bucket::new(limit);
        Self { bucket, start: now, paid: BTreeMap::new(), by_paid: BTreeSet::new(), others: Duration::ZERO }
    }

    /// Returns whether `sender` may get one more answer now, and accounts for it.
    pub(crate) fn admit(&mut self, now: Instant, sender: MacAddr) -> bool {
        let now = now.saturating_duration_since(self.start);
        self.forget_settled(now);
        let known = self.paid.get(&sender).copied();
        let shared = known.is_none() && self.paid.len() >= SENDERS;
        let paid = if shared { self.others } else { known.unwrap_or_default() };
        if self.bucket.ready_at(paid, 1) > now {
            return false;
        }
        let charged = self.bucket.charge(paid, now, 1);
        if shared {
            self.others = charged;
            return true;
        }
        self.by_paid.remove(&(paid, sender));
        self.by_paid.insert((charged, sender));
        self.paid.insert(sender, charged);
        true
    }

    /// A sender that has paid for all it got is no different from one never seen; two per call outrun the one that is added.
    fn forget_settled(&mut self, now: Duration) {
        for _ in 0..2 {
            let Some(&(_, sender)) = self.by_paid.first().filter(|(paid, _)| *paid <= now) else { return };
            self.by_paid.pop_first();
            self.paid.remove(&sender);
        }
    }
}
