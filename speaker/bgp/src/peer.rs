//! The machine of RFC 4271 §8.

mod connection;
mod ending;
mod exchange;
mod phase;
mod receive;
mod status;
mod why;

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crate::{
    Config,
    rib_out::RibOut,
    session::our_open,
    timing::{Backoff, Random},
    wire::{Cease, Fault, keepalive},
};
use connection::{Connection, Progress};
pub use exchange::{Bfd, ConnId, Event, Input, Link, Output, State, Stats, Stop};
use phase::{Outgoing, Phase};
pub use status::{FamilyState, Status};
pub use why::{Direction, Why};

/// How long opening a connection may take.
const CONNECT_TIME: Duration = Duration::from_secs(10);
/// A session that lasted as long forgives earlier failures.
const STABLE_TIME: Duration = Duration::from_secs(30);
/// A connection this soon after another was established is a late collision and not a restart of the peer.
const COLLISION_TIME: Duration = Duration::from_secs(5);

/// One neighbour, to whom routes are announced.
///
/// Call [`Self::handle`] with what happened, drain [`Self::poll_output`] to `None` and do it, sleep until
/// [`Self::poll_timeout`], then hand in [`Input::Timeout`].
#[derive(Debug)]
pub struct Peer {
    config: Config,
    random: Random,
    backoff: Backoff,
    phase: Phase,
    /// Whether the next session is the first since a restart.
    restarting: bool,
    graceful_shutdown: bool,
    next_outgoing: u64,
    rib: RibOut,
    last_error: Option<Why>,
    /// The latest session ended because BFD lost the path, and no attempt since then has met a refusal.
    lost_by_bfd: bool,
    outputs: VecDeque<Output>,
    stats: Stats,
}

impl Peer {
    /// Makes a peer that does nothing until [`Input::Start`]; the seed decides jitter.
    #[must_use]
    pub fn new(config: Config, seed: u64) -> Self {
        Self {
            rib: RibOut::new(config.export.clone()),
            config,
            random: Random::new(seed),
            backoff: Backoff::default(),
            phase: Phase::STOPPED,
            restarting: true,
            graceful_shutdown: false,
            next_outgoing: 0,
            last_error: None,
            lost_by_bfd: false,
            outputs: VecDeque::new(),
            stats: Stats::default(),
        }
    }

    /// Takes note of what happened; [`Self::poll_output`] and [`Self::poll_timeout`] say what follows.
    pub fn handle(&mut self, now: Instant, input: Input) {
        let is_timeout = matches!(input, Input::Timeout);
        match input {
            Input::Start => self.on_start(now),
            Input::Stop(stop) => self.on_stop(now, &stop),
            Input::Connected { conn, link } => self.on_connected(now, conn, link),
            Input::ConnectFailed { conn, error } => self.end(now, conn, Why::ConnectFailed(error)),
            Input::Accepted { conn, link } => self.on_accepted(now, conn, link),
            Input::Link { conn, link } => self.on_link(conn, link),
            Input::Closed { conn, error } => self.on_closed(now, conn, error),
            Input::Received { conn, bytes } => self.on_received(now, conn, &bytes),
            Input::Sent { conn, bytes } => self.on_sent(now, conn, bytes),
            Input::Routes(routes) => self.rib.replace(&routes),
            Input::Change(changes) => self.rib.change(changes),
            Input::Bfd(bfd) => self.on_bfd(now, bfd),
            Input::GracefulShutdown(on) => self.on_graceful_shutdown(on),
            Input::Reconfigure(config) => self.on_reconfigure(now, *config),
            Input::Timeout => self.on_timeout(now),
        }
        self.flush(now);
        debug_assert!(
            !is_timeout || self.poll_timeout().is_none_or(|next| next > now),
            "a deadline that has passed was dealt with"
        );
    }

    /// Returns the next thing to do, oldest first.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Returns when [`Input::Timeout`] is due; `None` for a peer that can only wait for other inputs.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.phase.connections().flat_map(Connection::deadlines).chain(self.phase.deadline()).min()
    }

    fn on_start(&mut self, now: Instant) {
        if let Phase::Idle { resume: None } = self.phase {
            self.backoff.reset();
            self.run(now);
        }
    }

    /// Leaves Idle.
    fn run(&mut self, now: Instant) {
        let outgoing = if self.config.connecting.dials() { self.dial(now) } else { Outgoing::Never };
        self.phase = Phase::Running { outgoing, incoming: None };
    }

    fn dial(&mut self, now: Instant) -> Outgoing {
        self.next_outgoing += 1;
        self.stats.connects += 1;
        let conn = ConnId::Outgoing(self.next_outgoing);
        self.outputs.push_back(Output::Connect { conn, ttl: self.time_to_live() });
        Outgoing::Dialing { conn, until: now + CONNECT_TIME }
    }

    fn on_connected(&mut self, now: Instant, id: ConnId, link: Link) {
        let Phase::Running { outgoing, .. } = &mut self.phase else { return };
        match outgoing {
            Outgoing::Dialing { conn, .. } if *conn == id => {}
            Outgoing::Never | Outgoing::Waiting { .. } | Outgoing::Dialing { .. } | Outgoing::Open(_) => return,
        }
        let connection = Connection::new(id, link, our_open(&self.config, &link, self.restarting), now);
        *outgoing = Outgoing::Open(connection);
        self.send_open(now, id);
    }

    fn on_accepted(&mut self, now: Instant, id: ConnId, link: Link) {
        if !self.is_welcome(now) {
            self.stats.refused += 1;
            return self.outputs.push_back(Output::Close { conn: id });
        }
        let earlier = self.phase.connections().map(|earlier| (earlier.id, earlier.state())).collect::<Vec<_>>();
        for (earlier, state) in earlier {
            match (earlier, state) {
                // RFC 4724 §5: the peer has forgotten the old session and keeps our routes.
                (_, State::Established) => self.end(now, earlier, Why::PeerRestarted),
                // The peer opens one connection at a time, so it has given up this one.
                (ConnId::Incoming(_), _) => self.end(now, earlier, Why::Sent(Fault::Cease(Cease::Collision))),
                (ConnId::Outgoing(_), _) => {}
            }
        }
        let Phase::Running { incoming, .. } = &mut self.phase else {
            return self.outputs.push_back(Output::Close { conn: id });
        };
        *incoming = Some(Connection::new(id, link, our_open(&self.config, &link, self.restarting), now));
        self.send_open(now, id);
    }

    /// Returns whether the peer may open a connection.
    fn is_welcome(&self, now: Instant) -> bool {
        let established =
            self.phase.connections().find_map(|connection| connection.established_since().zip(connection.session()));
        let running = matches!(self.phase, Phase::Running { .. });
        let restarted = established.is_none_or(|(since, session)| {
            now.saturating_duration_since(since) >= COLLISION_TIME && session.restarts_gracefully
        });
        self.config.connecting.accepts() && running && restarted
    }

    fn send_open(&mut self, now: Instant, id: ConnId) {
        let Some(open) = self.phase.connection_mut(id).map(|connection| connection.ours.encode()) else { return };
        self.stats.opens_sent += 1;
        self.send(now, id, open);
    }

    fn send(&mut self, now: Instant, id: ConnId, bytes: Vec<u8>) {
        let Some(connection) = self.phase.connection_mut(id) else { return };
        connection.note_handed_over(bytes.len(), now);
        self.stats.bytes_sent += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.outputs.push_back(Output::Send { conn: id, bytes });
    }

    fn on_sent(&mut self, now: Instant, id: ConnId, bytes: usize) {
        if let Some(connection) = self.phase.connection_mut(id) {
            connection.note_taken(bytes, now);
        }
    }

    /// Sends routes if there are any and the peer has taken the earlier ones.
    fn flush(&mut self, now: Instant) {
        let established = self.phase.connections().find(|connection| connection.established_since().is_some());
        let Some(id) = established.filter(|connection| connection.is_drained()).map(|connection| connection.id) else {
            return;
        };
        let Some(flush) = self.rib.flush() else { return };
        self.stats.updates_sent += flush.updates;
        self.stats.refreshes_sent += flush.refreshes;
        self.send(now, id, flush.bytes);
        // RFC 4271 §8.2.2: an UPDATE shows as well that we live.
        self.restart_keepalive(now, id);
    }

    fn restart_keepalive(&mut self, now: Instant, id: ConnId) {
        let Some(connection) = self.phase.connection_mut(id) else { return };
        if let Some((session, timers)) = connection.timers_mut() {
            timers.keepalive = session.keepalive_time.map(|time| now + self.random.jitter(time));
        }
    }

    fn on_timeout(&mut self, now: Instant) {
        let expired = |deadline: Option<Instant>| deadline.is_some_and(|deadline| deadline <= now);
        let ids: Vec<_> = self.phase.connections().map(|connection| connection.id).collect();
        for id in ids {
            let Some(connection) = self.phase.connection_mut(id) else { continue };
            if expired(connection.silence_deadline()) {
                self.end(now, id, Why::Sent(Fault::HoldTimerExpired));
            } else if expired(connection.send_hold_deadline()) {
                self.end(now, id, Why::SendHoldTimerExpired);
            } else if expired(connection.keepalive_deadline()) {
                self.send_keepalive(now, id);
            }
        }
        if !expired(self.phase.deadline()) {
            return;
        }
        match &mut self.phase {
            Phase::Idle { .. } => self.run(now),
            Phase::Running { outgoing: Outgoing::Dialing { conn, .. }, .. } => {
                let conn = *conn;
                self.end(now, conn, Why::ConnectTimedOut(CONNECT_TIME));
            }
            Phase::Running { .. } => {
                let dialing = self.dial(now);
                if let Phase::Running { outgoing, .. } = &mut self.phase {
                    *outgoing = dialing;
                }
            }
        }
    }

    /// Shows that we live, unless bytes that show it are still on their way.
    fn send_keepalive(&mut self, now: Instant, id: ConnId) {
        if self.phase.connection_mut(id).is_some_and(|connection| connection.is_drained()) {
            self.stats.keepalives_sent += 1;
            self.send(now, id, keepalive());
        }
        self.restart_keepalive(now, id);
    }

    fn on_link(&mut self, id: ConnId, link: Link) {
        if let Some(connection) = self.phase.connection_mut(id) {
            connection.link = link;
            self.adjust_routes();
        }
    }

    fn on_graceful_shutdown(&mut self, on: bool) {
        self.graceful_shutdown = on;
        self.adjust_routes();
    }

    /// Sends the routes again if the settings changed how they look.
    fn adjust_routes(&mut self) {
        let established = self.phase.connections().find_map(|connection| match &connection.progress {
            Progress::OpenSent { .. } | Progress::OpenConfirm { .. } => None,
            Progress::Established { session, .. } => Some((session, &connection.link)),
        });
        if let Some((session, link)) = established {
            let flavour = session.flavour(&self.config, self.graceful_shutdown);
            self.rib.adjust(flavour, session.channels(&self.config, link));
        }
    }

    fn on_reconfigure(&mut self, now: Instant, config: Config) {
        let resets = !self.impact(&config).resets.is_empty();
        let before = std::mem::replace(&mut self.config, config);
        if before.export != self.config.export {
            self.rib.set_filter(self.config.export.clone());
        }
        if resets {
            self.restart(now);
        } else {
            self.adjust_routes();
        }
        self.adjust_connecting(now);
    }

    /// Starts to dial or stops it, as the settings say.
    fn adjust_connecting(&mut self, now: Instant) {
        let dials = self.config.connecting.dials();
        let Phase::Running { outgoing, .. } = &mut self.phase else { return };
        match outgoing {
            Outgoing::Never if dials => *outgoing = Outgoing::Waiting { until: now },
            Outgoing::Waiting { .. } if !dials => *outgoing = Outgoing::Never,
            Outgoing::Dialing { conn, .. } if !dials => {
                self.outputs.push_back(Output::Close { conn: *conn });
                *outgoing = Outgoing::Never;
            }
            Outgoing::Never | Outgoing::Waiting { .. } | Outgoing::Dialing { .. } | Outgoing::Open(_) => {}
        }
    }
}
