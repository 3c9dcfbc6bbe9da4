//! What holds for every cluster.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipam::{Decision, Outcome, Placed, Refusal, Request, Sharing, allocate};
use proptest::prelude::*;

use crate::fixture::{addresses, carried_out};
use crate::reference::is_reserved;
use crate::world::{World, worlds};

fn placed<'a>(world: &World, allocation: &'a ipam::Allocation) -> Vec<(Request, &'a Placed)> {
    let of = |request: &Request| match &allocation.outcomes[&request.service].decision {
        Decision::Keep(placement) | Decision::Assign(placement) => placement.addresses.as_slice(),
        Decision::Refuse(_) => &[],
    };
    world.requests.iter().flat_map(|request| of(request).iter().map(|placed| (request.clone(), placed))).collect()
}

fn missing(outcome: &Outcome) -> Option<&Refusal> {
    match &outcome.decision {
        Decision::Refuse(refusal) => Some(refusal),
        Decision::Keep(placement) | Decision::Assign(placement) => placement.missing.as_ref(),
    }
}

fn may_share(a: &Request, b: &Request, sharing: Sharing) -> bool {
    let key = |request: &Request| request.sharing_key.clone().filter(|key| !key.is_empty());
    key(a).is_some()
        && key(a) == key(b)
        && a.backend_key == b.backend_key
        && a.ports.is_disjoint(&b.ports)
        && (sharing == Sharing::AcrossNamespaces || a.service.namespace() == b.service.namespace())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_address_has_two_holders_unless_sharing_allows_it(world in worlds()) {
        let allocation = allocate(&world.pools, &world.requests, &world.policy);
        let mut holders: BTreeMap<IpAddr, Vec<Request>> = BTreeMap::new();
        for (request, placed) in placed(&world, &allocation) {
            for other in holders.entry(placed.address).or_default().iter() {
                prop_assert!(may_share(&request, other, world.policy.sharing), "{} at {}", other.service, placed.address);
            }
            holders.entry(placed.address).or_default().push(request);
        }
    }

    #[test]
    fn planning_the_result_again_changes_nothing(world in worlds()) {
        let first = allocate(&world.pools, &world.requests, &world.policy);
        let again = carried_out(&world.requests, &first);
        let second = allocate(&world.pools, &again, &world.policy);
        prop_assert_eq!(&first.usage, &second.usage);
        for request in &again {
            let outcome = &second.outcomes[&request.service];
            prop_assert_eq!(addresses(&second, &request.service), request.held.clone());
            prop_assert!(!matches!(outcome.decision, Decision::Assign(_)));
            prop_assert!(outcome.released.is_empty());
        }
        let refusals = |allocation: &ipam::Allocation| {
            allocation.outcomes.values().map(|outcome| missing(outcome).cloned()).collect::<Vec<_>>()
        };
        prop_assert_eq!(refusals(&first), refusals(&second));
        let owners = |allocation| placed(&world, allocation).iter().map(|(_, placed)| placed.pool.clone()).collect::<Vec<_>>();
        prop_assert_eq!(owners(&first), owners(&second));
    }

    #[test]
    fn the_order_of_the_input_does_not_matter(world in worlds(), turns in 1..7_usize) {
        let mut turned = world.clone();
        turned.requests.rotate_left(turns.min(world.requests.len()));
        turned.pools.reverse();
        prop_assert_eq!(
            allocate(&world.pools, &world.requests, &world.policy),
            allocate(&turned.pools, &turned.requests, &turned.policy)
        );
    }

    #[test]
    fn a_legal_held_address_never_moves(world in worlds(), newcomers in worlds()) {
        let first = allocate(&world.pools, &world.requests, &world.policy);
        let settled = carried_out(&world.requests, &first);
        let strangers = newcomers.requests.into_iter().map(|request| Request {
            service: ipam::ServiceId::new("newcomers", request.service.name()),
            held: Vec::new(),
            ..request
        });
        let crowd: Vec<Request> = settled.iter().cloned().chain(strangers).collect();
        let second = allocate(&world.pools, &crowd, &world.policy);
        for request in &settled {
            prop_assert!(addresses(&second, &request.service).starts_with(&request.held), "{}", request.service);
        }
    }

    #[test]
    fn no_edit_in_one_namespace_moves_an_address_of_another_when_sharing_ends_there(world in worlds(), edits in worlds()) {
        let policy = ipam::Policy { sharing: Sharing::WithinNamespace, ..world.policy.clone() };
        let settled = carried_out(&world.requests, &allocate(&world.pools, &world.requests, &policy));
        let is_tenant = |request: &Request| request.service.namespace().as_str() == "tenant";
        let edited: Vec<Request> = settled.iter().map(|request| match edits.requests.iter().find(|edit| edit.service == request.service) {
            Some(edit) if is_tenant(request) => Request { created: request.created, held: request.held.clone(), ..edit.clone() },
            Some(_) | None => request.clone(),
        }).collect();
        let after = allocate(&world.pools, &edited, &policy);
        for request in settled.iter().filter(|request| !is_tenant(request)) {
            prop_assert!(addresses(&after, &request.service).starts_with(&request.held), "{}", request.service);
        }
    }

    #[test]
    fn no_edit_moves_an_address_of_a_service_that_was_not_edited(world in worlds(), edits in worlds()) {
        let settled = carried_out(&world.requests, &allocate(&world.pools, &world.requests, &world.policy));
        let now: Vec<Request> = settled.iter().map(|request| {
            match edits.requests.iter().find(|edit| edit.service == request.service && edit.edited) {
                Some(Request { sharing_key, backend_key, ports, .. }) => {
                    let (sharing_key, backend_key) = (sharing_key.clone(), backend_key.clone());
                    Request { sharing_key, backend_key, ports: ports.clone(), edited: true, ..request.clone() }
                }
                None => Request { edited: false, ..request.clone() },
            }
        }).collect();
        let after = allocate(&world.pools, &now, &world.policy);
        for request in now.iter().filter(|request| !request.edited) {
            prop_assert!(addresses(&after, &request.service).starts_with(&request.held), "{}", request.service);
        }
    }

    #[test]
    fn a_claim_takes_nothing_from_those_that_hold(world in worlds()) {
        let without = |request: &Request| match request.claimed {
            true => Request { held: Vec::new(), ..request.clone() },
            false => request.clone(),
        };
        let silent: Vec<Request> = world.requests.iter().map(without).collect();
        let (loud, silent) =
            (allocate(&world.pools, &world.requests, &world.policy), allocate(&world.pools, &silent, &world.policy));
        for request in world.requests.iter().filter(|request| !request.claimed) {
            let (loud, silent) = (&loud.outcomes[&request.service], &silent.outcomes[&request.service]);
            prop_assert_eq!(&loud.released, &silent.released);
        }
    }

    #[test]
    fn used_and_free_and_reserved_make_the_whole(world in worlds()) {
        let allocation = allocate(&world.pools, &world.requests, &world.policy);
        let mut pools = world.pools.clone();
        pools.iter_mut().for_each(|pool| pool.anycast.clear());
        let policy = ipam::Policy { excluded: world.policy.excluded.clone(), ..ipam::Policy::default() };
        let empty = allocate(&pools, &[], &policy);
        for (pool, usage) in &allocation.usage {
            for (family, whole) in [(usage.v4, empty.usage[pool].v4), (usage.v6, empty.usage[pool].v6)] {
                prop_assert_eq!(family.assigned + family.available + family.reserved, whole.available);
            }
        }
    }

    #[test]
    fn new_addresses_lie_in_the_named_pool_and_are_neither_reserved_nor_avoided(world in worlds()) {
        let allocation = allocate(&world.pools, &world.requests, &world.policy);
        for (request, placed) in placed(&world, &allocation) {
            let pool = world.pools.iter().find(|pool| *pool.name() == placed.pool).unwrap();
            prop_assert!(pool.ranges().iter().any(|range| range.contains(placed.address)));
            prop_assert!(pool.admits(&request.service).is_ok());
            prop_assert!(!(placed.new && is_reserved(&world, placed.address)));
            prop_assert_eq!(placed.reserved.is_some(), is_reserved(&world, placed.address));
            let buggy = matches!(placed.address, IpAddr::V4(v4) if matches!(v4.octets()[3], 0 | 255));
            prop_assert!(!(pool.avoid_buggy_ips && buggy));
        }
    }

    #[test]
    fn every_request_has_an_outcome_and_every_refusal_a_text(world in worlds()) {
        let allocation = allocate(&world.pools, &world.requests, &world.policy);
        prop_assert_eq!(allocation.outcomes.len(), world.requests.len());
        for outcome in allocation.outcomes.values() {
            if let Some(refusal) = missing(outcome) {
                prop_assert!(refusal.to_string().len() > 20);
            }
        }
    }
}
