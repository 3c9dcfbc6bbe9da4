//! Why a packet was thrown away.

use std::{collections::BTreeMap, net::IpAddr};

use thiserror::Error;

use crate::Discriminator;

/// The reason a packet was discarded; none of them changes any session.
///
/// The first eight and the reasons about sessions are the rules of RFC 5880 §6.8.6, in its order.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum Discard {
    /// The datagram ends before the mandatory section does.
    #[error("packet of {length} bytes is shorter than the 24 of the mandatory section; look for a broken sender")]
    Truncated {
        /// Bytes in the datagram.
        length: usize,
    },
    /// The version is not 1.
    #[error("packet has BFD version {version}; set the neighbour to version 1")]
    Version {
        /// The version in the packet.
        version: u8,
    },
    /// The Length field is below the minimum or beyond the datagram.
    #[error("packet says it is {claimed} bytes long in a datagram of {length}; look for a broken sender")]
    Length {
        /// The Length field.
        claimed: u8,
        /// Bytes in the datagram.
        length: usize,
    },
    /// Detect Mult is zero.
    #[error("packet has a detection multiplier of zero; set the neighbour's to 1 or more")]
    ZeroDetectMultiplier,
    /// The Multipoint bit is set.
    #[error("packet has the multipoint bit set; use a point-to-point session on the neighbour")]
    Multipoint,
    /// My Discriminator is zero.
    #[error("packet has a zero sender discriminator; look for a broken sender")]
    ZeroMyDiscriminator,
    /// Your Discriminator is zero although the sender claims to know us.
    #[error("packet in state Init or Up does not name our discriminator; look for a broken sender")]
    ZeroYourDiscriminator,
    /// The packet is authenticated and no session here is.
    #[error("packet is authenticated, which is not supported; turn BFD authentication off on the neighbour")]
    Authenticated,
    /// Your Discriminator names no session.
    #[error("packet names discriminator {0}, which no session has; normal for a moment after a restart")]
    UnknownDiscriminator(Discriminator),
    /// Your Discriminator names a session with another neighbour.
    #[error(
        "packet from {source_address} names discriminator {discriminator} of another neighbour; look for a spoofer"
    )]
    WrongSource {
        /// The session it names.
        discriminator: Discriminator,
        /// Where it came from.
        source_address: IpAddr,
    },
    /// No session is configured with the sender.
    #[error("packet from {source_address}, with which no session is configured; add a BFD profile to that peer")]
    UnknownNeighbor {
        /// Where it came from.
        source_address: IpAddr,
    },
    /// The packet came from too far away.
    #[error(
        "packet arrived with TTL {received}, below {minimum}; check the hop count or raise the session to multihop"
    )]
    TimeToLive {
        /// The TTL or hop limit on arrival.
        received: u8,
        /// The lowest that is accepted.
        minimum: u8,
    },
    /// The session is administratively down.
    #[error("packet for a session that is administratively down; start the session to hear the neighbour")]
    AdminDown,
    /// An echo that is not one of ours, came twice or was overtaken.
    #[error("echo packet is none that this session waits for; normal after reordering or a restart")]
    UnexpectedEcho,
}

impl Discard {
    /// Returns the reason as a metric label.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Truncated { .. } => "truncated",
            Self::Version { .. } => "version",
            Self::Length { .. } => "length",
            Self::ZeroDetectMultiplier => "zero_detect_multiplier",
            Self::Multipoint => "multipoint",
            Self::ZeroMyDiscriminator => "zero_my_discriminator",
            Self::ZeroYourDiscriminator => "zero_your_discriminator",
            Self::Authenticated => "authenticated",
            Self::UnknownDiscriminator(_) => "unknown_discriminator",
            Self::WrongSource { .. } => "wrong_source",
            Self::UnknownNeighbor { .. } => "unknown_neighbor",
            Self::TimeToLive { .. } => "ttl",
            Self::AdminDown => "admin_down",
            Self::UnexpectedEcho => "unexpected_echo",
        }
    }
}

/// How many packets were discarded, by reason.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Discards {
    counts: BTreeMap<&'static str, u64>,
    last: Option<Discard>,
}

impl Discards {
    pub(crate) fn count(&mut self, discard: Discard) {
        *self.counts.entry(discard.label()).or_default() += 1;
        self.last = Some(discard);
    }

    /// Returns the reasons met so far, as metric labels, with their counts.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.counts.iter().map(|(label, count)| (*label, *count))
    }

    /// Returns the latest discard in full.
    #[must_use]
    pub fn last(&self) -> Option<Discard> {
        self.last
    }
}
