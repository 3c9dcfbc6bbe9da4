//! One story per test.

use std::time::Duration;

use members::{Acquired, ClusterId, Event, KeyRing, MemberState, Mine, Reach, Released, Stranger};

use crate::calm::expect_owners;
use crate::storm;
use crate::world::{SECRET, World, ms, ring};

/// A settled wire on which everything is watched closely.
fn settled(seed: u64, nodes: usize, vips: usize) -> World {
    let mut world = World::new(seed, nodes, vips);
    (0..nodes).for_each(|node| world.start(node));
    world.run_for(ms(2000));
    world.checks.overlap_bound = Some(ms(30));
    world.checks.moves_need_cause = true;
    world.checks.strict_resume = true;
    world
}

fn owner(world: &World) -> usize {
    let owners = world.owners(world.vips[0]);
    assert_eq!(owners.len(), 1, "the VIP is owned by {owners:?}");
    owners[0]
}

fn well(world: &World) {
    expect_owners(world).unwrap();
}

#[test]
fn a_dead_owner_is_replaced_200_to_300_ms_after_its_death() {
    let mut gaps: Vec<Duration> = (0..200).map(gap_after_crash).collect();
    gaps.sort();
    assert!(gaps[0] >= ms(195), "the shortest gap is {:?}", gaps[0]);
    assert!(gaps[199] <= ms(306), "the longest gap is {:?}", gaps[199]);
    assert!((ms(235)..=ms(270)).contains(&gaps[100]), "the median gap is {:?}", gaps[100]);
}

fn gap_after_crash(seed: u64) -> Duration {
    let mut world = settled(seed, 3, 1);
    let phase = world.between(0, 99);
    world.run_for(phase);
    let (dead, crash) = (owner(&world), world.now);
    world.checks.causes.insert((dead, world.vips[0]));
    world.crash(dead);
    world.run_for(ms(500));
    well(&world);
    let (at, _, why) = world.nodes[owner(&world)].acquired.last().copied().unwrap();
    assert_eq!(why, Acquired::Takeover);
    at - crash
}

#[test]
fn a_rolling_restart_of_all_speakers_is_never_without_an_owner() {
    for seed in 0..20 {
        let mut world = settled(seed, 3, 6);
        world.checks.moves_need_cause = false;
        world.checks.gapless.extend(world.vips.clone());
        for node in 0..3 {
            world.leave(node);
            world.run_for(ms(200));
            assert!(world.nodes[node].segment.is_none(), "all was handed over, so it has left");
            world.start(node);
            world.run_for(ms(800));
        }
        well(&world);
    }
}

#[test]
fn one_way_loss_between_two_nodes_leaves_one_lasting_owner() {
    for seed in 0..40 {
        let mut world = settled(seed, 2, 4);
        world.checks.overlap_bound = None;
        world.checks.moves_need_cause = false;
        world.cut.insert((0, 1));
        world.run_for(ms(2500));
        let owners: Vec<Vec<usize>> = world.vips.iter().map(|vip| world.owners(*vip)).collect();
        assert!(owners.iter().all(|owners| owners.len() == 1), "seed {seed}: {owners:?}");
        let moves = world.checks.moves;
        world.run_for(ms(5000));
        assert_eq!(world.checks.moves, moves, "seed {seed}: owners change while nothing happens");
        let view = world.nodes[0].segment.as_ref().unwrap().view();
        assert_eq!(view.members[0].reach, Reach::OneWay);
        world.cut.clear();
        world.run_for(ms(2000));
        well(&world);
    }
}

#[test]
fn a_later_owner_gives_way_to_an_earlier_one_that_does_not_hear_it() {
    for seed in 0..30 {
        let mut world = settled(seed, 2, 1);
        world.checks.moves_need_cause = false;
        world.checks.overlap_bound = None;
        let deaf = owner(&world);
        world.cut.extend([(0, 1), (1, 0)]);
        world.run_for(ms(1000));
        assert_eq!(world.owners(world.vips[0]).len(), 2, "each side of a partition has an owner");
        world.cut.remove(&(deaf, 1 - deaf));
        world.run_for(ms(700));
        assert_eq!(owner(&world), deaf, "seed {seed}");
        world.run_for(ms(5000));
        assert_eq!(owner(&world), deaf, "seed {seed}");
        let last = world.nodes[1 - deaf].released.last().map(|(_, _, why)| *why);
        assert_eq!(last, Some(Released::Unheard));
    }
}

#[test]
fn one_way_loss_ends_a_hand_over_in_one_owner_too() {
    for seed in 0..40 {
        let mut world = settled(seed, 3, 1);
        let former = owner(&world);
        let other = (former + 1) % 3;
        world.checks.moves_need_cause = false;
        world.checks.overlap_bound = Some(ms(600));
        world.cut.insert((other, former));
        world.run_for(ms(1000));
        world.set_stance(former, world.vips[0], Mine::Draining);
        world.run_for(ms(3000));
        owner(&world);
        let moves = world.checks.moves;
        world.run_for(ms(3000));
        assert_eq!(world.checks.moves, moves, "seed {seed}: owners change while nothing happens");
    }
}

#[test]
fn after_a_partition_the_later_owner_keeps_the_vip_and_the_earlier_is_silent() {
    for seed in 0..30 {
        let mut world = settled(seed, 3, 4);
        let alone = owner(&world);
        world.checks.moves_need_cause = false;
        // The next beat and one repair.
        world.checks.overlap_bound = Some(ms(130));
        world.cut = (0..3).filter(|node| *node != alone).flat_map(|node| [(node, alone), (alone, node)]).collect();
        world.run_for(ms(1000));
        let first = world.vips[0];
        let later = world.owners(first).into_iter().find(|owner| *owner != alone);
        world.cut.clear();
        world.run_for(ms(500));
        well(&world);
        assert_eq!(Some(owner(&world)), later, "seed {seed}");
        let released = world.nodes[alone].released.iter().rev().find(|(_, vip, _)| *vip == first);
        assert_eq!(released.map(|(_, _, why)| *why), Some(Released::Conflict));
        assert!(world.nodes[owner(&world)].reasserted.contains_key(&first), "seed {seed}");
    }
}

#[test]
fn schedulers_that_are_always_late_cause_no_takeover() {
    for seed in 0..10 {
        let mut world = settled(seed, 4, 4);
        world.checks.gapless.clear();
        for _ in 0..1200 {
            let node = world.pick(4);
            if world.nodes[node].paused_until.is_none() {
                let late = world.between(1, 120);
                world.pause(node, late);
            }
            let on = world.between(10, 80);
            world.run_for(on);
        }
        world.run_for(ms(500));
        well(&world);
        assert_eq!(world.checks.moves, 0, "seed {seed}");
    }
}

#[test]
fn one_lost_frame_in_twenty_causes_no_takeover() {
    for seed in 0..10 {
        let mut world = settled(seed, 4, 4);
        world.weather.loss_percent = 5;
        world.run_for(Duration::from_secs(60));
        well(&world);
        assert_eq!(world.checks.moves, 0, "seed {seed}");
    }
}

#[test]
fn a_pause_that_nobody_noticed_ends_where_it_began() {
    let mut unnoticed = 0;
    for seed in 0..100 {
        let mut world = settled(seed, 3, 1);
        let owner_before = owner(&world);
        world.checks.causes.insert((owner_before, world.vips[0]));
        world.pause(owner_before, ms(255));
        world.run_for(ms(270));
        let released = world.nodes[owner_before].released.last().copied();
        let Some((at, _, why)) = released else { panic!("seed {seed}: a pause of 255 ms is noticed") };
        assert_eq!(why, Released::Paused);
        world.run_for(ms(500));
        well(&world);
        let is_taken =
            world.nodes.iter().flat_map(|node| &node.events).any(|event| matches!(event, Event::MemberLost { .. }));
        assert!(is_taken || owner(&world) == owner_before, "seed {seed}: moved, and nobody was taken for dead");
        if owner(&world) == owner_before {
            unnoticed += 1;
            let (resumed, _, why) = world.nodes[owner_before].acquired.last().copied().unwrap();
            assert_eq!(why, Acquired::Resumed);
            // The answers are there after 4 ms. One that was silent for the loss time listens for 20 ms to newcomers in any case.
            assert!(resumed - at <= ms(20), "seed {seed}: resumed after {:?}", resumed - at);
        }
    }
    assert!(unnoticed >= 20, "this proves little: the owner kept the VIP for {unnoticed} of 100 seeds");
}

#[test]
fn a_stopped_owner_stays_silent_when_it_goes_on_after_30_seconds() {
    for seed in 0..20 {
        let mut world = settled(seed, 3, 2);
        let stopped = owner(&world);
        world.checks.causes.extend(world.vips.iter().map(|vip| (stopped, *vip)));
        world.pause(stopped, Duration::from_secs(30));
        world.run_for(Duration::from_secs(32));
        well(&world);
        assert_ne!(owner(&world), stopped, "seed {seed}: no fail-back");
    }
}

#[test]
fn a_lone_owner_that_stood_still_resumes_by_itself() {
    let mut world = settled(1, 1, 1);
    world.pause(0, Duration::from_secs(3));
    world.run_for(ms(3050));
    assert_eq!(owner(&world), 0);
}

#[test]
fn a_newcomer_that_took_over_from_a_stopped_lone_owner_keeps_the_vip() {
    for seed in 0..50 {
        let mut world = World::new(seed, 2, 1);
        world.checks.strict_resume = true;
        world.checks.overlap_bound = Some(ms(30));
        world.start(0);
        world.run_for(ms(1500));
        world.pause(0, ms(3000));
        world.run_for(ms(100));
        world.start(1);
        world.run_for(ms(4000));
        well(&world);
        assert_eq!(owner(&world), 1, "seed {seed}");
    }
}

#[test]
fn the_only_node_leaves_at_once_and_a_drained_one_without_successor_keeps() {
    let mut world = settled(1, 1, 1);
    world.set_stance(0, world.vips[0], Mine::Draining);
    world.run_for(ms(5000));
    assert_eq!(owner(&world), 0);
    world.leave(0);
    assert!(world.nodes[0].segment.is_none());
}

#[test]
fn an_ineligible_node_without_successor_releases_after_the_grace() {
    let mut world = settled(1, 1, 1);
    world.set_stance(0, world.vips[0], Mine::Ineligible);
    world.run_for(ms(490));
    assert_eq!(owner(&world), 0);
    world.run_for(ms(70));
    assert_eq!(world.owners(world.vips[0]), []);
    let last = world.nodes[0].released.last().map(|(_, _, why)| *why);
    assert_eq!(last, Some(Released::Ineligible));
}

#[test]
fn both_families_of_a_service_land_on_one_node() {
    for seed in 0..20 {
        let world = settled(seed, 5, 10);
        for pair in world.vips.chunks(2) {
            assert_eq!(world.owners(pair[0]), world.owners(pair[1]), "seed {seed}");
        }
    }
}

#[test]
fn members_that_start_one_after_another_share_the_load() {
    for seed in 0..20 {
        let mut world = World::new(seed, 4, 40);
        for node in 0..4 {
            world.start(node);
            world.run_for(ms(80));
        }
        world.run_for(ms(1000));
        well(&world);
        let loads: Vec<usize> = world.nodes.iter().map(|node| node.answering.len()).collect();
        assert!(loads.iter().all(|load| (4..=14).contains(load)), "seed {seed}: loads are {loads:?}");
    }
}

#[test]
fn keys_rotate_in_three_steps_without_a_move() {
    let mut world = settled(5, 3, 4);
    let fresh: &[u8] = b"the next secret of the wire";
    let rings = [ring(SECRET).accepting(fresh).unwrap(), ring(fresh).accepting(SECRET).unwrap(), ring(fresh)];
    for ring in rings {
        for node in 0..3 {
            world.set_keys(node, ring.clone());
            world.run_for(ms(700));
        }
    }
    well(&world);
    assert_eq!(world.checks.moves, 0);
    let lost = |event: &Event| matches!(event, Event::MemberLost { .. });
    assert!(!world.nodes.iter().flat_map(|node| &node.events).any(lost));
}

#[test]
fn a_wire_with_another_key_is_another_wire() {
    let mut world = World::new(6, 2, 1);
    world.start(0);
    world.start(1);
    world.set_keys(1, ring(b"quite another secret"));
    world.run_for(ms(10));
    let before = world.nodes[0].segment.as_ref().unwrap().stats().received;
    world.run_for(ms(2000));
    let stats = world.nodes[0].segment.as_ref().unwrap().stats();
    assert!(stats.dropped(members::DropReason::UnknownKey) > 10);
    assert_eq!(stats.received, before);
}

#[test]
fn two_clusters_with_one_secret_and_the_same_node_names_leave_each_other_alone() {
    let mut world = World::new(8, 4, 2);
    world.start(0);
    world.start(1);
    world.run_for(ms(1000));
    let before = world.nodes[0].segment.as_ref().unwrap().stats().received;
    let other = KeyRing::new(SECRET, &ClusterId::new("another cluster")).unwrap();
    world.start(2);
    world.set_keys(2, other.clone());
    world.run_for(ms(1000));
    let theirs = other.cluster();
    let strangers: Vec<&Event> =
        world.nodes[0].events.iter().filter(|event| matches!(event, Event::Stranger { .. })).collect();
    let expected = Stranger::Cluster { cluster: theirs, has_our_key: true };
    assert!(matches!(strangers[..], [Event::Stranger { stranger, .. }] if *stranger == expected), "{strangers:?}");
    let segment = world.nodes[0].segment.as_ref().unwrap();
    assert!(segment.stats().dropped(members::DropReason::ForeignCluster) > 5);
    assert_eq!(segment.stats().dropped(members::DropReason::UnknownKey), 0);
    assert_eq!(segment.view().strangers.first().map(|view| view.stranger), Some(expected));
    assert!(segment.stats().received > before);
    for vip in &world.vips {
        let ours: Vec<usize> = world.owners(*vip).into_iter().filter(|owner| *owner < 2).collect();
        assert_eq!(ours.len(), 1, "the wire of this cluster is as it was");
    }
}

#[test]
fn a_lost_member_is_shown_as_lost_and_a_leaving_one_as_left() {
    let mut world = settled(7, 3, 1);
    world.checks.moves_need_cause = false;
    world.crash(1);
    world.leave(2);
    world.run_for(ms(400));
    let view = world.nodes[0].segment.as_ref().unwrap().view();
    let states: Vec<(&str, MemberState)> =
        view.members.iter().map(|member| (member.member.node.as_str(), member.state)).collect();
    assert!(states.contains(&("node-1", MemberState::Lost)) && states.contains(&("node-2", MemberState::Left)));
    assert_eq!(owner(&world), 0);
}

/// The successor had lost the leaving owner's claims, so it took over without a hand-over and had to hear of them.
#[test]
fn seed_5534_a_successor_by_chance_announces_itself_when_the_former_owner_leaves() {
    storm::simulate(5534).unwrap();
}

/// The owner was draining while it did not hear the only candidate, which gave way and had to step in after the heal.
#[test]
fn seed_8890_a_member_that_gave_way_to_a_deaf_owner_takes_over_once_it_is_heard() {
    storm::simulate(8890).unwrap();
}
