//! Which session a datagram belongs to (RFC 5880 §6.3, RFC 5881 §3, RFC 5883 §4).

use std::{collections::BTreeMap, net::IpAddr};

use thiserror::Error;

use crate::{ControlPacket, Discard, Discards, Discriminator, EchoPacket, timing::Random};

#[cfg(test)]
mod tests;

/// The kind of path, which decides the UDP port.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Hops {
    /// Same link, port 3784.
    Single,
    /// Through routers, port 4784.
    Multi,
}

/// The kernel's number of a network interface, or of the VRF device where the socket is bound to one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LinkIndex(pub u32);

/// The ends of a session; packets in which the neighbour does not name us yet are told apart by them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Endpoint {
    /// The kind of path.
    pub hops: Hops,
    /// The neighbour's address.
    pub neighbor: IpAddr,
    /// Our address, where one is configured.
    pub local: Option<IpAddr>,
    /// The link, which an IPv6 link-local neighbour cannot do without.
    pub link: Option<LinkIndex>,
    /// The VRF device; the same addresses are another path in each.
    pub vrf: Option<LinkIndex>,
}

/// How a datagram came in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Arrival {
    /// The port it came to.
    pub hops: Hops,
    /// Its source address.
    pub source: IpAddr,
    /// Its destination address.
    pub destination: IpAddr,
    /// The link it came in by.
    pub link: LinkIndex,
    /// The device that the socket is bound to.
    pub device: Option<LinkIndex>,
}

impl Endpoint {
    fn matches(&self, arrival: &Arrival) -> bool {
        // The VRF only decides among several: a socket on a link inside of it hears its packets as well.
        let Self { hops, neighbor, local, link, vrf: _ } = self;
        *hops == arrival.hops
            && *neighbor == arrival.source
            && local.is_none_or(|local| local == arrival.destination)
            && link.is_none_or(|link| link == arrival.link)
    }
}

/// A second session between the same ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("neighbour {} has a BFD session already; share it, or give each its own local address", .endpoint.neighbor)]
pub struct EndpointTaken {
    /// The ends asked for.
    pub endpoint: Endpoint,
    /// The session that has them.
    pub owner: Discriminator,
}

/// The sessions of a node, by discriminator.
#[derive(Clone, Debug)]
pub struct Demux {
    sessions: BTreeMap<Discriminator, Endpoint>,
    neighbors: BTreeMap<IpAddr, Vec<Discriminator>>,
    random: Random,
    discards: Discards,
}

impl Demux {
    /// Makes a table without sessions; the seed decides the discriminators.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            sessions: BTreeMap::new(),
            neighbors: BTreeMap::new(),
            random: Random::new(seed),
            discards: Discards::default(),
        }
    }

    /// Adds a session and returns its discriminator, which no other session of this node has.
    ///
    /// # Errors
    ///
    /// Fails when a session with exactly these ends exists.
    pub fn insert(&mut self, endpoint: Endpoint) -> Result<Discriminator, EndpointTaken> {
        let siblings = self.neighbors.entry(endpoint.neighbor).or_default();
        if let Some(&owner) = siblings.iter().find(|sibling| self.sessions.get(sibling) == Some(&endpoint)) {
            return Err(EndpointTaken { endpoint, owner });
        }
        let discriminator = loop {
            let [a, b, c, d, ..] = self.random.next().to_be_bytes();
            match Discriminator::new(u32::from_be_bytes([a, b, c, d])) {
                Some(candidate) if !self.sessions.contains_key(&candidate) => break candidate,
                Some(_) | None => {}
            }
        };
        siblings.push(discriminator);
        self.sessions.insert(discriminator, endpoint);
        Ok(discriminator)
    }

    /// Removes a session; its packets are discarded from here on.
    pub fn remove(&mut self, discriminator: Discriminator) {
        let Some(endpoint) = self.sessions.remove(&discriminator) else { return };
        let Some(siblings) = self.neighbors.get_mut(&endpoint.neighbor) else { return };
        siblings.retain(|sibling| *sibling != discriminator);
        if siblings.is_empty() {
            self.neighbors.remove(&endpoint.neighbor);
        }
    }

    /// Reads a datagram from a control port and names its session, or counts why it has none.
    pub fn route(&mut self, arrival: &Arrival, datagram: &[u8]) -> Option<(Discriminator, ControlPacket)> {
        match self.find(arrival, datagram) {
            Ok(found) => Some(found),
            Err(discard) => {
                self.discards.count(discard);
                None
            }
        }
    }

    /// Reads a datagram from the echo port and names its session; `None`, uncounted, for echoes of others.
    #[must_use]
    pub fn route_echo(&self, datagram: &[u8]) -> Option<(Discriminator, EchoPacket)> {
        let packet = EchoPacket::decode(datagram)?;
        self.sessions.contains_key(&packet.discriminator).then_some((packet.discriminator, packet))
    }

    /// Returns the counts of datagrams that reached no session.
    #[must_use]
    pub fn discards(&self) -> &Discards {
        &self.discards
    }

    fn find(&self, arrival: &Arrival, datagram: &[u8]) -> Result<(Discriminator, ControlPacket), Discard> {
        let packet = ControlPacket::decode(datagram)?;
        let discriminator = match packet.your_discriminator {
            Some(named) => self.check_named(arrival, named)?,
            None => self.find_neighbor(arrival)?,
        };
        Ok((discriminator, packet))
    }

    fn check_named(&self, arrival: &Arrival, discriminator: Discriminator) -> Result<Discriminator, Discard> {
        let endpoint = self.sessions.get(&discriminator).ok_or(Discard::UnknownDiscriminator(discriminator))?;
        if !endpoint.matches(arrival) {
            return Err(Discard::WrongSource { discriminator, source_address: arrival.source });
        }
        Ok(discriminator)
    }

    /// Finds the session by its ends; the one that says most about them wins.
    fn find_neighbor(&self, arrival: &Arrival) -> Result<Discriminator, Discard> {
        let siblings = self.neighbors.get(&arrival.source).map_or(&[][..], Vec::as_slice);
        siblings
            .iter()
            .filter_map(|sibling| Some((*sibling, self.sessions.get(sibling)?)))
            .filter(|(_, endpoint)| endpoint.matches(arrival))
            .max_by_key(|(_, Endpoint { vrf, link, local, .. })| {
                (vrf.is_some() && *vrf == arrival.device, vrf.is_none(), link.is_some(), local.is_some())
            })
            .map(|(discriminator, _)| discriminator)
            .ok_or(Discard::UnknownNeighbor { source_address: arrival.source })
    }
}
