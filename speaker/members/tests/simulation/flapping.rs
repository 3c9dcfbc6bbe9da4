//! Nodes that come and go: nothing moves but what lost its owner, and who loses it again and again is chosen last.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use members::Event;

use crate::calm::expect_owners;
use crate::world::{World, ms};

/// Its cable is pulled more often than anything else happens.
const FLAPPING: usize = 0;
const NODES: usize = 6;
/// Longer than the loss time with every stagger, and than a newcomer listens.
const BETWEEN: Duration = Duration::from_millis(1200);

#[test]
fn over_a_thousand_joins_and_leaves_each_vip_moves_once_for_each_owner_that_became_ineligible() {
    for seed in 0..2 {
        simulate(seed).unwrap_or_else(|fault| panic!("seed {seed}: {fault}"));
    }
}

fn simulate(seed: u64) -> Result<(), String> {
    let mut world = World::new(seed, NODES, 12);
    world.checks.moves_need_cause = true;
    world.timing.damping_window = Duration::from_secs(120);
    (0..NODES).for_each(|node| world.start(node));
    world.run_for(ms(2000));
    let mut orphaned = 0;
    let (mut passed_over, mut better_than_nobody) = (0, 0);
    for event in 0..1000 {
        let fit = undamped(&world);
        let lost = one_event(&mut world);
        world.run_for(BETWEEN);
        expect_owners(&world)?;
        orphaned += u64::try_from(lost.vips.len()).unwrap();
        let choice: BTreeSet<usize> = fit.intersection(&undamped(&world)).copied().collect();
        for vip in lost.vips {
            let owner = world.owners(vip)[0];
            let is_last_choice = is_damped(&world, owner) && owner != lost.node;
            if is_last_choice && !choice.is_empty() {
                return Err(format!("event {event}: {vip} went to {owner} in spite of {choice:?}{}", world.story(vip)));
            }
            better_than_nobody += u64::from(is_last_choice);
            passed_over += u64::from(!is_last_choice && is_damped(&world, FLAPPING));
        }
        if world.checks.moves != orphaned {
            return Err(format!("event {event}: {} moves for {orphaned} losses of an owner", world.checks.moves));
        }
    }
    let begun = world.nodes[FLAPPING].events.iter().filter(|event| matches!(event, Event::Damped { .. })).count();
    let ended = world.nodes[FLAPPING].events.iter().filter(|event| matches!(event, Event::Undamped)).count();
    if begun < 2 || ended == 0 || passed_over < 20 || better_than_nobody == 0 {
        return Err(format!(
            "this proves little: damped {begun} times, healed {ended} times, passed over {passed_over} times, chosen \
             {better_than_nobody} times for lack of another"
        ));
    }
    Ok(())
}

struct Lost {
    node: usize,
    vips: Vec<IpAddr>,
}

/// One join or leave; never the leave of the last node.
fn one_event(world: &mut World) -> Lost {
    let node = if world.pick(4) == 0 { FLAPPING } else { world.pick(NODES) };
    let vips = world.nodes[node].answering.iter().copied().collect();
    let nothing = Lost { node, vips: Vec::new() };
    if world.nodes[node].segment.is_none() {
        world.start(node);
        return nothing;
    }
    if !world.nodes[node].link_up {
        world.set_link(node, true);
        return nothing;
    }
    if !world.nodes[node].ready {
        world.set_ready(node, true);
        return nothing;
    }
    let vip = world.vips[0];
    if (0..NODES).all(|other| other == node || !world.nodes[other].is_available(vip)) {
        return nothing;
    }
    let all = world.vips.clone();
    world.checks.causes.extend(all.into_iter().map(|vip| (node, vip)));
    // A restart would make the flapping node forget its losses.
    let kind = if node == FLAPPING { 4 } else { world.pick(5) };
    match kind {
        0 => world.crash(node),
        1 => world.leave(node),
        2 => world.set_ready(node, false),
        _ => world.set_link(node, false),
    }
    Lost { node, vips }
}

fn is_damped(world: &World, node: usize) -> bool {
    world.nodes[node].segment.as_ref().is_some_and(|segment| segment.view().damped_until.is_some())
}

/// The nodes that can own VIPs and are no last choice.
fn undamped(world: &World) -> BTreeSet<usize> {
    let vip = world.vips[0];
    (0..NODES).filter(|node| world.nodes[*node].is_available(vip) && !is_damped(world, *node)).collect()
}

#[test]
fn a_restart_of_all_speakers_at_once_keeps_the_owners() {
    for seed in 0..50 {
        let mut world = World::new(seed, NODES, 24);
        let start = |world: &mut World| {
            (0..NODES).for_each(|node| world.start(node));
            world.run_for(ms(2000));
            expect_owners(world).unwrap();
        };
        start(&mut world);
        let owners = |world: &World| world.vips.iter().map(|vip| world.owners(*vip)).collect::<Vec<_>>();
        let before = owners(&world);
        (0..NODES).for_each(|node| world.crash(node));
        start(&mut world);
        assert_eq!(owners(&world), before, "seed {seed}");
    }
}

#[test]
fn a_healthy_owner_keeps_its_vips_whatever_it_was_before() {
    for seed in 0..20 {
        let mut world = World::new(seed, 2, 4);
        world.start(0);
        world.run_for(ms(1000));
        for _ in 0..3 {
            world.set_link(0, false);
            world.run_for(ms(500));
            world.set_link(0, true);
            world.run_for(ms(1000));
        }
        assert!(is_damped(&world, 0), "seed {seed}");
        assert_eq!(world.nodes[0].answering.len(), 4, "seed {seed}: better than nobody");
        world.start(1);
        world.run_for(Duration::from_secs(700));
        assert_eq!(
            world.nodes[0].answering.len(),
            4,
            "seed {seed}: neither the join nor the end of the damping moves any"
        );
        assert!(!is_damped(&world, 0), "seed {seed}");
    }
}
