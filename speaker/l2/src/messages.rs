//! What goes into a responder and what comes out.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

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
    /// Their claims are no conflicts, and their probes get no answer.
    Speakers(BTreeSet<MacAddr>),
    /// The deadline of [`poll_timeout`](crate::Responder::poll_timeout) passed; harmless at any other time.
    Timeout,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A station that is no speaker of ours claims an owned address; told once until it is cleared.
    Conflict {
        /// The address.
        vip: IpAddr,
        /// The station.
        mac: MacAddr,
    },
    /// The claim is over: it stopped, the address was withdrawn, or the station is a speaker of ours.
    ConflictCleared {
        /// The address.
        vip: IpAddr,
        /// The station.
        mac: MacAddr,
    },
    /// An address was not announced.
    Refused(Refusal),
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
