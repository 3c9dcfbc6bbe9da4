//! How many lines a link may write, so that thousands of addresses or a cable that flaps fill no log.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Lines of one kind that are written one by one before they are counted.
const AT_ONCE: u32 = 20;
/// How long a kind must rest for one more line.
const PER_LINE: Duration = Duration::from_secs(3);
/// The least time between two summaries of a kind.
const SUMMARY: Duration = Duration::from_secs(10);

/// What a line is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// This node answers for an address.
    Announcing,
    /// It does so no longer.
    Silent,
    /// Another speaker comes or goes.
    Member,
    /// This speaker begins to take part, stops, or goes on.
    Phase,
    /// An address has another owner.
    Owner,
    /// Two speakers claimed an address.
    Duel,
    /// Another station claims an address.
    Claimed,
    /// It does so no longer.
    Unclaimed,
}

impl Kind {
    /// Returns what the summary says of lines that were not written.
    pub(super) const fn summary(self) -> &'static str {
        match self {
            Self::Announcing => "more addresses are announced; clarion status lists them",
            Self::Silent => "more addresses are no longer announced; clarion status lists them",
            Self::Member => "more times speakers came or went; look for a cable or port that flaps",
            Self::Phase => "more times this speaker stopped to take part or began again",
            Self::Owner => "more changes of owners; clarion status lists the owners",
            Self::Duel => "more addresses were claimed by two speakers; the later claims stay",
            Self::Claimed => {
                "more claims of other stations to addresses; clarion status names the most frequent claimants"
            }
            Self::Unclaimed => "more addresses are no longer claimed by other stations",
        }
    }
}

/// The lines of one link.
#[derive(Debug)]
pub(super) struct Lines {
    kinds: BTreeMap<Kind, Quota>,
    start: Instant,
}

#[derive(Debug, Default)]
struct Quota {
    /// When all lines that were written are worked off, as a time since the start.
    paid: Duration,
    counted: u64,
    summarised: Option<Instant>,
}

impl Lines {
    pub(super) const fn new(now: Instant) -> Self {
        Self { kinds: BTreeMap::new(), start: now }
    }

    /// Returns whether a line is written by itself, and counts it otherwise.
    pub(super) fn admit(&mut self, now: Instant, kind: Kind) -> bool {
        let now = now.saturating_duration_since(self.start);
        let quota = self.kinds.entry(kind).or_default();
        let paid = quota.paid.max(now) + PER_LINE;
        if paid > now + PER_LINE * AT_ONCE {
            quota.counted += 1;
            return false;
        }
        quota.paid = paid;
        true
    }

    /// Counts what is told by a summary alone.
    pub(super) fn count(&mut self, kind: Kind) {
        self.kinds.entry(kind).or_default().counted += 1;
    }

    /// Takes the number of lines of each kind that were not written, where it is time to say so.
    pub(super) fn summaries(&mut self, now: Instant) -> Vec<(Kind, u64)> {
        let due = |quota: &Quota| {
            quota.counted > 0 && quota.summarised.is_none_or(|last| now.saturating_duration_since(last) >= SUMMARY)
        };
        let take = |(kind, quota): (&Kind, &mut Quota)| {
            due(quota).then(|| {
                quota.summarised = Some(now);
                (*kind, std::mem::take(&mut quota.counted))
            })
        };
        self.kinds.iter_mut().filter_map(take).collect()
    }
}

#[cfg(test)]
mod tests;
