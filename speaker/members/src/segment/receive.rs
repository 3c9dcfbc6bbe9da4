//! Datagrams: from bytes to facts about a peer.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::Segment;
use super::send::ECHOED_PER_BEAT;
use crate::contract::{Event, Output};
use crate::header::{Header, HeaderError};
use crate::name::MemberTag;
use crate::peer::{Life, Peer};
use crate::seal::Opener;
use crate::stats::DropReason;
use crate::strangers::Stranger;
use crate::wire::{Body, Flags};

/// An authentic datagram, with the key if it was derived for it.
pub(super) struct Opened {
    pub(super) header: Header,
    pub(super) body: Body,
    pub(super) opener: Option<Opener>,
}

/// Why a datagram is dropped, and what that says of its sender.
struct Refused {
    why: DropReason,
    stranger: Option<Stranger>,
}

impl From<DropReason> for Refused {
    fn from(why: DropReason) -> Self {
        Self { why, stranger: None }
    }
}

impl Refused {
    fn stranger(why: DropReason, stranger: Stranger) -> Self {
        Self { why, stranger: Some(stranger) }
    }
}

impl Segment {
    pub(super) fn on_datagram(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) {
        match self.open(now, bytes) {
            Ok(opened) if opened.header.sender == self.tag => self.on_twin(now, from, opened),
            Ok(opened) => self.on_authentic(now, from, opened),
            Err(Refused { why, stranger }) => {
                self.stats.count_drop(why);
                if let Some(stranger) = stranger.filter(|stranger| self.strangers.hear(now, *stranger, from)) {
                    self.event(Event::Stranger { stranger, from });
                }
            }
        }
    }

    fn open(&mut self, now: Instant, bytes: &[u8]) -> Result<Opened, Refused> {
        let Some(keys) = self.keys.as_ref().filter(|_| self.link.is_some_and(|link| link.up)) else {
            return Err(DropReason::Idle.into());
        };
        let header = Header::parse(bytes).map_err(|error| match error {
            HeaderError::Length => DropReason::Length.into(),
            HeaderError::Version(format) => Refused::stranger(DropReason::Version, Stranger::Version(format)),
        })?;
        if header.cluster != keys.ring.cluster() {
            let stranger = Stranger::Cluster { cluster: header.cluster, has_our_key: keys.ring.has(header.key) };
            return Err(Refused::stranger(DropReason::ForeignCluster, stranger));
        }
        if header.sender == self.tag && header.boot == self.boot {
            return Err(DropReason::Own.into());
        }
        if self.is_retired(&header) {
            return Err(DropReason::OldBoot.into());
        }
        let known = self.peers.get(&header.sender);
        let same_boot = known.filter(|peer| peer.boot == header.boot);
        if let Some(peer) = same_boot {
            check_freshness(peer, &header)?;
        }
        let cached = same_boot.and_then(|peer| peer.opener.as_ref()).filter(|opener| opener.key_id == header.key);
        let cached = cached.or_else(|| self.newcomers.opener(header.sender, header.boot, header.key));
        let derived = match cached {
            Some(_) => None,
            None if !keys.ring.has(header.key) => {
                return Err(Refused::stranger(DropReason::UnknownKey, Stranger::Key(header.key)));
            }
            None if same_boot.is_none() && !self.verifying.take(now) => return Err(DropReason::Busy.into()),
            None => keys.ring.opener(&header),
        };
        let opener = cached.or(derived.as_ref()).ok_or(DropReason::UnknownKey)?;
        let body = opener.open(&header, bytes, &mut self.scratch).ok_or(DropReason::Forged)?;
        let body = Body::decode(body).map_err(|_| DropReason::Malformed)?;
        // A member that knows the secret can still speak only for the member its key was derived for.
        let is_bound = known.is_some_and(|peer| peer.member == body.member) || body.member.tag() == header.sender;
        if !is_bound {
            return Err(DropReason::Malformed.into());
        }
        Ok(Opened { header, body, opener: derived })
    }

    /// What the sender says about this member.
    pub(super) fn take_replies(&mut self, now: Instant, tag: MemberTag, body: &Body) {
        let members = self.peers.len();
        let (me, my_boot) = (self.tag, self.boot);
        let Some(peer) = self.peers.get_mut(&tag) else { return };
        let mentioned = body.echoes.iter().filter(|echo| echo.boot == my_boot).map(|echo| echo.sequence).max();
        peer.answered = peer.answered.max(mentioned.unwrap_or_default());
        let mentioned = mentioned.is_some();
        let address = peer.address;
        peer.mention(now, mentioned, members, ECHOED_PER_BEAT);
        if mentioned {
            self.on_heard_by(now, tag);
        }
        if let Some(refusal) = body.refusal {
            self.on_refusal(now, refusal.boot, refusal.mac, address);
        }
        if let Some(ask) = body.ask.as_ref().filter(|ask| ask.of == me) {
            let version = self.own.summary().version;
            ask.spans.iter().for_each(|span| self.sending.repeat(*span, version));
        }
    }

    /// What the sender says about itself; an overtaken datagram is only a sign of life.
    pub(super) fn take_content(&mut self, now: Instant, tag: MemberTag, sequence: u64, body: &Body) {
        let delay = self.config.timing.repair_delay;
        let jitter = Duration::from_nanos(self.jitter.below(delay.as_nanos().try_into().unwrap_or(u64::MAX)));
        let Some(peer) = self.peers.get_mut(&tag) else { return };
        if sequence <= peer.table.sequence() {
            return;
        }
        let standing = |peer: &Peer| (peer.is_electable(false), peer.is_electable(true), peer.flags.damped);
        let stood = standing(peer);
        // Whether a member answers counts for all its claims.
        let is_silent = |flags: &Flags| flags.listening || flags.deaf;
        let turned = is_silent(&peer.flags) != is_silent(&body.flags);
        if peer.mac != body.mac {
            peer.mac = body.mac;
            let changed = Event::MemberChanged { member: peer.member.clone() };
            self.outputs.push_back(Output::Event(changed));
        }
        peer.interval = body.interval;
        peer.flags = body.flags;
        self.replan |= stood != standing(peer);
        let changes = peer.table.apply(sequence, body.summary, body.piece.as_ref());
        if peer.table.is_complete() {
            peer.repair_at = None;
            peer.incomplete_since = None;
        } else {
            peer.incomplete_since.get_or_insert(now);
            // While pieces arrive more are under way; asking then would fetch them twice.
            if body.piece.is_some() || peer.repair_at.is_none() {
                peer.repair_at = Some(now + delay / 2 + jitter);
            }
        }
        let known = if turned { peer.table.claims() } else { Vec::new() };
        for change in changes {
            self.on_claim(now, tag, change.vip, change.claim);
        }
        for (vip, claim) in known {
            self.on_claim(now, tag, vip, Some(claim));
        }
    }
}

fn check_freshness(peer: &Peer, header: &Header) -> Result<(), DropReason> {
    match peer.life {
        Life::Left { .. } => Err(DropReason::OldBoot),
        Life::Live(_) | Life::Lost { .. } if peer.window.is_fresh(header.sequence) => Ok(()),
        Life::Live(_) | Life::Lost { .. } if peer.window.reaches(header.sequence) => Err(DropReason::Copy),
        Life::Live(_) | Life::Lost { .. } => Err(DropReason::Replay),
    }
}
