//! The invariants of the protocol, checked after every step.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use members::{Acquired, Mine};

use crate::world::World;

/// Two members that claim within this time did not know of each other.
const COLLISION: Duration = Duration::from_millis(5);

#[derive(Debug, Default)]
pub(crate) struct Checks {
    /// Set for wires with so many VIPs that a look at each after every step takes too long.
    pub(crate) off: bool,
    /// The longest time for which two nodes that reach each other may answer.
    pub(crate) overlap_bound: Option<Duration>,
    /// The longest time for which nobody answers although an eligible node could.
    pub(crate) gap_bound: Option<Duration>,
    /// VIPs that must be answered all the time, for a planned move.
    pub(crate) gapless: BTreeSet<IpAddr>,
    /// Whether a VIP may leave an owner only for a cause.
    pub(crate) moves_need_cause: bool,
    /// Owners that were given a cause to lose the VIP.
    pub(crate) causes: BTreeSet<(usize, IpAddr)>,
    /// Whether a resumed owner must find the VIP free.
    pub(crate) strict_resume: bool,
    pub(crate) moves: u64,
    /// Times two nodes stepped in within the delay of the wire, because their views differed for that long.
    pub(crate) collisions: u64,
    pub(crate) longest_overlap: Duration,
    pub(crate) longest_gap: Duration,
    last_owner: BTreeMap<IpAddr, usize>,
    overlaps: BTreeMap<IpAddr, Instant>,
    gaps: BTreeMap<IpAddr, Instant>,
    first_fault: Option<(Option<IpAddr>, String)>,
}

impl Checks {
    pub(crate) fn fault(&mut self, vip: Option<IpAddr>, fault: String) {
        self.first_fault.get_or_insert((vip, fault));
    }

    pub(crate) fn first_fault(&self) -> Option<(Option<IpAddr>, &str)> {
        self.first_fault.as_ref().map(|(vip, fault)| (*vip, fault.as_str()))
    }

    pub(crate) fn on_acquire(world: &mut World, node: usize, vip: IpAddr, why: Acquired) -> Option<String> {
        let at = world.now - world.begin;
        let last = world.checks.last_owner.insert(vip, node).filter(|last| *last != node);
        let rivals: Vec<usize> = world.owners(vip).into_iter().filter(|rival| *rival != node).collect();
        world.checks.causes.remove(&(node, vip));
        if why == Acquired::Resumed && world.checks.strict_resume && !rivals.is_empty() {
            return Some(format!("{at:?}: node {node} resumes {vip} while {rivals:?} answer"));
        }
        let last = last?;
        let just_now = |(when, it, _): &(Instant, IpAddr, Acquired)| *it == vip && world.now - *when < COLLISION;
        if world.nodes[last].acquired.iter().rev().any(just_now) {
            world.checks.collisions += 1;
            return None;
        }
        world.checks.moves += 1;
        let former = &world.nodes[last];
        let may_own = former.ready && former.link_up && former.stance(vip) == Mine::Eligible;
        let has_cause = !may_own || world.checks.causes.contains(&(last, vip));
        if world.checks.moves_need_cause && !has_cause {
            return Some(format!("{at:?}: {vip} moves from {last} to {node} ({why}) without a cause"));
        }
        None
    }

    /// After a collision the winner is the owner, whoever came last.
    pub(crate) fn on_release(world: &mut World, vip: IpAddr) {
        if let [owner] = world.owners(vip)[..] {
            world.checks.last_owner.insert(vip, owner);
        }
    }

    pub(crate) fn run(world: &mut World) {
        if world.checks.off {
            return;
        }
        for index in 0..world.vips.len() {
            let vip = world.vips[index];
            Self::check_overlap(world, vip);
            Self::check_gap(world, vip);
        }
    }

    fn check_overlap(world: &mut World, vip: IpAddr) {
        let owners = world.owners(vip);
        let meet = |a: &usize, b: &usize| a < b && !world.is_cut(*a, *b);
        let overlap = owners.iter().any(|a| owners.iter().any(|b| meet(a, b)));
        let (now, at) = (world.now, world.now - world.begin);
        let checks = &mut world.checks;
        if !overlap {
            checks.overlaps.remove(&vip);
            return;
        }
        let lasts = now - *checks.overlaps.entry(vip).or_insert(now);
        checks.longest_overlap = checks.longest_overlap.max(lasts);
        if checks.overlap_bound.is_some_and(|bound| lasts > bound) {
            checks.fault(Some(vip), format!("{at:?}: {owners:?} answer for {vip} since {lasts:?}"));
        }
    }

    fn check_gap(world: &mut World, vip: IpAddr) {
        let owners = world.owners(vip);
        let (now, at) = (world.now, world.now - world.begin);
        if owners.is_empty() && world.checks.gapless.contains(&vip) {
            world.checks.fault(Some(vip), format!("{at:?}: nobody answers for {vip} during a planned move"));
        }
        let is_served = |node: usize| owners.iter().any(|owner| *owner == node || !world.is_cut(*owner, node));
        let is_unserved = |node: usize| world.nodes[node].is_available(vip) && !is_served(node);
        let unserved = (0..world.nodes.len()).find(|node| !world.leaving.contains(node) && is_unserved(*node));
        let checks = &mut world.checks;
        let Some(node) = unserved else {
            checks.gaps.remove(&vip);
            return;
        };
        let lasts = now - *checks.gaps.entry(vip).or_insert(now);
        checks.longest_gap = checks.longest_gap.max(lasts);
        if checks.gap_bound.is_some_and(|bound| lasts > bound) {
            checks.fault(Some(vip), format!("{at:?}: {vip} has no owner near node {node} since {lasts:?}"));
        }
    }
}
