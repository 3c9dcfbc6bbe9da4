//! What an explanation says of one node, and of one peer.

use std::collections::BTreeMap;
use std::fmt;

use crate::exclusion::{DrainTrigger, Exclusion};
use crate::names::{NodeName, PeerName};
use crate::routes::{Family, Prefix};
use crate::verdict::NotAnnounced;

/// What becomes of one VIP of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explanation {
    /// By ARP and NDP.
    pub l2: L2Explanation,
    /// By BGP.
    pub bgp: RouteExplanation,
}

/// What every node is to one VIP of a service by ARP and NDP.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct L2Explanation {
    /// Why no node announces the VIP for this service, if so.
    pub refused: Option<NotAnnounced>,
    /// Every node of the view; empty when `refused` does not depend on nodes.
    pub nodes: BTreeMap<NodeName, NodeVerdict>,
}

/// What every node tells every peer of one VIP of a service by BGP.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteExplanation {
    /// Why no node announces the VIP for this service, if so.
    pub refused: Option<NotAnnounced>,
    /// Every node and peer of the view; empty when `refused` does not depend on nodes.
    pub nodes: BTreeMap<NodeName, BTreeMap<PeerName, PeerVerdict>>,
}

/// What one node is to one VIP.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NodeVerdict {
    /// A candidate.
    Candidate {
        /// Its preference, higher is better.
        preference: u32,
        /// The API server calls it Ready; for information only.
        ready: bool,
    },
    /// It hands over to the candidates.
    Draining(DrainTrigger),
    /// A candidate though it drains, as every other one does too.
    LastResort {
        /// Its preference, higher is better.
        preference: u32,
        /// Why it drains.
        trigger: DrainTrigger,
    },
    /// No candidate.
    Excluded(Exclusion),
}

impl NodeVerdict {
    /// Returns the token for conditions, events, metrics and logs.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Candidate { .. } => "eligible",
            Self::Draining(_) => "draining",
            Self::LastResort { .. } => "lastResort",
            Self::Excluded(why) => why.reason(),
        }
    }
}

impl fmt::Display for NodeVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Candidate { preference, ready: true } => write!(f, "eligible with preference {preference}"),
            Self::Candidate { preference, ready: false } => {
                write!(
                    f,
                    "eligible with preference {preference}; NotReady for the API server, so it must be heard on the link"
                )
            }
            Self::Draining(trigger) => write!(f, "hands over because {trigger}; undo that to make it eligible"),
            Self::LastResort { preference, trigger } => {
                write!(
                    f,
                    "eligible with preference {preference} although {trigger}, as no candidate is left that does not drain"
                )
            }
            Self::Excluded(why) => why.fmt(f),
        }
    }
}

/// What one node tells one peer of one VIP.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PeerVerdict {
    /// It is announced.
    Announced {
        /// With these prefixes, the longest first.
        prefixes: Vec<Prefix>,
    },
    /// It is announced, and withdrawn when the drain is over.
    Draining {
        /// With these prefixes, the longest first.
        prefixes: Vec<Prefix>,
        /// Why the node drains.
        trigger: DrainTrigger,
    },
    /// It is announced though the node drains, as no other node is Ready, does not drain and announces it.
    LastResort {
        /// With these prefixes, the longest first.
        prefixes: Vec<Prefix>,
        /// Why the node drains.
        trigger: DrainTrigger,
    },
    /// The peer does not select the node.
    NoSession,
    /// The session with the peer does not carry the family of the VIP.
    OtherFamily(Family),
    /// No matching advertisement that selects the node is for the peer.
    NotMeant,
    /// The node tells no peer.
    Excluded(Exclusion),
}

impl PeerVerdict {
    /// Returns the token for conditions, events, metrics and logs.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Announced { .. } => "announced",
            Self::Draining { .. } => "draining",
            Self::LastResort { .. } => "lastResort",
            Self::NoSession => "noSession",
            Self::OtherFamily(_) => "otherFamily",
            Self::NotMeant => "noMatchingAdvertisement",
            Self::Excluded(why) => why.reason(),
        }
    }
}

impl fmt::Display for PeerVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Announced { prefixes } => write!(f, "announced with {}", listed(prefixes)),
            Self::Draining { prefixes, trigger } => {
                write!(f, "announced with {} for a last time because {trigger}; undo that to keep it", listed(prefixes))
            }
            Self::LastResort { prefixes, trigger } => {
                write!(
                    f,
                    "announced with {} although {trigger}, as no node is left that is Ready and does not drain",
                    listed(prefixes)
                )
            }
            Self::NoSession => {
                f.write_str("the BGPPeer does not select the node; change the node's labels or its nodeSelectors")
            }
            Self::OtherFamily(family) => {
                write!(
                    f,
                    "the session does not carry {family}; set dualStackAddressFamily on the BGPPeer, or add one for {family}"
                )
            }
            Self::NotMeant => f.write_str(
                "no matching BGPAdvertisement that selects the node is for the peer; add the peer to its peers",
            ),
            Self::Excluded(why) => why.fmt(f),
        }
    }
}

fn listed(prefixes: &[Prefix]) -> String {
    prefixes.iter().map(Prefix::to_string).collect::<Vec<_>>().join(" and ")
}
