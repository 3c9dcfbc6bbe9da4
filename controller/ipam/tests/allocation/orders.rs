//! Every order in which five services can arrive, planned after each arrival.

use ipam::{Allocation, Policy, Request, allocate};

use crate::fixture::*;

fn five() -> Vec<Request> {
    vec![
        service("a").created(1),
        prefer("b").created(2),
        require("c").created(3).shared("k", &[80]),
        require("d").created(3).shared("k", &[443]),
        service("e").created(5).asking(&["10.0.0.2"]),
    ]
}

fn orders(items: &[Request]) -> Vec<Vec<Request>> {
    if items.is_empty() {
        return vec![Vec::new()];
    }
    let without = |skip: usize| items.iter().enumerate().filter(move |(index, _)| *index != skip).map(|(_, item)| item);
    (0..items.len())
        .flat_map(|first| {
            let rest: Vec<Request> = without(first).cloned().collect();
            orders(&rest).into_iter().map(move |tail| (first, tail))
        })
        .map(|(first, tail)| std::iter::once(items[first].clone()).chain(tail).collect())
        .collect()
}

#[test]
fn one_plan_is_the_same_for_every_order_of_its_requests() {
    let pools = [pool("lan", &["10.0.0.1-10.0.0.3", "2001:db8::1-2001:db8::2"]), pool("spare", &["10.0.9.1/32"])];
    let expected = run(&pools, &five());
    let all = orders(&five());
    assert_eq!(all.len(), 120);
    assert!(all.iter().all(|requests| run(&pools, requests) == expected));
}

#[test]
fn in_every_order_of_arrival_nothing_given_is_ever_taken_back() {
    let pools = [pool("lan", &["10.0.0.1-10.0.0.3", "2001:db8::1-2001:db8::2"]), pool("spare", &["10.0.9.1/32"])];
    for order in orders(&five()) {
        let mut present: Vec<Request> = Vec::new();
        for arrival in order {
            present.push(arrival);
            let allocation: Allocation = allocate(&pools, &present, &Policy::default());
            let after = carried_out(&present, &allocation);
            for (before, after) in present.iter().zip(&after) {
                assert!(after.held.starts_with(&before.held), "{} moved from {:?}", before.service, before.held);
            }
            present = after;
        }
        let again = carried_out(&present, &run(&pools, &present));
        assert_eq!(again, present);
    }
}
