//! The life of the machine itself: down, listening, active, revalidating after a pause, ended.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::reception::Reception;
use super::{Keys, Segment};
use crate::contract::{Acquired, Event, LinkFacts, Output, Released};
use crate::peer::{Life, Peer, Silence};
use crate::seal::KeyRing;

/// How long a member that stood still for longer than the loss time listens for members it has never heard.
const NEWCOMERS_LOOK: Duration = Duration::from_millis(20);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// The link is down or the keys are not known.
    Down,
    /// A newcomer: claims nothing until every owner had time to be heard.
    Listening { since: Instant, asked_twice: bool },
    /// Claims what it is elected for.
    Active,
    /// Stood still: answers nothing until the peers that lived before have answered datagram `asked` or later.
    Revalidating { asked: u64, earliest: Instant, until: Instant },
    /// Silent, because another machine of its name takes part; until that was not heard for a while.
    Duplicate { until: Instant },
    /// Has left.
    Ended,
}

impl Segment {
    pub(super) fn is_up(&self) -> bool {
        match self.phase {
            Phase::Down | Phase::Ended => false,
            Phase::Listening { .. } | Phase::Active | Phase::Revalidating { .. } | Phase::Duplicate { .. } => true,
        }
    }

    pub(super) fn is_active(&self) -> bool {
        self.phase == Phase::Active
    }

    pub(super) fn on_keys(&mut self, now: Instant, ring: KeyRing) {
        if self.keys.as_ref().is_some_and(|keys| keys.ring == ring) {
            return;
        }
        let sealer = ring.sealer(self.tag, self.boot);
        self.keys = Some(Keys { ring, sealer });
        // A secret that was taken out of the ring must not be accepted from a peer's cached key.
        self.peers.values_mut().for_each(|peer| peer.opener = None);
        self.newcomers.forget_keys();
        self.bring_up(now);
    }

    pub(super) fn on_link(&mut self, now: Instant, facts: LinkFacts) {
        let old = self.link.replace(facts);
        if !facts.up {
            self.bring_down(now);
            return;
        }
        self.bring_up(now);
        if old.is_some_and(|old| old.up && old.mac != facts.mac) {
            self.sending.urgent = true;
            self.reassert_all();
        }
    }

    pub(super) fn reassert_all(&mut self) {
        self.outputs.extend(self.answering.iter().map(|vip| Output::Reassert { vip: *vip }));
    }

    fn bring_up(&mut self, now: Instant) {
        let link_up = self.link.is_some_and(|link| link.up);
        if self.phase != Phase::Down || !link_up || self.keys.is_none() {
            return;
        }
        self.listen(now);
        let spread = self.config.timing.interval.as_nanos().try_into().unwrap_or(u64::MAX);
        let phase = Duration::from_nanos(self.jitter.below(spread));
        self.sending.start(now, phase);
    }

    pub(super) fn listen(&mut self, now: Instant) {
        self.phase = Phase::Listening { since: now, asked_twice: false };
        self.sending.solicit();
    }

    fn bring_down(&mut self, now: Instant) {
        if !self.is_up() {
            return;
        }
        self.release_all(now, Released::LinkDown);
        self.phase = Phase::Down;
        self.reception = Reception::Good;
        self.twin = None;
        let live: Vec<_> = self.peers.values().filter(|peer| peer.is_live()).map(|peer| peer.tag).collect();
        live.into_iter().for_each(|tag| self.lose(now, tag));
        if self.leave_by.is_some() {
            self.end();
        }
    }

    /// Peers may have taken over what this process owned while it stood still, and frames of that time may wait in the
    /// socket. So it falls silent first, whatever the input is, and believes only answers to a question asked now.
    pub(super) fn notice_pause(&mut self, now: Instant) {
        if !self.is_up() || self.is_duplicate() {
            return;
        }
        let silent = now.saturating_duration_since(self.sending.last_beat);
        if silent + self.config.timing.pause_margin <= self.config.lost_after(self.sending.pace()) {
            return;
        }
        self.stats.pauses += 1;
        self.event(Event::Paused { silent });
        self.suspend();
        for peer in self.peers.values_mut().filter(|peer| peer.is_live()) {
            peer.last_heard = now;
            peer.life = Life::Live(Silence::Heard);
        }
        if matches!(self.phase, Phase::Listening { .. }) {
            self.listen(now);
            return;
        }
        self.sending.solicit();
        let until = now + self.config.lost_after(self.slowest_interval());
        // A newcomer unknown so far may have settled meanwhile; its frames wait, or it answers like the others.
        let earliest = if silent < self.config.timing.lost_after { now } else { now + NEWCOMERS_LOOK };
        self.phase = Phase::Revalidating { asked: self.sending.next_sequence(), earliest, until };
    }

    fn suspend(&mut self) {
        let answering = std::mem::take(&mut self.answering);
        self.stats.released += u64::try_from(answering.len()).unwrap_or(u64::MAX);
        let release = |vip| Output::Release { vip, why: Released::Paused };
        self.outputs.extend(answering.into_iter().map(release));
    }

    fn resume(&mut self, now: Instant) {
        self.enter_active(now);
        self.event(Event::Resumed);
        let vips: Vec<IpAddr> = self.own.vips().collect();
        vips.into_iter().for_each(|vip| self.answer(vip, Acquired::Resumed));
    }

    fn enter_active(&mut self, now: Instant) {
        self.phase = Phase::Active;
        self.starting_until = Some(now + self.config.timing.lost_after);
        self.sending.urgent = true;
        self.replan = true;
    }

    fn slowest_interval(&self) -> Duration {
        let live = self.peers.values().filter(|peer| peer.is_live());
        live.map(|peer| peer.interval).max().unwrap_or(self.config.timing.interval)
    }

    /// Every owner beats within its interval, so after its loss time it was heard or is gone. Peers whose tables are
    /// not complete, or that have not proven themselves, get the same time once more.
    fn listening_ends(&self, since: Instant) -> Instant {
        let time = self.config.lost_after(self.slowest_interval());
        let unproven = self.newcomers.is_any_heard(since + self.config.timing.lost_after / 2, self.tag);
        let complete =
            !unproven && self.peers.values().filter(|peer| peer.is_live()).all(|peer| peer.table.is_complete());
        since + if complete { time } else { time * 2 }
    }

    /// Reports whether every live peer has answered since the pause and its claims are known.
    fn is_sure(&self) -> bool {
        let Phase::Revalidating { asked, .. } = self.phase else { return false };
        let mut live = self.peers.values().filter(|peer| peer.is_live());
        live.all(|peer| peer.answered >= asked && peer.table.is_complete())
    }

    pub(super) fn phase_due(&self) -> Option<Instant> {
        match self.phase {
            Phase::Listening { since, .. } => Some(self.listening_ends(since)),
            Phase::Revalidating { earliest, until, .. } => Some(if self.is_sure() { earliest } else { until }),
            Phase::Duplicate { until } => Some(until),
            Phase::Down | Phase::Active | Phase::Ended => None,
        }
        .map(|due| self.not_while_looking(due))
    }

    pub(super) fn run_phase(&mut self, now: Instant) {
        match self.phase {
            Phase::Listening { since, asked_twice } => {
                if !asked_twice && now >= since + self.config.timing.lost_after / 2 {
                    self.phase = Phase::Listening { since, asked_twice: true };
                    self.sending.solicit();
                }
                if now >= self.listening_ends(since) && !self.is_looking() {
                    self.enter_active(now);
                    self.event(Event::Settled);
                }
            }
            Phase::Revalidating { earliest, until, .. } => {
                let is_sure = now >= earliest && self.is_sure();
                if !self.is_looking() && (is_sure || now >= until) {
                    self.resume(now);
                }
            }
            Phase::Duplicate { until } => {
                if now >= until {
                    self.twin = None;
                    self.event(Event::DuplicateGone);
                    self.listen(now);
                }
            }
            Phase::Down | Phase::Active | Phase::Ended => {}
        }
    }

    pub(super) fn on_leave(&mut self, now: Instant) {
        if self.leave_by.is_some() {
            return;
        }
        self.leave_by = Some(now + self.config.timing.leave_bound);
        self.sending.urgent = true;
        self.replan = true;
        self.update_stances(now);
        if self.phase == Phase::Down {
            self.end();
        }
    }

    pub(super) fn run_leave(&mut self, now: Instant) {
        let Some(leave_by) = self.leave_by else { return };
        if !self.is_up() {
            return;
        }
        if self.is_active() && now < leave_by && self.own.vips().any(|vip| self.has_successor(vip)) {
            return;
        }
        self.release_all(now, Released::Leaving);
        self.say_goodbye(now);
        self.end();
    }

    fn has_successor(&self, vip: IpAddr) -> bool {
        let Some(candidacy) = self.want.get(&vip) else { return false };
        let deferred = self.deferred.get(&vip);
        let fits = |peer: &Peer| peer.is_electable(true) && candidacy.nodes.contains_key(&peer.member.node);
        self.peers.values().any(|peer| fits(peer) && deferred != Some(&peer.tag))
    }

    fn end(&mut self) {
        self.phase = Phase::Ended;
        self.outputs.push_back(Output::Left);
    }
}
