//! Which connection of a router belongs to which session.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use announce::PeerName;
use crds::checked::Router;
use ipnet::IpNet;
use tokio::net::TcpStream;
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::Instant;

use super::desired::Desired;
use super::doors::{Door, Guest};
use super::paths::path_of;
use super::supervisor::{SessionName, Supervisor};
use crate::drivers::bgp::Endpoint;
use crate::drivers::observed::TurnedAway;
use crate::net::links::{LinkIndex, Links};
use crate::peers::PeerDesired;

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
        self.doors.update(&wanted, &desired.links, Instant::now());
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
                Some(Err(TrySendError::Full(stream) | TrySendError::Closed(stream))) => (stream, TurnedAway::Busy),
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
    ) -> Result<SessionName, TurnedAway> {
        let (name, peer) = self.host_of(door, local, remote, desired)?;
        let session = SessionName { peer: name.clone(), neighbor: Some(remote.ip()) };
        if self.is_busy(&session) {
            return Err(TurnedAway::Busy);
        }
        if self.count(name) >= peer.limit {
            self.turned_away.insert(name.clone(), remote.ip());
            return Err(TurnedAway::Full);
        }
        let mut remote = remote;
        remote.set_port(peer.port);
        let endpoint = Endpoint { remote, source: peer.source, device: peer.vrf.clone() };
        let path = path_of(peer, &endpoint, &desired.links);
        self.start(&session, peer, endpoint, path, self.orders(&session, peer, desired));
        Ok(session)
    }

    /// Finds the peer whose prefix lets a router in.
    fn host_of<'a>(
        &self,
        door: &Door,
        local: Option<IpAddr>,
        remote: SocketAddr,
        desired: &'a Desired,
    ) -> Result<(&'a PeerName, &'a Arc<PeerDesired>), TurnedAway> {
        let mut why = TurnedAway::Stranger;
        for name in closest(desired, door.device.as_deref(), remote) {
            let Some(Ok(peer)) = desired.peers.get(name) else {
                why = TurnedAway::Faulty;
                continue;
            };
            let open = self.guests.get(name).is_some_and(|(its, _)| its == door);
            let meant = peer.source.is_none_or(|source| Some(source) == local);
            if open && meant && matches!(peer.router, Router::Prefix(_)) {
                return Ok((name, peer));
            }
        }
        Err(why)
    }

    /// Returns the sessions with routers of a prefix that have a closer peer by now.
    pub(super) fn usurped(&self, desired: &Desired) -> Vec<SessionName> {
        let is_usurped = |name: &SessionName, endpoint: &Endpoint| {
            name.neighbor.is_some()
                && !closest(desired, endpoint.device.as_deref(), endpoint.remote).contains(&&name.peer)
        };
        let usurped = self.running.iter().filter(|(name, running)| is_usurped(name, &running.endpoint));
        usurped.map(|(name, _)| name.clone()).collect()
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

/// Returns the peers whose settings alone a router may have: those that name it, or else those with the longest prefix around it.
///
/// One with a fault counts as well: while its password is missing, no other peer lets its router in without one.
fn closest<'a>(desired: &'a Desired, device: Option<&str>, remote: SocketAddr) -> Vec<&'a PeerName> {
    let closeness = |name: &'a PeerName| {
        let (router, vrf) = match desired.peers.get(name)? {
            Ok(peer) => (&peer.router, &peer.vrf),
            Err(refused) => (&refused.router, &refused.vrf),
        };
        let closeness = match router {
            Router::Address(address) => (*address == remote.ip()).then_some(u8::MAX),
            Router::Interface(link) => return is_on(link, remote, &desired.links).then_some((u8::MAX, name)),
            Router::Prefix(network) => network.contains(&remote.ip()).then_some(network.prefix_len()),
        };
        Some((closeness.filter(|_| vrf.as_deref() == device)?, name))
    };
    let around: Vec<_> = desired.peers.keys().filter_map(closeness).collect();
    let longest = around.iter().map(|(length, _)| *length).max();
    around.into_iter().filter(|(length, _)| Some(*length) == longest).map(|(_, name)| name).collect()
}

/// Returns whether a router with a link-local address is on the link of this name.
fn is_on(link: &str, remote: SocketAddr, links: &Links) -> bool {
    match remote {
        SocketAddr::V6(remote) if remote.ip().is_unicast_link_local() => {
            links.get(&LinkIndex(remote.scope_id())).is_some_and(|its| its.name == link)
        }
        SocketAddr::V4(_) | SocketAddr::V6(_) => false,
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

#[cfg(test)]
mod tests;
