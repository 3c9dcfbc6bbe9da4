//! Why single nodes are left out, and why they hand over.

use std::fmt;
use std::mem::discriminant;

use thiserror::Error;

use crate::names::{AdvertisementName, PeerName, Protocol, ServiceId, TaintKey};
use crate::routes::{Family, Prefix};

/// Why one node is not a candidate for a VIP that others may announce.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Error)]
pub enum Exclusion {
    /// No advertisement that is for the service selects the node.
    #[error("no matching {} selects it; change the node's labels or the nodeSelectors", .0.kind())]
    NotSelected(Protocol),
    /// No advertisement that selects the node is for a peer that has a session with it and carries the family.
    #[error(
        "it has no BGPPeer that carries {0} and that a matching BGPAdvertisement is for; change its labels, the nodeSelectors of the BGPPeers, or the peers of the BGPAdvertisement"
    )]
    NoPeer(Family),
    /// Condition NetworkUnavailable is True.
    #[error("its condition NetworkUnavailable is True; check the network plugin on it")]
    NetworkUnavailable,
    /// It carries the exclude label.
    #[error(
        "it has the label node.kubernetes.io/exclude-from-external-load-balancers; remove the label, or set --ignore-exclude-lb"
    )]
    ExcludeLabel,
    /// Policy Local, and it runs no endpoint that can serve.
    #[error(
        "it runs no endpoint that can serve, and externalTrafficPolicy is Local; nothing to do unless pods should run there"
    )]
    NoLocalEndpoint,
    /// Two advertisements would tell a peer of one prefix in two ways.
    #[error(
        "BGPAdvertisements {one} and {other} give peer {peer} the same prefix with different localPref, MED or prepending; make them equal, or separate their nodes, peers or aggregation lengths"
    )]
    Conflict {
        /// The first of them by name.
        one: AdvertisementName,
        /// The other one.
        other: AdvertisementName,
        /// The peer.
        peer: PeerName,
    },
    /// An older service is announced with the same prefix in another way.
    #[error(
        "{sharer}, which is older, is announced with {prefix} and another localPref, MED or prepending; make the BGPAdvertisements of both services equal there"
    )]
    ConflictWithSharer {
        /// The older service.
        sharer: ServiceId,
        /// The prefix.
        prefix: Prefix,
    },
    /// It cannot serve another service on the same IP.
    #[error("it cannot serve {sharer}, which shares the IP; give both services the same pods, or separate IPs")]
    SharerElsewhere {
        /// The service that it cannot serve.
        sharer: ServiceId,
    },
}

impl Exclusion {
    /// Returns the token for conditions, events, metrics and logs.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NotSelected(_) => "noMatchingAdvertisement",
            Self::NoPeer(_) => "noPeer",
            Self::Conflict { .. } => "conflictingAdvertisements",
            Self::ConflictWithSharer { .. } => "conflictingSharer",
            Self::NetworkUnavailable => "nodeNetworkUnavailable",
            Self::ExcludeLabel => "nodeLabeledExcludeBalancers",
            Self::NoLocalEndpoint => "noLocalEndpoints",
            Self::SharerElsewhere { .. } => "sharerElsewhere",
        }
    }
}

/// Why a node hands over its VIPs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Error)]
pub enum DrainTrigger {
    /// Somebody asked for it.
    #[error("its drain was requested")]
    Requested,
    /// The kubelet says that the machine is shutting down.
    #[error("it is shutting down")]
    ShuttingDown,
    /// Its Node object is being deleted.
    #[error("its Node object is being deleted")]
    Deleting,
    /// It has a taint that the policy names.
    #[error("it has the taint {0}")]
    Taint(TaintKey),
    /// It is cordoned.
    #[error("it is cordoned")]
    Cordoned,
}

/// How many nodes were left out for which reason: one entry for each kind of reason, with its first instance.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Headcount(Vec<(Exclusion, usize)>);

impl Headcount {
    pub(crate) fn of(exclusions: impl Iterator<Item = Exclusion>) -> Self {
        let mut counts: Vec<(Exclusion, usize)> = Vec::new();
        for why in exclusions {
            match counts.iter_mut().find(|(known, _)| discriminant(known) == discriminant(&why)) {
                Some((_, count)) => *count += 1,
                None => counts.push((why, 1)),
            }
        }
        counts.sort_unstable_by(|one, other| other.cmp(one));
        Self(counts)
    }
}

impl fmt::Display for Headcount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("there are no Node objects");
        }
        for (position, (why, count)) in self.0.iter().enumerate() {
            let nodes = if *count == 1 { "node" } else { "nodes" };
            write!(f, "{}{count} {nodes}: {why}", if position == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}
