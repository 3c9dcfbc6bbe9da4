//! What goes out: beats, changes, solicitations, answers and requests.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::Bound;
use std::time::{Duration, Instant};

use super::Segment;
use super::duplicate::SELDOM;
use super::phase::Phase;
use crate::config::Config;
use crate::contract::{Output, To};
use crate::name::{BootId, MemberTag};
use crate::pace::Pace;
use crate::peer::{Life, Peer};
use crate::recent::Recent;
use crate::spans::{Span, Spans};
use crate::wire::{Ask, Body, Echo, Flags, MAX_ASKED, MAX_ECHOES, Piece, Refusal};

/// How often the goodbye is said: whoever misses it waits for the loss time.
const GOODBYES: usize = 3;

/// Bytes of claims told unasked with each beat while a peer is lost.
const RECITED: usize = 256;

/// How many members a beat shows in turn that they are heard.
pub(super) const ECHOED_PER_BEAT: usize = 8;

/// Changes and answers that may go out at once.
const BURST: u32 = 32;

/// How long echoes wait for others: when a wire starts everybody owes one to everybody.
const ECHO_DELAY: Duration = Duration::from_millis(5);
/// How many echoes wait at most.
const MAX_OWED: usize = 1024;

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
    /// Echoes for members that wait for them, and when they go out.
    owed: BTreeMap<BootId, u64>,
    owed_at: Option<Instant>,
    recent: Recent,
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
            owed: BTreeMap::new(),
            owed_at: None,
            recent: Recent::new(now),
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

    /// Echoes a datagram to the group in a moment, together with others, and perhaps asks all for the same.
    pub(super) fn owe(&mut self, now: Instant, echo: Echo, solicits: bool) {
        if self.owed.len() < MAX_OWED || self.owed.contains_key(&echo.boot) {
            let sequence = self.owed.entry(echo.boot).or_default();
            *sequence = echo.sequence.max(*sequence);
        }
        self.soliciting |= solicits;
        self.owed_at.get_or_insert(now + ECHO_DELAY);
    }

    /// Goes on with the clock, before anything is sent.
    pub(super) fn advance(&mut self, now: Instant) {
        self.recent.advance(now, self.sequence);
    }

    /// Reports whether one of our datagrams was sent within the last second; after two seconds none was.
    pub(super) fn is_recent(&self, sequence: u64) -> bool {
        self.recent.contains(sequence) && sequence <= self.sequence
    }

    /// Starts to count anew, for a new start of the member.
    pub(super) fn begin_boot(&mut self, now: Instant) {
        self.sequence = 0;
        self.recent = Recent::new(now);
        self.owed.clear();
        self.owed_at = None;
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

    fn has_news(&self, now: Instant) -> bool {
        self.urgent || !self.untold.is_empty() || self.owed_at.is_some_and(|at| at <= now)
    }

    pub(super) fn due(&self) -> Instant {
        let ready_at = self.pace.ready_at();
        let owed = self.owed_at.map(|at| at.max(ready_at));
        let news = (self.urgent || !self.untold.is_empty()).then_some(ready_at);
        [owed, news].into_iter().flatten().fold(self.next_beat, Instant::min)
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
        while is_beat || (self.sending.has_news(now) && self.sending.pace.take(now)) {
            is_beat = false;
            self.send_group(now);
        }
        self.send_repairs(now);
    }

    fn schedule_beat(&mut self, now: Instant) {
        let [newest, older, _] = self.sending.stated;
        self.sending.stated = [self.stated_interval(), newest, older];
        let pace = if self.is_duplicate() { self.sending.pace() * SELDOM } else { self.sending.pace() };
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
        if !self.is_duplicate() {
            self.sending.next_beat = self.sending.next_beat.min(now + self.sending.pace());
        }
        let mut body = self.body();
        body.flags.solicits = std::mem::take(&mut self.sending.soliciting);
        body.echoes = self.echoes_for_all();
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

    fn echoes_for_all(&mut self) -> Vec<Echo> {
        let mut echoes = Vec::new();
        while let Some((boot, sequence)) = self.sending.owed.pop_first() {
            echoes.push(Echo { boot, sequence });
            if echoes.len() == MAX_ECHOES {
                return echoes;
            }
        }
        self.sending.owed_at = None;
        if echoes.len() + ECHOED_PER_BEAT <= MAX_ECHOES {
            echoes.extend(self.echo_in_turn());
        }
        echoes
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
        self.solicit_at(peer.address);
    }

    pub(super) fn solicit_at(&mut self, address: SocketAddr) {
        let to = To::Peer(address);
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

    /// Gives a newcomer its proof and asks for one.
    pub(super) fn reply_and_solicit(&mut self, from: SocketAddr, echo: Echo) {
        let mut body = self.body();
        body.flags.solicits = true;
        body.echoes = vec![echo];
        self.stats.solicitations += 1;
        self.send(To::Peer(from), &body);
    }

    /// Tells a start of a member that another machine of its name lives.
    pub(super) fn send_refusal(&mut self, to: SocketAddr, tag: MemberTag, boot: BootId) {
        let Some(peer) = self.peers.get(&tag) else { return };
        let mac = peer.mac;
        let mut body = self.body();
        body.refusal = Some(Refusal { boot, mac });
        self.send(To::Peer(to), &body);
    }

    fn send_repairs(&mut self, now: Instant) {
        if self.is_duplicate() {
            return;
        }
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
            Phase::Listening { .. } | Phase::Revalidating { .. } | Phase::Duplicate { .. } => true,
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
                settled: matches!(self.phase, Phase::Active | Phase::Revalidating { .. }),
                duplicate: self.is_duplicate(),
                deaf: self.is_deaf(),
            },
            interval: self.sending.stated[0],
            summary: self.own.summary(),
            echoes: Vec::new(),
            ask: None,
            piece: None,
            refusal: None,
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
