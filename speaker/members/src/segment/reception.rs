//! A member that receives nothing.
//!
//! When everybody else falls silent at once, it is more likely that this side is broken than that all others are: then the
//! driver is asked whether the interface has received any frame since. If it has not, this member is deaf. It says so in its
//! beats, which may still be heard, so that the others give way to nobody who cannot answer; with two peers or more it takes
//! nothing over, and what it owns it gives up after ten times the loss time. The first frame of any kind ends that; the others
//! then have one interval to be heard, before it takes anything over.
//!
//! With one peer, the death of that peer on a quiet wire looks the same, and must not wait: so everything is taken over as after
//! any death, and announced. It is given up once not even the announcements, the repetitions of which go on for some seconds, have
//! drawn a single frame.

use std::time::{Duration, Instant};

use super::Segment;
use crate::contract::{Event, Output, Released};
use crate::name::MemberTag;
use crate::peer::{Life, Silence};

/// How often a deaf member asks whether a frame has come.
const CHECK_EVERY: Duration = Duration::from_millis(50);

/// How long one that hears again waits for the others at most, before it takes anything over.
const LONGEST_LOOK: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reception {
    /// Frames arrive, as far as anybody has asked.
    Good,
    /// Everybody is silent; so many frames had been received by then, once that is known.
    Watched { before: Option<u64> },
    /// Everybody is lost.
    Deaf {
        before: u64,
        since: Instant,
        check_at: Instant,
        /// No frame has come since.
        is_certain: bool,
        /// Takes nothing over.
        holds: bool,
    },
}

impl Segment {
    pub(super) fn is_deaf(&self) -> bool {
        matches!(self.reception, Reception::Deaf { is_certain: true, .. })
    }

    /// Reports whether nothing may be taken over for the moment.
    pub(super) fn is_holding(&self) -> bool {
        matches!(self.reception, Reception::Deaf { holds: true, .. })
    }

    /// Asks for the number of frames once every live peer is silent.
    pub(super) fn watch_reception(&mut self) {
        if self.reception == Reception::Good && self.is_everybody_silent() {
            self.reception = Reception::Watched { before: None };
            self.outputs.push_back(Output::CheckReception);
        }
    }

    fn is_everybody_silent(&self) -> bool {
        let mut live = self.peers.values().filter(|peer| peer.is_live()).peekable();
        live.peek().is_some()
            && live.all(|peer| matches!(peer.life, Life::Live(Silence::Asked | Silence::LastLook { .. })))
    }

    /// Called before a peer is lost.
    pub(super) fn suspect_reception(&mut self, now: Instant) {
        let Reception::Watched { before: Some(before) } = self.reception else { return };
        if !self.is_everybody_silent() {
            return;
        }
        let holds = self.peers.values().filter(|peer| peer.is_live()).count() > 1;
        let check_at = now + CHECK_EVERY;
        self.reception = Reception::Deaf { before, since: now, check_at, is_certain: false, holds };
        self.outputs.push_back(Output::CheckReception);
    }

    pub(super) fn on_reception(&mut self, now: Instant, frames: u64) {
        match &mut self.reception {
            Reception::Good => {}
            Reception::Watched { before: Some(before) } if frames > *before => self.on_frame(now),
            Reception::Watched { before } => *before = Some(before.unwrap_or(frames)),
            Reception::Deaf { before, .. } if frames > *before => self.on_frame(now),
            Reception::Deaf { is_certain: true, .. } => {}
            Reception::Deaf { is_certain, .. } => {
                *is_certain = true;
                self.event(Event::Deaf);
                self.sending.urgent = true;
            }
        }
        self.run_reception(now);
    }

    /// A frame of any kind has been received.
    pub(super) fn on_frame(&mut self, now: Instant) {
        if self.is_deaf() {
            self.event(Event::Hearing);
            self.sending.urgent = true;
            // Whoever lives is heard within one interval, and keeps what it owns.
            let interval = self.peers.values().map(|peer| peer.interval).max().unwrap_or_default();
            self.look_until = Some(now + interval.min(LONGEST_LOOK));
        }
        self.replan |= self.is_holding();
        self.reception = Reception::Good;
    }

    pub(super) fn reception_due(&self) -> Option<Instant> {
        match self.reception {
            Reception::Good | Reception::Watched { .. } => None,
            Reception::Deaf { check_at, .. } => Some(check_at),
        }
    }

    pub(super) fn run_reception(&mut self, now: Instant) {
        let patience = self.config.timing.lost_after * 10;
        let Reception::Deaf { since, check_at, is_certain, holds, .. } = &mut self.reception else { return };
        let gives_up = *is_certain && now >= *since + patience;
        *holds |= gives_up;
        if *check_at <= now {
            *check_at = now + CHECK_EVERY;
            self.outputs.push_back(Output::CheckReception);
        }
        if gives_up && !self.own.is_empty() {
            self.release_all(now, Released::Deaf);
        }
    }

    /// Reports whether a peer says that it receives nothing, so that it cannot answer for what it claims.
    pub(super) fn is_deaf_peer(&self, tag: MemberTag) -> bool {
        self.peers.get(&tag).is_some_and(|peer| peer.flags.deaf)
    }
}
