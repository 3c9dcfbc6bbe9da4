//! A refusal names object, reason and next step.

use ipam::{Demand, Pool, PoolError, PoolName, Range, RangeError, Request, Requested, RequestedError};

use crate::fixture::*;

#[test]
fn every_refusal_reads_as_reason_and_next_step() {
    let lan = || pool("lan", &["10.0.0.1/32"]);
    let taken = || service("a").holding(&["10.0.0.1"]);
    let asking_in = |pool: &str| Request {
        demand: Demand::Addresses { wanted: Requested::new(&[ip("10.0.0.1")]).unwrap(), pool: Some(pool.into()) },
        ..service("s")
    };
    let rows: Vec<(Vec<Pool>, Vec<Request>, &str)> = vec![
        (vec![], vec![service("s")], "no address pool is configured; create an IPAddressPool"),
        (vec![lan()], vec![service("s").in_pool("wan")], "pool \"wan\" does not exist; use one of: lan"),
        (
            vec![lan(), manual("m", &["10.0.1.1/32"]), pinned("p", &["10.0.2.1/32"], 1, &["prod"])],
            vec![taken(), service("s")],
            "no IPv4 address can be had: pool \"lan\" has none of its 1 IPv4 addresses left, pool \"m\" has autoAssign off and \
             must be asked for by name, pool \"p\" does not serve this namespace; free or add addresses, or open a pool to this service",
        ),
        (
            vec![lan()],
            vec![service("a").shared("k", &[80]).holding(&["10.0.0.1"]), service("s").shared("k", &[80])],
            "no IPv4 address can be had: pool \"lan\" has none of its 1 IPv4 addresses left and the shared one does not fit: \
             default/a already listens on TCP/80 of it; free or add addresses, or open a pool to this service",
        ),
        (
            vec![lan()],
            vec![taken(), service("s").asking(&["10.0.0.1"])],
            "requested address 10.0.0.1: default/a holds it and does not share; request another one, or give both services one \
             sharing key, disjoint ports and the same backends",
        ),
        (
            vec![lan()],
            vec![service("s").asking(&["10.0.0.7"])],
            "requested address 10.0.0.7: no pool contains it; add it to a pool or request another one",
        ),
        (
            vec![lan(), pool("wan", &["192.0.2.0/24"])],
            vec![asking_in("wan")],
            "requested address 10.0.0.1: it lies in pool \"lan\", not in \"wan\"; make the two requests agree",
        ),
        (
            vec![lan()],
            vec![prefer("s").asking(&["10.0.0.1"])],
            "the requested addresses are IPv4 and the service is IPv4 and IPv6; request one address per family of the service",
        ),
    ];
    for (pools, requests, text) in rows {
        let allocation = run(&pools, &requests);
        assert_eq!(refusal(&allocation, "s").map(ToString::to_string).as_deref(), Some(text));
    }
}

#[test]
fn a_conflict_never_tells_the_sharing_key_of_the_holder() {
    let holder = service("a").shared("hunter2", &[80]).holding(&["10.0.0.1"]);
    let allocation =
        run(&[pool("lan", &["10.0.0.1/32"])], &[holder, service("s").shared("guess", &[443]).asking(&["10.0.0.1"])]);
    assert_eq!(reason(&allocation, "s"), "SharingConflict");
    assert!(!format!("{allocation:?}").contains("hunter2"));
}

#[test]
fn a_long_list_of_pools_is_cut() {
    let pools: Vec<Pool> = (10..30).map(|n| manual(&format!("pool-{n}"), &[&format!("10.0.{n}.0/24")])).collect();
    let text = refusal(&run(&pools, &[service("s")]), "s").unwrap().to_string();
    assert!(text.contains("\"pool-14\"") && !text.contains("\"pool-15\"") && text.contains(" and 15 more"), "{text}");
}

#[test]
fn ranges_and_lists_that_make_no_sense_cannot_be_built() {
    let (low, high, six) = (ip("10.0.0.1"), ip("10.0.0.9"), ip("2001:db8::1"));
    assert_eq!(Range::new(high, low), Err(RangeError::Reversed { first: high, last: low }));
    assert_eq!(Range::new(low, six), Err(RangeError::MixedFamilies { first: low, last: six }));
    assert!(matches!(Range::from_net("::/0".parse().unwrap()), Err(RangeError::Mapped { .. })));
    assert_eq!(Range::from_net("10.0.0.7/29".parse().unwrap()).unwrap().to_string(), "10.0.0.0-10.0.0.7");

    let name = PoolName::from("lan");
    assert_eq!(Pool::new(name.clone(), vec![]), Err(PoolError::Empty { pool: name.clone() }));
    let ranges = vec![range("10.0.0.8/30"), range("10.0.0.0/28"), range("2001:db8::/64")];
    let overlap = PoolError::Overlap { pool: name.clone(), first: ranges[0], second: ranges[1] };
    assert_eq!(Pool::new(name, ranges), Err(overlap));

    assert_eq!(Requested::new(&[]), Err(RequestedError::Empty));
    assert_eq!(Requested::new(&[low, six, high]), Err(RequestedError::TooMany { count: 3 }));
    assert!(matches!(Requested::new(&[low, high]), Err(RequestedError::SameFamily { .. })));
}

#[test]
fn the_widest_ipv6_range_is_counted_without_overflow() {
    let widest = Range::new(ip("::1:0:0:0"), ip("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")).unwrap();
    let below = range("::-::fffe:ffff:ffff");
    let pools = [Pool::new("all".into(), vec![widest, below]).unwrap()];
    let allocation = run(&pools, &[service("s").of(ipam::Families::V6)]);
    assert_eq!(allocation.usage[&"all".into()].v6.available, widest.count() + below.count() - 1);
}
