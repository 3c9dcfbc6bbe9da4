//! Who is at the other end of an unnumbered link.
//!
//! Routers such as FRR find a neighbour by router advertisements and nothing else, so we send them, with a lifetime of zero that
//! makes no host route through us. The router is whoever advertises itself or answers for all routers of the link.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::Ipv6Addr;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use crate::net::icmpv6::{ALL_NODES, ALL_ROUTERS, DiscoverySocket};
use crate::net::links::{LinkIndex, Links};

const ECHO_REQUEST: u8 = 128;
const ECHO_REPLY: u8 = 129;
const ROUTER_SOLICITATION: u8 = 133;
const ROUTER_ADVERTISEMENT: u8 = 134;
/// What a valid message of router discovery arrives with (RFC 4861 §6.1).
const HOPS: u8 = 255;
/// Advertisements while the router has not been heard.
const EAGER: Duration = Duration::from_secs(1);
/// Advertisements afterwards; FRR's own interval for unnumbered peers.
const INTERVAL: Duration = Duration::from_secs(10);
/// A router this silent gives way to another one that speaks.
const SILENCE: Duration = Duration::from_secs(35);
/// Longer than any message that means something here.
const BUFFER_LENGTH: usize = 1500;

/// The unnumbered links, each with its router.
#[derive(Debug)]
pub(super) struct Neighbours {
    tasks: BTreeMap<String, Task>,
    routers: BTreeMap<String, Found>,
    sender: mpsc::Sender<(String, Found)>,
    found: mpsc::Receiver<(String, Found)>,
}

#[derive(Debug)]
struct Task {
    index: LinkIndex,
    mac: Option<[u8; 6]>,
    handle: JoinHandle<()>,
}

impl Drop for Task {
    fn drop(&mut self) {
        self.handle.abort();
    }
}

/// What is known of a link's router.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Found {
    Router(Ipv6Addr),
    Two(Ipv6Addr, Ipv6Addr),
    Fault(String),
}

impl Default for Neighbours {
    fn default() -> Self {
        // News are rare; a task that finds the channel full waits until the supervisor has caught up.
        let (sender, found) = mpsc::channel(16);
        Self { tasks: BTreeMap::new(), routers: BTreeMap::new(), sender, found }
    }
}

impl Neighbours {
    /// Looks for routers on exactly these links.
    pub(super) fn update(&mut self, wanted: BTreeSet<&str>, links: &Links) {
        let link = |name: &str| links.iter().find(|(_, link)| link.name == name);
        self.tasks.retain(|name, task| {
            let same = link(name).is_some_and(|(index, link)| (*index, link.mac) == (task.index, task.mac));
            same && wanted.contains(name.as_str()) && !task.handle.is_finished()
        });
        self.routers.retain(|name, _| self.tasks.contains_key(name));
        for name in wanted {
            let Some((index, link)) = link(name).filter(|_| !self.tasks.contains_key(name)) else { continue };
            let (index, mac) = (*index, link.mac);
            #[expect(
                clippy::disallowed_methods,
                reason = "it catches its panics and reports them as faults of the link"
            )]
            let handle = tokio::spawn(discover(index, name.to_owned(), mac, self.sender.clone()));
            self.tasks.insert(name.to_owned(), Task { index, mac, handle });
        }
    }

    /// Waits for news of a link.
    pub(super) async fn changed(&mut self) {
        // We hold a sender ourselves, so there is always somebody to wait for.
        if let Some((name, found)) = self.found.recv().await
            && self.tasks.contains_key(&name)
        {
            self.routers.insert(name, found);
        }
    }

    /// Returns the link-local address of the router on a link.
    pub(super) fn router_on(&self, link: &str) -> Option<Ipv6Addr> {
        match self.routers.get(link)? {
            Found::Router(address) | Found::Two(address, _) => Some(*address),
            Found::Fault(_) => None,
        }
    }

    /// Returns why a link has no router, or none that can be trusted.
    pub(super) fn fault_on(&self, link: &str) -> Option<String> {
        match self.routers.get(link) {
            Some(Found::Router(_)) => None,
            Some(Found::Two(used, other)) => Some(format!(
                "two routers answer on {link}, {used} and {other}; the first is used: an unnumbered link must have one"
            )),
            Some(Found::Fault(why)) => Some(format!("cannot look for the router on {link}: {why}")),
            None => Some(format!("no router has been heard on {link}; enable IPv6 and router advertisements there")),
        }
    }
}

/// Advertises us on a link and reports its router, until nobody listens.
async fn discover(index: LinkIndex, name: String, mac: Option<[u8; 6]>, news: mpsc::Sender<(String, Found)>) {
    let types = [ROUTER_SOLICITATION, ROUTER_ADVERTISEMENT, ECHO_REPLY];
    let mut reported = None;
    loop {
        let fault = match DiscoverySocket::open(index, &name, &types) {
            Ok(socket) => match tasks::caught(serve(&socket, mac, &name, &mut reported, &news)).await {
                Ok(Ok(())) => return,
                Ok(Err(error)) => error.to_string(),
                Err(panic) => format!("{panic}; please report it"),
            },
            Err(error) => error.to_string(),
        };
        let found = Found::Fault(fault);
        if reported.replace(found.clone()) != Some(found.clone()) && news.send((name.clone(), found)).await.is_err() {
            return;
        }
        tokio::time::sleep(EAGER).await;
    }
}

async fn serve(
    socket: &DiscoverySocket,
    mac: Option<[u8; 6]>,
    name: &str,
    reported: &mut Option<Found>,
    news: &mpsc::Sender<(String, Found)>,
) -> io::Result<()> {
    let advertisement = advertisement(mac);
    let mut heard = Heard::default();
    let mut next = Instant::now();
    let mut buffer = [0; BUFFER_LENGTH];
    loop {
        // A socket that can always be read must not keep the runtime from everything else.
        tokio::task::consume_budget().await;
        let (source, kind) = tokio::select! { biased;
            () = sleep_until(next) => {
                socket.send(ALL_NODES, &advertisement)?;
                socket.send(ALL_ROUTERS, &[ECHO_REQUEST, 0, 0, 0, 0, 0, 0, 1])?;
                next = Instant::now() + if heard.router.is_some() { INTERVAL } else { EAGER };
                continue;
            }
            received = socket.receive(&mut buffer) => {
                let (source, hops, length) = received?;
                let kind = buffer[..length].first().copied().unwrap_or_default();
                if !source.is_unicast_link_local() || (kind != ECHO_REPLY && hops != HOPS) {
                    continue;
                }
                (source, kind)
            }
        };
        if kind == ROUTER_SOLICITATION {
            // RFC 4861 §6.2.6: many may ask at once, so the answer goes to all and is not repeated within a moment.
            next = next.min(Instant::now() + EAGER);
            continue;
        }
        let found = heard.judge(source, Instant::now());
        if reported.as_ref() != Some(&found) {
            *reported = Some(found.clone());
            if news.send((name.to_owned(), found)).await.is_err() {
                return Ok(());
            }
        }
    }
}

/// Who has spoken on a link lately: its router and the first other one, for anybody can make up more.
#[derive(Debug, Default)]
struct Heard {
    router: Option<(Ipv6Addr, Instant)>,
    other: Option<(Ipv6Addr, Instant)>,
}

impl Heard {
    /// Notes that somebody has spoken, and returns what is known of the router.
    fn judge(&mut self, source: Ipv6Addr, now: Instant) -> Found {
        let is_lasting = |&(_, heard): &(Ipv6Addr, Instant)| heard + SILENCE > now;
        self.router = self.router.filter(|router| router.0 == source || is_lasting(router));
        self.other = self.other.filter(is_lasting);
        let (known, heard) = self.router.get_or_insert((source, now));
        let known = *known;
        if known == source {
            *heard = now;
            self.other = self.other.filter(|(other, _)| *other != source);
        } else {
            let (other, heard) = self.other.get_or_insert((source, now));
            if *other == source {
                *heard = now;
            }
        }
        self.other.map_or(Found::Router(known), |(other, _)| Found::Two(known, other))
    }
}

/// Returns a router advertisement that says no more than that we are here (RFC 4861 §4.2).
fn advertisement(mac: Option<[u8; 6]>) -> Vec<u8> {
    // Hop limit, flags, router lifetime, reachable and retransmission time are all zero: unspecified, and no default router.
    let mut message = vec![ROUTER_ADVERTISEMENT, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    if let Some(mac) = mac {
        // RFC 4861 §4.6.1: source link-layer address, in units of eight octets.
        message.extend([1, 1]);
        message.extend(mac);
    }
    message
}

#[cfg(test)]
mod tests;
