//! What a session sends, and how often (RFC 5880 §6.8.7).

use std::time::{Duration, Instant};

use crate::{
    ControlPacket, Interval, Micros, Neighbor, Output, Role, Session, State,
    negotiation::{Negotiation, Timers},
    session::{phase::Phase, transmit::Due},
    timing::detection_time,
};

impl Session {
    /// Sends what is due and plans what comes next.
    pub(super) fn transmit(&mut self, now: Instant) {
        let interval = self.periodic_interval();
        self.schedule.plan(now, interval, self.config.detect_multiplier, &mut self.random);
        if !self.may_transmit() {
            self.schedule.drop_requests();
        }
        while let Some(due) = self.schedule.take_due(now, self.config.detect_multiplier, &mut self.random) {
            let packet = self.packet(due);
            self.outputs.push_back(Output::Send(packet));
            self.stats.control_packet_output += 1;
        }
        if let Phase::Up { echo: Some(echo), .. } = &mut self.phase
            && echo.next_transmit() <= now
        {
            self.outputs.push_back(Output::Echo(echo.transmit(now, &mut self.random)));
            self.stats.echo_packet_output += 1;
        }
    }

    fn packet(&self, due: Due) -> ControlPacket {
        let timers = self.timers_advertised();
        let (poll, final_) = match due {
            Due::Periodic => (self.is_polling(), false),
            Due::Update => (false, false),
            Due::Final => (false, true),
        };
        ControlPacket {
            diag: self.diag,
            state: self.state(),
            poll,
            final_,
            control_plane_independent: self.config.control_plane_independent,
            demand: false,
            detect_multiplier: self.config.detect_multiplier,
            my_discriminator: self.discriminator,
            your_discriminator: self.neighbor().map(|neighbor| neighbor.packet.my_discriminator),
            desired_min_tx: timers.min_tx,
            required_min_rx: timers.min_rx,
            required_min_echo_rx: self.required_min_echo_rx(),
        }
    }

    /// RFC 5880 §4.1: zero where echoes are not returned.
    fn required_min_echo_rx(&self) -> Micros {
        let interval = self.config.path.echo().and_then(|echo| echo.receive_interval);
        interval.map_or(Micros::ZERO, Interval::micros)
    }

    /// Returns the interval between our packets before jitter; `None` while we may not send.
    pub(super) fn periodic_interval(&self) -> Option<Micros> {
        if !self.may_transmit() {
            return None;
        }
        let ours = self.timers_in_force().min_tx;
        let Some(Neighbor { packet, .. }) = self.neighbor() else { return Some(ours) };
        // RFC 5880 §6.8.7: a demanding neighbour wants only polls while both ends are Up.
        let both_up = self.state() == State::Up && packet.state == State::Up;
        let demanded_silence = packet.demand && both_up && !self.is_polling();
        if packet.required_min_rx == Micros::ZERO || demanded_silence {
            return None;
        }
        Some(ours.max(packet.required_min_rx))
    }

    /// Returns whether the role lets us send at all.
    fn may_transmit(&self) -> bool {
        match self.config.role {
            Role::Active => true,
            Role::Passive => self.neighbor().is_some(),
        }
    }

    pub(super) fn timers_until_up(&self) -> Timers {
        Timers {
            min_tx: self.config.transmit_interval.micros().max(Micros::ONE_SECOND),
            min_rx: self.config.receive_interval.micros(),
        }
    }

    fn timers_in_force(&self) -> Timers {
        self.phase.negotiation().map_or_else(|| self.timers_until_up(), Negotiation::in_force)
    }

    fn timers_advertised(&self) -> Timers {
        self.phase.negotiation().map_or_else(|| self.timers_until_up(), Negotiation::advertised)
    }

    /// Returns how long the neighbour waits for us before it calls us down.
    pub(super) fn neighbors_detection_time(&self) -> Duration {
        self.neighbor().map_or(Duration::ZERO, |neighbor| {
            let min_tx = self.timers_advertised().min_tx;
            detection_time(self.config.detect_multiplier, min_tx, neighbor.packet.required_min_rx)
        })
    }
}
