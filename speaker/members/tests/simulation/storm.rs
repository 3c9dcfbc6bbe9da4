//! Loss, delay, reordering, duplicates, partitions of both kinds, pauses and crashes at any moment; then peace.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use members::Mine;

use crate::calm::expect_owners;
use crate::over_seeds;
use crate::world::{CALM, Weather, World, ms};

/// A loser hears the winner's next beats with any luck, and gives way for the lack of an echo without.
const OVERLAP: Duration = Duration::from_millis(1500);

#[test]
fn after_any_storm_every_vip_has_exactly_one_owner_that_says_so() {
    over_seeds(1500, simulate);
}

pub(crate) fn simulate(seed: u64) -> Result<(), String> {
    let nodes = usize::try_from(seed % 7).unwrap() + 2;
    let mut world = World::new(seed, nodes, 6);
    world.damp_soon(seed % 5 == 1);
    world.weather = Weather {
        loss_percent: [0, 1, 5, 20][world.pick(4)],
        duplicate_percent: 5,
        delay_us: (50, [500, 5_000, 30_000][world.pick(3)]),
    };
    world.checks.overlap_bound = Some(OVERLAP);
    for node in 0..nodes {
        world.start(node);
    }
    for _ in 0..25 {
        one_fault(&mut world);
        let calm = world.between(0, 300);
        world.run_for(calm);
    }
    let doubled = make_peace(&mut world);
    let peace = world.now;
    world.run_for(ms(3000));
    expect_owners(&world)?;
    expect_reasserted(&world, &doubled, peace)?;
    let moves = world.checks.moves;
    world.checks.overlap_bound = Some(Duration::ZERO);
    world.run_for(ms(1000));
    expect_owners(&world)?;
    if world.checks.moves == moves { Ok(()) } else { Err("VIPs still move long after the storm".to_owned()) }
}

fn one_fault(world: &mut World) {
    let node = world.pick(world.nodes.len());
    let other = world.pick(world.nodes.len());
    match world.pick(12) {
        0 => world.crash(node),
        1 | 2 if world.nodes[node].segment.is_none() => world.start(node),
        3 => {
            let time = world.between(1, 1500);
            world.pause(node, time);
        }
        4 => world.leave(node),
        5 => {
            world.cut.insert((node, other));
        }
        6 => {
            let side: BTreeSet<usize> = (0..world.nodes.len()).filter(|_| world.rng_bool()).collect();
            let all = 0..world.nodes.len();
            let pairs = all.clone().flat_map(|a| all.clone().map(move |b| (a, b)));
            world.cut = pairs.filter(|(a, b)| side.contains(a) != side.contains(b)).collect();
        }
        7 | 8 => world.cut.clear(),
        9 => {
            let up = !world.nodes[node].link_up;
            world.set_link(node, up);
        }
        10 => {
            let ready = world.pick(3) > 0;
            world.set_ready(node, ready);
        }
        _ => {
            let vip = world.any_vip();
            let mine = [Mine::Eligible, Mine::Draining, Mine::Ineligible][world.pick(3)];
            world.set_stance(node, vip, mine);
        }
    }
}

/// Ends all faults and returns the VIPs that two nodes answer for at that moment.
fn make_peace(world: &mut World) -> Vec<IpAddr> {
    world.weather = CALM;
    for node in 0..world.nodes.len() {
        if let Some(until) = world.nodes[node].paused_until {
            let rest = until.saturating_duration_since(world.now);
            world.run_for(rest);
        }
    }
    let doubled = world.vips.iter().copied().filter(|vip| world.owners(*vip).len() > 1).collect();
    world.cut.clear();
    for node in 0..world.nodes.len() {
        world.set_link(node, true);
        world.set_ready(node, true);
        if world.nodes[node].segment.is_none() && node % 2 == 0 {
            world.start(node);
        }
    }
    doubled
}

/// The winner announces again, even if it never believed that it had lost.
fn expect_reasserted(world: &World, doubled: &[IpAddr], peace: Instant) -> Result<(), String> {
    for vip in doubled {
        let says_so = |node: usize| {
            let node = &world.nodes[node];
            node.reasserted.get(vip).is_some_and(|at| *at >= peace)
                || node.acquired.iter().any(|(at, acquired, _)| acquired == vip && *at >= peace)
        };
        if !world.owners(*vip).into_iter().all(says_so) {
            let story = world.story(*vip);
            return Err(format!("{vip} had two owners and its winner did not announce it again{story}"));
        }
    }
    Ok(())
}
