//! One session: the machine of RFC 5880 §6.8.

use std::{
    collections::VecDeque,
    num::NonZeroU8,
    time::{Duration, Instant},
};

use crate::{
    Config, ControlPacket, Diag, Discard, Discards, Discriminator, EchoPacket, Micros, Role, SourcePorts, State,
    echo::EchoLoop,
    negotiation::{Negotiation, Timers},
    session::{
        transition::{Transition, transition},
        transmit::{Due, Schedule},
    },
    timing::{Random, detection_time},
};

#[cfg(test)]
pub(crate) mod tests;
mod transition;
mod transmit;

/// What happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Input {
    /// A control packet that [`crate::Demux::route`] found to be ours.
    Packet {
        /// The packet.
        packet: ControlPacket,
        /// TTL or hop limit on arrival.
        ttl: u8,
    },
    /// An echo that [`crate::Demux::route_echo`] found to be ours.
    Echo(EchoPacket),
    /// New settings, which never take the session down.
    Reconfigure(Config),
    /// Administrative down: the neighbour is told that this is no failure.
    Stop,
    /// The end of administrative down; a new session needs none.
    Start,
    /// The time of [`Session::poll_timeout`] has come; harmless when early or late.
    Timeout,
}

/// What to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Output {
    /// Send this to the neighbour's control port.
    Send(ControlPacket),
    /// Send this through the neighbour back to ourselves.
    Echo(EchoPacket),
    /// Tell whoever relies on the path.
    Event(Event),
}

/// A change that matters outside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// The path works in both directions.
    Up,
    /// The path was Up and is no longer.
    Down {
        /// Why.
        cause: DownCause,
        /// The neighbour's C bit: its forwarding may outlive its control plane (RFC 5882 §4.3).
        neighbor_independent: bool,
    },
}

/// Why a session left Up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DownCause {
    /// Nothing was heard for the detection time.
    DetectionTimeExpired,
    /// Echoes stopped coming back.
    EchoFailed,
    /// The neighbour says that it is down, and why.
    NeighborDown {
        /// The neighbour's reason.
        diag: Diag,
    },
    /// The neighbour was taken down by its operator.
    NeighborAdminDown,
    /// We were.
    Stopped,
}

impl DownCause {
    /// Returns whether the path failed; an operator's act is no failure and tears nothing down (RFC 5882 §3.2).
    #[must_use]
    pub fn is_failure(self) -> bool {
        match self {
            Self::DetectionTimeExpired | Self::EchoFailed | Self::NeighborDown { .. } => true,
            Self::NeighborAdminDown | Self::Stopped => false,
        }
    }

    fn diag(self) -> Diag {
        match self {
            Self::DetectionTimeExpired => Diag::DetectionTimeExpired,
            Self::EchoFailed => Diag::EchoFailed,
            Self::NeighborDown { .. } | Self::NeighborAdminDown => Diag::NeighborSignaledDown,
            Self::Stopped => Diag::AdminDown,
        }
    }
}

/// Counters since the session began.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Stats {
    /// Control packets accepted.
    pub control_packet_input: u64,
    /// Control packets sent.
    pub control_packet_output: u64,
    /// Own echoes that came back.
    pub echo_packet_input: u64,
    /// Echoes sent.
    pub echo_packet_output: u64,
    /// Times the session came Up.
    pub session_up_events: u64,
    /// Times the session left Up.
    pub session_down_events: u64,
    /// Packets for this session that were not accepted.
    pub discards: Discards,
}

/// What the neighbour last said about itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Neighbor {
    /// Its latest packet.
    pub packet: ControlPacket,
    /// When that came.
    pub heard: Instant,
}

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

#[derive(Clone, Debug)]
enum Phase {
    AdminDown { neighbor: Option<Neighbor>, farewell: Instant },
    Down { neighbor: Option<Neighbor> },
    Init { neighbor: Neighbor },
    Up { neighbor: Neighbor, since: Instant, negotiation: Negotiation, echo: Option<EchoLoop> },
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
        let echo = self.echo();
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

    /// Returns the counters.
    #[must_use]
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Returns the UDP source ports to try, the same ones in the same order on every call.
    #[must_use]
    pub fn source_ports(&self) -> SourcePorts {
        self.source_ports.clone()
    }

    /// Returns our number for the session.
    #[must_use]
    pub fn discriminator(&self) -> Discriminator {
        self.discriminator
    }

    /// Returns the state.
    #[must_use]
    pub fn state(&self) -> State {
        match self.phase {
            Phase::AdminDown { .. } => State::AdminDown,
            Phase::Down { .. } => State::Down,
            Phase::Init { .. } => State::Init,
            Phase::Up { .. } => State::Up,
        }
    }

    /// Returns why the state last changed, as the neighbour is told.
    #[must_use]
    pub fn diag(&self) -> Diag {
        self.diag
    }

    /// Returns since when the session is Up.
    #[must_use]
    pub fn up_since(&self) -> Option<Instant> {
        match self.phase {
            Phase::Up { since, .. } => Some(since),
            Phase::AdminDown { .. } | Phase::Down { .. } | Phase::Init { .. } => None,
        }
    }

    /// Returns what the neighbour last said, unless it has been silent for the detection time.
    #[must_use]
    pub fn neighbor(&self) -> Option<&Neighbor> {
        match &self.phase {
            Phase::AdminDown { neighbor, .. } | Phase::Down { neighbor } => neighbor.as_ref(),
            Phase::Init { neighbor } | Phase::Up { neighbor, .. } => Some(neighbor),
        }
    }

    /// Returns the interval between our packets before jitter; `None` while we may not send.
    #[must_use]
    pub fn transmit_interval(&self) -> Option<Duration> {
        self.periodic_interval().map(Micros::duration)
    }

    /// Returns how long a neighbour that was heard may stay silent.
    #[must_use]
    pub fn detection_time(&self) -> Option<Duration> {
        let Neighbor { packet, .. } = self.neighbor()?;
        let min_rx = match &self.phase {
            Phase::Up { negotiation, .. } => negotiation.in_force().min_rx,
            // Until Up the neighbour sends at most once per second, whatever its packets still said when it was Up.
            Phase::AdminDown { .. } | Phase::Down { .. } | Phase::Init { .. } => {
                self.config.receive_interval.micros().max(Micros::ONE_SECOND)
            }
        };
        Some(detection_time(packet.detect_multiplier, packet.desired_min_tx, min_rx))
    }

    /// Returns whether new timers wait for the neighbour's confirmation.
    #[must_use]
    pub fn is_polling(&self) -> bool {
        match &self.phase {
            Phase::Up { negotiation, .. } => negotiation.is_polling(),
            Phase::AdminDown { .. } | Phase::Down { .. } | Phase::Init { .. } => false,
        }
    }

    /// Returns whether failures are detected by echoes; `false` also while none has come back yet.
    #[must_use]
    pub fn is_echo_active(&self) -> bool {
        self.echo().is_some_and(EchoLoop::is_proven)
    }

    /// Returns until when a stopped session has to live so that the neighbour hears of it (RFC 5880 §6.8.16).
    #[must_use]
    pub fn farewell(&self) -> Option<Instant> {
        match self.phase {
            Phase::AdminDown { farewell, .. } => Some(farewell),
            Phase::Down { .. } | Phase::Init { .. } | Phase::Up { .. } => None,
        }
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
            match &mut self.phase {
                Phase::AdminDown { neighbor, .. } | Phase::Down { neighbor } => *neighbor = None,
                Phase::Init { .. } | Phase::Up { .. } => self.enter_down(now, None, DownCause::DetectionTimeExpired),
            }
        } else if expired(self.echo().and_then(EchoLoop::expires)) {
            self.enter_down(now, self.neighbor().copied(), DownCause::EchoFailed);
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

    fn echo(&self) -> Option<&EchoLoop> {
        match &self.phase {
            Phase::Up { echo, .. } => echo.as_ref(),
            Phase::AdminDown { .. } | Phase::Down { .. } | Phase::Init { .. } => None,
        }
    }

    fn timers_until_up(&self) -> Timers {
        Timers {
            min_tx: self.config.transmit_interval.micros().max(Micros::ONE_SECOND),
            min_rx: self.config.receive_interval.micros(),
        }
    }

    fn timers_in_force(&self) -> Timers {
        match &self.phase {
            Phase::Up { negotiation, .. } => negotiation.in_force(),
            Phase::AdminDown { .. } | Phase::Down { .. } | Phase::Init { .. } => self.timers_until_up(),
        }
    }

    fn timers_advertised(&self) -> Timers {
        match &self.phase {
            Phase::Up { negotiation, .. } => negotiation.advertised(),
            Phase::AdminDown { .. } | Phase::Down { .. } | Phase::Init { .. } => self.timers_until_up(),
        }
    }

    fn detection_deadline(&self) -> Option<Instant> {
        Some(self.neighbor()?.heard + self.detection_time()?)
    }

    fn neighbors_detection_time(&self) -> Duration {
        let multiplier: NonZeroU8 = self.config.detect_multiplier;
        self.neighbor().map_or(Duration::ZERO, |neighbor| {
            detection_time(multiplier, self.timers_advertised().min_tx, neighbor.packet.required_min_rx)
        })
    }

    /// Returns whether the role lets us send at all.
    fn may_transmit(&self) -> bool {
        match self.config.role {
            Role::Active => true,
            Role::Passive => self.neighbor().is_some(),
        }
    }

    fn periodic_interval(&self) -> Option<Micros> {
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

    /// Sends what is due and plans what comes next.
    fn transmit(&mut self, now: Instant) {
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
            required_min_echo_rx: self.config.path.echo().map_or(Micros::ZERO, |echo| echo.receive_interval.micros()),
        }
    }
}
