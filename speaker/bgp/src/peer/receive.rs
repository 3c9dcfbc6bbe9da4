//! Messages of the peer, in every state.

use std::time::Instant;

use super::{
    Peer,
    connection::{Progress, Timers},
    exchange::{ConnId, Event, Output},
    why::Why,
};
use crate::{
    session::negotiate,
    wire::{Fault, Message, MessageType, Open, RefreshKind, RouteRefresh, Update, Verdict, keepalive},
};

impl Peer {
    pub(super) fn on_received(&mut self, now: Instant, id: ConnId, bytes: &[u8]) {
        let Some(connection) = self.phase.connection_mut(id) else { return };
        self.stats.bytes_received += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        connection.decoder.push(bytes);
        // A message may end this very connection.
        while let Some(connection) = self.phase.connection_mut(id) {
            match connection.decoder.next_message() {
                Ok(Some(message)) => self.on_message(now, id, message),
                Ok(None) => return,
                Err(fault) => return self.end(now, id, Why::Sent(fault)),
            }
        }
    }

    fn on_message(&mut self, now: Instant, id: ConnId, message: Message) {
        self.count(message.kind());
        let Some(connection) = self.phase.connection_mut(id) else { return };
        if let Some((session, timers)) = connection.timers_mut() {
            timers.hold = session.hold_time.map(|time| now + time);
        }
        match (&connection.progress, message) {
            (_, Message::Notification(notification)) => {
                self.end(now, id, Why::Received { notification, local_as: self.config.local_as });
            }
            (Progress::OpenSent { .. }, Message::Open(open)) => self.on_open(now, id, &open),
            (Progress::OpenConfirm { .. }, Message::Keepalive) => self.establish(now, id),
            (Progress::Established { .. }, Message::Keepalive) => {}
            (Progress::Established { .. }, Message::Update(update)) => self.on_update(&update),
            (Progress::Established { .. }, Message::RouteRefresh(refresh)) => self.on_route_refresh(refresh),
            (
                Progress::OpenSent { .. },
                message @ (Message::Keepalive | Message::Update(_) | Message::RouteRefresh(_)),
            )
            | (
                Progress::OpenConfirm { .. },
                message @ (Message::Open(_) | Message::Update(_) | Message::RouteRefresh(_)),
            )
            | (Progress::Established { .. }, message @ Message::Open(_)) => {
                let fault = Fault::Unexpected { state: connection.state_code(), received: message.kind() };
                self.end(now, id, Why::Sent(fault));
            }
        }
    }

    fn count(&mut self, kind: MessageType) {
        let counter = match kind {
            MessageType::Open => &mut self.stats.opens_received,
            MessageType::Update => &mut self.stats.updates_received,
            MessageType::Notification => &mut self.stats.notifications_received,
            MessageType::Keepalive => &mut self.stats.keepalives_received,
            MessageType::RouteRefresh => &mut self.stats.refreshes_received,
        };
        *counter += 1;
    }

    fn on_open(&mut self, now: Instant, id: ConnId, theirs: &Open) {
        let Some(connection) = self.phase.connection_mut(id) else { return };
        let session = match negotiate(&self.config, &connection.ours, theirs) {
            Ok(session) => session,
            Err(fault) => return self.end(now, id, Why::Sent(Fault::Open(fault))),
        };
        let timers = Timers::start(&session, &mut self.random, now);
        connection.progress = Progress::OpenConfirm { session, timers };
        self.resolve_collision(now, id);
        if self.phase.connection_mut(id).is_some() {
            self.stats.keepalives_sent += 1;
            self.send(now, id, keepalive());
        }
    }

    fn establish(&mut self, now: Instant, id: ConnId) {
        let Some(connection) = self.phase.connection_mut(id) else { return };
        let Some(session) = connection.session().cloned() else { return };
        connection.decoder.agree(session.context());
        let timers = Timers::start(&session, &mut self.random, now);
        let outbound = session.outbound(&self.config, &connection.link, self.graceful_shutdown);
        connection.progress = Progress::Established { session: session.clone(), timers, since: now };
        self.stats.established += 1;
        self.restarting = false;
        self.lost_by_bfd = false;
        self.rib.begin(outbound);
        self.close_others(now, id);
        self.outputs.push_back(Output::Event(Event::Up(Box::new(session))));
    }

    fn on_update(&mut self, update: &Update) {
        match update.verdict {
            Verdict::Accept => {}
            Verdict::DiscardAttribute(_) => self.stats.attributes_discarded += 1,
            Verdict::TreatAsWithdraw(_) => self.stats.treated_as_withdraw += 1,
        }
    }

    fn on_route_refresh(&mut self, refresh: Option<RouteRefresh>) {
        let Some(RouteRefresh { family, kind: RefreshKind::Request }) = refresh else { return };
        if let Some(family) = family.known() {
            self.rib.refresh(family);
        }
    }
}
