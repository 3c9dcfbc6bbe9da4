//! Which other speakers should be heard on each link of this node, and which are.
//!
//! Who owns a VIP is settled by heartbeats alone, and a node that receives none cannot tell a network that drops them from being
//! alone: it answers for every VIP. The objects of the cluster can tell the two apart. Nothing here decides who answers; it is for
//! status, metrics, conditions and events.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ipnet::IpNet;
use members::{MemberState, PhaseView};

use crate::drivers::LinkObserved;
use crate::drivers::wire;
use crate::net::links::Links;
pub use text::Advice;

mod text;

/// How long a speaker may be silent before that is a fault; restarts and handovers take less.
pub const PATIENCE: Duration = Duration::from_secs(3);
/// How long one speaker among others must be missing before the API server hears of it: the Node of a machine that died is no longer
/// Ready by then, and the others need not write of it.
const LASTING: Duration = Duration::from_secs(60);

/// A link of this node on which it sends heartbeats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServedLink {
    /// Its name.
    pub name: String,
    /// Its Ethernet address.
    pub mac: [u8; 6],
    /// The subnets of its addresses, without those of link-local ones, which say nothing of where a link leads.
    pub subnets: BTreeSet<IpNet>,
}

/// Another node, as the objects of the cluster show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// Its name.
    pub node: Arc<str>,
    /// Its Node exists and is not known to be down.
    pub ready: bool,
    /// Where its speaker sends heartbeats: the subnets of the links it serves, or the node's own addresses.
    pub places: Vec<IpNet>,
}

/// The speakers that should be heard, by link.
pub type Expected = BTreeMap<String, BTreeSet<Arc<str>>>;

/// Returns the links that carry heartbeats of this node: none while there is no key.
pub fn served(desired: &wire::Desired, links: &Links) -> Vec<ServedLink> {
    let ordered = desired.links.iter().filter(|_| desired.keys.is_some());
    let served = ordered.filter_map(|(index, link)| {
        let subnets = links.get(index)?.addresses.iter().filter(|net| leads_somewhere(net)).map(IpNet::trunc);
        Some(ServedLink { name: link.name.clone(), mac: link.mac, subnets: subnets.collect() })
    });
    served.collect()
}

/// Returns whom this node should hear on each of its links.
pub fn expected(links: &[ServedLink], neighbours: &[Neighbour]) -> Expected {
    let ready: Vec<&Neighbour> = neighbours.iter().filter(|neighbour| neighbour.ready).collect();
    let on = |link: &ServedLink| {
        let meets = |neighbour: &&&Neighbour| {
            neighbour.places.iter().any(|place| link.subnets.iter().any(|net| overlap(net, place)))
        };
        ready.iter().filter(meets).map(|neighbour| neighbour.node.clone()).collect()
    };
    links.iter().map(|link| (link.name.clone(), on(link))).collect()
}

fn overlap(one: &IpNet, other: &IpNet) -> bool {
    one.contains(other) || other.contains(one)
}

fn leads_somewhere(net: &IpNet) -> bool {
    match net {
        IpNet::V4(net) => !net.addr().is_link_local(),
        IpNet::V6(net) => !net.addr().is_unicast_link_local(),
    }
}

/// The speakers that should be heard, with the time since when: one that has just come may still be starting.
#[derive(Clone, Debug, Default)]
pub struct Roster {
    links: BTreeMap<String, BTreeMap<Arc<str>, Instant>>,
    known: bool,
}

impl Roster {
    /// Takes over who should be heard from `now` on.
    pub fn update(&mut self, expected: Expected, now: Instant) {
        let before = std::mem::take(&mut self.links);
        let with_times = |(link, nodes): (String, BTreeSet<Arc<str>>)| {
            let known = before.get(&link);
            let since = |node: &Arc<str>| known.and_then(|known| known.get(node)).copied().unwrap_or(now);
            let nodes = nodes.into_iter().map(|node| (node.clone(), since(&node)));
            (link, nodes.collect())
        };
        self.links = expected.into_iter().map(with_times).collect();
        self.known = true;
    }

    /// Says whether the objects of the cluster were read; before, nobody is expected.
    pub const fn is_known(&self) -> bool {
        self.known
    }

    /// Says whether no speaker should be heard anywhere.
    pub fn is_empty(&self) -> bool {
        self.links.values().all(BTreeMap::is_empty)
    }

    /// Returns whom this node should hear on a link.
    pub fn expected_on(&self, link: &str) -> impl Iterator<Item = &Arc<str>> {
        self.links.get(link).into_iter().flat_map(BTreeMap::keys)
    }

    /// Compares with what is received on the links.
    pub fn compare(&self, links: &[LinkObserved], now: Instant) -> Vec<Reception> {
        links.iter().map(|link| self.on(link, now)).collect()
    }

    fn on(&self, link: &LinkObserved, now: Instant) -> Reception {
        let mut reception = Reception { link: link.name.clone(), ..Reception::default() };
        // A link without carrier, or one that has not listened long enough, misses nobody.
        let settled = link.settled_for.filter(|_| link.phase == PhaseView::Active);
        let (Some(settled), Some(nodes)) = (settled, self.links.get(&link.name)) else { return reception };
        reception.settled = settled > PATIENCE;
        let signs = signs(link);
        for (node, since) in nodes {
            let sign = signs.get(&**node);
            if let Some(Sign::Left) = sign {
                continue;
            }
            reception.expected += 1;
            let waited = settled.min(now.saturating_duration_since(*since));
            let silent = match sign {
                Some(Sign::Heard) => {
                    reception.heard += 1;
                    continue;
                }
                Some(Sign::Silent(silent)) => waited.min(*silent),
                Some(Sign::Left) | None => waited,
            };
            reception.unheard.insert(node.clone());
            if silent > PATIENCE {
                reception.missing.insert(node.clone(), silent);
            }
        }
        reception
    }
}

/// What was last heard of a node on a link, the best first; one with two links on the same wire may be heard from either.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Sign {
    /// Its heartbeats arrive.
    Heard,
    /// It said goodbye: it is being replaced, or its objects go soon.
    Left,
    /// It fell silent this long ago.
    Silent(Duration),
}

fn signs(link: &LinkObserved) -> BTreeMap<&str, Sign> {
    let mut signs: BTreeMap<&str, Sign> = BTreeMap::new();
    for member in &link.members {
        let sign = match member.state {
            MemberState::Live | MemberState::Suspect => Sign::Heard,
            MemberState::Left => Sign::Left,
            MemberState::Lost => Sign::Silent(member.silent),
        };
        signs.entry(member.member.node.as_str()).and_modify(|best| *best = sign.min(*best)).or_insert(sign);
    }
    // What a speaker that has proven nothing lacks is not that its heartbeats do not arrive here, and it has a fault of its own.
    for unproven in &link.unproven {
        signs.insert(unproven.member.node.as_str(), Sign::Heard);
    }
    signs
}

/// Who should be heard on one link, and who is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reception {
    /// Name of the link.
    pub link: String,
    /// It has listened so long that whoever is not heard is missing.
    pub settled: bool,
    /// How many speakers should be heard; none while the link is down or settling.
    pub expected: usize,
    /// How many of them are.
    pub heard: usize,
    /// Those that are not heard, be it for a moment.
    pub unheard: BTreeSet<Arc<str>>,
    /// Those of them that were silent for longer than [`PATIENCE`], with how long.
    pub missing: BTreeMap<Arc<str>, Duration>,
}

impl Reception {
    /// Says whether nobody is heard who should be.
    pub fn is_blind(&self) -> bool {
        !self.missing.is_empty() && self.missing.len() == self.expected
    }

    /// Says whether it is time to write about it to the API server.
    ///
    /// A node that hears nobody does so at once, for it owns what others own. Where one of many falls silent it has most likely died,
    /// and each of the many would write about it.
    pub fn is_lasting(&self) -> bool {
        self.is_blind() || self.missing.values().any(|silent| *silent > LASTING)
    }
}

#[cfg(test)]
mod tests;
