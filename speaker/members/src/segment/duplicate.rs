//! Another machine with the name of this one.
//!
//! One of them stays and the other is silent: the one that takes part stays, and of two that start at once the one with the
//! greater boot. The silent one says now and then that it is there, so that the other knows, and listens anew once it has not
//! heard of the other for ten times the loss time.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::phase::Phase;
use super::receive::Opened;
use super::{Keys, Segment};
use crate::contract::{Event, Released};
use crate::name::{BootId, Mac};
use crate::stats::DropReason;
use crate::wire::{Body, Echo};

/// How much more seldom than a beat the silent one says that it is there.
pub(super) const SELDOM: u32 = 10;

/// The other machine, as it was heard last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Twin {
    pub(super) mac: Mac,
    pub(super) address: SocketAddr,
    heard: Instant,
}

impl Segment {
    /// Somebody else speaks as this member, or a recording of an earlier start does.
    pub(super) fn on_twin(&mut self, now: Instant, from: SocketAddr, opened: Opened) {
        let Opened { header, body, opener } = opened;
        let is_proven = self.is_proof(&body);
        self.stats.count_drop(if is_proven { DropReason::Duplicate } else { DropReason::Unproven });
        if body.flags.left {
            return;
        }
        let newcomer = self.newcomers.hear(now, (header.sender, header.boot), from, opener);
        newcomer.note_unproven(&body.member, !is_proven && !body.flags.duplicate);
        let is_to_be_asked = newcomer.is_to_be_asked(now);
        if (is_to_be_asked || body.flags.solicits) && self.asking.take(now) {
            let echo = Echo { boot: header.boot, sequence: header.sequence };
            if is_to_be_asked { self.reply_and_solicit(from, echo) } else { self.reply(from, echo) }
        }
        // One that hands over is as good as gone.
        if is_proven && !body.flags.leaving {
            self.meet(now, from, header.boot, &body);
        }
    }

    fn meet(&mut self, now: Instant, from: SocketAddr, boot: BootId, body: &Body) {
        let is_first = self.twin.is_none();
        let twin = Twin { mac: body.mac, address: from, heard: now };
        let theirs = (standing(body), boot);
        let mine = (self.standing(), self.boot);
        if theirs < mine {
            self.twin = Some(twin);
            if matches!(self.phase, Phase::Duplicate { .. }) {
                // Both gave way.
                self.twin = None;
                self.listen(now);
            } else if is_first {
                let member = self.config.me.clone();
                self.event(Event::Duplicate { member, mac: body.mac, from });
            }
            return;
        }
        self.twin = Some(twin);
        self.give_way(now);
    }

    /// A peer says that it refuses this start, because another machine of its name lives.
    pub(super) fn on_refusal(&mut self, now: Instant, boot: BootId, mac: Mac, address: SocketAddr) {
        if boot != self.boot || !matches!(self.phase, Phase::Listening { .. } | Phase::Duplicate { .. }) {
            return;
        }
        self.twin = Some(Twin { mac, address, heard: now });
        self.give_way(now);
    }

    fn give_way(&mut self, now: Instant) {
        let until = now + self.duplicate_quiet();
        if let Phase::Duplicate { until: former } = &mut self.phase {
            *former = until;
            return;
        }
        self.release_all(now, Released::Duplicate);
        self.say_goodbye(now);
        self.begin_boot(now);
        self.phase = Phase::Duplicate { until };
        if let Some(Twin { mac, address, .. }) = self.twin {
            self.event(Event::GaveWay { mac, from: address });
        }
        self.sending.urgent = false;
    }

    /// Begins another start, because peers refuse one that has left.
    fn begin_boot(&mut self, now: Instant) {
        self.boot = BootId(self.boot.0.wrapping_add(1));
        self.sending.begin_boot(now);
        if let Some(Keys { ring, sealer }) = &mut self.keys {
            *sealer = ring.sealer(self.tag, self.boot);
        }
        self.peers.values_mut().for_each(|peer| peer.answered = 0);
    }

    fn duplicate_quiet(&self) -> Duration {
        self.config.timing.lost_after * SELDOM
    }

    /// Forgets the other machine once it is no longer heard.
    pub(super) fn prune_twin(&mut self, now: Instant) {
        let quiet = self.duplicate_quiet();
        if self.twin.take_if(|twin| now.saturating_duration_since(twin.heard) >= quiet).is_some() {
            self.event(Event::DuplicateGone);
        }
    }

    /// Orders the machines of one name: who takes part, then who is about to again, then who listens, then who is silent.
    fn standing(&self) -> u8 {
        match self.phase {
            Phase::Active => 3,
            Phase::Revalidating { .. } => 2,
            Phase::Listening { .. } => 1,
            Phase::Down | Phase::Duplicate { .. } | Phase::Ended => 0,
        }
    }

    pub(super) fn is_duplicate(&self) -> bool {
        matches!(self.phase, Phase::Duplicate { .. })
    }
}

fn standing(body: &Body) -> u8 {
    match (body.flags.duplicate, body.flags.settled, body.flags.listening) {
        (true, _, _) => 0,
        (false, false, _) => 1,
        (false, true, true) => 2,
        (false, true, false) => 3,
    }
}
