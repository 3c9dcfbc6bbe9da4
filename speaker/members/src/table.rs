//! Claims tables: the own one with its history, and the copies of the peers' tables.
//!
//! Every change of the own table gets the next version.
//! A piece carries all VIPs whose latest change falls into a span of versions, so a receiver that has seen the spans
//! from 1 up to the current version holds the whole table, whatever was superseded in between.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::Bound;

use crate::mix::{mix, mix_address};
use crate::spans::{Span, Spans};
use crate::wire::{Change, Piece};

/// How many times a VIP has found a new owner; the greater of two claims is the later one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Epoch(pub(crate) u64);

impl Epoch {
    pub(crate) fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// One member's claim to one VIP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) epoch: Epoch,
    /// The claimant asks for a successor.
    pub(crate) yielding: bool,
}

/// What every beat says about its sender's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Summary {
    pub(crate) version: u64,
    pub(crate) count: u32,
    pub(crate) digest: u64,
}

/// A sum of these is a digest that changes in constant time and does not depend on order.
fn digest_of(vip: IpAddr, claim: Claim) -> u64 {
    mix(mix_address(vip) ^ mix(claim.epoch.0.wrapping_mul(2) ^ u64::from(claim.yielding)))
}

/// How many given-up VIPs are remembered; a peer that missed older ones is repaired by the digest.
const MAX_GONE: usize = 4096;

#[derive(Debug, Default)]
pub(crate) struct OwnTable {
    claims: BTreeMap<IpAddr, (Claim, u64)>,
    gone: BTreeMap<IpAddr, u64>,
    log: BTreeMap<u64, IpAddr>,
    version: u64,
    digest: u64,
}

impl OwnTable {
    pub(crate) fn get(&self, vip: IpAddr) -> Option<Claim> {
        self.claims.get(&vip).map(|(claim, _)| *claim)
    }

    pub(crate) fn len(&self) -> usize {
        self.claims.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.claims.is_empty()
    }

    pub(crate) fn vips(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.claims.keys().copied()
    }

    pub(crate) fn summary(&self) -> Summary {
        let count = u32::try_from(self.claims.len()).unwrap_or(u32::MAX);
        Summary { version: self.version, count, digest: self.digest }
    }

    /// Sets a claim and returns the span of the change; an unchanged claim gets a new version and is told again.
    pub(crate) fn set(&mut self, vip: IpAddr, claim: Claim) -> Span {
        let span = self.log_change(vip);
        if let Some((old, _)) = self.claims.insert(vip, (claim, self.version)) {
            self.digest = self.digest.wrapping_sub(digest_of(vip, old));
        }
        self.digest = self.digest.wrapping_add(digest_of(vip, claim));
        span
    }

    pub(crate) fn remove(&mut self, vip: IpAddr) -> Option<Span> {
        let claim = self.get(vip)?;
        let span = self.log_change(vip);
        self.claims.remove(&vip);
        self.digest = self.digest.wrapping_sub(digest_of(vip, claim));
        self.gone.insert(vip, self.version);
        if self.gone.len() > MAX_GONE {
            self.forget_old_gone();
        }
        Some(span)
    }

    fn log_change(&mut self, vip: IpAddr) -> Span {
        let held = self.claims.get(&vip).map(|(_, version)| *version);
        if let Some(previous) = held.or_else(|| self.gone.remove(&vip)) {
            self.log.remove(&previous);
        }
        let after = self.version;
        self.version += 1;
        self.log.insert(self.version, vip);
        Span { after, upto: self.version }
    }

    fn forget_old_gone(&mut self) {
        let mut versions: Vec<u64> = self.gone.values().copied().collect();
        versions.sort_unstable();
        let keep_from = versions[versions.len() / 2];
        let log = &mut self.log;
        self.gone.retain(|_, version| {
            let keep = *version >= keep_from;
            if !keep {
                log.remove(version);
            }
            keep
        });
    }

    /// Returns as much of `span` as fits `room` bytes, from its start; at least one change fits always.
    pub(crate) fn piece(&self, span: Span, room: usize) -> Piece {
        let upto = span.upto.min(self.version).max(span.after);
        let mut changes = Vec::new();
        let mut used = 0;
        for (&version, &vip) in self.log.range((Bound::Excluded(span.after), Bound::Included(upto))) {
            let change = Change { vip, claim: self.get(vip) };
            used += change.encoded_len();
            if used > room && !changes.is_empty() {
                return Piece { span: Span { after: span.after, upto: version - 1 }, changes, is_partial: false };
            }
            changes.push(change);
        }
        Piece { span: Span { after: span.after, upto }, changes, is_partial: false }
    }
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    claim: Claim,
    /// The datagram that told it.
    sequence: u64,
}

/// What is known of a peer's table.
#[derive(Debug, Default)]
pub(crate) struct PeerTable {
    entries: BTreeMap<IpAddr, Entry>,
    known: Spans,
    summary: Summary,
    /// Digest of `entries`.
    digest: u64,
    /// The last datagram whose content was taken.
    sequence: u64,
    /// Entries told before this datagram are dropped once the table is complete.
    sweep_before: u64,
    /// A later version told changes that this one does not know, so the digest says nothing.
    is_partial: bool,
    mismatches: u64,
}

impl PeerTable {
    /// Returns an empty copy that ignores content older than `sequence`.
    pub(crate) fn after(sequence: u64) -> Self {
        Self { sequence, ..Self::default() }
    }

    pub(crate) fn sequence(&self) -> u64 {
        self.sequence
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn vips(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.entries.keys().copied()
    }

    pub(crate) fn claims(&self) -> Vec<(IpAddr, Claim)> {
        self.entries.iter().map(|(vip, entry)| (*vip, entry.claim)).collect()
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.known.covers(self.summary.version)
    }

    pub(crate) fn gaps(&self, limit: usize) -> Vec<Span> {
        self.known.gaps(self.summary.version, limit)
    }

    pub(crate) fn mismatches(&self) -> u64 {
        self.mismatches
    }

    /// Takes the content of a newer datagram and returns what it changes; a VIP given up is returned in any case.
    ///
    /// The caller skips content of datagrams older than `sequence`: an overtaken piece could revive an old claim, and
    /// what it carried is simply asked for again.
    pub(crate) fn apply(&mut self, sequence: u64, summary: Summary, piece: Option<&Piece>) -> Vec<Change> {
        debug_assert!(sequence > self.sequence, "content is taken in the order of sending");
        self.sequence = sequence;
        self.summary = summary;
        let mut changes = Vec::new();
        if let Some(piece) = piece {
            for change in &piece.changes {
                self.take(sequence, *change, &mut changes);
            }
            self.known.insert(piece.span);
            self.is_partial |= piece.is_partial;
        }
        if self.is_complete() {
            self.verify(&mut changes);
        }
        changes
    }

    fn take(&mut self, sequence: u64, change: Change, changes: &mut Vec<Change>) {
        let old = match change.claim {
            Some(claim) => self.entries.insert(change.vip, Entry { claim, sequence }),
            None => self.entries.remove(&change.vip),
        };
        if let Some(old) = old {
            self.digest = self.digest.wrapping_sub(digest_of(change.vip, old.claim));
        }
        if let Some(claim) = change.claim {
            self.digest = self.digest.wrapping_add(digest_of(change.vip, claim));
        }
        if change.claim.is_none() || change.claim != old.map(|old| old.claim) {
            changes.push(change);
        }
    }

    /// A complete copy with another digest is read again from the start; its entries stay in force until then.
    fn verify(&mut self, changes: &mut Vec<Change>) {
        if self.sweep_before > 0 {
            let sweep_before = std::mem::take(&mut self.sweep_before);
            let is_stale = |entry: &Entry| entry.sequence < sweep_before;
            let stale: Vec<IpAddr> =
                self.entries.iter().filter(|(_, entry)| is_stale(entry)).map(|(vip, _)| *vip).collect();
            stale.into_iter().for_each(|vip| self.take(self.sequence, Change { vip, claim: None }, changes));
        }
        let count = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        let differs = self.digest != self.summary.digest || count != self.summary.count;
        if differs && !self.is_partial {
            self.mismatches += 1;
            self.known.clear();
            self.sweep_before = self.sequence;
        }
    }
}

#[cfg(test)]
mod tests;
