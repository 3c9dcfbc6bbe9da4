//! One TCP connection and how far the conversation on it has come.

use std::time::{Duration, Instant};

use crate::{
    ConnId, Link, Session, State,
    timing::Random,
    wire::{Decoder, Open},
};

/// How long a peer may take for its OPEN.
///
/// RFC 4271 §8.2.2 suggests four minutes, for which a connection that dies unnoticed would keep us from trying again.
const OPEN_TIME: Duration = Duration::from_secs(30);
/// How long a peer may refuse our bytes at least (RFC 9687 §3.2: eight minutes, or twice the hold time).
const SEND_HOLD_TIME: Duration = Duration::from_secs(480);

/// A connection that is open.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) id: ConnId,
    pub(super) link: Link,
    /// The OPEN we sent.
    pub(super) ours: Open,
    pub(super) decoder: Decoder,
    pub(super) progress: Progress,
    /// Bytes that the operating system has not taken yet.
    unsent: usize,
    /// When the peer is given up for not taking any; only while some are left.
    send_hold: Option<Instant>,
}

/// How far the conversation has come.
#[derive(Debug)]
pub(super) enum Progress {
    OpenSent { until: Instant },
    OpenConfirm { session: Session, timers: Timers },
    Established { session: Session, timers: Timers, since: Instant },
}

/// Timers of an agreed session; both are absent with a hold time of zero.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timers {
    pub(super) hold: Option<Instant>,
    pub(super) keepalive: Option<Instant>,
}

impl Timers {
    pub(super) fn start(session: &Session, random: &mut Random, now: Instant) -> Self {
        Self {
            hold: session.hold_time.map(|time| now + time),
            keepalive: session.keepalive_time.map(|time| now + random.jitter(time)),
        }
    }
}

impl Connection {
    pub(super) fn new(id: ConnId, link: Link, ours: Open, now: Instant) -> Self {
        let progress = Progress::OpenSent { until: now + OPEN_TIME };
        Self { id, link, ours, decoder: Decoder::default(), progress, unsent: 0, send_hold: None }
    }

    pub(super) fn state(&self) -> State {
        match self.progress {
            Progress::OpenSent { .. } => State::OpenSent,
            Progress::OpenConfirm { .. } => State::OpenConfirm,
            Progress::Established { .. } => State::Established,
        }
    }

    /// Returns the subcode that names our state in a finite state machine error (RFC 6608).
    pub(super) fn state_code(&self) -> u8 {
        match self.progress {
            Progress::OpenSent { .. } => 1,
            Progress::OpenConfirm { .. } => 2,
            Progress::Established { .. } => 3,
        }
    }

    pub(super) fn session(&self) -> Option<&Session> {
        match &self.progress {
            Progress::OpenSent { .. } => None,
            Progress::OpenConfirm { session, .. } | Progress::Established { session, .. } => Some(session),
        }
    }

    pub(super) fn timers_mut(&mut self) -> Option<(&Session, &mut Timers)> {
        match &mut self.progress {
            Progress::OpenSent { .. } => None,
            Progress::OpenConfirm { session, timers } | Progress::Established { session, timers, .. } => {
                Some((session, timers))
            }
        }
    }

    pub(super) fn established_since(&self) -> Option<Instant> {
        match self.progress {
            Progress::OpenSent { .. } | Progress::OpenConfirm { .. } => None,
            Progress::Established { since, .. } => Some(since),
        }
    }

    /// Returns when the peer is given up for its silence.
    pub(super) fn silence_deadline(&self) -> Option<Instant> {
        match &self.progress {
            Progress::OpenSent { until } => Some(*until),
            Progress::OpenConfirm { timers, .. } | Progress::Established { timers, .. } => timers.hold,
        }
    }

    pub(super) fn keepalive_deadline(&self) -> Option<Instant> {
        match &self.progress {
            Progress::OpenSent { .. } => None,
            Progress::OpenConfirm { timers, .. } | Progress::Established { timers, .. } => timers.keepalive,
        }
    }

    pub(super) fn send_hold_deadline(&self) -> Option<Instant> {
        self.send_hold
    }

    pub(super) fn deadlines(&self) -> impl Iterator<Item = Instant> {
        [self.silence_deadline(), self.keepalive_deadline(), self.send_hold].into_iter().flatten()
    }

    pub(super) fn is_drained(&self) -> bool {
        self.unsent == 0
    }

    pub(super) fn note_handed_over(&mut self, bytes: usize, now: Instant) {
        self.unsent += bytes;
        let hold = self.send_hold_time();
        self.send_hold.get_or_insert(now + hold);
    }

    pub(super) fn note_taken(&mut self, bytes: usize, now: Instant) {
        self.unsent = self.unsent.saturating_sub(bytes);
        self.send_hold = (self.unsent > 0).then(|| now + self.send_hold_time());
    }

    fn send_hold_time(&self) -> Duration {
        let hold = self.session().and_then(|session| session.hold_time);
        hold.map_or(SEND_HOLD_TIME, |hold| SEND_HOLD_TIME.max(2 * hold))
    }
}
