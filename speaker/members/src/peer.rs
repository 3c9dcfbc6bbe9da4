//! One other member of the wire: whether it lives, and what it said.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::config::{Config, LAST_LOOK};
use crate::header::Header;
use crate::name::{BootId, Mac, MemberId, MemberTag};
use crate::seal::Opener;
use crate::table::PeerTable;
use crate::wire::{Body, Echo, Flags};

/// How many beats a peer that was not heard may be behind what it should have sent.
const BEHIND: u128 = 10;

/// Whether a peer lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    Live(Silence),
    Lost { since: Instant },
    Left { since: Instant },
}

/// What was done about a live peer's silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Silence {
    Heard,
    Asked,
    /// Asked again, shortly before it counts as lost.
    LastLook {
        since: Instant,
    },
}

/// What a peer's deadline asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overdue {
    Ask,
    Lose,
}

/// Whether a live peer hears this member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// Not known yet.
    Unknown,
    /// It lists this member among those it hears.
    TwoWay,
    /// It is heard and does not hear this member: its side of the network drops our frames.
    OneWay,
}

pub(crate) struct Peer {
    pub(crate) member: MemberId,
    pub(crate) tag: MemberTag,
    pub(crate) boot: BootId,
    pub(crate) life: Life,
    pub(crate) window: ReplayWindow,
    pub(crate) opener: Option<Opener>,
    pub(crate) mac: Mac,
    pub(crate) address: SocketAddr,
    pub(crate) interval: Duration,
    pub(crate) flags: Flags,
    pub(crate) last_heard: Instant,
    pub(crate) table: PeerTable,
    /// When to ask for what is missing in `table`.
    pub(crate) repair_at: Option<Instant>,
    pub(crate) incomplete_since: Option<Instant>,
    /// The greatest of our sequence numbers that it answered.
    pub(crate) answered: u64,
    pub(crate) reach: Reach,
    pub(crate) mentioned: Instant,
}

impl Peer {
    pub(crate) fn new(now: Instant, header: &Header, body: &Body, from: SocketAddr) -> Self {
        Self {
            member: body.member.clone(),
            tag: body.member.tag(),
            boot: header.boot,
            life: Life::Lost { since: now },
            window: ReplayWindow::from(header.sequence),
            opener: None,
            mac: body.mac,
            address: from,
            interval: body.interval,
            flags: body.flags,
            last_heard: now,
            table: PeerTable::default(),
            repair_at: None,
            incomplete_since: None,
            answered: 0,
            reach: Reach::Unknown,
            mentioned: now,
        }
    }

    /// Returns the proof that its latest datagram was read.
    pub(crate) fn echo(&self) -> Echo {
        Echo { boot: self.boot, sequence: self.window.greatest() }
    }

    pub(crate) fn is_live(&self) -> bool {
        matches!(self.life, Life::Live(_))
    }

    /// Reports whether the peer may own what its node is a candidate for.
    pub(crate) fn is_electable(&self, with_listeners: bool) -> bool {
        let Flags { ready, listening, leaving, left, solicits: _, damped: _, settled: _, duplicate, deaf } = self.flags;
        self.is_live() && ready && !duplicate && !deaf && !leaving && !left && (with_listeners || !listening)
    }

    /// Reports whether a datagram of a lost peer is one that it can have sent just now: it went on counting while it was not
    /// heard. What was missed then and recorded by somebody is behind that.
    pub(crate) fn is_plausible(&self, now: Instant, sequence: u64, interval: Duration) -> bool {
        let silent = now.saturating_duration_since(self.last_heard);
        let beats = silent.as_nanos() / self.interval.max(interval).as_nanos().max(1);
        u128::from(sequence.saturating_sub(self.window.greatest)) + BEHIND >= beats
    }

    /// Notes a sign of life.
    pub(crate) fn hear(&mut self, now: Instant) {
        self.last_heard = now;
        self.life = Life::Live(Silence::Heard);
    }

    /// Returns when the silence of a live peer asks for something, and for what.
    pub(crate) fn due(&self, config: &Config) -> Option<(Instant, Overdue)> {
        let Life::Live(silence) = self.life else { return None };
        let lost_at = self.last_heard + config.lost_after(self.interval);
        Some(match silence {
            Silence::Heard => {
                let suspect_after = config.scaled(config.timing.suspect_after, self.interval);
                (self.last_heard + suspect_after, Overdue::Ask)
            }
            Silence::Asked => (lost_at - LAST_LOOK, Overdue::Ask),
            Silence::LastLook { since } => (lost_at.max(since + LAST_LOOK), Overdue::Lose),
        })
    }

    /// Goes one step towards the loss of the peer.
    pub(crate) fn asked(&mut self, now: Instant) {
        self.life = match self.life {
            Life::Live(Silence::Heard) => Life::Live(Silence::Asked),
            Life::Live(Silence::Asked) => Life::Live(Silence::LastLook { since: now }),
            other @ (Life::Live(Silence::LastLook { .. }) | Life::Lost { .. } | Life::Left { .. }) => other,
        };
    }

    /// Updates the one-way display from a datagram; beats echo, in turn, the `members` that their sender hears.
    pub(crate) fn mention(&mut self, now: Instant, mentioned: bool, members: usize, per_beat: usize) {
        if mentioned {
            self.mentioned = now;
            self.reach = Reach::TwoWay;
            return;
        }
        let beats = u32::try_from(members / per_beat + 4).unwrap_or(u32::MAX);
        if now.saturating_duration_since(self.mentioned) > self.interval.saturating_mul(beats) {
            self.reach = Reach::OneWay;
        }
    }
}

/// Accepts each sequence number of a boot once, within a window below the greatest (RFC 4303 §3.4.3).
#[derive(Debug, Clone, Default)]
pub(crate) struct ReplayWindow {
    greatest: u64,
    /// Bit n stands for `greatest - n`.
    seen: u128,
}

impl ReplayWindow {
    /// Accepts what comes after the sequence number, and nothing before.
    pub(crate) fn from(sequence: u64) -> Self {
        Self { greatest: sequence, seen: u128::MAX }
    }

    pub(crate) fn greatest(&self) -> u64 {
        self.greatest
    }

    pub(crate) fn is_fresh(&self, sequence: u64) -> bool {
        if sequence == 0 || sequence > self.greatest {
            return sequence != 0;
        }
        let age = self.greatest - sequence;
        age < 128 && self.seen & (1 << age) == 0
    }

    /// Returns whether the window goes back to the number, so that one which is not fresh was seen before.
    pub(crate) fn reaches(&self, sequence: u64) -> bool {
        sequence != 0 && self.greatest.saturating_sub(sequence) < 128
    }

    pub(crate) fn accept(&mut self, sequence: u64) {
        if let Some(age) = self.greatest.checked_sub(sequence) {
            self.seen |= 1 << age.min(127);
            return;
        }
        let ahead = u32::try_from(sequence - self.greatest).unwrap_or(u32::MAX);
        self.seen = self.seen.checked_shl(ahead).unwrap_or(0) | 1;
        self.greatest = sequence;
    }
}

#[cfg(test)]
mod tests;
