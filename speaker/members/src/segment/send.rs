//! What goes out: beats, changes, solicitations, answers and requests.

use std::net::SocketAddr;
use std::ops::Bound;
use std::time::{Duration, Instant};

use super::Segment;
use super::phase::Phase;
use crate::config::Config;
use crate::contract::{Output, To};
use crate::name::MemberTag;
use crate::pace::Pace;
use crate::peer::{Life, Peer};
use crate::spans::{Span, Spans};
use crate::wire::{Ask, Body, Echo, Flags, MAX_ASKED, Piece};

/// How often the goodbye is said: whoever misses it waits for the loss time.
const GOODBYES: usize = 3;

/// Bytes of claims told unasked with each beat while a peer is lost.
const RECITED: usize = 256;

/// How many members a beat shows in turn that they are heard.
pub(super) const ECHOED_PER_BEAT: usize = 8;

/// Changes and answers that may go out at once.
const BURST: u32 = 32;

/// State of the sending side.
pub(super) struct Sending {
    sequence: u64,
    /// The last datagram to the group.
    pub(super) last_beat: Instant,
    next_beat: Instant,
    /// The interval stated in the last beats, newest first.
    stated: [Duration; 3],
    /// Changes to tell the group.
    untold: Spans,
    /// A change of flags to tell the group.
    pub(super) urgent: bool,
    soliciting: bool,
    /// The version up to which claims were told unasked.
    recited: u64,
    pace: Pace,
    /// The member listed last as heard.
    listed: MemberTag,
}

impl Sending {
    pub(super) fn new(config: &Config, now: Instant) -> Self {
        Self {
            sequence: 0,
            last_beat: now,
            next_beat: now,
            stated: [config.timing.interval; 3],
            untold: Spans::default(),
            urgent: false,
            soliciting: false,
            recited: 0,
            pace: Pace::new(config.timing.change_rate, BURST, now),
            listed: MemberTag(0),
        }
    }

    pub(super) fn start(&mut self, now: Instant, phase: Duration) {
        self.last_beat = now;
        self.next_beat = now + phase;
    }

    /// Asks the group for answers with the next datagram, which goes out at once.
    pub(super) fn solicit(&mut self) {
        self.urgent = true;
        self.soliciting = true;
    }

    pub(super) fn tell(&mut self, span: Span) {
        self.untold.insert(span);
    }

    pub(super) fn repeat(&mut self, span: Span, version: u64) {
        self.untold.insert(Span { after: span.after, upto: span.upto.min(version) });
    }

    pub(super) fn next_sequence(&self) -> u64 {
        self.sequence + 1
    }

    /// A peer that missed the last beats counts with the interval stated before, so a member slows down only when three
    /// beats have said so.
    pub(super) fn pace(&self) -> Duration {
        let [newest, older, oldest] = self.stated;
        newest.min(older).min(oldest)
    }

    fn has_news(&self) -> bool {
        self.urgent || !self.untold.is_empty()
    }

    pub(super) fn due(&self) -> Instant {
        if self.has_news() { self.next_beat.min(self.pace.ready_at()) } else { self.next_beat }
    }
}

impl Segment {
    pub(super) fn transmit(&mut self, now: Instant) {
        if !self.is_up() {
            return;
        }
        let mut is_beat = now >= self.sending.next_beat;
        if is_beat {
            self.prune_peers(now);
            self.schedule_beat(now);
        }
        while is_beat || (self.sending.has_news() && self.sending.pace.take(now)) {
            is_beat = false;
            self.send_group(now);
        }
        self.send_repairs(now);
    }

    fn schedule_beat(&mut self, now: Instant) {
        let [newest, older, _] = self.sending.stated;
        self.sending.stated = [self.stated_interval(), newest, older];
        let pace = self.sending.pace();
        let on_time = self.sending.next_beat + pace;
        self.sending.next_beat = if on_time > now { on_time } else { now + pace };
    }

    fn stated_interval(&self) -> Duration {
        let live = || self.peers.values().filter(|peer| peer.is_live());
        let count = |members: usize| u32::try_from(members).unwrap_or(u32::MAX);
        let is_owner = !self.own.is_empty();
        let owners = live().filter(|peer| peer.table.len() > 0).count() + usize::from(is_owner);
        let members = live().count() + 1;
        self.config.interval(count(owners), count(members - owners), is_owner)
    }

    fn send_group(&mut self, now: Instant) {
        // Between beats the interval may shrink, when the first claim makes an owner, and never grow.
        self.sending.stated[0] = self.sending.stated[0].min(self.stated_interval());
        self.sending.next_beat = self.sending.next_beat.min(now + self.sending.pace());
        let mut body = self.body();
        body.flags.solicits = std::mem::take(&mut self.sending.soliciting);
        body.echoes = self.echo_in_turn();
        body.piece = match self.sending.untold.first() {
            Some(span) => {
                let piece = self.own.piece(span, body.room_for_changes());
                self.sending.untold.remove_upto(piece.span.upto);
                Some(piece)
            }
            None => self.recite(),
        };
        self.sending.urgent = false;
        self.sending.last_beat = now;
        self.send(To::Group, &body);
    }

    /// A lost peer may still hear this member without being heard, so that it can see our claims only if they are told
    /// unasked: a little of them with each beat, for as long as such a peer is remembered.
    fn recite(&mut self) -> Option<Piece> {
        let is_lost = |peer: &Peer| matches!(peer.life, Life::Lost { .. });
        let version = self.own.summary().version;
        if version == 0 || !self.peers.values().any(is_lost) {
            return None;
        }
        let after = if self.sending.recited < version { self.sending.recited } else { 0 };
        let piece = self.own.piece(Span { after, upto: version }, RECITED);
        self.sending.recited = piece.span.upto;
        Some(piece)
    }

    /// Echoes the next few live peers in turn, so that every beat has the same size on a wire of any number of members.
    fn echo_in_turn(&mut self) -> Vec<Echo> {
        let after = (Bound::Excluded(self.sending.listed), Bound::Unbounded);
        let upto = (Bound::Unbounded, Bound::Included(self.sending.listed));
        let in_turn = self.peers.range(after).chain(self.peers.range(upto));
        let heard: Vec<&Peer> =
            in_turn.map(|(_, peer)| peer).filter(|peer| peer.is_live()).take(ECHOED_PER_BEAT).collect();
        self.sending.listed = heard.last().map_or(self.sending.listed, |peer| peer.tag);
        heard.into_iter().map(Peer::echo).collect()
    }

    pub(super) fn solicit(&mut self, tag: MemberTag) {
        let Some(peer) = self.peers.get(&tag) else { return };
        let to = To::Peer(peer.address);
        let mut body = self.body();
        body.flags.solicits = true;
        self.stats.solicitations += 1;
        self.send(to, &body);
    }

    pub(super) fn reply(&mut self, from: SocketAddr, echo: Echo) {
        let mut body = self.body();
        body.echoes = vec![echo];
        self.send(To::Peer(from), &body);
    }

    fn send_repairs(&mut self, now: Instant) {
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let tags: Vec<MemberTag> =
            self.peers.values().filter(|peer| due(peer.repair_at)).map(|peer| peer.tag).collect();
        for tag in tags {
            let mut body = self.body();
            let Some(peer) = self.peers.get_mut(&tag) else { continue };
            peer.repair_at = Some(now + self.config.timing.repair_delay * 2);
            let to = To::Peer(peer.address);
            body.ask = Some(Ask { of: tag, spans: peer.table.gaps(MAX_ASKED) });
            self.stats.repairs += 1;
            self.send(to, &body);
        }
    }

    /// Tells what was given up last, so that successors know for what they have to announce themselves, and leaves.
    pub(super) fn say_goodbye(&mut self, now: Instant) {
        while !self.sending.untold.is_empty() && self.sending.pace.take(now) {
            self.send_group(now);
        }
        for _ in 0..GOODBYES {
            let mut body = self.body();
            body.flags.left = true;
            self.send(To::Group, &body);
        }
    }

    fn body(&self) -> Body {
        let listening = match self.phase {
            Phase::Listening { .. } | Phase::Revalidating { .. } => true,
            Phase::Down | Phase::Active | Phase::Ended => false,
        };
        let leaving = self.leave_by.is_some();
        Body {
            member: self.config.me.clone(),
            mac: self.link.map_or(crate::Mac([0; 6]), |link| link.mac),
            flags: Flags {
                ready: self.ready,
                listening,
                leaving,
                left: false,
                solicits: false,
                damped: self.is_damped(),
            },
            interval: self.sending.stated[0],
            summary: self.own.summary(),
            echoes: Vec::new(),
            ask: None,
            piece: None,
        }
    }

    fn send(&mut self, to: To, body: &Body) {
        let Some(keys) = &self.keys else { return };
        self.sending.sequence += 1;
        let bytes = keys.sealer.seal(self.sending.sequence, &body.encode());
        self.stats.sent_bytes += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        match to {
            To::Group => self.stats.sent_group += 1,
            To::Peer(_) => self.stats.sent_peer += 1,
        }
        self.outputs.push_back(Output::Send { to, bytes });
    }
}
