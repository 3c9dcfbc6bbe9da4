//! What goes into a [`Segment`](crate::Segment) and what comes out.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use crate::name::{Mac, MemberId, NodeName};
use crate::seal::KeyRing;
use crate::strangers::Stranger;

/// What happened.
#[derive(Debug)]
pub enum Input<'a> {
    /// A datagram arrived on this link.
    Datagram {
        /// The sender's address, to which answers go.
        from: SocketAddr,
        /// The datagram as received.
        bytes: &'a [u8],
    },
    /// How many frames of any kind the interface has received so far; asked for by [`Output::CheckReception`].
    Reception {
        /// The interface's counter.
        frames: u64,
    },
    /// The full desired state; the machine finds the differences.
    Want(BTreeMap<IpAddr, Candidacy>),
    /// Whether this node may own anything: datapath ready, cluster listed. False until first said otherwise.
    Ready(bool),
    /// The keys of the wire. Until they are known the machine neither speaks nor owns.
    Keys(KeyRing),
    /// Facts about the own interface. Until they are known the link counts as down.
    Link(LinkFacts),
    /// The speaker stops: hand everything over, then give [`Output::Left`].
    Leave,
    /// The deadline of `poll_timeout` has come; early or late calls are harmless.
    Timeout,
}

/// Facts about the own interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkFacts {
    /// Its hardware address.
    pub mac: Mac,
    /// Whether it can carry frames.
    pub up: bool,
}

/// Who may own one VIP, as the cluster's objects say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidacy {
    /// The candidate nodes with their preference; the highest wins. Who of them lives is learned from the wire alone.
    pub nodes: Arc<BTreeMap<NodeName, u32>>,
    /// What this node may do with the VIP; it rules over the own entry in `nodes`.
    pub mine: Mine,
    /// Shared by all VIPs of one Service, so that both families land on one node when possible.
    pub group: u64,
}

/// What this node may do with a VIP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mine {
    /// Own it.
    Eligible,
    /// Hand it over, but keep it while nobody else can take it.
    Draining,
    /// Hand it over, and release it after the grace even if nobody took it.
    Ineligible,
}

/// What the driver has to do, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send a datagram on this link, over as many address families as wanted: copies are dropped by receivers.
    Send {
        /// The receivers.
        to: To,
        /// The sealed datagram, under 1,200 bytes.
        bytes: Vec<u8>,
    },
    /// Start to answer for the VIP and announce it.
    Acquire {
        /// The address.
        vip: IpAddr,
        /// The reason.
        why: Acquired,
    },
    /// Stop to answer for the VIP.
    Release {
        /// The address.
        vip: IpAddr,
        /// The reason.
        why: Released,
    },
    /// Announce a VIP that is already answered again: someone else has answered for it.
    Reassert {
        /// The address.
        vip: IpAddr,
    },
    /// Give [`Input::Reception`] at once; a driver that cannot count leaves it out, and the machine takes itself for hearing.
    CheckReception,
    /// A fact for status and logs.
    Event(Event),
    /// Nothing is owned and nothing will be sent any more.
    Left,
}

/// Receivers of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum To {
    /// All members of the wire: the multicast group, or each configured node address.
    Group,
    /// One member.
    Peer(SocketAddr),
}

/// Why a VIP was acquired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Acquired {
    /// Nobody was known to have owned it.
    Vacant,
    /// Its owner is gone or gave it up.
    Takeover,
    /// Its owner asked for a successor.
    Handover,
    /// It was owned before a pause and is still free.
    Resumed,
}

/// Why a VIP was released.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Released {
    /// It is no longer desired.
    Unwanted,
    /// This node may not own it, and the grace is over.
    Ineligible,
    /// A successor answers.
    HandedOver,
    /// Another live member has the better claim.
    Conflict,
    /// Another live member answers too and does not hear this one, so this one gives way.
    Unheard,
    /// This process stood still so long that others may have taken over.
    Paused,
    /// The link is down.
    LinkDown,
    /// The speaker stops.
    Leaving,
    /// Another machine with the name of this node takes part.
    Duplicate,
    /// The interface has received nothing for a while, so no question arrives that could be answered.
    Deaf,
}

/// A fact for status and logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A member is heard for the first time, or again.
    MemberUp {
        /// The member.
        member: MemberId,
    },
    /// A member that lives has another hardware address than before.
    MemberChanged {
        /// The member.
        member: MemberId,
    },
    /// A member fell silent, or restarted.
    MemberLost {
        /// The member.
        member: MemberId,
    },
    /// A member said goodbye.
    MemberLeft {
        /// The member.
        member: MemberId,
    },
    /// A desired VIP has another owner than before.
    OwnerChanged {
        /// The address.
        vip: IpAddr,
        /// The new owner, if any.
        owner: Option<MemberId>,
    },
    /// Two claims met and one of them ended.
    ConflictResolved {
        /// The address.
        vip: IpAddr,
        /// Who keeps it.
        winner: MemberId,
    },
    /// This process stood still; everything is released until it is revalidated.
    Paused {
        /// Time since the last beat was sent.
        silent: Duration,
    },
    /// What was released by a pause is revalidated.
    Resumed,
    /// The newcomer has listened long enough and may own VIPs.
    Settled,
    /// This member lost what it owned so often that it comes after the others until it has lost nothing for `window`.
    Damped {
        /// How often.
        losses: u8,
        /// Within which time.
        window: Duration,
    },
    /// This member is chosen like any other again.
    Undamped,
    /// Somebody on the wire is not understood; told once until it was not heard for the time of `forget_after`.
    Stranger {
        /// What is not understood.
        stranger: Stranger,
        /// Where it speaks from.
        from: SocketAddr,
    },
    /// A second machine speaks under the name of a member, which stays; told once until it was not heard for a while.
    Duplicate {
        /// The member, which may be this one.
        member: MemberId,
        /// The hardware address of the other machine.
        mac: Mac,
        /// Where it speaks from.
        from: SocketAddr,
    },
    /// Another machine takes part under the name of this node, so this one is silent until the other is not heard any more.
    GaveWay {
        /// The hardware address of the other machine.
        mac: Mac,
        /// Where it speaks from, or who told of it.
        from: SocketAddr,
    },
    /// Everybody is lost, and the interface has received no frame since; nothing is taken over, and what is owned is given up
    /// after a while.
    Deaf,
    /// Frames are received again.
    Hearing,
    /// The other machine with the name of this node is not heard any more.
    DuplicateGone,
}

impl fmt::Display for Acquired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Vacant => "vacant",
            Self::Takeover => "takeover",
            Self::Handover => "handover",
            Self::Resumed => "resumed",
        })
    }
}

impl fmt::Display for Released {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unwanted => "unwanted",
            Self::Ineligible => "ineligible",
            Self::HandedOver => "handed_over",
            Self::Conflict => "conflict",
            Self::Unheard => "unheard",
            Self::Paused => "paused",
            Self::LinkDown => "link_down",
            Self::Leaving => "leaving",
            Self::Duplicate => "duplicate",
            Self::Deaf => "deaf",
        })
    }
}
