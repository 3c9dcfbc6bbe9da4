//! What the machines say of themselves, copied out on demand.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use l2::MacAddr;
use members::{DuplicateView, KeyId, MemberId, MemberState, PhaseView, Reach, StrangerView, UnprovenView, View};

use crate::net::heartbeat::{GROUP_V4, GROUP_V6};
use crate::net::priority::Scheduling;

mod routing;

pub(crate) use routing::router_text;
pub use routing::{PathObserved, PeerObserved, RoutingObserved, SessionObserved, TurnedAway};

/// One link at one moment.
#[derive(Debug, Clone)]
pub struct LinkObserved {
    /// Name of the link.
    pub name: String,
    /// Its hardware address.
    pub mac: MacAddr,
    /// What this node does on the wire.
    pub phase: PhaseView,
    /// How long it has taken part without a break; nothing before it has listened long enough.
    pub settled_for: Option<Duration>,
    /// How much longer every other node is chosen before this one, because it lost its VIPs too often; nothing if it is not so.
    pub damped_for: Option<Duration>,
    /// The other members of the wire.
    pub members: Vec<MemberObserved>,
    /// All other members were lost at once, and the link has received no frame since.
    pub deaf: bool,
    /// The other machine that runs under the name of this node, if one is heard.
    pub duplicate: Option<DuplicateView>,
    /// The speakers whose heartbeats have arrived for a while and which have not shown that they receive those of this node.
    pub unproven: Vec<UnprovenView>,
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
    /// The VIPs of this node that stations of nobody we know claim, with those that claim most; at most four of each.
    pub conflicts: BTreeMap<IpAddr, Vec<MacAddr>>,
    /// The nodes that answer for VIPs of this node and are not heard.
    pub splits: Vec<Split>,
    /// Groups that the kernel did not let us join.
    pub unjoined: BTreeSet<Ipv6Addr>,
    /// Counters of the driver.
    pub counters: Counters,
}

impl LinkObserved {
    /// Returns what is wrong on the link, in words.
    pub fn faults(&self) -> impl Iterator<Item = String> + '_ {
        self.splits.iter().map(|split| split.fault(&self.name)).chain(self.company_faults())
    }
}

/// A node that answers for VIPs of this node although its heartbeats do not arrive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// Name of the node.
    pub node: String,
    /// Its hardware address.
    pub mac: MacAddr,
    /// The VIPs, of which there is one at least.
    pub vips: Vec<IpAddr>,
    /// UDP port of the heartbeats.
    pub port: u16,
    /// Heartbeats go to multicast groups.
    pub multicast: bool,
}

impl Split {
    /// Returns what is wrong and what to do, in words.
    pub fn fault(&self, link: &str) -> String {
        let Self { node, mac, vips, port, multicast } = self;
        let first = vips.first().map(ToString::to_string).unwrap_or_default();
        let more = match vips.len() {
            0 | 1 => String::new(),
            several => format!(" and {} more", several - 1),
        };
        let open = format!("open UDP {port} between the nodes");
        let next = if *multicast {
            format!(
                "{open}, let the switch pass the multicast groups {GROUP_V4} and {GROUP_V6}, or use --heartbeat-unicast"
            )
        } else {
            open
        };
        format!("{link}: {node} ({mac}) answers for {first}{more} but its heartbeats do not arrive; {next}")
    }
}

/// All links at one moment.
#[derive(Debug, Clone, Default)]
pub struct WireObserved {
    /// Those that are served.
    pub links: Vec<LinkObserved>,
    /// Why others are not, in words.
    pub faults: Vec<String>,
    /// The keys of the heartbeats, the one that this node seals with first.
    pub keys: Vec<KeyId>,
    /// What the kernel makes of the wire thread.
    pub scheduling: Scheduling,
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
    /// Reports whether it is heard and does not hear this node.
    pub fn is_one_way(&self) -> bool {
        matches!(self.state, MemberState::Live | MemberState::Suspect) && self.reach == Reach::OneWay
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_names_node_address_and_what_to_do() {
        let split = Split {
            node: "n2".to_owned(),
            mac: MacAddr([2, 0, 0, 0, 0, 2]),
            vips: vec![[192, 0, 2, 129].into(), [192, 0, 2, 130].into()],
            port: 7473,
            multicast: true,
        };
        assert_eq!(
            split.fault("eth0"),
            "eth0: n2 (02:00:00:00:00:02) answers for 192.0.2.129 and 1 more but its heartbeats do not arrive; open UDP 7473 \
             between the nodes, let the switch pass the multicast groups 224.0.0.254 and ff02::114, or use --heartbeat-unicast"
        );
        let unicast = Split { multicast: false, vips: vec![[192, 0, 2, 129].into()], ..split };
        assert_eq!(
            unicast.fault("eth0"),
            "eth0: n2 (02:00:00:00:00:02) answers for 192.0.2.129 but its heartbeats do not arrive; open UDP 7473 between the nodes"
        );
    }
}
