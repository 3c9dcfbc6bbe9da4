//! How connections end: by a fault, by will, by losing a collision; and what comes after.

use std::{io, time::Instant};

use super::{
    Peer, STABLE_TIME,
    connection::Connection,
    exchange::{Bfd, ConnId, Event, Output, State, Stop},
    phase::{Outgoing, Phase, Taken},
    why::Why,
};
use crate::wire::{Cease, Fault};

impl Peer {
    /// Ends a connection, or the attempt at one, and decides when to try again.
    pub(super) fn end(&mut self, now: Instant, id: ConnId, why: Why) {
        let Some(connection) = self.drop_connection(now, id, &why) else { return };
        let was_up = connection.as_ref().and_then(Connection::established_since);
        if was_up.is_none() && self.phase.connections().next().is_some() {
            return self.let_outgoing_wait(now);
        }
        if was_up.is_some_and(|since| now.saturating_duration_since(since) >= STABLE_TIME) {
            self.backoff.reset();
        }
        let wait = self.backoff.fail(self.config.retry, &mut self.random);
        if why.is_refusal() {
            self.lost_by_bfd = false;
            self.close_all(now, |_| Why::Sent(Fault::Cease(Cease::Rejected)));
            self.phase = Phase::Idle { resume: Some(now + wait) };
        } else if let Phase::Running { outgoing: Outgoing::Waiting { until }, .. } = &mut self.phase {
            *until = now + wait;
        }
        self.report(was_up.is_some(), why);
        self.adjust_connecting(now);
    }

    /// Tells the peer, closes, and forgets; returns the connection unless it was not open yet.
    fn drop_connection(&mut self, now: Instant, id: ConnId, why: &Why) -> Option<Option<Connection>> {
        if let Why::Sent(fault) = why {
            self.notify(now, id, fault);
        }
        let taken = self.phase.take(id, now)?;
        if !matches!(why, Why::ConnectFailed(_) | Why::Closed { .. }) {
            self.outputs.push_back(Output::Close { conn: id });
        }
        match taken {
            Taken::Attempt => Some(None),
            Taken::Connection(connection) => {
                if connection.state() == State::Established {
                    self.rib.end();
                }
                Some(Some(connection))
            }
        }
    }

    /// Sends a NOTIFICATION, as a hard reset where routes must not survive it (RFC 8538 §4).
    fn notify(&mut self, now: Instant, id: ConnId, fault: &Fault) {
        let Some(connection) = self.phase.connection_mut(id) else { return };
        let survives = connection.session().is_some_and(|session| session.survives_notification);
        let established = connection.established_since().is_some();
        let shall_not = match fault {
            Fault::Cease(Cease::Shutdown { .. } | Cease::Deconfigured | Cease::BfdDown) => true,
            Fault::Cease(Cease::Reset { .. } | Cease::Rejected | Cease::ConfigurationChange | Cease::Collision)
            | Fault::Marker
            | Fault::Length { .. }
            | Fault::Type { .. }
            | Fault::Open(_)
            | Fault::Update(_)
            | Fault::HoldTimerExpired
            | Fault::Unexpected { .. }
            | Fault::RefreshLength { .. } => false,
        };
        let notification = fault.notification();
        let wrapped = if survives && established && shall_not { notification.hard_reset() } else { notification };
        self.stats.notifications_sent += 1;
        self.send(now, id, wrapped.encode());
    }

    fn report(&mut self, was_up: bool, why: Why) {
        let event = if was_up { Event::Down(why.clone()) } else { Event::Failed(why.clone()) };
        self.outputs.push_back(Output::Event(event));
        self.last_error = Some(why.after(self.last_error.take()));
    }

    /// Lets the outgoing side rest while another connection gets somewhere.
    fn let_outgoing_wait(&mut self, now: Instant) {
        let wait = self.random.jitter(self.config.retry.shortest);
        if let Phase::Running { outgoing: Outgoing::Waiting { until }, .. } = &mut self.phase {
            *until = now + wait;
        }
    }

    fn drop_attempt(&mut self) {
        if let Phase::Running { outgoing: Outgoing::Dialing { conn, .. }, .. } = &self.phase {
            self.outputs.push_back(Output::Close { conn: *conn });
        }
    }

    pub(super) fn on_closed(&mut self, now: Instant, id: ConnId, error: Option<io::ErrorKind>) {
        let Some(connection) = self.phase.connection_mut(id) else { return };
        let why = Why::Closed { state: connection.state(), error };
        self.end(now, id, why);
    }

    /// Keeps one of two connections on which the peer has said who it is (RFC 4271 §6.8, RFC 6286 §2.3).
    pub(super) fn resolve_collision(&mut self, now: Instant, id: ConnId) {
        let Some(session) = self.phase.connection_mut(id).and_then(|connection| connection.session()) else { return };
        let ours_wins = (self.config.router_id, self.config.local_as) > (session.peer_id, session.peer_as);
        let other = self.phase.connections().find(|other| other.id != id && other.state() == State::OpenConfirm);
        let Some(other) = other.map(|other| other.id) else { return };
        let id_wins = matches!(id, ConnId::Outgoing(_)) == ours_wins;
        self.end(now, if id_wins { other } else { id }, Why::Sent(Fault::Cease(Cease::Collision)));
    }

    /// Leaves the established connection alone.
    pub(super) fn close_others(&mut self, now: Instant, established: ConnId) {
        let others: Vec<_> =
            self.phase.connections().map(|other| other.id).filter(|other| *other != established).collect();
        for other in others {
            self.end(now, other, Why::Sent(Fault::Cease(Cease::Collision)));
        }
        self.drop_attempt();
        if let Phase::Running { outgoing: outgoing @ Outgoing::Dialing { .. }, .. } = &mut self.phase {
            *outgoing = Outgoing::Waiting { until: now };
        }
    }

    pub(super) fn on_stop(&mut self, now: Instant, stop: &Stop) {
        self.close_all(now, |connection| reason_to_stop(connection, stop));
        self.phase = Phase::STOPPED;
    }

    /// Begins anew at once, with other settings.
    pub(super) fn restart(&mut self, now: Instant) {
        if let Phase::Idle { resume: None } = self.phase {
            return;
        }
        self.close_all(now, |_| Why::Sent(Fault::Cease(Cease::ConfigurationChange)));
        self.backoff.reset();
        self.run(now);
    }

    /// Ends everything without counting it as a failure.
    fn close_all(&mut self, now: Instant, reason: impl Fn(&Connection) -> Why) {
        let reasons: Vec<_> = self.phase.connections().map(|connection| (connection.id, reason(connection))).collect();
        for (id, why) in reasons {
            let connection = self.drop_connection(now, id, &why).flatten();
            if connection.is_some_and(|connection| connection.state() == State::Established) {
                self.report(true, why);
            }
        }
        self.drop_attempt();
    }

    pub(super) fn on_bfd(&mut self, now: Instant, bfd: Bfd) {
        match bfd {
            Bfd::Up => self.resume_after_bfd(now),
            Bfd::Down { independent } => {
                let established = self.phase.connections().find(|connection| connection.established_since().is_some());
                let Some(connection) = established else { return };
                let gracefully = connection.session().is_some_and(|session| session.restarts_gracefully);
                let why =
                    if gracefully && !independent { Why::BfdDown } else { Why::Sent(Fault::Cease(Cease::BfdDown)) };
                let id = connection.id;
                self.end(now, id, why);
                self.lost_by_bfd = true;
            }
        }
    }

    /// Does not sit out the back-off once BFD says that the path it lost is there again.
    fn resume_after_bfd(&mut self, now: Instant) {
        match &mut self.phase {
            Phase::Idle { resume: Some(_) } if self.lost_by_bfd => self.run(now),
            Phase::Running { outgoing: Outgoing::Waiting { until }, incoming: None } if self.lost_by_bfd => {
                *until = now
            }
            Phase::Idle { .. } | Phase::Running { .. } => {}
        }
    }
}

fn reason_to_stop(connection: &Connection, stop: &Stop) -> Why {
    let gracefully = connection.session().is_some_and(|session| session.restarts_gracefully);
    match stop {
        Stop::Shutdown { text } => Why::Sent(Fault::Cease(Cease::Shutdown { text: text.clone() })),
        Stop::Deconfigured => Why::Sent(Fault::Cease(Cease::Deconfigured)),
        // RFC 4724 §4: a NOTIFICATION would make the peer drop the routes.
        Stop::Restart if gracefully => Why::Restarting,
        Stop::Restart => Why::Sent(Fault::Cease(Cease::Reset { text: "restarting".to_owned() })),
    }
}
