//! Where routers may connect: one listening socket per family, port and VRF, open only while some peer waits for its router.
//!
//! Nothing is read here: who connects from an address that no peer expects is turned away before its first byte.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::task::Poll;
use std::time::Duration;
use std::{future, io};

use ipnet::IpNet;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use super::paths::index_of;
use crate::drivers::observed::TurnedAway;
use crate::net::links::{LinkIndex, Links};
use crate::net::listen::{self, Listen};
use crate::net::tcp::Md5Key;

/// A socket that cannot be opened is tried again after this time.
const RETRY: Duration = Duration::from_secs(1);
/// Strangers are logged no more often.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// One socket.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Door {
    pub(super) ipv4: bool,
    pub(super) port: u16,
    pub(super) device: Option<String>,
}

/// A router, or many, that may come through a door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Guest {
    pub(super) sources: IpNet,
    pub(super) key: Option<Md5Key>,
    pub(super) ttl: bgp::TimeToLive,
}

/// What a socket is opened with; a change opens it anew.
#[derive(Debug, PartialEq, Eq)]
struct Lock {
    keys: BTreeMap<IpNet, Md5Key>,
    ttl: u8,
    minimum_ttl: Option<u8>,
    /// A socket hears nothing of another device that has the name of its own.
    device: Option<LinkIndex>,
}

impl Lock {
    /// Returns settings that keep out no guest; each connection then gets those of its own.
    fn of(guests: &[Guest], device: Option<LinkIndex>) -> Self {
        let keys = guests.iter().filter_map(|guest| Some((guest.sources, guest.key.clone()?))).collect();
        let ttl = guests.iter().map(|guest| guest.ttl.send).max().unwrap_or(u8::MAX);
        let minimum_ttl = guests.iter().map(|guest| guest.ttl.minimum).min().flatten();
        Self { keys, ttl, minimum_ttl, device }
    }
}

#[derive(Debug)]
struct Socket {
    lock: Lock,
    listener: Result<TcpListener, String>,
}

/// All sockets.
#[derive(Debug, Default)]
pub(super) struct Doors {
    sockets: BTreeMap<Door, Socket>,
    retry: Option<Instant>,
    turned_away: BTreeMap<TurnedAway, u64>,
    logged: Option<Instant>,
}

impl Doors {
    /// Opens exactly these doors, each for its guests.
    pub(super) fn update(&mut self, wanted: &BTreeMap<Door, Vec<Guest>>, links: &Links, now: Instant) {
        let lock_of = |door: &Door, guests: &[Guest]| {
            Lock::of(guests, door.device.as_deref().and_then(|device| index_of(device, links)))
        };
        let due = self.retry.is_some_and(|retry| retry <= now);
        self.sockets.retain(|door, socket| {
            let same = wanted.get(door).is_some_and(|guests| lock_of(door, guests) == socket.lock);
            same && (socket.listener.is_ok() || !due)
        });
        for (door, guests) in wanted {
            if !self.sockets.contains_key(door) {
                let lock = lock_of(door, guests);
                let listener = open(door, &lock);
                self.sockets.insert(door.clone(), Socket { lock, listener });
            }
        }
        let closed = self.sockets.values().any(|socket| socket.listener.is_err());
        self.retry = closed.then(|| self.retry.filter(|_| !due).unwrap_or(now + RETRY));
    }

    /// Returns when a socket that could not be opened is tried again.
    pub(super) fn retry(&self) -> Option<Instant> {
        self.retry
    }

    /// Returns why nobody can come through a door.
    pub(super) fn fault(&self, door: &Door) -> Option<String> {
        self.sockets.get(door)?.listener.as_ref().err().cloned()
    }

    /// Waits for a connection; returns none where a door had to be closed for a moment.
    pub(super) async fn accept(&mut self) -> Option<(Door, TcpStream, SocketAddr)> {
        future::poll_fn(|context| {
            for (door, socket) in &mut self.sockets {
                let Ok(listener) = &socket.listener else { continue };
                while let Poll::Ready(accepted) = listener.poll_accept(context) {
                    match accepted {
                        Ok((stream, remote)) => return Poll::Ready(Some((door.clone(), stream, remote))),
                        // This one has gone again.
                        Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                        // Without a limit of open files to spare, the same error would come at once again.
                        Err(error) => {
                            socket.listener = Err(format!("cannot accept on TCP port {}: {error}", door.port));
                            self.retry = Some(Instant::now() + RETRY);
                            return Poll::Ready(None);
                        }
                    }
                }
            }
            Poll::Pending
        })
        .await
    }

    /// Returns how many connections were turned away so far.
    pub(super) fn turned_away(&self) -> &BTreeMap<TurnedAway, u64> {
        &self.turned_away
    }

    /// Turns away a connection that no session takes.
    pub(super) fn refuse(&mut self, stream: TcpStream, remote: IpAddr, why: TurnedAway) {
        *self.turned_away.entry(why).or_default() += 1;
        if self.logged.is_none_or(|at| at.elapsed() >= LOG_INTERVAL) {
            self.logged = Some(Instant::now());
            let total: u64 = self.turned_away.values().sum();
            tracing::warn!(%remote, %why, total, "a connection is turned away");
        }
        listen::refuse(stream);
    }
}

fn open(door: &Door, lock: &Lock) -> Result<TcpListener, String> {
    let listen = Listen {
        ipv4: door.ipv4,
        port: door.port,
        device: door.device.as_deref(),
        ttl: lock.ttl,
        minimum_ttl: lock.minimum_ttl,
        keys: lock.keys.iter().map(|(sources, key)| (*sources, key)).collect(),
    };
    listen::listen(&listen).map_err(|error| format!("{:#}", anyhow::Error::new(error)))
}

#[cfg(test)]
mod tests;
