//! One router: its machine, its connections, and the clock.
//!
//! Everything of a router runs in one task that never waits for a write, so that a router that reads nothing delays no timer.

mod connection;
mod ends;
mod opening;
mod path;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use announce::PeerName;
use bgp::{ConnId, Input, Output, Peer, Routes, Stop};
use rand::Rng as _;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot, watch};

use super::bfd::PathState;
use super::observed::SessionObserved;
use super::turns::{Turns, sleep_until};
use crate::net::links::Links;
use crate::net::tcp::Md5Key;
use crate::peers::Setting;
use connection::{Connection, Progress, READ_BATCH};
pub(super) use path::is_same_path;
use path::next;

/// How long a router may take for the withdrawals before the session ends.
const WITHDRAWAL: Duration = Duration::from_millis(500);

/// Between which ends the session is; another end is another session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub(super) remote: SocketAddr,
    pub(super) source: Option<IpAddr>,
    pub(super) device: Option<String>,
}

/// What the supervisor wants of this session.
#[derive(Debug, Clone)]
pub(super) struct Orders {
    pub(super) config: bgp::Config,
    /// Absent until everything is listed.
    pub(super) routes: Option<Arc<Routes>>,
    pub(super) key: Option<Md5Key>,
    pub(super) links: Arc<Links>,
    /// What BFD finds out about the path to the router, where it is watched.
    pub(super) path: Option<watch::Receiver<PathState>>,
    pub(super) end: Option<End>,
}

/// How the session shall end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The peer left the configuration.
    Deconfigured,
    /// It begins anew with another address or password.
    Changed,
    /// The process ends: routers that do not keep the routes are asked to prefer other nodes for this time first.
    Leave { demotion: Duration },
}

/// How far a session that ends in order has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Not,
    Demoted { until: Instant },
    Withdrawn { until: Instant },
    Ended,
}

/// The machine and the connections of one router.
pub(super) struct Driver {
    name: PeerName,
    endpoint: Endpoint,
    machine: Peer,
    connections: Vec<Connection>,
    orders: Option<Orders>,
    ending: Ending,
    failures_seen: u64,
    local: Option<IpAddr>,
    /// How many connections of the router were accepted.
    accepted: u64,
    /// How long a router that is known only by its prefix may be away before it is forgotten, and since when it is.
    patience: Option<Duration>,
    away: Option<Instant>,
    /// Why the latest attempt could not even begin.
    refused: Option<String>,
    told: Option<String>,
}

impl Driver {
    /// Makes a driver that serves its router for good, or until the router has been away for `patience`.
    pub(super) fn new(name: PeerName, endpoint: Endpoint, config: bgp::Config, patience: Option<Duration>) -> Self {
        Self {
            name,
            endpoint,
            machine: Peer::new(config, rand::rng().next_u64()),
            connections: Vec::new(),
            orders: None,
            ending: Ending::Not,
            failures_seen: 0,
            local: None,
            accepted: 0,
            patience,
            away: None,
            refused: None,
            told: None,
        }
    }

    /// Serves the router until its session has ended as ordered.
    pub(super) async fn run(
        mut self,
        mut orders: watch::Receiver<Orders>,
        mut incoming: mpsc::Receiver<TcpStream>,
        mut questions: mpsc::Receiver<oneshot::Sender<SessionObserved>>,
    ) {
        let mut path = None;
        let first = orders.borrow_and_update().clone();
        self.watch(&mut path, &first);
        self.on_orders(first);
        self.machine.handle(Instant::now(), Input::Start);
        self.perform();
        let mut ordered = true;
        let mut turns = Turns::default();
        while !self.is_over() {
            let deadline = self.deadline();
            tokio::select! { biased;
                changed = orders.changed(), if ordered => {
                    ordered = changed.is_ok();
                    if ordered {
                        let next = orders.borrow_and_update().clone();
                        self.watch(&mut path, &next);
                        self.on_orders(next);
                    } else if self.ending == Ending::Not {
                        // The supervisor is gone by a fault: routers that can shall keep the routes.
                        self.stop(Stop::Restart);
                    }
                }
                state = next(&mut path) => self.on_path(state),
                Some(stream) = incoming.recv() => self.accept(stream),
                Some(answer) = questions.recv() => {
                    // The asker may have gone; nobody else wants the answer.
                    drop(answer.send(self.observed()));
                }
                () = self.ready() => {}
                () = sleep_until(deadline) => {}
            }
            // What waits in the sockets comes first, or a process that stood still reports an outage of its own making.
            let cut_short = self.serve();
            self.on_time();
            self.connections.retain(|connection| !connection.is_gone());
            self.note_absence();
            turns.end(cut_short).await;
        }
    }

    /// Listens to what is found out about another path; what failed before does not count.
    fn watch(&mut self, path: &mut Option<watch::Receiver<PathState>>, orders: &Orders) {
        if !is_same_path(path, &orders.path) {
            path.clone_from(&orders.path);
            self.failures_seen = path.as_ref().map_or(0, |path| path.borrow().failures);
        }
    }

    fn is_over(&self) -> bool {
        let forgotten = self.forgotten_at().is_some_and(|at| at <= Instant::now());
        self.connections.is_empty() && (forgotten || self.ending == Ending::Ended)
    }

    fn forgotten_at(&self) -> Option<Instant> {
        self.away.zip(self.patience).map(|(since, patience)| since + patience)
    }

    fn note_absence(&mut self) {
        let away = self.patience.is_some() && self.connections.is_empty();
        self.away = if away { self.away.or_else(|| Some(Instant::now())) } else { None };
    }

    fn deadline(&self) -> Option<Instant> {
        let ending = match self.ending {
            Ending::Demoted { until } | Ending::Withdrawn { until } => Some(until),
            Ending::Not | Ending::Ended => None,
        };
        let connections = self.connections.iter().filter_map(Connection::deadline);
        let own = ending.into_iter().chain(self.forgotten_at()).chain(self.machine.poll_timeout());
        connections.map(tokio::time::Instant::into_std).chain(own).min()
    }

    /// Waits until a connection can be served.
    fn ready(&self) -> impl Future<Output = ()> {
        std::future::poll_fn(|context| {
            // All are polled, so that each wakes the task.
            let ready = self.connections.iter().filter(|connection| connection.poll_ready(context).is_ready()).count();
            if ready > 0 { Poll::Ready(()) } else { Poll::Pending }
        })
    }

    /// Serves the connections, and returns whether there may be more to read from one.
    fn serve(&mut self) -> bool {
        let mut reports = Vec::new();
        let mut cut_short = false;
        for connection in &mut self.connections {
            let mut progress = Vec::new();
            connection.serve(&mut progress);
            cut_short |= progress.len() >= READ_BATCH;
            reports.extend(progress.into_iter().map(|progress| (connection.id, progress)));
        }
        for (id, progress) in reports {
            self.report(id, progress);
            self.perform();
        }
        cut_short
    }

    fn on_time(&mut self) {
        let now = Instant::now();
        if self.machine.poll_timeout().is_some_and(|deadline| deadline <= now) {
            self.machine.handle(now, Input::Timeout);
            self.perform();
        }
        match self.ending {
            Ending::Demoted { until } if until <= now => {
                self.machine.handle(now, Input::Routes(Arc::default()));
                self.ending = Ending::Withdrawn { until: now + WITHDRAWAL };
                self.perform();
            }
            Ending::Withdrawn { until } if until <= now || self.machine.is_synced() => self.stop(Stop::Restart),
            Ending::Not | Ending::Demoted { .. } | Ending::Withdrawn { .. } | Ending::Ended => {}
        }
    }

    fn on_orders(&mut self, next: Orders) {
        let now = Instant::now();
        let before = self.orders.replace(next);
        let Some(orders) = &self.orders else { return };
        let Orders { config, routes, key, links, path: _, end } = orders;
        let end = *end;
        let was = before.as_ref();
        let new_links = was.is_some_and(|was| !Arc::ptr_eq(&was.links, links));
        if was.is_some_and(|was| was.config != *config) {
            let resets = self.machine.impact(config).resets;
            if !resets.is_empty() {
                let settings = resets.into_iter().map(|setting| Setting::from(setting).to_string());
                let settings = settings.collect::<Vec<_>>().join(", ");
                tracing::info!(peer = %self.name, settings, "the session starts anew, because these settings changed");
            }
            self.machine.handle(now, Input::Reconfigure(Box::new(config.clone())));
        }
        if let Some(routes) = routes
            && was.and_then(|was| was.routes.as_ref()).is_none_or(|before| !Arc::ptr_eq(before, routes))
            && self.ending == Ending::Not
        {
            self.machine.handle(now, Input::Routes(routes.clone()));
        }
        let new_key = was.is_some_and(|was| was.key != *key);
        // A session that is up goes on under its password: the router may not have the new one yet.
        if new_key && self.machine.state() != bgp::State::Established && self.ending == Ending::Not {
            self.machine.handle(now, Input::Stop(Stop::Restart));
            self.machine.handle(now, Input::Start);
        }
        self.perform();
        if new_links {
            self.on_links();
        }
        if let Some(end) = end.filter(|end| was.and_then(|was| was.end) != Some(*end)) {
            self.on_end(end);
        }
    }

    fn on_end(&mut self, end: End) {
        let now = Instant::now();
        match end {
            End::Deconfigured => self.stop(Stop::Deconfigured),
            End::Changed => self.stop(Stop::Restart),
            End::Leave { demotion } => {
                let status = self.machine.status();
                let keeps_routes = status.session.is_some_and(|session| session.restarts_gracefully);
                if status.announced == 0 || keeps_routes || demotion.is_zero() {
                    return self.stop(Stop::Restart);
                }
                if self.ending == Ending::Not {
                    self.machine.handle(now, Input::GracefulShutdown(true));
                    self.ending = Ending::Demoted { until: now + demotion };
                    self.perform();
                }
            }
        }
    }

    fn stop(&mut self, stop: Stop) {
        self.machine.handle(Instant::now(), Input::Stop(stop));
        self.ending = Ending::Ended;
        self.perform();
    }

    fn on_path(&mut self, state: PathState) {
        let now = Instant::now();
        let PathState { up, failures, independent } = state;
        if failures > self.failures_seen {
            self.failures_seen = failures;
            self.machine.handle(now, Input::Bfd(bgp::Bfd::Down { independent }));
            self.perform();
        }
        if up {
            self.machine.handle(now, Input::Bfd(bgp::Bfd::Up));
            self.perform();
        }
    }

    /// Does what the machine wants.
    fn perform(&mut self) {
        while let Some(output) = self.machine.poll_output() {
            match output {
                Output::Connect { conn, ttl } => self.dial(conn, ttl),
                Output::Send { conn, bytes } => self.send(conn, bytes),
                Output::Close { conn } => {
                    let mut progress = Vec::new();
                    for connection in self.connections.iter_mut().filter(|connection| connection.id == conn) {
                        connection.close();
                        connection.serve(&mut progress);
                    }
                }
                Output::Event(event) => self.tell(&event),
            }
        }
    }

    fn send(&mut self, id: ConnId, bytes: Vec<u8>) {
        let mut progress = Vec::new();
        let live = |connection: &&mut Connection| connection.id == id && connection.is_live();
        if let Some(connection) = self.connections.iter_mut().find(live) {
            connection.send(bytes);
            connection.write(&mut progress);
        }
        for progress in progress {
            self.report(id, progress);
        }
    }

    fn report(&mut self, conn: ConnId, progress: Progress) {
        let input = match progress {
            Progress::Opened { local, remote } => self.on_opened(conn, local, remote),
            Progress::Refused(error) => Input::ConnectFailed { conn, error },
            Progress::Sent(bytes) => Input::Sent { conn, bytes },
            Progress::Received(bytes) => Input::Received { conn, bytes },
            Progress::Ended(error) => Input::Closed { conn, error },
        };
        self.machine.handle(Instant::now(), input);
    }

    /// Logs each new reason once: a router that stays away must not fill the log.
    fn tell(&mut self, event: &bgp::Event) {
        let (peer, router) = (&self.name, self.endpoint.remote);
        match event {
            bgp::Event::Up(session) => {
                self.told = None;
                tracing::info!(%peer, %router, asn = %session.peer_as, id = %session.peer_id, "session established");
            }
            bgp::Event::Down(why) if self.ending != Ending::Not => {
                tracing::info!(%peer, %router, %why, "session ended")
            }
            bgp::Event::Down(why) => tracing::warn!(%peer, %router, %why, "session lost"),
            bgp::Event::Failed(why) => {
                let why = self.refused.clone().unwrap_or_else(|| why.to_string());
                if self.told.as_ref() == Some(&why) {
                    tracing::debug!(%peer, %router, why, "no session");
                } else {
                    tracing::warn!(%peer, %router, why, "no session");
                    self.told = Some(why);
                }
            }
        }
    }

    fn observed(&self) -> SessionObserved {
        let status = self.machine.status();
        let last_error = self.refused.clone().or_else(|| status.last_error.as_ref().map(ToString::to_string));
        SessionObserved {
            remote: self.endpoint.remote,
            device: self.endpoint.device.clone(),
            local: self.local,
            last_error,
            stats: *self.machine.stats(),
            synced: self.machine.is_synced(),
            filtered: self.machine.filtered().count(),
            unsent: self.machine.unsent().collect(),
            routes: self.orders.as_ref().and_then(|orders| orders.routes.clone()).unwrap_or_default(),
            status,
        }
    }
}

#[cfg(test)]
mod tests;
