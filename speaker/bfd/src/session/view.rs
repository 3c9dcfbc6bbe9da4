//! What a session shows of itself, to its driver and to status reports.

use std::time::{Duration, Instant};

use crate::{
    Diag, Discriminator, Micros, Neighbor, Session, SourcePorts, State, Stats, echo::EchoLoop,
    negotiation::Negotiation, session::phase::Phase, timing::detection_time,
};

impl Session {
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
        self.phase.state()
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
        self.phase.neighbor()
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
        // Until Up the neighbour sends at most once per second, whatever its packets still said when it was Up.
        let until_up = self.config.receive_interval.micros().max(Micros::ONE_SECOND);
        let min_rx = self.phase.negotiation().map_or(until_up, |negotiation| negotiation.in_force().min_rx);
        Some(detection_time(packet.detect_multiplier, packet.desired_min_tx, min_rx))
    }

    /// Returns whether new timers wait for the neighbour's confirmation.
    #[must_use]
    pub fn is_polling(&self) -> bool {
        self.phase.negotiation().is_some_and(Negotiation::is_polling)
    }

    /// Returns whether failures are detected by echoes; `false` also while none has come back yet.
    #[must_use]
    pub fn is_echo_active(&self) -> bool {
        self.phase.echo().is_some_and(EchoLoop::is_proven)
    }

    /// Returns until when a stopped session has to live so that the neighbour hears of it (RFC 5880 §6.8.16).
    #[must_use]
    pub fn farewell(&self) -> Option<Instant> {
        match self.phase {
            Phase::AdminDown { farewell, .. } => Some(farewell),
            Phase::Down { .. } | Phase::Init { .. } | Phase::Up { .. } => None,
        }
    }
}
