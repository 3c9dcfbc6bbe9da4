//! Which connection of a router belongs to which session.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use announce::PeerName;
use crds::checked::Router;
use ipnet::IpNet;
use tokio::net::TcpStream;
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::Instant;

use super::Desired;
use super::doors::{Door, Guest};
use super::paths::path_of;
use super::supervisor::{SessionName, Supervisor};
use crate::drivers::bgp::Endpoint;
use crate::peers::PeerDesired;

/// Why a connection is turned away.
const STRANGER: &str = "no peer is configured for this address";
const FULL: &str = "all sessions of peerPrefixLimit are taken";
const BUSY: &str = "the former session with this router is still being ended";

impl Supervisor {
    /// Opens the sockets that peers need and closes the others.
    pub(super) fn open_doors(&mut self, desired: &Desired, leave: bool) {
        self.guests.retain(|name, _| desired.peers.contains_key(name) && !leave);
        self.turned_away.retain(|name, _| desired.peers.contains_key(name));
        for (name, peer) in desired.peers.iter().filter(|_| !leave) {
            let Ok(peer) = peer else { continue };
            match self.guest(peer) {
                Some(guest) => drop(self.guests.insert(name.clone(), guest)),
                None => drop(self.guests.remove(name)),
            }
        }
        let mut wanted: BTreeMap<Door, Vec<Guest>> = BTreeMap::new();
        for (door, guest) in self.guests.values() {
            wanted.entry(door.clone()).or_default().push(guest.clone());
        }
        self.doors.update(&wanted, Instant::now());
    }

    fn guest(&self, peer: &PeerDesired) -> Option<(Door, Guest)> {
        let port = peer.listen?;
        let sources = match &peer.router {
            Router::Address(address) => IpNet::from(*address),
            Router::Prefix(network) => *network,
            Router::Interface(name) => IpNet::from(IpAddr::from(self.neighbours.router_on(name)?)),
        };
        let door = Door { ipv4: sources.addr().is_ipv4(), port, device: peer.vrf.clone() };
        Some((door, Guest { sources, key: peer.key.clone(), ttl: peer.config.time_to_live() }))
    }

    /// Hands a connection to the session of its router, which begins with it where only a prefix is configured.
    pub(super) fn admit(&mut self, door: &Door, stream: TcpStream, remote: SocketAddr, desired: &Desired) {
        let local = stream.local_addr().ok().map(|local| local.ip());
        let session = match self.session_for(door, local, remote) {
            Some(session) => Ok(session),
            None => self.begin(door, local, remote, desired),
        };
        let refused = match session {
            Ok(session) => match self.running.get(&session).map(|running| running.incoming.try_send(stream)) {
                Some(Ok(())) | None => return,
                Some(Err(TrySendError::Full(stream) | TrySendError::Closed(stream))) => (stream, BUSY),
            },
            Err(why) => (stream, why),
        };
        let (stream, why) = refused;
        self.doors.refuse(stream, remote.ip(), why);
    }

    /// Finds the session with a router that is known.
    fn session_for(&self, door: &Door, local: Option<IpAddr>, remote: SocketAddr) -> Option<SessionName> {
        let expects = |name: &SessionName, endpoint: &Endpoint| {
            self.guests.get(&name.peer).is_some_and(|(its, _)| its == door)
                && is_from(endpoint.remote, remote)
                && endpoint.source.is_none_or(|source| Some(source) == local)
        };
        let found = self.running.iter().find(|(name, running)| expects(name, &running.endpoint));
        found.map(|(name, _)| name.clone())
    }

    /// Begins a session with a router whose prefix is configured.
    fn begin(
        &mut self,
        door: &Door,
        local: Option<IpAddr>,
        remote: SocketAddr,
        desired: &Desired,
    ) -> Result<SessionName, &'static str> {
        let (name, peer) = self.host_of(door, local, remote.ip(), desired).ok_or(STRANGER)?;
        let session = SessionName { peer: name.clone(), neighbor: Some(remote.ip()) };
        if self.is_busy(&session) {
            return Err(BUSY);
        }
        if self.count(&name) >= peer.limit {
            self.turned_away.insert(name, remote.ip());
            return Err(FULL);
        }
        let mut remote = remote;
        remote.set_port(peer.port);
        let endpoint = Endpoint { remote, source: peer.source, device: peer.vrf.clone() };
        let path = path_of(peer, &endpoint, &desired.links);
        self.start(&session, endpoint, path, self.orders(&session, peer, desired));
        Ok(session)
    }

    /// Finds the peer with the longest prefix around a router.
    fn host_of<'a>(
        &self,
        door: &Door,
        local: Option<IpAddr>,
        remote: IpAddr,
        desired: &'a Desired,
    ) -> Option<(PeerName, &'a PeerDesired)> {
        // A router with a peer of its own has the settings of that one alone, which may be that we connect.
        let own = |peer: &PeerDesired| peer.router == Router::Address(remote) && peer.vrf == door.device;
        if desired.peers.values().flatten().any(|peer| own(peer)) {
            return None;
        }
        let hosts = desired.peers.iter().filter_map(|(name, peer)| {
            let peer = peer.as_deref().ok()?;
            let Router::Prefix(network) = &peer.router else { return None };
            let open = self.guests.get(name).is_some_and(|(its, _)| its == door);
            let meant = network.contains(&remote) && peer.source.is_none_or(|source| Some(source) == local);
            (open && meant).then_some((network.prefix_len(), name, peer))
        });
        hosts.max_by_key(|(length, _, _)| *length).map(|(_, name, peer)| (name.clone(), peer))
    }

    fn count(&self, name: &PeerName) -> usize {
        self.running.keys().filter(|session| session.peer == *name).count()
    }

    /// Returns which router of a prefix had no place, as long as there is none.
    pub(super) fn crowd(&self, name: &PeerName, peer: &PeerDesired) -> Option<String> {
        let router = self.turned_away.get(name)?;
        (self.count(name) >= peer.limit).then(|| {
            format!(
                "{router} is turned away, because {} routers are connected; raise peerPrefixLimit to let it in",
                peer.limit
            )
        })
    }
}

/// Returns whether a connection comes from the router of an endpoint.
fn is_from(endpoint: SocketAddr, remote: SocketAddr) -> bool {
    let scope = |address: SocketAddr| match address {
        SocketAddr::V6(address) if address.ip().is_unicast_link_local() => address.scope_id(),
        SocketAddr::V4(_) | SocketAddr::V6(_) => 0,
    };
    endpoint.ip() == remote.ip() && scope(endpoint) == scope(remote)
}
