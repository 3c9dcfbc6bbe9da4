//! What the machines say of themselves, copied out on demand.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use l2::MacAddr;
use members::{MemberId, MemberState, PhaseView, Reach, StrangerView, View};

/// One link at one moment.
#[derive(Debug, Clone)]
pub struct LinkObserved {
    /// Name of the link.
    pub name: String,
    /// Its hardware address.
    pub mac: MacAddr,
    /// What this node does on the wire.
    pub phase: PhaseView,
    /// How much longer every other node is chosen before this one, because it lost its VIPs too often; nothing if it is not so.
    pub damped_for: Option<Duration>,
    /// The other members of the wire.
    pub members: Vec<MemberObserved>,
    /// Who else sends heartbeats here without being understood.
    pub strangers: Vec<StrangerView>,
    /// The owner of each VIP that is wanted on the wire, if there is one.
    pub owners: BTreeMap<IpAddr, Option<MemberId>>,
    /// The VIPs that this node answers for here.
    pub answering: BTreeSet<IpAddr>,
    /// Counters of the heartbeats.
    pub heartbeats: members::Stats,
    /// Counters of ARP and NDP.
    pub l2: l2::Stats,
    /// The VIPs of this node that other stations claim, with each of those.
    pub conflicts: BTreeSet<(IpAddr, MacAddr)>,
    /// Groups that the kernel did not let us join.
    pub unjoined: BTreeSet<Ipv6Addr>,
    /// Counters of the driver.
    pub counters: Counters,
}

/// All links at one moment.
#[derive(Debug, Clone, Default)]
pub struct WireObserved {
    /// Those that are served.
    pub links: Vec<LinkObserved>,
    /// Why others are not, in words.
    pub faults: Vec<String>,
}

/// Another member of the wire.
#[derive(Debug, Clone)]
pub struct MemberObserved {
    /// Who it is.
    pub member: MemberId,
    /// Whether it lives.
    pub state: MemberState,
    /// Its hardware address.
    pub mac: MacAddr,
    /// Where it speaks from.
    pub address: SocketAddr,
    /// Time since its last sign of life.
    pub silent: Duration,
    /// Whether its node may own anything.
    pub ready: bool,
    /// Whether it lost its VIPs so often that every other node is chosen before it.
    pub damped: bool,
    /// Whether it hears this node.
    pub reach: Reach,
    /// How many VIPs it claims.
    pub claims: usize,
}

impl MemberObserved {
    /// Returns the other members of a wire.
    pub(super) fn all(view: &View<'_>) -> Vec<Self> {
        let copy = |member: &members::MemberView<'_>| Self {
            member: member.member.clone(),
            state: member.state,
            mac: MacAddr(member.mac.0),
            address: member.address,
            silent: member.last_heard.elapsed(),
            ready: member.ready,
            damped: member.damped,
            reach: member.reach,
            claims: member.claims,
        };
        view.members.iter().map(copy).collect()
    }
}

/// What the driver of a link counts itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Frames that the kernel did not take.
    pub send_errors: u64,
    /// Reads that failed, once per loss of the link.
    pub receive_errors: u64,
    /// Heartbeats that the kernel took over no address family.
    pub heartbeat_errors: u64,
    /// VIPs that got another owner, as seen from here.
    pub moves: u64,
}
