//! Starts and ends sessions, so that what runs is what is desired.

use std::collections::BTreeMap;
use std::future;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::sync::Arc;
use std::time::Duration;

use announce::PeerName;
use crds::checked::Router;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{self, JoinError, JoinSet};
use tokio::time::Instant;

use super::desired::{Config, Desired, Order};
use super::doors::{Door, Doors, Guest};
use super::paths::{echo_link, echoes, index_of, path_of};
use super::tables::Tables;
use crate::drivers::bfd::{BfdThread, Device, PathState, Watched};
use crate::drivers::bgp::{Driver, End, Endpoint, Orders, is_same_path};
use crate::drivers::neighbours::Neighbours;
use crate::drivers::observed::{PeerObserved, RoutingObserved, SessionObserved, router_text};
use crate::net::links::{Link, LinkIndex, Links};
use crate::peers::{self, PeerDesired, PeerRefused};

/// A session whose task ended by a fault is tried again after this time.
const RETRY: Duration = Duration::from_secs(1);

/// One session of a peer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SessionName {
    pub(super) peer: PeerName,
    /// The router, where the peer knows only its prefix.
    pub(super) neighbor: Option<IpAddr>,
}

/// The tasks of the sessions, one each.
pub(super) struct Supervisor {
    config: Config,
    bfd: BfdThread,
    pub(super) running: BTreeMap<SessionName, Running>,
    /// Sessions that are still being ended.
    ending: BTreeMap<task::Id, SessionName>,
    /// Sessions whose task ended by a fault, and when to try them again.
    resting: BTreeMap<SessionName, Instant>,
    tasks: JoinSet<()>,
    pub(super) neighbours: Neighbours,
    pub(super) doors: Doors,
    /// Who may connect for which peer; a peer with a fault keeps its guests.
    pub(super) guests: BTreeMap<PeerName, (Door, Guest)>,
    /// Who was turned away last, where all sessions of a prefix are taken.
    pub(super) turned_away: BTreeMap<PeerName, IpAddr>,
    tables: Tables,
    reports: BTreeMap<bfd::Endpoint, watch::Sender<PathState>>,
    was_ready: bool,
}

pub(super) struct Running {
    task: task::Id,
    /// What the session was last told to be.
    peer: Arc<PeerDesired>,
    pub(super) endpoint: Endpoint,
    path: Option<bfd::Endpoint>,
    reports: Option<watch::Receiver<PathState>>,
    orders: watch::Sender<Orders>,
    pub(super) incoming: mpsc::Sender<TcpStream>,
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
            doors: Doors::default(),
            guests: BTreeMap::new(),
            turned_away: BTreeMap::new(),
            tables: Tables::new(config.drain_time),
            reports: BTreeMap::new(),
            was_ready: false,
        }
    }

    /// Serves until all sessions have ended as ordered, or until nobody gives orders any more.
    pub(super) async fn run(
        mut self,
        mut order: watch::Receiver<Arc<Order>>,
        mut questions: mpsc::Receiver<oneshot::Sender<RoutingObserved>>,
    ) {
        loop {
            let now = order.borrow_and_update().clone();
            self.apply(&now);
            if now.leave && self.tasks.is_empty() {
                break;
            }
            let next = self.resting.values().copied().chain(self.tables.next_change()).chain(self.doors.retry()).min();
            tokio::select! {
                changed = order.changed() => if changed.is_err() { break },
                Some(ended) = self.tasks.join_next_with_id() => self.on_ended(ended),
                () = self.neighbours.changed() => {}
                accepted = self.doors.accept() => if let Some((door, stream, remote)) = accepted {
                    self.admit(&door, stream, remote, &now.desired);
                },
                Some(answer) = questions.recv() => {
                    let observed = self.observe(&now.desired).await;
                    // The asker may have gone; nobody else wants the answer.
                    drop(answer.send(observed));
                }
                () = sleep_until(next) => {}
                () = self.bfd.ended() => {
                    tracing::error!("the BFD thread ended by a fault, so no path is watched any more");
                    return;
                }
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
        self.resting.retain(|name, until| desired.peers.contains_key(&name.peer) && *until > now);
        let gone = self.running.keys().filter(|name| !desired.peers.contains_key(&name.peer));
        for name in gone.cloned().collect::<Vec<_>>() {
            self.end(&name, End::Deconfigured);
        }
        for name in self.usurped(desired) {
            self.end(&name, End::Changed);
        }
        // Those of running sessions as well: a peer with a fault keeps its router.
        let running = self.running.values().map(|running| &running.peer);
        let unnumbered = desired.peers.values().flatten().chain(running).filter_map(|peer| match &peer.router {
            Router::Interface(link) => Some(link.as_str()),
            Router::Address(_) | Router::Prefix(_) => None,
        });
        self.neighbours.update(unnumbered.collect(), &desired.links);
        self.tables.update(desired, self.was_ready, now);
        for (name, peer) in &desired.peers {
            let running = self.running.iter().filter(|(session, _)| session.peer == *name);
            // A peer with a fault keeps the sessions it has, with the settings they have: a slip of the hand ends none.
            let settings = |running: &Running| peer.as_ref().unwrap_or(&running.peer).clone();
            let mut sessions: Vec<_> = running.map(|(session, running)| (session.clone(), settings(running))).collect();
            let own = SessionName { peer: name.clone(), neighbor: None };
            if let Ok(peer) = peer
                && fits(&peer.router, &own)
                && !self.running.contains_key(&own)
            {
                sessions.push((own, peer.clone()));
            }
            for (session, peer) in sessions {
                self.apply_session(&session, &peer, desired, *leave);
            }
        }
        self.open_doors(desired, *leave);
        self.watch_paths(desired);
    }

    fn apply_session(&mut self, name: &SessionName, peer: &Arc<PeerDesired>, desired: &Desired, leave: bool) {
        if !fits(&peer.router, name) {
            return self.end(name, End::Changed);
        }
        let endpoint = self.endpoint(name, peer, &desired.links);
        let path = endpoint.as_ref().and_then(|endpoint| path_of(peer, endpoint, &desired.links));
        let orders = Orders {
            end: leave.then_some(End::Leave { demotion: self.config.leave_time }),
            ..self.orders(name, peer, desired)
        };
        if let Some(running) = self.running.get_mut(name) {
            let edited = peers::other_ends(&running.peer, peer, name.neighbor);
            // While a router on an unnumbered link is not heard, the session may still live.
            let moved = endpoint.as_ref().is_some_and(|endpoint| endpoint.remote != running.endpoint.remote);
            if moved || !edited.is_empty() {
                let settings = edited.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                tracing::info!(peer = %name.peer, settings, "the session ends, because its router or these settings changed");
                return self.end(name, End::Changed);
            }
            running.peer.clone_from(peer);
            if endpoint.is_some() && path != running.path {
                running.path = path;
                running.reports = path.map(|path| self.reports.entry(path).or_default().subscribe());
            }
            let orders = Orders { path: running.reports.clone(), ..orders };
            running.orders.send_if_modified(|current| update(current, orders));
            return;
        }
        let Some(endpoint) = endpoint else { return };
        if !leave && !self.is_busy(name) {
            self.start(name, peer, endpoint, path, orders);
        }
    }

    /// Returns whether a former session of this name has not ended yet, or ended by a fault a moment ago.
    pub(super) fn is_busy(&self, name: &SessionName) -> bool {
        self.ending.values().any(|ending| ending == name) || self.resting.contains_key(name)
    }

    pub(super) fn orders(&self, name: &SessionName, peer: &PeerDesired, desired: &Desired) -> Orders {
        Orders {
            config: bgp::Config { export: self.tables.export(), ..peer.config.clone() },
            routes: self.tables.routes(&name.peer),
            key: peer.key.clone(),
            links: desired.links.clone(),
            path: None,
            end: None,
        }
    }

    pub(super) fn start(
        &mut self,
        name: &SessionName,
        peer: &Arc<PeerDesired>,
        endpoint: Endpoint,
        path: Option<bfd::Endpoint>,
        orders: Orders,
    ) {
        // A router that nobody named is forgotten once it had time for its next try.
        let patience = name.neighbor.map(|_| orders.config.retry.longest);
        let driver = Driver::new(name.peer.clone(), endpoint.clone(), orders.config.clone(), patience);
        let reports = path.map(|path| self.reports.entry(path).or_default().subscribe());
        let (orders, receiver) = watch::channel(Orders { path: reports.clone(), ..orders });
        // A router opens one connection at a time; one that finds the channel full is turned away and tries again.
        let (incoming, connections) = mpsc::channel(4);
        // The supervisor asks one question at a time and waits for the answer.
        let (queries, questions) = mpsc::channel(1);
        let task = self.tasks.spawn(driver.run(receiver, connections, questions)).id();
        let running = Running { task, peer: peer.clone(), endpoint, path, reports, orders, incoming, queries };
        self.running.insert(name.clone(), running);
    }

    fn end(&mut self, name: &SessionName, end: End) {
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
            tracing::error!(peer = %name.peer, %error, "the session's task ended by a fault; starting it again in {RETRY:?}");
            self.resting.insert(name, Instant::now() + RETRY);
        }
    }

    /// Returns the ends of the session; none while the router of an unnumbered link is not known.
    fn endpoint(&self, name: &SessionName, peer: &PeerDesired, links: &Links) -> Option<Endpoint> {
        match &peer.router {
            Router::Prefix(_) => {
                let mut remote = self.running.get(name)?.endpoint.remote;
                remote.set_port(peer.port);
                Some(Endpoint { remote, source: peer.source, device: peer.vrf.clone() })
            }
            Router::Address(address) => {
                let remote = SocketAddr::new(*address, peer.port);
                Some(Endpoint { remote, source: peer.source, device: peer.vrf.clone() })
            }
            Router::Interface(name) => {
                let index = index_of(name, links)?;
                let address = self.neighbours.router_on(name)?;
                let remote = SocketAddr::V6(SocketAddrV6::new(address, peer.port, 0, index.0));
                Some(Endpoint { remote, source: peer.source, device: Some(name.clone()) })
            }
        }
    }

    fn watch_paths(&mut self, desired: &Desired) {
        let mut sessions = BTreeMap::new();
        for running in self.running.values() {
            let (Some(path), Some(report)) = (running.path, running.path.and_then(|path| self.reports.get(&path)))
            else {
                continue;
            };
            let Some(profile) = &running.peer.bfd else { continue };
            let device = running.endpoint.device.as_deref();
            let echo_link = echo_link(path.neighbor, &desired.links);
            let echoes = echoes(path.neighbor, device, echo_link, &desired.links);
            let config = peers::bfd_config(profile, path.hops, echoes);
            let device = device.map(|name| Device { name: name.to_owned(), index: index_of(name, &desired.links) });
            let watched = Watched { config, device, echo_link, report: report.clone() };
            // Two peers on one router share its path; the first of them decides how it is watched.
            sessions.entry(path).or_insert(watched);
        }
        self.reports.retain(|path, _| sessions.contains_key(path));
        self.bfd.update(sessions);
    }

    async fn observe(&self, desired: &Desired) -> RoutingObserved {
        let paths = self.bfd.observe().await;
        let mut observed = Vec::with_capacity(desired.peers.len());
        for (name, peer) in &desired.peers {
            let fault = self.fault(name, peer, &desired.links);
            let vrf = peer.as_ref().ok().and_then(|peer| peer.vrf.clone()).unwrap_or_default();
            let peer_observed = |session: Option<SessionObserved>, path| PeerObserved {
                name: name.clone(),
                router: router_text(peer, session.as_ref()),
                vrf: vrf.clone(),
                fault: fault.clone(),
                session,
                path,
            };
            let before = observed.len();
            for (_, running) in self.running.iter().filter(|(session, _)| session.peer == *name) {
                let path = paths.iter().find(|observed| Some(observed.endpoint) == running.path).cloned();
                observed.push(peer_observed(ask(&running.queries).await, path));
            }
            if observed.len() == before {
                observed.push(peer_observed(None, None));
            }
        }
        RoutingObserved { peers: observed, turned_away: self.doors.turned_away().clone() }
    }

    fn fault(&self, name: &PeerName, peer: &Result<Arc<PeerDesired>, PeerRefused>, links: &Links) -> Option<String> {
        let peer = match peer {
            Ok(peer) => peer,
            Err(refused) => return Some(refused.to_string()),
        };
        let closed = self.guests.get(name).and_then(|(door, _)| self.doors.fault(door));
        closed.or_else(|| self.crowd(name, peer)).or_else(|| self.unnumbered_fault(peer, links))
    }

    fn unnumbered_fault(&self, peer: &PeerDesired, links: &Links) -> Option<String> {
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
    let same_path = is_same_path(&current.path, &orders.path);
    let same = same_routes
        && same_path
        && have_same_addresses(&current.links, &orders.links)
        && current.config == orders.config
        && current.key == orders.key
        && current.end == orders.end;
    *current = orders;
    !same
}

/// Returns whether two lists of links offer the same next hops.
fn have_same_addresses(one: &Links, other: &Links) -> bool {
    let same = |((index, link), (other_index, other)): ((&LinkIndex, &Link), (&LinkIndex, &Link))| {
        index == other_index && link.addresses == other.addresses
    };
    one.len() == other.len() && one.iter().zip(other).all(same)
}

/// Returns whether a peer has such a session.
fn fits(router: &Router, session: &SessionName) -> bool {
    match (router, session.neighbor) {
        (Router::Prefix(network), Some(neighbor)) => network.contains(&neighbor),
        (Router::Address(_) | Router::Interface(_), None) => true,
        (Router::Prefix(_), None) | (Router::Address(_) | Router::Interface(_), Some(_)) => false,
    }
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
