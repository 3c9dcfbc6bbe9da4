//! Silence: asking peers directly, and giving them up.

use std::time::Instant;

use super::Segment;
use crate::contract::Event;
use crate::name::MemberTag;
use crate::peer::{Life, Overdue};
use crate::table::PeerTable;

impl Segment {
    pub(super) fn liveness_due(&self) -> Option<Instant> {
        let silences = self.peers.values().filter_map(|peer| peer.due(&self.config).map(|(at, _)| at));
        let repairs = self.peers.values().filter_map(|peer| peer.repair_at).filter(|_| !self.is_duplicate());
        silences.chain(repairs).min()
    }

    pub(super) fn run_liveness(&mut self, now: Instant) {
        if !self.is_up() {
            return;
        }
        let mut ask = Vec::new();
        let mut lost = Vec::new();
        for peer in self.peers.values_mut() {
            while let Some((_, overdue)) = peer.due(&self.config).filter(|(at, _)| *at <= now) {
                match overdue {
                    Overdue::Ask => {
                        peer.asked(now);
                        ask.push(peer.tag);
                    }
                    Overdue::Lose => {
                        lost.push(peer.tag);
                        break;
                    }
                }
            }
        }
        ask.dedup();
        ask.into_iter().for_each(|tag| self.solicit(tag));
        self.watch_reception();
        if !lost.is_empty() {
            self.suspect_reception(now);
        }
        lost.into_iter().for_each(|tag| self.lose(now, tag));
    }

    pub(super) fn lose(&mut self, now: Instant, tag: MemberTag) {
        let Some(peer) = self.peers.get_mut(&tag) else { return };
        peer.life = Life::Lost { since: now };
        let member = peer.member.clone();
        self.event(Event::MemberLost { member });
        self.vacate(now, tag);
        self.ask_successors(tag);
    }

    pub(super) fn depart(&mut self, now: Instant, tag: MemberTag) {
        let Some(peer) = self.peers.get_mut(&tag) else { return };
        peer.life = Life::Left { since: now };
        let member = peer.member.clone();
        self.event(Event::MemberLeft { member });
        self.vacate(now, tag);
    }

    /// Ends all claims of a peer that is no longer there.
    fn vacate(&mut self, now: Instant, tag: MemberTag) {
        let Some(peer) = self.peers.get_mut(&tag) else { return };
        let sequence = peer.table.sequence();
        let table = std::mem::replace(&mut peer.table, PeerTable::after(sequence));
        peer.repair_at = None;
        peer.incomplete_since = None;
        self.stats.mismatches += table.mismatches();
        if !table.is_complete() {
            // It may have answered for any VIP without its claim being known here.
            self.reassert_all();
        }
        for vip in table.vips() {
            self.on_claim(now, tag, vip, None);
        }
        self.replan = true;
    }

    /// Forgets peers that are long gone; their replay windows would otherwise stay for ever.
    pub(super) fn prune_peers(&mut self, now: Instant) {
        let forget_after = self.config.timing.forget_after;
        self.strangers.prune(now, forget_after);
        self.newcomers.prune(now);
        if !self.is_duplicate() {
            self.prune_twin(now);
        }
        self.peers.retain(|_, peer| match peer.life {
            Life::Live(_) => true,
            Life::Lost { since } | Life::Left { since } => now.saturating_duration_since(since) < forget_after,
        });
        self.retired.retain(|tag, _| self.peers.contains_key(tag));
    }
}
