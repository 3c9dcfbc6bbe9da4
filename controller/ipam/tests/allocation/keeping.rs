//! What is held stays, through every change that leaves it legal.

use ipam::{Decision, Demand, Families, Policy, Request, Reservation, Unfit, allocate};

use crate::fixture::*;

#[test]
fn holders_go_before_older_services_that_hold_nothing() {
    let pools = [pool("lan", &["10.0.0.1/32"])];
    let allocation = run(&pools, &[service("old").created(1), service("new").created(9).holding(&["10.0.0.1"])]);
    assert_eq!((got(&allocation, "old"), got(&allocation, "new")), (String::new(), "10.0.0.1".into()));
}

#[test]
fn of_two_holders_of_one_address_the_older_keeps_it() {
    let pools = [pool("lan", &["10.0.0.1-10.0.0.2"])];
    let both = [service("a").created(2).holding(&["10.0.0.1"]), service("b").created(1).holding(&["10.0.0.1"])];
    let allocation = run(&pools, &both);
    assert_eq!((got(&allocation, "a"), got(&allocation, "b")), ("10.0.0.2".into(), "10.0.0.1".into()));
}

#[test]
fn an_address_is_kept_while_any_compatible_pool_contains_it() {
    let mut avoiding = pool("lan", &["10.0.0.0/30"]);
    avoiding.avoid_buggy_ips = true;
    let rows = [
        ("renamed", vec![pool("renamed", &["10.0.0.0/24"])], Some("renamed")),
        ("split", vec![pool("a", &["10.0.0.0/31"]), pool("b", &["10.0.0.2/31"])], Some("a")),
        ("auto assign turned off", vec![manual("lan", &["10.0.0.0/30"])], Some("lan")),
        (
            "a better pool appeared",
            vec![pinned("z", &["10.9.0.0/24"], 1, &["default"]), pool("lan", &["10.0.0.0/30"])],
            Some("lan"),
        ),
        (
            "first of two overlapping pools closed",
            vec![pinned("a", &["10.0.0.0/30"], 1, &[]), pool("b", &["10.0.0.0/30"])],
            Some("b"),
        ),
        ("shrunk", vec![pool("lan", &["10.0.0.1-10.0.0.3"])], None),
        ("avoiding turned on", vec![avoiding], None),
        ("closed to the namespace", vec![pinned("lan", &["10.0.0.0/30"], 1, &["other"])], None),
        ("removed", vec![], None),
    ];
    for (name, pools, owner) in rows {
        let allocation = run(&pools, &[service("s").holding(&["10.0.0.0"])]);
        let kept = match &allocation.outcomes[&id("s")].decision {
            Decision::Keep(placement) => placement.addresses.first().map(|placed| placed.pool.as_str()),
            Decision::Assign(_) | Decision::Refuse(_) => None,
        };
        assert_eq!(kept, owner, "{name}");
    }
}

#[test]
fn a_released_address_says_why_and_the_service_moves_on() {
    let pools = [pool("lan", &["10.0.0.1-10.0.0.3"])];
    let allocation = run(&pools, &[service("s").holding(&["10.0.0.9"])]);
    assert_eq!(got(&allocation, "s"), "10.0.0.1");
    let released = &allocation.outcomes[&id("s")].released;
    assert_eq!((released[0].address, &released[0].unfit), (ip("10.0.0.9"), &Unfit::OutsideEveryPool));
}

#[test]
fn asking_for_another_pool_or_address_gives_up_the_held_one() {
    let pools = [pool("a", &["10.0.1.0/30"]), pool("b", &["10.0.2.0/30"])];
    let holder = || service("s").holding(&["10.0.1.1"]);
    assert_eq!(got(&run(&pools, &[holder().in_pool("a")]), "s"), "10.0.1.1");
    assert_eq!(got(&run(&pools, &[holder().in_pool("b")]), "s"), "10.0.2.0");
    assert_eq!(got(&run(&pools, &[holder().asking(&["10.0.2.2"])]), "s"), "10.0.2.2");
    assert_eq!(reason(&run(&pools, &[holder().in_pool("none")]), "s"), "UnknownPool");
}

#[test]
fn the_order_of_requested_addresses_does_not_matter() {
    let pools = [pool("lan", &["10.0.0.0/30", "2001:db8::/126"])];
    let request = require("s").asking(&["2001:db8::1", "10.0.0.1"]);
    assert_eq!(got(&run(&pools, std::slice::from_ref(&request)), "s"), "10.0.0.1,2001:db8::1");
    let held = request.holding(&["2001:db8::1", "10.0.0.1"]);
    assert_eq!(got(&run(&pools, &[held]), "s"), "2001:db8::1,10.0.0.1");
}

#[test]
fn a_request_that_can_never_be_met_takes_nothing_away() {
    let pools = [pool("lan", &["10.0.0.0/30", "2001:db8::/126"])];
    let request = prefer("s").asking(&["10.0.0.1"]);
    assert_eq!(reason(&run(&pools, std::slice::from_ref(&request)), "s"), "RequestedIPFamilyMismatch");
    let allocation = run(&pools, &[request.holding(&["10.0.0.2", "2001:db8::2"])]);
    assert_eq!(got(&allocation, "s"), "10.0.0.2,2001:db8::2");
    assert_eq!(reason(&allocation, "s"), "RequestedIPFamilyMismatch");
}

#[test]
fn a_half_met_request_keeps_the_half_it_holds() {
    let pools = [pool("lan", &["10.0.0.0/30", "2001:db8::/126"])];
    let other = service("o").of(Families::V6).holding(&["2001:db8::1"]);
    let asking = require("s").asking(&["10.0.0.1", "2001:db8::1"]);
    assert_eq!(got(&run(&pools, &[asking.clone(), other.clone()]), "s"), "");
    let allocation = run(&pools, &[asking.holding(&["10.0.0.1"]), other]);
    assert_eq!((got(&allocation, "s").as_str(), reason(&allocation, "s")), ("10.0.0.1", "RequestedIPInUse"));
}

#[test]
fn a_service_that_only_holds_keeps_what_is_legal_and_asks_for_nothing() {
    let pools = [pool("lan", &["10.0.0.1-10.0.0.2"])];
    let hold = |request: Request| Request { demand: Demand::Hold, families: None, ..request };
    let requests = [hold(service("a")), hold(service("b").holding(&["10.0.0.1", "10.0.9.9"])), service("c")];
    let allocation = run(&pools, &requests);
    assert_eq!(["a", "b", "c"].map(|name| got(&allocation, name)), ["", "10.0.0.1", "10.0.0.2"]);
    assert_eq!(reason(&allocation, "b"), "-");
}

#[test]
fn a_held_reserved_address_stays_and_is_reported() {
    let pools = [pool("lan", &["10.0.0.1-10.0.0.2"])];
    let policy = Policy { reserved: [ip("10.0.0.1")].into(), ..Policy::default() };
    let allocation = allocate(&pools, &[service("s").holding(&["10.0.0.1"])], &policy);
    let Decision::Keep(placement) = &allocation.outcomes[&id("s")].decision else { panic!("the address moved") };
    assert_eq!(placement.addresses[0].reserved, Some(Reservation::Node));
    let usage = allocation.usage[&"lan".into()].v4;
    assert_eq!((usage.assigned, usage.available, usage.reserved), (1, 1, 0));
}

/// One pool of every kind of address that is not handed out, each held by somebody.
#[test]
fn addresses_that_are_no_hosts_are_passed_over_and_stay_where_they_are_held() {
    let mut six = pool("six", &["2001:db8::/126"]);
    six.anycast = [ip("2001:db8::")].into();
    let special = pool("special", &["126.255.255.254-127.0.0.1"]);
    let loopback = Policy { excluded: vec![range("127.0.0.0/8")], ..Policy::default() };
    let lan = Policy { subnets: ["10.0.0.0/30".parse().expect("a subnet")].into(), ..Policy::default() };
    let edge = |last: &str| (pool("lan", &["10.0.0.0/29"]), lan.clone(), ip(last));
    let none = Policy::default;
    let network = Reservation::Network("10.0.0.0/30".parse().expect("a subnet"));
    let broadcast = Reservation::Broadcast("10.0.0.0/30".parse().expect("a subnet"));
    for ((pool, policy, held), next, why) in [
        ((six.clone(), none(), ip("2001:db8::")), "2001:db8::1", Reservation::SubnetRouterAnycast),
        ((special, loopback, ip("127.0.0.1")), "126.255.255.254", Reservation::Excluded),
        (edge("10.0.0.0"), "10.0.0.1", network),
        (edge("10.0.0.3"), "10.0.0.1", broadcast),
    ] {
        let families = if held.is_ipv4() { Families::V4 } else { Families::V6 };
        let holder = Request { held: vec![held], ..service("holder").of(families) };
        let newcomer = service("newcomer").of(families);
        let allocation = allocate(std::slice::from_ref(&pool), &[holder, newcomer.clone()], &policy);
        let Decision::Keep(placement) = &allocation.outcomes[&id("holder")].decision else { panic!("{held} moved") };
        assert_eq!((placement.addresses[0].address, placement.addresses[0].reserved), (held, Some(why)));
        assert_eq!(got(&allocation, "newcomer"), next);

        let asking = newcomer.asking(&[&held.to_string()]);
        let refused = allocate(std::slice::from_ref(&pool), &[asking], &policy);
        assert_eq!(reason(&refused, "newcomer"), "RequestedIPReserved", "{held}");
    }
}

#[test]
fn a_link_between_two_nodes_has_no_address_of_its_own() {
    let pools = [pool("lan", &["10.0.0.0/31", "2001:db8::/127"])];
    let subnets = ["10.0.0.0/31", "2001:db8::/127"].map(|net| net.parse().expect("a subnet")).into();
    let policy = Policy { subnets, ..Policy::default() };
    assert_eq!(got(&allocate(&pools, &[require("s")], &policy), "s"), "10.0.0.0,2001:db8::");
}

#[test]
fn what_no_host_can_have_counts_neither_as_free_nor_as_reserved() {
    let lan = pool("lan", &["126.255.255.250-127.0.0.9"]);
    let excluded = vec![range("127.0.0.0/8"), range("126.255.255.252/32")];
    let usage = allocate(&[lan], &[], &Policy { excluded, ..Policy::default() }).usage[&"lan".into()].v4;
    assert_eq!((usage.assigned, usage.available, usage.reserved), (0, 5, 0));
}

#[test]
fn an_ipv4_mapped_held_address_is_the_ipv4_address() {
    let allocation = run(&[pool("lan", &["10.0.0.1/32"])], &[service("s").holding(&["::ffff:10.0.0.1"])]);
    assert_eq!(got(&allocation, "s"), "10.0.0.1");
}
