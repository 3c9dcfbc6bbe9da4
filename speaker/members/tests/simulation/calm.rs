//! A wire without loss, one fault at a time: every bound is tight, and nothing moves without a cause.

use std::net::IpAddr;
use std::time::Duration;

use members::Mine;

use crate::over_seeds;
use crate::world::{World, ms};

/// Loss time, one stagger, and the time of a few datagrams.
const GAP: Duration = Duration::from_millis(300 + 150 + 30);
/// A claim on its way to the former owner; an overtaken one is asked for again.
const OVERLAP: Duration = Duration::from_millis(30);

#[test]
fn every_fault_on_a_calm_wire_moves_what_it_must_and_nothing_else() {
    over_seeds(1000, simulate);
}

fn simulate(seed: u64) -> Result<(), String> {
    let nodes = usize::try_from(seed % 7).unwrap() + 2;
    let mut world = World::new(seed, nodes, 6);
    world.damp_soon(seed % 5 == 1);
    world.checks.overlap_bound = Some(OVERLAP);
    world.checks.strict_resume = true;
    let at_first = nodes - world.pick(nodes / 2 + 1);
    for node in 0..at_first {
        world.start(node);
        let apart = world.between(0, 250);
        world.run_for(apart);
    }
    world.run_for(ms(1000));
    world.checks.gap_bound = Some(GAP);
    world.checks.moves_need_cause = true;
    expect_owners(&world)?;
    for _ in 0..8 {
        one_fault(&mut world);
        world.run_for(ms(1200));
        world.checks.gapless.clear();
        expect_owners(&world)?;
    }
    Ok(())
}

/// Exactly one owner for each VIP that a node can own.
pub(crate) fn expect_owners(world: &World) -> Result<(), String> {
    let at = world.now - world.begin;
    if let Some(fault) = world.checks.first_fault() {
        let (vip, fault) = fault;
        return Err(format!("{fault}{}", vip.map(|vip| world.story(vip)).unwrap_or_default()));
    }
    for vip in &world.vips {
        let owners = world.owners(*vip);
        let wanted = world.nodes.iter().any(|node| node.is_available(*vip));
        if owners.len() > 1 || (wanted && owners.is_empty()) {
            return Err(format!("{at:?}: {vip} is owned by {owners:?}{}", world.story(*vip)));
        }
        if let Some(owner) = owners.iter().find(|owner| wanted && !world.nodes[**owner].is_available(*vip)) {
            return Err(format!("{at:?}: {vip} stays on node {owner}, which may not own it{}", world.story(*vip)));
        }
    }
    Ok(())
}

fn cause_all(world: &mut World, node: usize) {
    let vips = world.vips.clone();
    world.checks.causes.extend(vips.into_iter().map(|vip| (node, vip)));
}

/// The VIPs of a node that another one can own.
fn replaceable(world: &World, node: usize) -> Vec<IpAddr> {
    let others = || (0..world.nodes.len()).filter(|other| *other != node).map(|other| &world.nodes[other]);
    let is_replaceable = |vip: &IpAddr| others().any(|other| other.is_available(*vip));
    world.nodes[node].answering.iter().copied().filter(is_replaceable).collect()
}

fn one_fault(world: &mut World) {
    let alive = world.alive();
    let dead = world.dead();
    let kind = world.pick(12);
    if alive.is_empty() || (kind < 2 && !dead.is_empty()) {
        let node = dead[world.pick(dead.len())];
        world.start(node);
        return;
    }
    let node = alive[world.pick(alive.len())];
    match kind {
        2 => {
            cause_all(world, node);
            world.crash(node);
        }
        3 => {
            cause_all(world, node);
            world.crash(node);
            let apart = world.between(0, 200);
            world.run_for(apart);
            world.start(node);
        }
        4 => {
            world.checks.gapless.extend(replaceable(world, node));
            cause_all(world, node);
            world.leave(node);
        }
        5 => {
            let time = world.between(251, 2000);
            cause_all(world, node);
            world.pause(node, time);
            world.run_for(time);
        }
        6 => {
            // A late scheduler: short enough that nothing may happen.
            let time = world.between(1, 140);
            world.pause(node, time);
        }
        7 => {
            let up = !world.nodes[node].link_up;
            cause_all(world, node);
            world.set_link(node, up);
        }
        8 => {
            let ready = !world.nodes[node].ready;
            if !ready {
                world.checks.gapless.extend(replaceable(world, node));
                cause_all(world, node);
            }
            world.set_ready(node, ready);
        }
        _ => edit(world, node),
    }
}

fn edit(world: &mut World, node: usize) {
    let vip = world.any_vip();
    let mine = [Mine::Eligible, Mine::Draining, Mine::Ineligible][world.pick(3)];
    if mine != Mine::Eligible {
        world.checks.gapless.extend(replaceable(world, node).into_iter().filter(|it| *it == vip));
        world.checks.causes.insert((node, vip));
    }
    world.set_stance(node, vip, mine);
}
