//! Who counts as a member: only a start that has proven that it lives.
//!
//! Datagrams are authentic, and may still be recordings. A proof is an echo of a datagram that this start of this machine sent
//! within the last second or two: nothing older can contain its random boot and that number.

use std::net::SocketAddr;
use std::time::Instant;

use super::Segment;
use super::phase::Phase;
use super::receive::Opened;
use crate::contract::Event;
use crate::header::Header;
use crate::name::{BootId, MemberTag};
use crate::peer::{Life, Peer};
use crate::stats::DropReason;
use crate::wire::{Body, Echo};

/// How many replaced starts of a member are remembered; their recordings are refused at once.
const RETIRED: usize = 4;

/// What becomes of an authentic datagram.
enum Verdict {
    Admit,
    Unproven,
    Duplicate,
}

impl Segment {
    /// Takes in an authentic datagram of another member.
    pub(super) fn on_authentic(&mut self, now: Instant, from: SocketAddr, opened: Opened) {
        match self.judge(now, &opened.header, &opened.body) {
            Verdict::Admit => {
                self.stats.received += 1;
                self.admit(now, from, opened);
            }
            Verdict::Unproven => {
                self.stats.count_drop(DropReason::Unproven);
                self.challenge(now, from, opened);
            }
            Verdict::Duplicate => {
                self.stats.count_drop(DropReason::Duplicate);
                self.refuse(now, from, opened);
            }
        }
    }

    /// Reports whether a datagram proves that its sender has read one of this start that was sent lately.
    pub(super) fn is_proof(&self, body: &Body) -> bool {
        let mut mine = body.echoes.iter().filter(|echo| echo.boot == self.boot);
        mine.any(|echo| self.sending.is_recent(echo.sequence))
    }

    fn judge(&self, now: Instant, header: &Header, body: &Body) -> Verdict {
        let is_proven = self.is_proof(body);
        let Some(peer) = self.peers.get(&header.sender).filter(|peer| peer.is_live() || !body.flags.duplicate) else {
            // One that is silent for another of its name is nobody until it says otherwise.
            return if body.flags.duplicate {
                Verdict::Unproven
            } else if is_proven {
                Verdict::Admit
            } else {
                Verdict::Unproven
            };
        };
        if peer.boot == header.boot {
            let goes_on = || body.flags.left || peer.is_plausible(now, header.sequence, body.interval);
            return if peer.is_live() || is_proven || goes_on() { Verdict::Admit } else { Verdict::Unproven };
        }
        if !is_proven {
            return Verdict::Unproven;
        }
        let since = self.newcomers.since(header.sender, header.boot).unwrap_or(now);
        match peer.life {
            Life::Lost { .. } | Life::Left { .. } => Verdict::Admit,
            // A process that ended a moment ago counts as live; frames of it may still have been on their way.
            Life::Live(_) if peer.last_heard <= since + self.config.timing.interval => Verdict::Unproven,
            Life::Live(_) => Verdict::Duplicate,
        }
    }

    /// Asks for a proof, and gives the one that the newcomer needs in its turn.
    fn challenge(&mut self, now: Instant, from: SocketAddr, opened: Opened) {
        let Opened { header, body, opener } = opened;
        if body.flags.left {
            return;
        }
        let newcomer = self.newcomers.hear(now, (header.sender, header.boot), from, opener);
        // One that is silent for another of its name has a fault of its own.
        newcomer.note_unproven(&body.member, !body.flags.duplicate);
        let is_to_be_asked = newcomer.is_to_be_asked(now);
        let echo = Echo { boot: header.boot, sequence: header.sequence };
        if self.both_listen(&body) {
            // A wire that starts: one datagram for all, a moment later.
            self.sending.owe(now, echo, is_to_be_asked);
        } else if (is_to_be_asked || body.flags.solicits) && self.asking.take(now) {
            self.reply_and_solicit(from, echo);
        }
    }

    /// Refuses a second machine of the name of one that lives, and lets it know.
    fn refuse(&mut self, now: Instant, from: SocketAddr, opened: Opened) {
        let Opened { header, body, opener } = opened;
        let newcomer = self.newcomers.hear(now, (header.sender, header.boot), from, opener);
        newcomer.note_unproven(&body.member, false);
        let is_to_be_refused = newcomer.is_to_be_refused(now);
        if !std::mem::replace(&mut newcomer.is_reported, true) {
            self.event(Event::Duplicate { member: body.member, mac: body.mac, from });
        }
        if is_to_be_refused && self.asking.take(now) {
            self.send_refusal(from, header.sender, header.boot);
        }
    }

    fn admit(&mut self, now: Instant, from: SocketAddr, opened: Opened) {
        let Opened { header, body, opener } = opened;
        let tag = header.sender;
        let derived = self.newcomers.admit(tag, header.boot);
        if let Some(old) = self.peers.get(&tag).filter(|old| old.boot != header.boot).map(|old| old.boot) {
            self.retire(tag, old);
            self.peers.remove(&tag);
        }
        let is_new = !self.peers.contains_key(&tag);
        let peer = self.peers.entry(tag).or_insert_with(|| Peer::new(now, &header, &body, from));
        if !is_new {
            peer.window.accept(header.sequence);
        }
        peer.opener = opener.or(derived).or_else(|| peer.opener.take());
        if body.flags.left {
            self.take_content(now, tag, header.sequence, &body);
            self.depart(now, tag);
            return;
        }
        let was_live = peer.is_live();
        peer.hear(now);
        peer.address = from;
        if !was_live {
            peer.mentioned = now;
            self.replan = true;
            self.event(Event::MemberUp { member: body.member.clone() });
        }
        if !was_live && matches!(self.phase, Phase::Revalidating { .. }) {
            self.solicit(tag);
        }
        self.take_replies(now, tag, &body);
        self.take_content(now, tag, header.sequence, &body);
        let echo = Echo { boot: header.boot, sequence: header.sequence };
        if body.flags.solicits && self.both_listen(&body) {
            self.sending.owe(now, echo, false);
        } else if body.flags.solicits {
            self.reply(from, echo);
        }
    }

    /// Reports whether this member and the sender both listen, so that neither is in a hurry.
    fn both_listen(&self, body: &Body) -> bool {
        body.flags.listening && matches!(self.phase, Phase::Listening { .. })
    }

    fn retire(&mut self, tag: MemberTag, boot: BootId) {
        let boots = self.retired.entry(tag).or_default();
        boots.push_back(boot);
        if boots.len() > RETIRED {
            boots.pop_front();
        }
    }

    pub(super) fn is_retired(&self, header: &Header) -> bool {
        self.retired.get(&header.sender).is_some_and(|boots| boots.contains(&header.boot))
    }

    /// A successor that waited for the end of a peer is asked at once.
    pub(super) fn ask_successors(&mut self, tag: MemberTag) {
        if self.is_up() {
            let addresses = self.newcomers.addresses(tag);
            addresses.into_iter().take(RETIRED).for_each(|address| self.solicit_at(address));
        }
    }
}
