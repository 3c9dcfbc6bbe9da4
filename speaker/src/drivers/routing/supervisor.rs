//! Starts and ends sessions, so that what runs is what is desired.

use std::collections::BTreeMap;
use std::future;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::sync::Arc;
use std::time::Duration;

use announce::PeerName;
use crds::checked::Router;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{self, JoinError, JoinSet};
use tokio::time::Instant;

use super::tables::Tables;
use super::{Config, Desired, Order, PeerObserved, SessionObserved};
use crate::drivers::bfd::{BfdThread, EchoLink, PathState, Watched};
use crate::drivers::bgp::{Driver, End, Endpoint, Orders};
use crate::drivers::neighbours::Neighbours;
use crate::net::links::Links;
use crate::peers::{self, PeerDesired, PeerFault};

/// A session whose task ended by a fault is tried again after this time.
const RETRY: Duration = Duration::from_secs(1);

/// The tasks of the sessions, one each.
pub(super) struct Supervisor {
    config: Config,
    bfd: BfdThread,
    running: BTreeMap<PeerName, Running>,
    /// Peers whose former session is still being ended.
    ending: BTreeMap<task::Id, PeerName>,
    /// Peers whose task ended by a fault, and when to try them again.
    resting: BTreeMap<PeerName, Instant>,
    tasks: JoinSet<()>,
    neighbours: Neighbours,
    tables: Tables,
    reports: BTreeMap<bfd::Endpoint, watch::Sender<PathState>>,
    was_ready: bool,
}

struct Running {
    task: task::Id,
    endpoint: Endpoint,
    path: Option<bfd::Endpoint>,
    orders: watch::Sender<Orders>,
    queries: mpsc::Sender<oneshot::Sender<SessionObserved>>,
}

impl Supervisor {
    pub(super) fn new(config: Config, bfd: BfdThread) -> Self {
        Self {
            config,
            bfd,
            running: BTreeMap::new(),
            ending: BTreeMap::new(),
            resting: BTreeMap::new(),
            tasks: JoinSet::new(),
            neighbours: Neighbours::default(),
            tables: Tables::new(config.drain_time),
            reports: BTreeMap::new(),
            was_ready: false,
        }
    }

    /// Serves until all sessions have ended as ordered, or until nobody gives orders any more.
    pub(super) async fn run(
        mut self,
        mut order: watch::Receiver<Arc<Order>>,
        mut questions: mpsc::Receiver<oneshot::Sender<Vec<PeerObserved>>>,
    ) {
        loop {
            let now = order.borrow_and_update().clone();
            self.apply(&now);
            if now.leave && self.tasks.is_empty() {
                break;
            }
            let next = self.resting.values().copied().chain(self.tables.next_change()).min();
            tokio::select! {
                changed = order.changed() => if changed.is_err() { break },
                Some(ended) = self.tasks.join_next_with_id() => self.on_ended(ended),
                () = self.neighbours.changed() => {}
                Some(answer) = questions.recv() => {
                    let observed = self.observe(&now.desired).await;
                    // The asker may have gone; nobody else wants the answer.
                    drop(answer.send(observed));
                }
                () = sleep_until(next) => {}
            }
        }
        // Only once BGP has ended: a router that lost BFD first would not keep the routes.
        self.bfd.leave().await;
    }

    /// Makes the running sessions match what is desired.
    fn apply(&mut self, order: &Order) {
        let Order { desired, leave } = order;
        self.was_ready |= desired.ready;
        let now = Instant::now();
        self.resting.retain(|name, until| desired.peers.contains_key(name) && *until > now);
        let gone: Vec<_> = self.running.keys().filter(|name| !desired.peers.contains_key(name)).cloned().collect();
        for name in gone {
            self.end(&name, End::Deconfigured);
        }
        let unnumbered = desired.peers.values().flatten().filter_map(|peer| match &peer.router {
            Router::Interface(link) => Some(link.as_str()),
            Router::Address(_) => None,
        });
        self.neighbours.update(unnumbered.collect(), &desired.links);
        self.tables.update(desired, self.was_ready, now);
        for (name, peer) in &desired.peers {
            // A peer with a fault keeps the session it has: a slip of the hand withdraws nothing.
            let Ok(peer) = peer else { continue };
            self.apply_peer(name, peer, desired, *leave);
        }
        self.watch_paths(desired);
    }

    fn apply_peer(&mut self, name: &PeerName, peer: &Arc<PeerDesired>, desired: &Desired, leave: bool) {
        let endpoint = self.endpoint(peer, &desired.links);
        let path = endpoint.as_ref().and_then(|endpoint| path_of(peer, endpoint, &desired.links));
        let orders = Orders {
            config: bgp::Config { export: self.tables.export(), ..peer.config.clone() },
            routes: self.tables.routes(name),
            key: peer.key.clone(),
            links: desired.links.clone(),
            end: leave.then_some(End::Leave { demotion: self.config.leave_time }),
        };
        if let Some(running) = self.running.get(name) {
            // While a router on an unnumbered link is not heard, the session may still live.
            let same = endpoint.as_ref().is_none_or(|endpoint| *endpoint == running.endpoint);
            if same && (path == running.path || endpoint.is_none()) {
                running.orders.send_if_modified(|current| update(current, orders));
            } else {
                self.end(name, End::Changed);
            }
            return;
        }
        let Some(endpoint) = endpoint else { return };
        let busy = self.ending.values().any(|ending| ending == name) || self.resting.contains_key(name);
        if !leave && !busy {
            self.start(name, endpoint, path, orders);
        }
    }

    fn start(&mut self, name: &PeerName, endpoint: Endpoint, path: Option<bfd::Endpoint>, orders: Orders) {
        let driver = Driver::new(name.clone(), endpoint.clone(), orders.config.clone());
        let (orders, receiver) = watch::channel(orders);
        // The supervisor asks one question at a time and waits for the answer.
        let (queries, questions) = mpsc::channel(1);
        let reports = path.map(|path| self.reports.entry(path).or_default().subscribe());
        let task = self.tasks.spawn(driver.run(receiver, reports, questions)).id();
        self.running.insert(name.clone(), Running { task, endpoint, path, orders, queries });
    }

    fn end(&mut self, name: &PeerName, end: End) {
        if let Some(running) = self.running.remove(name) {
            running.orders.send_modify(|orders| orders.end = Some(end));
            self.ending.insert(running.task, name.clone());
        }
    }

    fn on_ended(&mut self, ended: Result<(task::Id, ()), JoinError>) {
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, ())| *id);
        self.ending.remove(&id);
        let Some(name) = self.running.iter().find(|(_, running)| running.task == id).map(|(name, _)| name.clone())
        else {
            return;
        };
        self.running.remove(&name);
        if let Err(error) = ended {
            tracing::error!(peer = %name, %error, "the session's task ended by a fault; starting it again in {RETRY:?}");
            self.resting.insert(name, Instant::now() + RETRY);
        }
    }

    /// Returns the ends of the session; none while the router of an unnumbered link is not known.
    fn endpoint(&self, peer: &PeerDesired, links: &Links) -> Option<Endpoint> {
        match &peer.router {
            Router::Address(address) => {
                let remote = SocketAddr::new(*address, peer.port);
                Some(Endpoint { remote, source: peer.source, device: peer.vrf.clone() })
            }
            Router::Interface(name) => {
                let (index, _) = links.iter().find(|(_, link)| link.name == *name)?;
                let address = self.neighbours.router_on(name)?;
                let remote = SocketAddr::V6(SocketAddrV6::new(address, peer.port, 0, index.0));
                Some(Endpoint { remote, source: peer.source, device: Some(name.clone()) })
            }
        }
    }

    fn watch_paths(&mut self, desired: &Desired) {
        let mut sessions = BTreeMap::new();
        for (name, running) in &self.running {
            let (Some(path), Some(report)) = (running.path, running.path.and_then(|path| self.reports.get(&path)))
            else {
                continue;
            };
            let profile =
                desired.peers.get(name).and_then(|peer| peer.as_ref().ok()).and_then(|peer| peer.bfd.as_ref());
            let watched = match profile {
                Some(profile) => Some(Watched {
                    config: peers::bfd_config(profile, path.hops, path.neighbor.is_ipv4()),
                    device: running.endpoint.device.clone(),
                    echo_link: echo_link(path.neighbor, &desired.links),
                    report: report.clone(),
                }),
                // The peer has a fault; its path is watched as before.
                None => self.bfd.watched(&path),
            };
            // Two peers on one router share its path; the first of them decides how it is watched.
            if let Some(watched) = watched {
                sessions.entry(path).or_insert(watched);
            }
        }
        self.reports.retain(|path, _| sessions.contains_key(path));
        self.bfd.update(sessions);
    }

    async fn observe(&self, desired: &Desired) -> Vec<PeerObserved> {
        let paths = self.bfd.observe().await;
        let mut observed = Vec::with_capacity(desired.peers.len());
        for (name, peer) in &desired.peers {
            let running = self.running.get(name);
            let session = match running {
                Some(running) => ask(&running.queries).await,
                None => None,
            };
            let path = running.and_then(|running| running.path);
            let path = paths.iter().find(|observed| Some(observed.endpoint) == path).cloned();
            observed.push(PeerObserved {
                name: name.clone(),
                router: router_text(peer, session.as_ref()),
                vrf: peer.as_ref().ok().and_then(|peer| peer.vrf.clone()).unwrap_or_default(),
                fault: self.fault(peer, &desired.links),
                session,
                path,
            });
        }
        observed
    }

    fn fault(&self, peer: &Result<Arc<PeerDesired>, PeerFault>, links: &Links) -> Option<String> {
        let peer = match peer {
            Ok(peer) => peer,
            Err(fault) => return Some(fault.to_string()),
        };
        let Router::Interface(name) = &peer.router else { return None };
        let exists = links.values().any(|link| link.name == *name);
        if exists {
            self.neighbours.fault_on(name)
        } else {
            Some(format!("this node has no interface {name}; correct the peer"))
        }
    }
}

/// Takes over new orders and returns whether they say anything new.
fn update(current: &mut Orders, orders: Orders) -> bool {
    let same_routes = match (&current.routes, &orders.routes) {
        (Some(before), Some(after)) => Arc::ptr_eq(before, after),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    };
    let same = same_routes && current.config == orders.config && current.key == orders.key && current.end == orders.end;
    *current = orders;
    !same
}

fn router_text(peer: &Result<Arc<PeerDesired>, PeerFault>, session: Option<&SessionObserved>) -> String {
    match (peer, session) {
        (Ok(peer), _) => match &peer.router {
            Router::Address(address) => SocketAddr::new(*address, peer.port).to_string(),
            Router::Interface(name) => format!("{name}:{}", peer.port),
        },
        (Err(_), Some(session)) => session.remote.to_string(),
        (Err(_), None) => String::new(),
    }
}

/// Returns the ends of the BFD session beside a BGP session, where one is wanted.
fn path_of(peer: &PeerDesired, endpoint: &Endpoint, links: &Links) -> Option<bfd::Endpoint> {
    peer.bfd.as_ref()?;
    let neighbor = endpoint.remote.ip();
    let internal = match peer.config.remote_as {
        bgp::RemoteAs::Exactly(asn) => asn == peer.config.local_as,
        bgp::RemoteAs::Internal => true,
        bgp::RemoteAs::External => false,
    };
    let far = match peer.config.distance {
        bgp::Distance::MultiHop { .. } => true,
        // An internal router may be anywhere, so its address tells; FRR decides in the same way.
        bgp::Distance::Direct => internal && !is_on_link(neighbor, links),
    };
    let link = match endpoint.remote {
        SocketAddr::V6(remote) if remote.scope_id() != 0 => Some(bfd::LinkIndex(remote.scope_id())),
        SocketAddr::V4(_) | SocketAddr::V6(_) => None,
    };
    let hops = if far { bfd::Hops::Multi } else { bfd::Hops::Single };
    Some(bfd::Endpoint { hops, neighbor, local: endpoint.source, link })
}

fn is_on_link(address: IpAddr, links: &Links) -> bool {
    let link_local = matches!(address, IpAddr::V6(address) if address.is_unicast_link_local());
    link_local || links.values().flat_map(|link| &link.addresses).any(|net| net.contains(&address))
}

/// Returns the link in whose subnet the router is.
fn echo_link(router: IpAddr, links: &Links) -> Option<EchoLink> {
    links.iter().find_map(|(index, link)| {
        let net = link.addresses.iter().find(|net| net.contains(&router))?;
        match net.addr() {
            IpAddr::V4(local) => Some(EchoLink { index: *index, mac: link.mac?, local }),
            IpAddr::V6(_) => None,
        }
    })
}

async fn ask(queries: &mpsc::Sender<oneshot::Sender<SessionObserved>>) -> Option<SessionObserved> {
    let (answer, answered) = oneshot::channel();
    queries.send(answer).await.ok()?;
    answered.await.ok()
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => future::pending().await,
    }
}
