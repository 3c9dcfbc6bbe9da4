//! What the sessions with routers say of themselves, copied out on demand.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use announce::PeerName;
use crds::checked::Router;

use crate::peers::{PeerDesired, PeerRefused};

/// All of them at one moment.
#[derive(Debug, Clone, Default)]
pub struct RoutingObserved {
    /// The peers, in the order of their names; one with a prefix once for each of its routers.
    pub peers: Vec<PeerObserved>,
    /// How many connections were turned away since the start.
    pub turned_away: BTreeMap<TurnedAway, u64>,
}

/// One peer at one moment.
#[derive(Debug, Clone)]
pub struct PeerObserved {
    /// Its name.
    pub name: PeerName,
    /// Where the router is, as `address:port`; on an unnumbered link `interface:port`.
    pub router: String,
    /// The VRF device of the session; empty outside any.
    pub vrf: String,
    /// Why there is no session to speak of, or why changed settings wait.
    pub fault: Option<String>,
    /// The session, once it is tried.
    pub session: Option<SessionObserved>,
    /// The path to the router as BFD sees it, where it is watched.
    pub path: Option<PathObserved>,
}

impl PeerObserved {
    /// Returns whether the session is established.
    pub fn is_up(&self) -> bool {
        self.session.as_ref().is_some_and(SessionObserved::is_up)
    }

    /// Returns whether the router was told of a route to an address, its own or one of many addresses.
    pub fn was_told_of(&self, address: IpAddr) -> bool {
        self.session.as_ref().is_some_and(|session| session.is_up() && session.was_told_of(address))
    }
}

/// One BGP session at one moment.
#[derive(Debug, Clone)]
pub struct SessionObserved {
    /// The router's end.
    pub remote: SocketAddr,
    /// The device the connection is bound to.
    pub device: Option<String>,
    /// Our address on the latest connection.
    pub local: Option<IpAddr>,
    /// What the machine says.
    pub status: bgp::Status,
    /// Its counters.
    pub stats: bgp::Stats,
    /// The latest failure in words; it stays after the next success.
    pub last_error: Option<String>,
    /// The router has everything it shall have.
    pub synced: bool,
    /// Wanted routes that lie outside the pools and are kept in.
    pub filtered: usize,
    /// The routes it shall have.
    pub routes: Arc<bgp::Routes>,
    /// Those of them that it has not been told of; without a session, all.
    pub unsent: BTreeSet<bgp::Prefix>,
}

impl SessionObserved {
    fn is_up(&self) -> bool {
        self.status.state == bgp::State::Established
    }

    fn was_told_of(&self, address: IpAddr) -> bool {
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let sent = |prefix: &bgp::Prefix| self.routes.contains_key(prefix) && !self.unsent.contains(prefix);
        // Host routes are the rule, so the longest prefix comes first.
        (0..=bits).rev().filter_map(|length| bgp::Prefix::new(address, length).ok()).any(|prefix| sent(&prefix))
    }
}

/// One BFD session at one moment.
#[derive(Debug, Clone)]
pub struct PathObserved {
    /// Between which ends it is.
    pub endpoint: bfd::Endpoint,
    /// Its state.
    pub state: bfd::State,
    /// Why it changed last.
    pub diagnostic: bfd::Diag,
    /// How long it has been Up.
    pub up_for: Option<Duration>,
    /// The interval between our packets.
    pub transmit_interval: Option<Duration>,
    /// How long the router may stay silent.
    pub detection_time: Option<Duration>,
    /// Failures are detected by echoes.
    pub echo: bool,
    /// Counters.
    pub stats: bfd::Stats,
    /// Why packets cannot be sent or received.
    pub fault: Option<String>,
}

/// Returns where the router of a peer is, in words.
pub(crate) fn router_text(peer: &Result<Arc<PeerDesired>, PeerRefused>, session: Option<&SessionObserved>) -> String {
    match (peer, session) {
        (Ok(peer), session) => match (&peer.router, session) {
            (Router::Address(address), _) => SocketAddr::new(*address, peer.port).to_string(),
            (Router::Interface(name), _) => format!("{name}:{}", peer.port),
            (Router::Prefix(_), Some(session)) => session.remote.to_string(),
            (Router::Prefix(network), None) => network.to_string(),
        },
        (Err(_), Some(session)) => session.remote.to_string(),
        (Err(_), None) => String::new(),
    }
}

/// Why a connection was turned away before a byte of it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TurnedAway {
    /// No peer waits for this address.
    Stranger,
    /// The peer of this address has a fault, such as a missing password.
    Faulty,
    /// All sessions of the prefix are taken.
    Full,
    /// The former session with the router is still being ended, or takes no more connections.
    Busy,
}

impl TurnedAway {
    /// Every reason.
    pub const ALL: [Self; 4] = [Self::Stranger, Self::Faulty, Self::Full, Self::Busy];

    /// Returns the word for the reason in metrics.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Stranger => "stranger",
            Self::Faulty => "faulty_peer",
            Self::Full => "prefix_limit",
            Self::Busy => "busy",
        }
    }
}

impl fmt::Display for TurnedAway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stranger => "no peer waits for this address",
            Self::Faulty => "the peer of this address has a fault; /status names it",
            Self::Full => "all sessions of peerPrefixLimit are taken",
            Self::Busy => "the former session with this router is still being ended",
        })
    }
}
