//! What status shows of a segment.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::Segment;
use super::phase::Phase;
use crate::name::{Mac, MemberId};
use crate::newcomers::UnprovenView;
use crate::peer::{Life, Peer, Reach, Silence};
use crate::strangers::StrangerView;

/// The machine and its members, borrowed.
#[derive(Debug, Clone)]
pub struct View<'a> {
    /// What the machine does.
    pub phase: PhaseView,
    /// Until when this member comes after the others, if it does.
    pub damped_until: Option<Instant>,
    /// The other members, gone ones included until they are forgotten.
    pub members: Vec<MemberView<'a>>,
    /// Whether everybody is lost and the interface has received no frame since.
    pub deaf: bool,
    /// The other machine with the name of this node, if one is heard.
    pub duplicate: Option<DuplicateView>,
    /// The members whose heartbeats arrive and which have not shown that they receive those of this one, at most 8; none while this
    /// member does not take part.
    pub unproven: Vec<UnprovenView>,
    /// Who else speaks on the wire without being understood, at most 8 of a kind, until they are forgotten.
    pub strangers: Vec<StrangerView>,
}

/// What the machine does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PhaseView {
    /// The link is down or the keys are not known.
    Down,
    /// It listens as a newcomer.
    Listening,
    /// It takes part.
    Active,
    /// It stood still and checks what is still its own.
    Revalidating,
    /// It is silent, because another machine of its name takes part.
    Duplicate,
    /// It has left.
    Ended,
}

/// Another machine with the name of this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DuplicateView {
    /// Its hardware address.
    pub mac: Mac,
    /// Where it speaks from, or the speaker that told of it.
    pub address: SocketAddr,
}

/// One other member.
#[derive(Debug, Clone)]
pub struct MemberView<'a> {
    /// Who it is.
    pub member: &'a MemberId,
    /// Whether it lives.
    pub state: MemberState,
    /// Its hardware address.
    pub mac: Mac,
    /// Where it speaks from.
    pub address: SocketAddr,
    /// The last sign of life.
    pub last_heard: Instant,
    /// Time between its beats.
    pub interval: Duration,
    /// Whether its node may own anything.
    pub ready: bool,
    /// Whether it lost what it owned so often that it comes after the others.
    pub damped: bool,
    /// Whether it hears this member.
    pub reach: Reach,
    /// How many VIPs it claims.
    pub claims: usize,
}

/// Whether a member lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MemberState {
    /// It is heard.
    Live,
    /// It is silent and was asked directly.
    Suspect,
    /// It fell silent.
    Lost,
    /// It said goodbye.
    Left,
}

impl Segment {
    /// Returns what the machine does.
    pub fn phase(&self) -> PhaseView {
        match self.phase {
            Phase::Down => PhaseView::Down,
            Phase::Listening { .. } => PhaseView::Listening,
            Phase::Active => PhaseView::Active,
            Phase::Revalidating { .. } => PhaseView::Revalidating,
            Phase::Duplicate { .. } => PhaseView::Duplicate,
            Phase::Ended => PhaseView::Ended,
        }
    }

    /// Returns the machine and its members for status.
    pub fn view(&self) -> View<'_> {
        let members = self.peers.values().map(|peer| MemberView {
            member: &peer.member,
            state: match peer.life {
                Life::Live(Silence::Heard) => MemberState::Live,
                Life::Live(Silence::Asked | Silence::LastLook { .. }) => MemberState::Suspect,
                Life::Lost { .. } => MemberState::Lost,
                Life::Left { .. } => MemberState::Left,
            },
            mac: peer.mac,
            address: peer.address,
            last_heard: peer.last_heard,
            interval: peer.interval,
            ready: peer.flags.ready,
            damped: peer.flags.damped,
            reach: peer.reach,
            claims: peer.table.len(),
        });
        View {
            phase: self.phase(),
            damped_until: self.damping.until(),
            members: members.collect(),
            deaf: self.is_deaf(),
            duplicate: self.twin.map(|twin| DuplicateView { mac: twin.mac, address: twin.address }),
            unproven: if self.is_active() { self.unproven() } else { Vec::new() },
            strangers: self.strangers.view().collect(),
        }
    }

    fn unproven(&self) -> Vec<UnprovenView> {
        self.newcomers.unproven(|tag| self.peers.get(&tag).is_some_and(Peer::is_live))
    }

    /// Returns the owner of a desired VIP as far as it is known.
    pub fn owner(&self, vip: IpAddr) -> Option<&MemberId> {
        let owner = self.owners.get(&vip)?;
        if *owner == self.tag {
            return Some(&self.config.me);
        }
        self.peers.get(owner).map(|peer| &peer.member)
    }

    /// Returns the VIPs that this member answers for.
    pub fn answering(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.answering.iter().copied()
    }
}
