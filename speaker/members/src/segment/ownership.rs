//! Holding VIPs: what is desired, which claim counts, and when to let go.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Instant;

use super::Segment;
use crate::claims::Claimant;
use crate::contract::{Acquired, Candidacy, Event, Mine, Output, Released};
use crate::name::{MemberId, MemberTag};
use crate::table::Claim;

impl Segment {
    pub(super) fn on_want(&mut self, now: Instant, want: BTreeMap<IpAddr, Candidacy>) {
        let old = std::mem::replace(&mut self.want, want);
        let removed = old.keys().filter(|vip| !self.want.contains_key(vip));
        let edited = self.want.iter().filter(|(vip, new)| old.get(vip) != Some(new)).map(|(vip, _)| vip);
        let changed: Vec<IpAddr> = removed.chain(edited).copied().collect();
        for vip in changed {
            if let Some(was) = old.get(&vip) {
                self.regroup(vip, was.group, false);
            }
            match self.want.get(&vip).map(|is| is.group) {
                Some(group) => {
                    self.regroup(vip, group, true);
                    self.update_stance(now, vip);
                }
                None => self.forget(now, vip),
            }
            self.review(now, vip);
        }
        self.replan = true;
    }

    fn regroup(&mut self, vip: IpAddr, group: u64, is_in: bool) {
        let vips = self.groups.entry(group).or_default();
        if is_in {
            vips.insert(vip);
        } else {
            vips.remove(&vip);
        }
        if vips.is_empty() {
            self.groups.remove(&group);
        }
    }

    fn forget(&mut self, now: Instant, vip: IpAddr) {
        self.release(now, vip, Released::Unwanted);
        self.vacancies.remove(&vip);
        self.claim_at.remove(vip);
        self.owners.remove(&vip);
        self.deferred.remove(&vip);
        if self.claims.best(vip).is_none() {
            self.seen.remove(&vip);
        }
    }

    pub(super) fn on_ready(&mut self, now: Instant, ready: bool) {
        if self.ready == ready {
            return;
        }
        self.ready = ready;
        self.sending.urgent = true;
        self.replan = true;
        self.update_stances(now);
    }

    pub(super) fn update_stances(&mut self, now: Instant) {
        let vips: Vec<IpAddr> = self.own.vips().collect();
        vips.into_iter().for_each(|vip| self.update_stance(now, vip));
    }

    /// Returns what this member may do with a VIP, all gates considered.
    pub(super) fn stance(&self, vip: IpAddr) -> Mine {
        let open = self.ready && self.leave_by.is_none();
        self.want.get(&vip).filter(|_| open).map_or(Mine::Ineligible, |candidacy| candidacy.mine)
    }

    /// Asks for a successor, or takes the question back.
    fn update_stance(&mut self, now: Instant, vip: IpAddr) {
        let Some(claim) = self.own.get(vip) else { return };
        let stance = self.stance(vip);
        let yielding = stance != Mine::Eligible;
        if claim.yielding != yielding {
            self.record(vip, Claim { yielding, ..claim });
        }
        if stance == Mine::Ineligible && self.leave_by.is_none() {
            self.graces.start(vip, now + self.config.timing.release_grace);
        } else {
            self.graces.remove(vip);
        }
    }

    pub(super) fn run_graces(&mut self, now: Instant) {
        while let Some(vip) = self.graces.pop(now) {
            self.release(now, vip, Released::Ineligible);
            self.review(now, vip);
        }
    }

    /// A peer claims a VIP, changes its claim or gives it up.
    pub(super) fn on_claim(&mut self, now: Instant, member: MemberTag, vip: IpAddr, claim: Option<Claim>) {
        if let Some(claim) = claim {
            let seen = self.seen.entry(vip).or_default();
            *seen = claim.epoch.max(*seen);
        }
        match claim {
            Some(claim) => {
                let suspended = self.peers.get(&member).is_some_and(|peer| peer.flags.listening || peer.flags.deaf);
                self.claims.set(vip, Claimant { member, claim, suspended });
            }
            None => {
                self.claims.remove(vip, member);
                if !self.want.contains_key(&vip) && self.claims.best(vip).is_none() {
                    self.seen.remove(&vip);
                }
            }
        }
        if claim.is_none() && self.answering.contains(&vip) {
            // It may have answered until a moment ago, even if its claim was never seen here: neighbours may believe it.
            self.outputs.push_back(Output::Reassert { vip });
        }
        self.review(now, vip);
    }

    /// Draws the conclusions from the claims to one VIP. Only the wire and the desired state count, never the order in
    /// which they became known.
    pub(super) fn review(&mut self, now: Instant, vip: IpAddr) {
        let rival = self.claims.best(vip);
        if let Some(mine) = self.own.get(vip) {
            match rival {
                Some(rival) => self.face(now, vip, mine, rival),
                None => {
                    self.contests.remove(vip);
                }
            }
        }
        if self.deferred.get(&vip).is_some_and(|rival| !self.claims.is_claimed_by(vip, *rival)) {
            self.deferred.remove(&vip);
        }
        self.update_vacancy(vip, rival);
        self.publish(vip);
    }

    fn face(&mut self, now: Instant, vip: IpAddr, mine: Claim, rival: Claimant) {
        let me = Claimant { member: self.tag, claim: mine, suspended: !self.answering.contains(&vip) };
        // Only who answers may take over from a rival that waits for a successor.
        let gives_way = rival.claim.yielding && !mine.yielding && !me.suspended;
        if rival.strength(vip) > me.strength(vip) {
            if gives_way {
                self.record(vip, Claim { epoch: rival.claim.epoch.next(), ..mine });
            } else if mine.yielding {
                self.release(now, vip, Released::HandedOver);
                return;
            } else {
                self.stats.conflicts += 1;
                self.release(now, vip, Released::Conflict);
                self.resolved(vip, rival.member);
                return;
            }
        }
        // It cannot answer, so there is nothing to give way to; but what it has announced draws traffic to it.
        let is_deaf = self.is_deaf_peer(rival.member);
        let patience = self.config.timing.lost_after + self.config.timing.stagger;
        let starts = self.contests.start(vip, now + patience);
        if starts && !gives_way {
            if self.answering.contains(&vip) {
                self.outputs.push_back(Output::Reassert { vip });
            }
            if !is_deaf {
                self.stats.conflicts += 1;
                self.record(vip, mine);
                self.resolved(vip, self.tag);
            }
        }
    }

    fn resolved(&mut self, vip: IpAddr, winner: MemberTag) {
        if let Some(winner) = self.member(winner) {
            self.event(Event::ConflictResolved { vip, winner });
        }
    }

    /// A rival that hears this member lets go at once. One that still claims does not hear it, and would answer for
    /// ever next to it; the member that hears both is the one that can end this.
    pub(super) fn run_contests(&mut self, now: Instant) {
        if self.is_looking() {
            return;
        }
        while let Some(vip) = self.contests.pop(now) {
            let Some(rival) = self.claims.best(vip) else { continue };
            if self.is_deaf_peer(rival.member) {
                continue;
            }
            self.deferred.insert(vip, rival.member);
            self.release(now, vip, Released::Unheard);
            self.resolved(vip, rival.member);
            self.review(now, vip);
        }
    }

    /// A rival to which this member gave way hears it again, so it can hand over.
    pub(super) fn on_heard_by(&mut self, now: Instant, member: MemberTag) {
        let healed: Vec<IpAddr> =
            self.deferred.extract_if(.., |_, rival| *rival == member).map(|(vip, _)| vip).collect();
        healed.into_iter().for_each(|vip| self.review(now, vip));
    }

    fn update_vacancy(&mut self, vip: IpAddr, rival: Option<Claimant>) {
        let deferred = self.deferred.get(&vip).copied();
        let gives = |rival: Claimant| rival.claim.yielding && deferred != Some(rival.member);
        let is_open = rival.is_none_or(|rival| gives(rival) || self.is_deaf_peer(rival.member));
        if self.want.contains_key(&vip) && self.own.get(vip).is_none() && is_open {
            self.vacancies.entry(vip).or_insert_with(|| {
                self.replan = true;
                None
            });
        } else if self.vacancies.remove(&vip).is_some() {
            self.claim_at.remove(vip);
        }
    }

    fn publish(&mut self, vip: IpAddr) {
        if !self.want.contains_key(&vip) {
            return;
        }
        let owner = match self.own.get(vip) {
            Some(_) => Some(self.tag),
            None => self.claims.best(vip).map(|best| best.member),
        };
        let before = match owner {
            Some(owner) => self.owners.insert(vip, owner),
            None => self.owners.remove(&vip),
        };
        if before != owner {
            let owner = owner.and_then(|owner| self.member(owner));
            self.event(Event::OwnerChanged { vip, owner });
        }
    }

    pub(super) fn member(&self, tag: MemberTag) -> Option<MemberId> {
        if tag == self.tag {
            return Some(self.config.me.clone());
        }
        self.peers.get(&tag).map(|peer| peer.member.clone())
    }

    /// Sets the own claim, to be told at once.
    fn record(&mut self, vip: IpAddr, claim: Claim) {
        let span = self.own.set(vip, claim);
        self.sending.tell(span);
    }

    /// Claims a VIP and answers for it.
    pub(super) fn claim(&mut self, now: Instant, vip: IpAddr) {
        let why = match (self.claims.best(vip), self.seen.get(&vip)) {
            (Some(_), _) => Acquired::Handover,
            (None, Some(_)) => Acquired::Takeover,
            (None, None) => Acquired::Vacant,
        };
        let seen = self.seen.entry(vip).or_default();
        *seen = seen.next();
        let claim = Claim { epoch: *seen, yielding: false };
        self.record(vip, claim);
        self.update_stance(now, vip);
        self.answer(vip, why);
        self.review(now, vip);
    }

    pub(super) fn answer(&mut self, vip: IpAddr, why: Acquired) {
        if self.answering.insert(vip) {
            self.stats.acquired += 1;
            self.outputs.push_back(Output::Acquire { vip, why });
        }
    }

    pub(super) fn release(&mut self, now: Instant, vip: IpAddr, why: Released) {
        let Some(span) = self.own.remove(vip) else { return };
        self.note_release(now, vip, why);
        self.sending.tell(span);
        self.graces.remove(vip);
        self.contests.remove(vip);
        if self.answering.remove(&vip) {
            self.stats.released += 1;
            self.outputs.push_back(Output::Release { vip, why });
        }
    }

    pub(super) fn release_all(&mut self, now: Instant, why: Released) {
        let vips: Vec<IpAddr> = self.own.vips().collect();
        for vip in vips {
            self.release(now, vip, why);
            self.review(now, vip);
        }
    }
}
