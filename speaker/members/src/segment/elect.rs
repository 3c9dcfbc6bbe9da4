//! Vacant VIPs: whom to expect, and when to step in.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Segment;
use crate::contract::{Candidacy, Mine};
use crate::election::{Ballot, Contender, load_bound};
use crate::name::{MemberTag, NodeName};

/// Least time between two plans, per vacancy planned: when a large wire starts, every member that turns up would
/// otherwise make all others plan thousands of VIPs again while heartbeats wait.
const PLAN_SPACING: Duration = Duration::from_micros(5);

impl Segment {
    /// Returns when the next claim is due; it waits a bounded time for the tables of live peers to be complete.
    fn claim_due(&self) -> Option<Instant> {
        let due = self.claim_at.first()?;
        let wait = self.config.timing.repair_wait;
        let incomplete = self.peers.values().filter_map(|peer| peer.incomplete_since).max();
        Some(incomplete.map_or(due, |since| due.max((since + wait).min(due + wait))))
    }

    pub(super) fn election_due(&self) -> Option<Instant> {
        if !self.is_active() || self.is_holding() {
            return None;
        }
        let claim = self.claim_due();
        let plan = self.replan.then_some(self.plan_after);
        let due = [claim, plan, self.starting_until].into_iter().flatten().min()?;
        Some(self.not_while_looking(due))
    }

    pub(super) fn run_election(&mut self, now: Instant) {
        if !self.is_active() || self.is_looking() || self.is_holding() {
            return;
        }
        if self.starting_until.is_some_and(|until| until <= now) {
            self.starting_until = None;
            self.replan = true;
        }
        if self.replan && self.plan_after <= now {
            self.plan_after = now + PLAN_SPACING * u32::try_from(self.vacancies.len()).unwrap_or(u32::MAX);
            self.plan(now);
        }
        while self.claim_due().is_some_and(|due| due <= now) {
            let Some(vip) = self.claim_at.pop(now) else { break };
            let may_take = |candidacy| !self.excluded(vip, candidacy).contains(&self.tag);
            if self.stance(vip) != Mine::Ineligible && self.want.get(&vip).is_some_and(may_take) {
                self.claim(now, vip);
            }
        }
    }

    fn plan(&mut self, now: Instant) {
        self.replan = false;
        let mut contenders = self.contenders();
        let bound = load_bound(self.want.len(), contenders.len());
        let me = contenders.iter().position(|contender| contender.tag == self.tag);
        // Most VIPs share their candidates, so the scores are looked up once for each list of nodes.
        let mut scores: BTreeMap<*const BTreeMap<NodeName, u32>, Vec<Option<u32>>> = BTreeMap::new();
        let mut group_owners: BTreeMap<u64, BTreeSet<NodeName>> = BTreeMap::new();
        let vips: Vec<IpAddr> = self.vacancies.keys().copied().collect();
        for vip in vips {
            let Some(candidacy) = self.want.get(&vip) else { continue };
            let owners = group_owners.entry(candidacy.group).or_insert_with(|| self.group_owners(candidacy.group));
            let nodes = &candidacy.nodes;
            let score = |contender: &Contender| nodes.get(&contender.node).copied();
            let scores = scores.entry(Arc::as_ptr(nodes)).or_insert_with(|| contenders.iter().map(score).collect());
            let ballot = Ballot {
                vip,
                scores,
                excluded: &self.excluded(vip, candidacy),
                with_listeners: self.starting_until.is_some() && !self.seen.contains_key(&vip),
                group_owners: owners,
                last_resort: (candidacy.mine == Mine::Draining).then_some(self.tag),
                bound,
            };
            let Some(outcome) = ballot.elect(&contenders, me) else {
                self.claim_at.remove(vip);
                continue;
            };
            if let Some(winner) = contenders.get_mut(outcome.winner) {
                winner.load += 1;
                owners.insert(winner.node.clone());
                let (expected, waits) = (winner.tag, winner.listening);
                self.schedule_claim(now, vip, expected, outcome.before_me.filter(|_| !waits));
            }
        }
    }

    fn contenders(&self) -> Vec<Contender> {
        let peers = self.peers.values().filter(|peer| peer.is_electable(true)).map(|peer| Contender {
            tag: peer.tag,
            node: peer.member.node.clone(),
            load: peer.table.len(),
            listening: peer.flags.listening,
            damped: peer.flags.damped,
        });
        let me = Contender {
            tag: self.tag,
            node: self.config.me.node.clone(),
            load: self.own.len(),
            listening: false,
            damped: self.is_damped(),
        };
        let is_candidate = self.ready && self.leave_by.is_none();
        peers.chain(is_candidate.then_some(me)).collect()
    }

    fn group_owners(&self, group: u64) -> BTreeSet<NodeName> {
        let vips = self.groups.get(&group).into_iter().flatten();
        let owners = vips.filter_map(|vip| self.owners.get(vip));
        owners.filter_map(|owner| self.member(*owner)).map(|member| member.node).collect()
    }

    fn excluded(&self, vip: IpAddr, candidacy: &Candidacy) -> Vec<MemberTag> {
        let claimants = self.claims.of(vip);
        let am_out = match candidacy.mine {
            Mine::Eligible => false,
            Mine::Draining => !claimants.is_empty(),
            Mine::Ineligible => true,
        };
        claimants.iter().map(|claimant| claimant.member).chain(am_out.then_some(self.tag)).collect()
    }

    /// Steps in at once if elected, and one stagger later for each member that comes before, so that different views
    /// cannot leave a VIP without owner. A changed plan never postpones a step in behind the same expected member.
    /// For a member that still listens everybody waits until it has settled or the time of the start is over.
    fn schedule_claim(&mut self, now: Instant, vip: IpAddr, expected: MemberTag, before_me: Option<usize>) {
        let Some(before_me) = before_me else {
            self.claim_at.remove(vip);
            return;
        };
        let steps = u32::try_from(before_me).unwrap_or(u32::MAX);
        let mut at = now + self.config.timing.stagger.saturating_mul(steps);
        let before = self.vacancies.insert(vip, Some(expected)).flatten();
        if let Some(planned) = self.claim_at.get(vip).filter(|_| before == Some(expected)) {
            at = at.min(planned);
        }
        self.claim_at.set(vip, at);
    }
}
