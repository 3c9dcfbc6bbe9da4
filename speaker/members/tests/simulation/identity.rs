//! Who is who: recordings of members, restarts, and two machines of one name.

use std::time::Duration;

use members::{DropReason, Event, MemberState, PhaseView, Released, Segment};

use crate::calm::expect_owners;
use crate::world::{World, ms, ring};

fn started(seed: u64, nodes: usize, vips: usize) -> World {
    let mut world = World::new(seed, nodes, vips);
    (0..nodes).for_each(|node| world.start(node));
    world.run_for(ms(1500));
    world
}

fn segment(world: &World, node: usize) -> &Segment {
    world.nodes[node].segment.as_ref().unwrap()
}

fn dropped(world: &World, node: usize, why: DropReason) -> u64 {
    segment(world, node).stats().dropped(why)
}

fn events(world: &World, node: usize, is_it: impl Fn(&Event) -> bool) -> usize {
    world.nodes[node].events.iter().filter(|event| is_it(event)).count()
}

fn is_up_of_2(event: &Event) -> bool {
    matches!(event, Event::MemberUp { member } if member.node.as_str() == "node-2")
}

#[test]
fn a_recording_of_a_dead_member_is_nobody_after_all_others_have_restarted() {
    for seed in 0..10 {
        let mut world = started(seed, 3, 6);
        world.tape = Some(Vec::new());
        world.start(2);
        world.run_for(ms(4000));
        let tape = world.tape.take().unwrap();
        (0..3).for_each(|node| world.crash(node));
        world.start(0);
        world.start(1);
        world.run_for(ms(1500));
        for node in &mut world.nodes {
            node.events.clear();
        }
        world.checks.moves_need_cause = true;
        world.checks.gapless.extend(world.vips.clone());
        world.play(&tape, 2);
        world.run_for(ms(5000));
        expect_owners(&world).unwrap();
        for node in 0..2 {
            assert_eq!(events(&world, node, is_up_of_2), 0, "seed {seed}");
            assert!(dropped(&world, node, DropReason::Unproven) > 30, "seed {seed}");
            assert_eq!(segment(&world, node).view().members.len(), 1, "seed {seed}");
        }
    }
}

#[test]
fn a_recording_of_an_earlier_start_leaves_the_one_that_lives_alone() {
    for seed in 0..10 {
        let mut world = started(seed, 3, 6);
        world.tape = Some(Vec::new());
        world.run_for(ms(3000));
        let tape = world.tape.take().unwrap();
        world.crash(2);
        world.run_for(ms(100));
        world.start(2);
        world.run_for(ms(1500));
        for node in &mut world.nodes {
            node.events.clear();
        }
        world.checks.moves_need_cause = true;
        world.checks.gapless.extend(world.vips.clone());
        (0..5).for_each(|_| world.play(&tape, 2));
        world.run_for(ms(4000));
        expect_owners(&world).unwrap();
        for node in 0..3 {
            let is_change = |event: &Event| {
                matches!(
                    event,
                    Event::MemberLost { .. } | Event::MemberUp { .. } | Event::Duplicate { .. } | Event::GaveWay { .. }
                )
            };
            assert_eq!(events(&world, node, is_change), 0, "seed {seed}: {:?}", world.nodes[node].events);
        }
        assert!(dropped(&world, 0, DropReason::OldBoot) > 30, "a start that was replaced needs no proof");
        assert!(dropped(&world, 2, DropReason::Unproven) > 30, "nor does an earlier self stop the later one");
    }
}

#[test]
fn what_a_member_sent_while_it_was_not_heard_does_not_bring_it_back_from_the_dead() {
    for seed in 0..10 {
        let mut world = started(seed, 3, 6);
        world.tape = Some(Vec::new());
        world.cut = [(2, 0), (2, 1), (0, 2), (1, 2)].into();
        world.run_for(ms(5000));
        let tape = world.tape.take().unwrap();
        world.crash(2);
        world.cut.clear();
        world.run_for(ms(2000));
        for node in &mut world.nodes {
            node.events.clear();
        }
        world.checks.gapless.extend(world.vips.clone());
        world.play(&tape, 2);
        world.run_for(ms(5500));
        expect_owners(&world).unwrap();
        assert_eq!(events(&world, 0, is_up_of_2), 0, "seed {seed}");
        assert_eq!(segment(&world, 0).view().members.last().unwrap().state, MemberState::Lost);
    }
}

#[test]
fn a_member_that_restarts_takes_part_as_soon_as_it_has_listened() {
    let mut slowest = Duration::ZERO;
    for seed in 0..50 {
        let mut world = started(seed, 4, 4);
        world.crash(2);
        let apart = world.between(0, 400);
        world.run_for(apart);
        for node in &mut world.nodes {
            node.events.clear();
        }
        let begin = world.now;
        world.start(2);
        let is_seen = |world: &World| {
            let lives = |node: usize| {
                let view = segment(world, node).view();
                view.members.iter().any(|it| it.member.node.as_str() == "node-2" && it.state == MemberState::Live)
            };
            segment(world, 2).phase() == PhaseView::Active && [0, 1, 3].into_iter().all(lives)
        };
        while !is_seen(&world) {
            world.run_for(ms(1));
            assert!(world.now - begin < ms(500), "seed {seed}");
        }
        slowest = slowest.max(world.now - begin);
        let is_alarm = |event: &Event| matches!(event, Event::Duplicate { .. } | Event::GaveWay { .. });
        assert_eq!((0..4).map(|node| events(&world, node, is_alarm)).sum::<usize>(), 0, "seed {seed}");
    }
    assert!(slowest <= ms(310), "{slowest:?}");
}

/// Three nodes, of which the last has the name of the first, and did not start yet.
fn with_a_twin(seed: u64) -> World {
    let mut world = World::new(seed, 3, 6);
    world.alias.insert(2, 0);
    world.start(0);
    world.start(1);
    world.run_for(ms(1500));
    world
}

fn is_duplicate_of_0(event: &Event) -> bool {
    matches!(event, Event::Duplicate { member, .. } if member.node.as_str() == "node-0")
}

#[test]
fn of_two_machines_of_one_name_the_one_that_takes_part_stays_and_all_know() {
    for seed in 0..20 {
        let mut world = with_a_twin(seed);
        world.checks.moves_need_cause = true;
        world.checks.gapless.extend(world.vips.clone());
        let before: Vec<Vec<usize>> = world.vips.iter().map(|vip| world.owners(*vip)).collect();
        world.start(2);
        world.run_for(Duration::from_secs(60));
        let after: Vec<Vec<usize>> = world.vips.iter().map(|vip| world.owners(*vip)).collect();
        assert_eq!(before, after, "seed {seed}");
        assert_eq!(segment(&world, 2).phase(), PhaseView::Duplicate, "seed {seed}");
        let (first, second) = (segment(&world, 0).view().duplicate, segment(&world, 2).view().duplicate);
        assert_eq!(first.map(|twin| twin.mac.0[5]), Some(2), "seed {seed}");
        assert_eq!(second.map(|twin| twin.mac.0[5]), Some(0), "seed {seed}");
        assert_eq!(events(&world, 0, is_duplicate_of_0), 1, "seed {seed}: told once");
        assert_eq!(events(&world, 2, |event| matches!(event, Event::GaveWay { .. })), 1, "seed {seed}: told once");
        assert_eq!(events(&world, 1, is_duplicate_of_0), 1, "seed {seed}: told once");
        assert!(dropped(&world, 1, DropReason::Duplicate) > 5, "seed {seed}");
        // It comes by itself once the other is gone.
        world.checks.gapless.clear();
        world.checks.moves_need_cause = false;
        world.crash(0);
        world.run_for(ms(5000));
        assert_eq!(segment(&world, 2).phase(), PhaseView::Active, "seed {seed}");
        assert_eq!(segment(&world, 1).view().members[0].mac.0[5], 2, "seed {seed}");
        world.crash(1);
        world.run_for(ms(500));
        assert!(world.vips.iter().all(|vip| world.owners(*vip) == [2]), "seed {seed}");
    }
}

#[test]
fn of_two_machines_of_one_name_that_start_at_once_one_stays() {
    for seed in 0..50 {
        let mut world = World::new(seed, 3, 6);
        world.alias.insert(2, 0);
        [0, 2].into_iter().for_each(|node| world.start(node));
        let apart = world.between(0, 200);
        world.run_for(apart);
        world.start(1);
        world.run_for(ms(3000));
        let phases = [0, 2].map(|node| segment(&world, node).phase());
        assert!(
            phases.contains(&PhaseView::Active) && phases.contains(&PhaseView::Duplicate),
            "seed {seed}: {phases:?}"
        );
        let stays = if phases[0] == PhaseView::Active { 0 } else { 2 };
        assert_eq!(segment(&world, 1).view().members[0].mac.0[5], u8::try_from(stays).unwrap(), "seed {seed}");
        expect_one_owner(&world);
        let moves = world.checks.moves;
        world.run_for(Duration::from_secs(120));
        assert_eq!(world.checks.moves, moves, "seed {seed}: they take turns");
        assert_eq!([0, 2].map(|node| segment(&world, node).phase()), phases, "seed {seed}: they take turns");
    }
}

fn expect_one_owner(world: &World) {
    for vip in &world.vips {
        assert_eq!(world.owners(*vip).len(), 1, "{vip}");
    }
}

#[test]
fn two_settled_machines_of_one_name_whose_wires_meet_end_as_one() {
    for seed in 0..20 {
        let mut world = World::new(seed, 4, 6);
        world.alias.insert(2, 0);
        // Nodes 0 and 1 on one side, 2 and 3 on the other.
        let sides = [(0, 2), (0, 3), (1, 2), (1, 3)];
        world.cut = sides.into_iter().flat_map(|(a, b)| [(a, b), (b, a)]).collect();
        (0..4).for_each(|node| world.start(node));
        world.run_for(ms(1500));
        world.cut.clear();
        world.run_for(ms(2000));
        let phases = [0, 2].map(|node| segment(&world, node).phase());
        assert!(
            phases.contains(&PhaseView::Active) && phases.contains(&PhaseView::Duplicate),
            "seed {seed}: {phases:?}"
        );
        expect_one_owner(&world);
        let silent = if phases[0] == PhaseView::Duplicate { 0 } else { 2 };
        let last = world.nodes[silent].released.last().map(|(_, _, why)| *why);
        assert!(
            last.is_none_or(|why| [Released::Duplicate, Released::Conflict].contains(&why)),
            "seed {seed}: {last:?}"
        );
    }
}

#[test]
fn a_machine_that_does_not_hear_the_other_of_its_name_learns_of_it_from_third_ones() {
    for seed in 0..20 {
        let mut world = with_a_twin(seed);
        world.cut.extend([(0, 2), (2, 0)]);
        world.start(2);
        world.run_for(Duration::from_secs(30));
        assert_eq!(segment(&world, 2).phase(), PhaseView::Duplicate, "seed {seed}");
        assert_eq!(segment(&world, 2).view().duplicate.map(|twin| twin.mac.0[5]), Some(0), "seed {seed}");
        assert_eq!(events(&world, 2, |event| matches!(event, Event::GaveWay { .. })), 1, "seed {seed}");
        expect_one_owner(&world);
    }
}

#[test]
fn a_member_that_starts_without_hearing_the_others_is_shown_by_them_until_it_hears_them() {
    for seed in 0..20 {
        let mut world = World::new(seed, 3, 6);
        // Node 2 is heard by the others and hears nobody.
        world.cut = [(0, 2), (1, 2)].into();
        world.start(0);
        world.start(1);
        world.run_for(ms(1500));
        let begin = world.now;
        world.start(2);
        world.run_for(Duration::from_secs(20));
        for node in 0..2 {
            let view = segment(&world, node).view();
            assert_eq!(view.members.len(), 1, "seed {seed}: it does not count");
            let shown: Vec<&str> = view.unproven.iter().map(|unproven| unproven.member.node.as_str()).collect();
            assert_eq!(shown, ["node-2"], "seed {seed}");
            let since = view.unproven[0].since;
            assert!(since >= begin && since <= begin + ms(200), "seed {seed}: {:?}", since - begin);
        }
        assert!(segment(&world, 2).view().unproven.is_empty(), "seed {seed}: it hears nobody");
        world.cut.clear();
        world.run_for(ms(2000));
        for node in 0..3 {
            let view = segment(&world, node).view();
            let all_live = view.members.iter().all(|member| member.state == MemberState::Live);
            assert!(view.members.len() == 2 && all_live && view.unproven.is_empty(), "seed {seed}");
        }
        expect_one_owner(&world);
    }
}

#[test]
fn a_recording_is_shown_as_unproven_for_as_long_as_it_is_played_unless_its_member_lives() {
    let mut world = started(1, 3, 6);
    world.tape = Some(Vec::new());
    world.start(2);
    world.run_for(ms(6000));
    let tape = world.tape.take().unwrap();
    (0..3).for_each(|node| world.crash(node));
    (0..2).for_each(|node| world.start(node));
    world.run_for(ms(1500));
    world.play(&tape, 2);
    world.run_for(ms(5000));
    assert_eq!(segment(&world, 0).view().unproven.len(), 1);
    world.start(2);
    world.run_for(ms(2000));
    assert!(segment(&world, 0).view().unproven.is_empty(), "the one that lives speaks for itself");
    world.crash(2);
    world.run_for(Duration::from_secs(15));
    assert!(segment(&world, 0).view().unproven.is_empty(), "nothing is played any more");
}

#[test]
fn one_that_seals_with_another_key_is_forgotten_when_it_was_not_heard_for_long_and_is_news_again_then() {
    let mut world = started(1, 2, 6);
    let is_stranger = |event: &Event| matches!(event, Event::Stranger { .. });
    world.set_keys(1, ring(b"another secret of the simulation"));
    world.run_for(Duration::from_secs(60));
    assert_eq!(events(&world, 0, is_stranger), 1, "it is told of once");
    assert_eq!(segment(&world, 0).view().strangers.len(), 1);
    world.crash(1);
    let forget_after = world.timing.forget_after;
    world.run_for(forget_after - Duration::from_secs(1));
    assert_eq!(segment(&world, 0).view().strangers.len(), 1);
    world.run_for(Duration::from_secs(2));
    assert!(segment(&world, 0).view().strangers.is_empty());
    world.start(1);
    world.set_keys(1, ring(b"another secret of the simulation"));
    world.run_for(ms(500));
    assert_eq!(events(&world, 0, is_stranger), 2, "it is told of anew");
}
