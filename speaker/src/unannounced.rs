//! Why a Service that holds an IP is not announced at this moment: what the plan says, and after it the wire and the sessions.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use announce::{Mine, NotAnnounced, PeerName, Verdict};

use crate::drivers::LinkObserved;
use crate::drivers::observed::PeerObserved;

/// Why this node announces nothing of a Service of ours with an IP, and knows of no other that answers for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unannounced<'a> {
    /// This node may not, whatever happens on the wire.
    Planned(&'a NotAnnounced),
    /// It would be advertised to routers, and no session with one of them is up.
    NoSession {
        /// Those routers.
        peers: &'a BTreeSet<PeerName>,
        /// The latest failure of the first of them that has one.
        failure: Option<&'a str>,
    },
    /// It would be answered for, and on no link of this node does anybody.
    NoOwner,
}

impl Unannounced<'_> {
    /// Returns the token for metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Planned(why) => why.reason(),
            Self::NoSession { .. } => "noSession",
            Self::NoOwner => "noOwner",
        }
    }
}

impl fmt::Display for Unannounced<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Planned(why) => why.fmt(formatter),
            Self::NoSession { peers, failure } => {
                let names: Vec<&str> = peers.iter().map(|peer| &*peer.0).collect();
                write!(formatter, "no BGP session is up with {}", names.join(", "))?;
                match failure {
                    Some(failure) => write!(formatter, ": {failure}"),
                    None => formatter.write_str("; see the state of the peer"),
                }
            }
            Self::NoOwner => formatter.write_str("no speaker answers for it yet"),
        }
    }
}

/// Returns why a Service that holds `ips` is not announced, given whether a router was sent a route to one of them.
///
/// A Service of another class, or without an IP, is nobody's to announce, so there is no reason.
pub fn unannounced<'a>(
    verdict: &'a Verdict,
    ips: &[IpAddr],
    links: &[LinkObserved],
    peers: &'a [PeerObserved],
    is_advertised: bool,
) -> Option<Unannounced<'a>> {
    if let Some(why) = verdict.why() {
        return why.is_about_an_ip().then_some(Unannounced::Planned(why));
    }
    let owner = |ip: &IpAddr| links.iter().any(|link| matches!(link.owners.get(ip), Some(Some(_))));
    if is_advertised || ips.iter().any(owner) {
        return None;
    }
    if verdict.l2.mine.is_ok() {
        return Some(Unannounced::NoOwner);
    }
    match verdict.bgp.mine {
        Mine::Eligible | Mine::Draining(_) => {}
        Mine::Ineligible(_) => return None,
    }
    let wanted: Vec<&PeerObserved> = peers.iter().filter(|peer| verdict.bgp.peers.contains(&peer.name)).collect();
    // With a session the route is on its way.
    let failure = |peer: &&'a PeerObserved| {
        peer.fault.as_deref().or_else(|| peer.session.as_ref().and_then(|session| session.last_error.as_deref()))
    };
    let failure = wanted.iter().find_map(failure);
    let is_down = wanted.iter().all(|peer| !peer.is_up());
    is_down.then_some(Unannounced::NoSession { peers: &verdict.bgp.peers, failure })
}

#[cfg(test)]
mod tests;
