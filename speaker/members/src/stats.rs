//! Plain counters of one segment.

/// Why a datagram was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DropReason {
    /// The link is down, the keys are not known yet, or the machine has ended.
    Idle,
    /// Its length is impossible.
    Length,
    /// It has another protocol version.
    Version,
    /// Its key id is not in the ring.
    UnknownKey,
    /// It is not authentic.
    Forged,
    /// It was seen before: as a rule the copy that was sent over the other address family.
    Duplicate,
    /// It is older than the replay window.
    Replay,
    /// It belongs to an earlier start of its sender, or to one that has left.
    OldBoot,
    /// It is authentic and makes no sense.
    Malformed,
    /// It is an own datagram that came back.
    Own,
}

impl DropReason {
    /// Every reason, in the order of [`Stats::dropped`].
    pub const ALL: [Self; 10] = [
        Self::Idle,
        Self::Length,
        Self::Version,
        Self::UnknownKey,
        Self::Forged,
        Self::Duplicate,
        Self::Replay,
        Self::OldBoot,
        Self::Malformed,
        Self::Own,
    ];

    /// Returns the name used in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Length => "length",
            Self::Version => "version",
            Self::UnknownKey => "unknown_key",
            Self::Forged => "forged",
            Self::Duplicate => "duplicate",
            Self::Replay => "replay",
            Self::OldBoot => "old_boot",
            Self::Malformed => "malformed",
            Self::Own => "own",
        }
    }

    fn index(self) -> usize {
        match self {
            Self::Idle => 0,
            Self::Length => 1,
            Self::Version => 2,
            Self::UnknownKey => 3,
            Self::Forged => 4,
            Self::Duplicate => 5,
            Self::Replay => 6,
            Self::OldBoot => 7,
            Self::Malformed => 8,
            Self::Own => 9,
        }
    }
}

/// Counters since the machine was made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Datagrams sent to the group, beats included.
    pub sent_group: u64,
    /// Datagrams sent to one peer: solicitations, answers and requests.
    pub sent_peer: u64,
    /// Bytes of all datagrams sent.
    pub sent_bytes: u64,
    /// Datagrams accepted.
    pub received: u64,
    /// Silent peers that were asked directly.
    pub solicitations: u64,
    /// Requests for missing claims.
    pub repairs: u64,
    /// Complete tables whose digest was wrong, so that they were read again.
    pub mismatches: u64,
    /// Own claims that met a foreign one outside a hand-over.
    pub conflicts: u64,
    /// Times this process stood still too long.
    pub pauses: u64,
    /// VIPs acquired.
    pub acquired: u64,
    /// VIPs released.
    pub released: u64,
    dropped: [u64; DropReason::ALL.len()],
}

impl Stats {
    /// Returns how many datagrams were dropped for a reason.
    pub fn dropped(&self, why: DropReason) -> u64 {
        self.dropped[why.index()]
    }

    pub(crate) fn count_drop(&mut self, why: DropReason) {
        self.dropped[why.index()] += 1;
    }
}
