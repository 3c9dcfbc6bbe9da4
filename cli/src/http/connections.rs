//! How many connections a port has, in all and from one client.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use prometheus::{IntCounterVec, Opts, Registry};
use speaker::metrics::Family;

/// Connections of all clients of a port, those of this machine left out.
const IN_ALL: usize = 64;
/// Connections of one client of a port.
const OF_ONE: usize = 16;

/// Connections that ended without an answer.
pub const DROPPED: Family = Family {
    name: "clarion_http_connections_dropped_total",
    kind: "counter",
    labels: &["reason"],
    help: "HTTP connections closed without an answer: `limit` and `client_limit` are too many at once, of all clients and of one; \
           `timeout` is a request or a reader that was too slow",
};

/// Why a connection ended without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Drop {
    /// The port has as many as it may have.
    Limit,
    /// The client has.
    ClientLimit,
    /// The request or the reading of the answer took too long.
    Timeout,
}

/// The counters of [`Drop`].
#[derive(Debug, Default)]
pub(super) struct Drops([AtomicU64; 3]);

impl Drops {
    const REASONS: [(Drop, &'static str); 3] =
        [(Drop::Limit, "limit"), (Drop::ClientLimit, "client_limit"), (Drop::Timeout, "timeout")];

    pub(super) fn count(&self, drop: Drop) {
        self.0[drop as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn of(&self, drop: Drop) -> u64 {
        self.0[drop as usize].load(Ordering::Relaxed)
    }

    pub(super) fn collect(&self, registry: &Registry) -> prometheus::Result<()> {
        let counter = IntCounterVec::new(Opts::new(DROPPED.name, DROPPED.help), DROPPED.labels)?;
        for (drop, reason) in Self::REASONS {
            counter.with_label_values(&[reason]).inc_by(self.of(drop));
        }
        registry.register(Box::new(counter))
    }
}

/// Whose share a connection counts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Client {
    /// This machine, which has a share of its own: the kubelet's probes get through whatever comes from outside.
    Local,
    /// An IPv4 host, or a /64, of which a single host has all addresses.
    Remote(IpAddr),
}

impl Client {
    fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            address if address.is_loopback() => Self::Local,
            IpAddr::V6(address) => Self::Remote(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into()),
            address @ IpAddr::V4(_) => Self::Remote(address),
        }
    }
}

/// The connections of one port.
#[derive(Debug, Clone, Default)]
pub(super) struct Connections(Arc<Mutex<BTreeMap<Client, usize>>>);

impl Connections {
    /// Admits a connection from an address for as long as the place is kept.
    pub(super) fn admit(&self, address: IpAddr) -> Result<Place, Drop> {
        let client = Client::of(address);
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_one = counts.get(&client).copied().unwrap_or_default();
        let in_all: usize = counts.iter().filter(|(client, _)| **client != Client::Local).map(|(_, count)| count).sum();
        if of_one >= OF_ONE {
            return Err(Drop::ClientLimit);
        }
        if client != Client::Local && in_all >= IN_ALL {
            return Err(Drop::Limit);
        }
        counts.insert(client, of_one + 1);
        Ok(Place { client, connections: self.clone() })
    }

    fn leave(&self, client: Client) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&client) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&client);
            }
        }
    }
}

/// The place of a connection.
#[derive(Debug)]
pub(super) struct Place {
    client: Client,
    connections: Connections,
}

impl std::ops::Drop for Place {
    fn drop(&mut self) {
        self.connections.leave(self.client);
    }
}

#[cfg(test)]
mod tests;
