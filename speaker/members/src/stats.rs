//! Plain counters of one segment.

/// Why a datagram was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DropReason {
    /// The link is down, the keys are not known yet, or the machine has ended.
    Idle,
    /// Its length is impossible.
    Length,
    /// It has a version of the protocol that is not understood.
    Version,
    /// It belongs to another cluster that shares the wire.
    ForeignCluster,
    /// It belongs to this cluster, and its key id is not in the ring.
    UnknownKey,
    /// Nothing is known of its sender, and too many of that sort came at once to verify them all.
    Busy,
    /// It is not authentic.
    Forged,
    /// It was seen before: as a rule the copy that was sent over the other address family.
    Copy,
    /// It is older than the replay window.
    Replay,
    /// It belongs to an earlier start of its sender, or to one that has left.
    OldBoot,
    /// Its sender has not proven yet that it lives, so it may be a recording; normal for a moment when a member starts.
    Unproven,
    /// Its sender has the name of another machine that lives.
    Duplicate,
    /// It is authentic and makes no sense.
    Malformed,
    /// It is an own datagram that came back.
    Own,
}

impl DropReason {
    /// Every reason, in the order of [`Stats::dropped`].
    pub const ALL: [Self; 14] = [
        Self::Idle,
        Self::Length,
        Self::Version,
        Self::ForeignCluster,
        Self::UnknownKey,
        Self::Busy,
        Self::Forged,
        Self::Copy,
        Self::Replay,
        Self::OldBoot,
        Self::Unproven,
        Self::Duplicate,
        Self::Malformed,
        Self::Own,
    ];

    /// Returns the name used in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Length => "length",
            Self::Version => "version",
            Self::ForeignCluster => "foreign_cluster",
            Self::UnknownKey => "unknown_key",
            Self::Busy => "busy",
            Self::Forged => "forged",
            Self::Copy => "copy",
            Self::Replay => "replay",
            Self::OldBoot => "old_boot",
            Self::Unproven => "unproven",
            Self::Duplicate => "duplicate",
            Self::Malformed => "malformed",
            Self::Own => "own",
        }
    }

    fn index(self) -> usize {
        Self::ALL.iter().position(|reason| *reason == self).expect("every reason is in the list")
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
