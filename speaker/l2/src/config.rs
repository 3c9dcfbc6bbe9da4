//! Settings of a responder.

use std::num::NonZeroU32;
use std::time::Duration;

/// What every longer setting acts as: some clocks cannot hold the sum of "now" and the longest duration that can be written.
pub(crate) const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// Settings of a responder; every value that can be written is legal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// When an announcement is repeated, counted from the first one, which is sent at once.
    ///
    /// Ascending; a value below its predecessor repeats at once. Defaults to 0.1, 0.5, 1.1, 2.2 and 4.4 s.
    /// One repetition must come later than 1 s, because Linux ignores some replies for that long after a change (`locktime`).
    pub repeats: Vec<Duration>,
    /// How often an address is announced when nothing happens, +-20 %; `None` turns it off.
    ///
    /// Shorter than 1 s acts as 1 s. Defaults to 60 s: below the age at which switches forget a silent station, 300 s as a rule.
    pub refresh: Option<Duration>,
    /// How fast bursts may go out on this link, in frames, for all addresses together.
    ///
    /// Defaults to 5,000 per second with 500 at once: a hundred addresses are announced without delay, and
    /// 10,000 within 6 s. First announcements go before repetitions.
    pub burst_limit: RateLimit,
    /// How fast refreshes may go out on this link, in frames; with more addresses than fit, the refresh gets slower.
    ///
    /// Defaults to 50 per second, one at a time.
    pub refresh_limit: RateLimit,
    /// How many answers one sender may get; what exceeds it is dropped and counted.
    ///
    /// Defaults to 5,000 per second with 5,000 at once: a router that lost its cache may ask for thousands of addresses.
    pub reply_limit: RateLimit,
    /// How long a foreign claim must be absent before its conflict is over; at least four times `refresh`. Defaults to 5 min.
    ///
    /// Claimants repeat themselves about as often as we do, and one that is missed once has not gone.
    pub conflict_quiet: Duration,
    /// The least time between two defensive announcements of an address.
    ///
    /// Defaults to 10 s (DEFEND_INTERVAL of RFC 5227 §1.1).
    pub defence_interval: Duration,
}

/// A rate with an allowance that may be spent at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// The rate over a long time, in frames per second.
    pub per_second: NonZeroU32,
    /// What may go out at once after a silence, in frames; an announcement, which is up to 3 frames, is never divided.
    pub at_once: NonZeroU32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            repeats: [100, 500, 1100, 2200, 4400].map(Duration::from_millis).to_vec(),
            refresh: Some(Duration::from_secs(60)),
            burst_limit: RateLimit { per_second: nonzero(5000), at_once: nonzero(500) },
            refresh_limit: RateLimit { per_second: nonzero(50), at_once: nonzero(1) },
            reply_limit: RateLimit { per_second: nonzero(5000), at_once: nonzero(5000) },
            conflict_quiet: Duration::from_secs(300),
            defence_interval: Duration::from_secs(10),
        }
    }
}

fn nonzero(value: u32) -> NonZeroU32 {
    NonZeroU32::new(value).expect("a default is not zero")
}
