//! Members whose receiving side fails: in the end each VIP is on one that can answer.

use std::time::Duration;

use members::{Event, Released};

use crate::calm::expect_owners;
use crate::world::{World, ms};

fn started(seed: u64, nodes: usize) -> World {
    let mut world = World::new(seed, nodes, 6);
    (0..nodes).for_each(|node| world.start(node));
    let phase = world.between(1500, 1700);
    world.run_for(phase);
    world
}

/// The owners that can receive, of each VIP.
fn hearing_owners(world: &World) -> Vec<Vec<usize>> {
    let hears = |node: &usize| !world.rx_dead.contains(node);
    world.vips.iter().map(|vip| world.owners(*vip).into_iter().filter(hears).collect()).collect()
}

fn deafens(nodes: usize) {
    for seed in 0..40 {
        let mut world = started(seed, nodes);
        let (since, before) = (world.now, world.nodes[1].answering.clone());
        world.rx_dead.insert(0);
        world.run_for(ms(1000));
        let owners = hearing_owners(&world);
        assert!(owners.iter().all(|owners| owners.len() == 1), "seed {seed}: {owners:?}");
        // With one peer left it may as well be that one which is dead, so the deaf one has announced all it could.
        let is_announced_again = |vip| world.nodes[1].reasserted.get(vip).is_some_and(|at| *at >= since);
        assert!(nodes > 2 || before.iter().all(is_announced_again), "seed {seed}: {:?}", world.nodes[1].reasserted);
        world.run_for(ms(4000));
        assert!(world.nodes[0].answering.is_empty(), "seed {seed}: the deaf one gives up what it cannot serve");
        let moves = world.checks.moves;
        world.run_for(Duration::from_secs(10));
        assert_eq!(world.checks.moves, moves, "seed {seed}");
        let count = |event: &Event| world.nodes[0].events.iter().filter(|it| *it == event).count();
        assert_eq!((count(&Event::Deaf), count(&Event::Hearing)), (1, 0), "seed {seed}: told once");
        assert!(world.nodes[0].segment.as_ref().unwrap().view().deaf);
        world.rx_dead.clear();
        world.run_for(ms(1000));
        expect_owners(&world).unwrap();
        assert!(world.nodes[0].answering.is_empty(), "seed {seed}: it comes back like a member that joins");
        let is_hearing = world.nodes[0].events.contains(&Event::Hearing);
        assert!(is_hearing && !world.nodes[0].segment.as_ref().unwrap().view().deaf, "seed {seed}");
    }
}

#[test]
fn of_two_members_one_of_which_receives_nothing_the_other_owns_everything() {
    deafens(2);
}

#[test]
fn of_three_members_one_of_which_receives_nothing_the_others_own_everything() {
    deafens(3);
}

#[test]
fn a_deaf_member_takes_nothing_over_from_several_peers() {
    for seed in 0..40 {
        let mut world = started(seed, 3);
        let before = world.nodes[0].acquired.len();
        world.rx_dead.insert(0);
        world.run_for(Duration::from_secs(5));
        assert_eq!(world.nodes[0].acquired.len(), before, "seed {seed}");
        let last = world.nodes[0].released.last().map(|(_, _, why)| *why);
        assert!(last.is_none() || last == Some(Released::Deaf), "seed {seed}: {last:?}");
    }
}

#[test]
fn where_only_heartbeats_are_filtered_one_owner_stays_that_can_receive() {
    for nodes in [2, 3] {
        for seed in 0..30 {
            let mut world = started(seed, nodes);
            world.cut = (1..nodes).map(|other| (other, 0)).collect();
            world.run_for(ms(3000));
            for vip in &world.vips {
                assert_eq!(world.owners(*vip).len(), 1, "seed {seed}");
            }
            assert!(!world.nodes[0].events.contains(&Event::Deaf), "seed {seed}: its interface counts frames");
        }
    }
}

#[test]
fn the_last_of_three_takes_over_at_once_when_others_use_the_wire_and_after_the_first_frame_otherwise() {
    for seed in 0..20 {
        let mut world = started(seed, 3);
        world.crash(1);
        world.crash(2);
        world.run_for(ms(310));
        assert!(world.vips.iter().all(|vip| world.owners(*vip) == [0]), "seed {seed}");

        let mut quiet = started(seed, 3);
        let before = quiet.nodes[0].acquired.len();
        // Nothing else than the other members was ever received.
        quiet.rx_dead.insert(0);
        quiet.crash(1);
        quiet.crash(2);
        quiet.run_for(ms(1000));
        assert_eq!(quiet.nodes[0].acquired.len(), before, "seed {seed}");
        quiet.rx_dead.clear();
        quiet.run_for(ms(200));
        assert!(quiet.vips.iter().all(|vip| quiet.owners(*vip) == [0]), "seed {seed}");
    }
}
