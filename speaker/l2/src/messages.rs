//! What goes into a responder and what comes out.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use thiserror::Error;

use crate::MacAddr;

/// What a responder needs to know of its link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkFacts {
    /// The hardware address that answers point to.
    pub mac: MacAddr,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum Input<'a> {
    /// A whole Ethernet frame was received.
    Frame(&'a [u8]),
    /// This node owns `vip` on this link from now on; nothing happens if it already does.
    Announce {
        /// The address.
        vip: IpAddr,
    },
    /// This node no longer owns `vip` on this link; it is silent at once.
    Withdraw {
        /// The address.
        vip: IpAddr,
    },
    /// Others may have learned something else about `vip`, so its burst starts anew; nothing happens if it is not owned.
    Reassert {
        /// The address.
        vip: IpAddr,
    },
    /// The link has these facts; if its hardware address is another one, every address is announced anew.
    Link(LinkFacts),
    /// The carrier came back or the sockets were re-opened: groups are joined and addresses announced anew.
    LinkUp,
    /// These stations on the link are no strangers: the other speakers, and this node's other links if they reach the same wire.
    ///
    /// While one is heard, its claims are no conflicts, and its probes get no answer: it settles with us who owns what.
    /// One that is not heard cannot, so an address that it claims while it is owned here is a [split](Claimant::Silent).
    Speakers(BTreeMap<MacAddr, Speaker>),
    /// The deadline of [`poll_timeout`](crate::Responder::poll_timeout) passed; harmless at any other time.
    Timeout,
}

/// A station that belongs to one of our nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Speaker {
    /// Its node.
    pub node: Arc<str>,
    /// Its heartbeats arrive.
    pub heard: bool,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send this Ethernet frame.
    Send(Vec<u8>),
    /// Join this IPv6 group on the link; being a member already is no fault.
    Join(Ipv6Addr),
    /// Leave this IPv6 group on the link.
    Leave(Ipv6Addr),
    /// Tell the rest of the speaker.
    Event(Event),
}

/// A fact for the rest of the speaker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A station that does not settle with us who owns what claims an owned address; told once until it is cleared.
    ///
    /// Of each address a few stations are told apart; those that claim most, when there are many.
    Conflict(Claim),
    /// The claim is over or forgotten: it stopped, the address was withdrawn, something else is known of the station, or others claim
    /// the address more often.
    ConflictCleared(Claim),
    /// An address was not announced.
    Refused(Refusal),
}

/// A station's claim to an owned address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The address.
    pub vip: IpAddr,
    /// The station.
    pub mac: MacAddr,
    /// What is known of the station.
    pub claimant: Claimant,
}

/// What is known of a station that claims an owned address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimant {
    /// It belongs to none of our nodes.
    Stranger,
    /// It belongs to this node of ours, whose heartbeats do not arrive: both nodes answer, and neither gives way.
    Silent(Arc<str>),
}

impl Claimant {
    pub(crate) const fn is_stranger(&self) -> bool {
        match self {
            Self::Stranger => true,
            Self::Silent(_) => false,
        }
    }
}

/// Why an address cannot be announced on any link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// 0.0.0.0 or `::`.
    #[error("{0} is not announced: it means \"no address\"; remove it from its pool")]
    Unspecified(IpAddr),
    /// 127.0.0.0/8 or `::1`.
    #[error("{0} is not announced: a loopback address never leaves its host; remove it from its pool")]
    Loopback(IpAddr),
    /// A group, or 255.255.255.255.
    #[error("{0} is not announced: it names many stations; remove it from its pool")]
    Group(IpAddr),
    /// `::ffff:0:0/96`.
    #[error("{0} is not announced: it is an IPv4 address in IPv6 notation; write it as IPv4 in its pool")]
    MappedIpv4(IpAddr),
}

impl Refusal {
    /// Returns why `vip` cannot be announced, if so.
    pub fn of(vip: IpAddr) -> Option<Self> {
        match vip {
            _ if vip.is_unspecified() => Some(Self::Unspecified(vip)),
            _ if vip.is_loopback() => Some(Self::Loopback(vip)),
            _ if vip.is_multicast() => Some(Self::Group(vip)),
            IpAddr::V4(Ipv4Addr::BROADCAST) => Some(Self::Group(vip)),
            IpAddr::V6(six) if six.to_ipv4_mapped().is_some() => Some(Self::MappedIpv4(vip)),
            IpAddr::V4(_) | IpAddr::V6(_) => None,
        }
    }
}
