//! One session: the machine of RFC 5880 §6.8.

use std::{collections::VecDeque, time::Instant};

use crate::{
    Config, ControlPacket, Diag, Discard, Discriminator, EchoPacket, Micros, SourcePorts, State,
    echo::EchoLoop,
    negotiation::{Negotiation, Timers},
    session::{
        phase::Phase,
        transition::{Transition, transition},
        transmit::Schedule,
    },
    timing::Random,
};

mod exchange;
mod phase;
mod send;
#[cfg(test)]
pub(crate) mod tests;
mod transition;
mod transmit;
mod view;

pub use exchange::{DownCause, Event, Input, Neighbor, Output, Stats};

/// One session with one neighbour.
#[derive(Clone, Debug)]
pub struct Session {
    discriminator: Discriminator,
    config: Config,
    source_ports: SourcePorts,
    random: Random,
    phase: Phase,
    diag: Diag,
    schedule: Schedule,
    outputs: VecDeque<Output>,
    stats: Stats,
}

impl Session {
    /// Makes a session in state Down; an active one has its first packet due at once.
    ///
    /// The discriminator comes from [`crate::Demux::insert`]; the seed decides jitter and source ports.
    #[must_use]
    pub fn new(discriminator: Discriminator, config: Config, seed: u64, now: Instant) -> Self {
        let mut random = Random::new(seed);
        let mut session = Self {
            discriminator,
            config,
            source_ports: SourcePorts::new(&mut random),
            random,
            phase: Phase::Down { neighbor: None },
            diag: Diag::None,
            schedule: Schedule::default(),
            outputs: VecDeque::new(),
            stats: Stats::default(),
        };
        session.transmit(now);
        session
    }

    /// Takes note of what happened; [`Self::poll_output`] and [`Self::poll_timeout`] say what follows.
    pub fn handle(&mut self, now: Instant, input: Input) {
        match input {
            Input::Packet { packet, ttl } => self.on_packet(now, packet, ttl),
            Input::Echo(packet) => self.on_echo(now, packet),
            Input::Reconfigure(config) => self.on_reconfigure(now, config),
            Input::Stop => self.on_stop(now),
            Input::Start => self.on_start(now),
            Input::Timeout => self.on_timeout(now),
        }
        self.transmit(now);
        debug_assert!(
            input != Input::Timeout || self.poll_timeout().is_none_or(|next| next > now),
            "a deadline that has passed was dealt with"
        );
    }

    /// Returns the next thing to do, oldest first.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Returns when [`Input::Timeout`] is due; `None` for a session that can only wait for the neighbour.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let echo = self.phase.echo();
        [
            self.schedule.next(),
            self.detection_deadline(),
            echo.map(EchoLoop::next_transmit),
            echo.and_then(EchoLoop::expires),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn on_packet(&mut self, now: Instant, packet: ControlPacket, ttl: u8) {
        let minimum = self.config.path.minimum_ttl();
        if ttl < minimum {
            return self.stats.discards.count(Discard::TimeToLive { received: ttl, minimum });
        }
        self.hear(Neighbor { packet, heard: now });
        if self.state() == State::AdminDown {
            return self.stats.discards.count(Discard::AdminDown);
        }
        self.stats.control_packet_input += 1;
        let neighbor = Neighbor { packet, heard: now };
        match transition(self.state(), packet.state) {
            Transition::Stay => {}
            Transition::Init => self.enter(now, Phase::Init { neighbor }, Diag::None),
            Transition::Up => self.enter_up(now, neighbor),
            Transition::Down => {
                let cause = match packet.state {
                    State::AdminDown => DownCause::NeighborAdminDown,
                    State::Down | State::Init | State::Up => DownCause::NeighborDown { diag: packet.diag },
                };
                self.enter_down(now, Some(neighbor), cause);
            }
        }
        self.adjust(now);
        if packet.poll {
            self.schedule.request_final(now);
        }
    }

    fn on_echo(&mut self, now: Instant, packet: EchoPacket) {
        let received = match &mut self.phase {
            Phase::Up { echo: Some(echo), .. } => echo.receive(now, packet),
            Phase::AdminDown { .. } | Phase::Down { .. } | Phase::Init { .. } | Phase::Up { echo: None, .. } => {
                Err(Discard::UnexpectedEcho)
            }
        };
        match received {
            Ok(()) => {
                self.stats.echo_packet_input += 1;
                self.adjust(now);
            }
            Err(discard) => self.stats.discards.count(discard),
        }
    }

    fn on_reconfigure(&mut self, now: Instant, config: Config) {
        self.config = config;
        self.adjust(now);
    }

    fn on_stop(&mut self, now: Instant) {
        if self.state() == State::AdminDown {
            return;
        }
        // RFC 5880 §6.8.16: the neighbour keeps what it knows of us for its detection time.
        let farewell = now + self.neighbors_detection_time();
        self.announce_down(DownCause::Stopped);
        let neighbor = self.neighbor().copied();
        self.enter(now, Phase::AdminDown { neighbor, farewell }, DownCause::Stopped.diag());
    }

    fn on_start(&mut self, now: Instant) {
        if let Phase::AdminDown { neighbor, .. } = self.phase {
            self.enter(now, Phase::Down { neighbor }, Diag::None);
        }
    }

    fn on_timeout(&mut self, now: Instant) {
        let expired = |deadline: Option<Instant>| deadline.is_some_and(|deadline| deadline <= now);
        if expired(self.detection_deadline()) {
            match self.phase {
                Phase::AdminDown { .. } | Phase::Down { .. } => {}
                Phase::Init { .. } | Phase::Up { .. } => self.enter_down(now, None, DownCause::DetectionTimeExpired),
            }
        } else if expired(self.phase.echo().and_then(EchoLoop::expires)) {
            self.enter_down(now, self.neighbor().copied(), DownCause::EchoFailed);
        }
        // Until Up a neighbour may be silent for another time than in Up, and it may have been that already.
        if expired(self.detection_deadline())
            && let Phase::AdminDown { neighbor, .. } | Phase::Down { neighbor } = &mut self.phase
        {
            *neighbor = None;
        }
    }

    /// Takes over what the neighbour says about itself, in any state.
    fn hear(&mut self, heard: Neighbor) {
        match &mut self.phase {
            Phase::AdminDown { neighbor, .. } | Phase::Down { neighbor } => *neighbor = Some(heard),
            Phase::Init { neighbor } => *neighbor = heard,
            Phase::Up { neighbor, negotiation, .. } => {
                *neighbor = heard;
                negotiation.on_packet(heard.packet.final_);
            }
        }
    }

    fn enter_up(&mut self, now: Instant, neighbor: Neighbor) {
        self.stats.session_up_events += 1;
        self.outputs.push_back(Output::Event(Event::Up));
        let negotiation = Negotiation::settled(self.timers_until_up());
        self.enter(now, Phase::Up { neighbor, since: now, negotiation, echo: None }, Diag::None);
    }

    fn enter_down(&mut self, now: Instant, neighbor: Option<Neighbor>, cause: DownCause) {
        self.announce_down(cause);
        self.enter(now, Phase::Down { neighbor }, cause.diag());
    }

    /// Tells of the loss of a session that was Up.
    fn announce_down(&mut self, cause: DownCause) {
        let Phase::Up { neighbor, .. } = &self.phase else { return };
        let neighbor_independent = neighbor.packet.control_plane_independent;
        self.stats.session_down_events += 1;
        self.outputs.push_back(Output::Event(Event::Down { cause, neighbor_independent }));
    }

    fn enter(&mut self, now: Instant, phase: Phase, diag: Diag) {
        self.phase = phase;
        self.diag = diag;
        // RFC 5880 §6.8.7: news of the state does not wait for the next periodic packet.
        self.schedule.request_update(now);
    }

    /// Brings the timers and the echo function of a session that is Up in line with both ends' wishes.
    fn adjust(&mut self, now: Instant) {
        let Phase::Up { neighbor, negotiation, echo, .. } = &mut self.phase else { return };
        let multiplier = self.config.detect_multiplier;
        let limit = neighbor.packet.required_min_echo_rx;
        match self.config.path.echo() {
            // RFC 5880 §6.8.9: a neighbour that announces zero returns no echoes.
            Some(config) if limit != Micros::ZERO => {
                let interval = config.transmit_interval.micros().max(limit);
                echo.get_or_insert_with(|| {
                    EchoLoop::new(self.discriminator, interval, multiplier, &mut self.random, now)
                })
                .adjust(interval, multiplier, now);
            }
            Some(_) | None => *echo = None,
        }
        let min_tx = self.config.transmit_interval.micros();
        let min_rx = self.config.receive_interval.micros();
        // RFC 5880 §6.8.3: once echoes detect failures, control packets may be slow.
        let slowed =
            if echo.as_ref().is_some_and(EchoLoop::is_proven) { min_rx.max(Micros::ONE_SECOND) } else { min_rx };
        negotiation.change(Timers { min_tx, min_rx: slowed });
    }

    fn detection_deadline(&self) -> Option<Instant> {
        Some(self.neighbor()?.heard + self.detection_time()?)
    }
}
