//! Settings of one segment, checked once.

use std::time::Duration;

use thiserror::Error;

use crate::name::MemberId;

/// Every time and rate of the protocol.
///
/// All members of a wire should use the same values; differing ones cost extra solicitations, never two lasting owners.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timing {
    /// Time between two beats of a member while the link carries few members; 1 ms to 10 s, defaults to 100 ms.
    pub interval: Duration,
    /// Silence after which a peer is asked directly; more than `interval`, defaults to 200 ms.
    ///
    /// Like `lost_after` it holds for a peer that beats every `interval`, and grows in proportion for a slower one.
    pub suspect_after: Duration,
    /// Silence after which a peer is lost; more than `suspect_after` by 10 ms or more, defaults to 300 ms.
    pub lost_after: Duration,
    /// How long before peers could call this member lost it stops answering by itself; less than `lost_after` minus
    /// `interval`, defaults to 50 ms.
    pub pause_margin: Duration,
    /// How long the next candidate waits for a better one to claim; defaults to 150 ms.
    pub stagger: Duration,
    /// How long an ineligible owner waits for a successor before it releases a VIP; defaults to 500 ms.
    pub release_grace: Duration,
    /// How long a leaving member waits for successors; defaults to 1 s.
    pub leave_bound: Duration,
    /// Beats per second of all members of the wire together; at least 10, defaults to 500.
    pub link_rate: u32,
    /// Datagrams per second that one member sends on top of its beats when claims change; at least 10, defaults to 1,000.
    pub change_rate: u32,
    /// How long a gap in a peer's claims may last before the peer is asked to repeat; defaults to 10 ms.
    pub repair_delay: Duration,
    /// How long a gap in a live peer's claims delays claims of this member; defaults to 50 ms.
    pub repair_wait: Duration,
    /// How long a lost or departed peer is remembered for status and against replays; defaults to 10 min.
    pub forget_after: Duration,
    /// How many losses of what it owned within `damping_window` make a member the last choice of all; 0 turns that off,
    /// defaults to 3.
    ///
    /// A loss is whatever ends ownership at one time through a fault of the member itself: its link went down, others took
    /// over while its process stood still, or its node was no longer ready.
    pub damping_losses: u8,
    /// The time within which losses are counted, and without one of which a damped member is chosen like any other again;
    /// defaults to 10 min.
    pub damping_window: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            interval: Duration::from_millis(100),
            suspect_after: Duration::from_millis(200),
            lost_after: Duration::from_millis(300),
            pause_margin: Duration::from_millis(50),
            stagger: Duration::from_millis(150),
            release_grace: Duration::from_millis(500),
            leave_bound: Duration::from_secs(1),
            link_rate: 500,
            change_rate: 1000,
            repair_delay: Duration::from_millis(10),
            repair_wait: Duration::from_millis(50),
            forget_after: Duration::from_secs(600),
            damping_losses: 3,
            damping_window: Duration::from_secs(600),
        }
    }
}

/// Why a [`Timing`] is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ConfigError {
    /// The interval is out of range.
    #[error("heartbeat interval {0:?} is out of range; use 1 ms to 10 s")]
    Interval(Duration),
    /// Peers would be asked while they are still on time.
    #[error("suspect-after {suspect:?} is not longer than the interval {interval:?}; use about twice the interval")]
    Suspect {
        /// The refused value.
        suspect: Duration,
        /// The interval it belongs to.
        interval: Duration,
    },
    /// A suspected peer would have no time to answer.
    #[error("lost-after {lost:?} leaves less than 10 ms after suspect-after {suspect:?}; use about three intervals")]
    Lost {
        /// The refused value.
        lost: Duration,
        /// The time of the solicitation.
        suspect: Duration,
    },
    /// An owner on time would suspend itself.
    #[error("pause margin {margin:?} leaves no slack after the interval; use less than lost-after minus interval")]
    Margin {
        /// The refused value.
        margin: Duration,
    },
    /// A rate is too low to carry the protocol.
    #[error("{field} of {rate} per second is too low; use at least 10")]
    Rate {
        /// The field.
        field: &'static str,
        /// The refused value.
        rate: u32,
    },
}

/// Checked settings of one segment.
#[derive(Debug, Clone)]
pub struct Config {
    pub(crate) me: MemberId,
    pub(crate) timing: Timing,
}

/// The largest interval a member may state on the wire, so that none can make itself immortal.
pub(crate) const MAX_INTERVAL: Duration = Duration::from_secs(60);

/// The last look before a peer is lost: frames that already wait in the socket get this long to be read.
pub(crate) const LAST_LOOK: Duration = Duration::from_millis(5);

impl Config {
    /// Checks the relations between the times and returns the settings.
    pub fn new(me: MemberId, timing: Timing) -> Result<Self, ConfigError> {
        let interval = timing.interval;
        let (suspect, lost, margin) = (timing.suspect_after, timing.lost_after, timing.pause_margin);
        if interval < Duration::from_millis(1) || interval > Duration::from_secs(10) {
            return Err(ConfigError::Interval(interval));
        }
        if suspect <= interval {
            return Err(ConfigError::Suspect { suspect, interval });
        }
        if lost < suspect + LAST_LOOK * 2 {
            return Err(ConfigError::Lost { lost, suspect });
        }
        if interval + margin >= lost {
            return Err(ConfigError::Margin { margin });
        }
        for (field, rate) in [("link rate", timing.link_rate), ("change rate", timing.change_rate)] {
            if rate < 10 {
                return Err(ConfigError::Rate { field, rate });
            }
        }
        Ok(Self { me, timing })
    }

    /// Returns `time`, which is meant for the base interval, as it holds for a sender of `interval`.
    pub(crate) fn scaled(&self, time: Duration, interval: Duration) -> Duration {
        if interval <= self.timing.interval {
            return time;
        }
        let nanos = time.as_nanos() * interval.as_nanos() / self.timing.interval.as_nanos();
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    pub(crate) fn lost_after(&self, interval: Duration) -> Duration {
        self.scaled(self.timing.lost_after, interval)
    }

    /// Returns the interval of a member among `owners` members with claims and `idle` without.
    ///
    /// When the wire is full, owners keep three quarters of the rate: their silence is what must be seen early.
    pub(crate) fn interval(&self, owners: u32, idle: u32, is_owner: bool) -> Duration {
        let base = self.timing.interval;
        let rate = u128::from(self.timing.link_rate);
        let per_second = |members: u32| u128::from(members) * 1_000_000_000 / base.as_nanos();
        if per_second(owners + idle) <= rate {
            return base;
        }
        let owner_share = per_second(owners).min(if idle == 0 { rate } else { rate * 3 / 4 });
        let (members, share) = if is_owner { (owners, owner_share) } else { (idle, rate - owner_share) };
        let nanos = u128::from(members) * 1_000_000_000 / share.max(1);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)).clamp(base, MAX_INTERVAL)
    }
}

#[cfg(test)]
mod tests;
