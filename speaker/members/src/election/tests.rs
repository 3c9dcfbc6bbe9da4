use std::net::Ipv4Addr;

use super::*;
use crate::name::{LinkName, MemberId};

fn contender(node: &str, load: usize) -> Contender {
    let node = NodeName::new(node).unwrap();
    let tag = MemberId { node: node.clone(), link: LinkName::new("lan0").unwrap() }.tag();
    Contender { tag, node, load, listening: false, damped: false }
}

fn vip(number: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + number))
}

static NOBODY: BTreeSet<NodeName> = BTreeSet::new();

fn ballot(number: u32, scores: &[Option<u32>]) -> Ballot<'_> {
    Ballot {
        vip: vip(number),
        scores,
        excluded: &[],
        with_listeners: false,
        group_owners: &NOBODY,
        last_resort: None,
        bound: usize::MAX,
    }
}

fn winner(ballot: &Ballot<'_>, contenders: &[Contender]) -> Option<usize> {
    ballot.elect(contenders, None).map(|outcome| outcome.winner)
}

#[test]
fn preference_beats_the_group_and_the_group_beats_the_load() {
    let contenders = [contender("a", 9), contender("b", 0), contender("c", 0)];
    let owners = BTreeSet::from([contenders[0].node.clone()]);
    for number in 0..50 {
        let even = [Some(1); 3];
        let grouped = Ballot { group_owners: &owners, bound: 5, ..ballot(number, &even) };
        assert_eq!(winner(&grouped, &contenders), Some(0));
        let preferred = [Some(1), Some(1), Some(2)];
        let grouped = Ballot { scores: &preferred, ..grouped };
        assert_eq!(winner(&grouped, &contenders), Some(2));
        let loaded = Ballot { bound: 5, ..ballot(number, &even) };
        assert_ne!(winner(&loaded, &contenders), Some(0));
    }
}

#[test]
fn only_candidates_are_elected_and_the_draining_come_last() {
    let contenders = [contender("a", 0), contender("b", 0)];
    let nobody = [None; 2];
    assert_eq!(ballot(1, &nobody).elect(&contenders, Some(0)), None);
    let one = [None, Some(0)];
    assert_eq!(ballot(1, &one).elect(&contenders, Some(0)), Some(Outcome { winner: 1, before_me: None }));
    let scores = [Some(9), Some(0)];
    let excluded = [contenders[0].tag];
    assert_eq!(winner(&Ballot { excluded: &excluded, ..ballot(1, &scores) }, &contenders), Some(1));
    let draining = Ballot { last_resort: Some(contenders[0].tag), ..ballot(1, &scores) };
    assert_eq!(draining.elect(&contenders, Some(0)), Some(Outcome { winner: 1, before_me: Some(1) }));
}

#[test]
fn the_damped_come_after_all_others_but_before_those_that_drain() {
    let mut contenders = [contender("a", 0), contender("b", 9), contender("c", 9)];
    contenders[0].damped = true;
    let owners = BTreeSet::from([contenders[0].node.clone()]);
    for number in 0..50 {
        let scores = [Some(9), Some(0), Some(1)];
        let ballot = Ballot { group_owners: &owners, bound: 5, ..ballot(number, &scores) };
        assert_eq!(ballot.elect(&contenders, Some(0)), Some(Outcome { winner: 2, before_me: Some(2) }));
        let draining = Ballot { last_resort: Some(contenders[1].tag), excluded: &[contenders[2].tag], ..ballot };
        assert_eq!(draining.elect(&contenders, Some(0)), Some(Outcome { winner: 0, before_me: Some(0) }));
    }
    let alone = [Some(0), None, None];
    assert_eq!(winner(&ballot(1, &alone), &contenders), Some(0), "better than nobody");
    let all_damped = contenders.clone().map(|contender| Contender { damped: true, ..contender });
    assert_eq!(winner(&ballot(1, &[Some(0), Some(1), Some(0)]), &all_damped), Some(1), "among themselves as ever");
}

#[test]
fn listeners_count_only_while_a_wire_starts() {
    let mut contenders = [contender("a", 0), contender("b", 0)];
    contenders[1].listening = true;
    let scores = [Some(0), Some(9)];
    assert_eq!(winner(&ballot(1, &scores), &contenders), Some(0));
    assert_eq!(winner(&Ballot { with_listeners: true, ..ballot(1, &scores) }, &contenders), Some(1));
}

#[test]
fn the_order_of_contenders_does_not_matter_and_ranks_are_distinct() {
    let names = ["a", "b", "c", "d", "e"];
    let scores = [Some(0); 5];
    for number in 0..100 {
        let forward: Vec<Contender> = names.iter().map(|name| contender(name, 0)).collect();
        let backward: Vec<Contender> = forward.iter().rev().cloned().collect();
        let ballot = ballot(number, &scores);
        let (first, last) = (winner(&ballot, &forward).unwrap(), winner(&ballot, &backward).unwrap());
        assert_eq!(forward[first].tag, backward[last].tag);
        let ranks: BTreeSet<usize> =
            (0..5).filter_map(|me| ballot.elect(&forward, Some(me)).and_then(|outcome| outcome.before_me)).collect();
        assert_eq!(ranks, BTreeSet::from([0, 1, 2, 3, 4]));
    }
}

#[test]
fn loads_stay_within_the_bound_and_a_departure_moves_little() {
    let scores = [Some(0); 8];
    let spread = |contenders: &mut Vec<Contender>| -> Vec<MemberTag> {
        let bound = load_bound(1000, contenders.len());
        (0..1000)
            .map(|number| {
                let winner = winner(&Ballot { bound, ..ballot(number, &scores) }, contenders).unwrap();
                contenders[winner].load += 1;
                contenders[winner].tag
            })
            .collect()
    };
    let all: Vec<Contender> = ["a", "b", "c", "d", "e", "f", "g", "h"].iter().map(|name| contender(name, 0)).collect();
    let (mut eight, mut seven) = (all.clone(), all[..7].to_vec());
    let (before, after) = (spread(&mut eight), spread(&mut seven));
    assert!(eight.iter().all(|contender| contender.load <= 157), "{eight:?}");
    let gone = all[7].tag;
    let moved = before.iter().zip(&after).filter(|(before, after)| before != after && **before != gone).count();
    assert!(moved < 60, "{moved} VIPs of other members moved");
}

#[test]
fn the_bound_is_a_quarter_above_the_average_rounded_up() {
    assert_eq!([load_bound(8, 4), load_bound(10, 4), load_bound(0, 4), load_bound(5, 0)], [3, 4, 0, 7]);
}
