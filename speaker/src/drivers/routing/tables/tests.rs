use std::net::Ipv4Addr;

use super::*;
use crate::peers::{PeerDesired, RouterId};

const DRAIN: Duration = Duration::from_secs(10);

fn prefix(last: u8) -> Prefix {
    Prefix::of(Ipv4Addr::new(192, 0, 2, last).into(), 32)
}

fn table(routes: &[(u8, bool)]) -> Arc<RouteTable> {
    let route = |graceful_shutdown| Arc::new(RouteAttributes { graceful_shutdown, ..RouteAttributes::default() });
    Arc::new(routes.iter().map(|(last, drains)| (prefix(*last), route(*drains))).collect())
}

fn desired(table: Arc<RouteTable>, ready: bool) -> Desired {
    let asn = bgp::Asn::new(65001).unwrap();
    let config = bgp::Config::new(asn, bgp::RemoteAs::Internal, RouterId::new(Ipv4Addr::new(1, 1, 1, 1)).unwrap());
    let router = crds::checked::Router::Interface("eth0".to_owned());
    let peer = PeerDesired {
        config,
        router,
        port: 179,
        listen: None,
        limit: 1,
        source: None,
        vrf: None,
        key: None,
        bfd: None,
    };
    let tor = PeerName::from("tor");
    Desired {
        peers: [(tor.clone(), Ok(Arc::new(peer)))].into(),
        routes: [(tor, table)].into(),
        ready,
        ..Desired::default()
    }
}

fn routes(tables: &Tables) -> Option<Arc<Routes>> {
    tables.routes(&PeerName::from("tor"))
}

#[test]
fn nothing_is_said_before_the_first_readiness_and_nothing_is_left_after_the_last() {
    let (mut tables, now) = (Tables::new(DRAIN), Instant::now());
    tables.update(&desired(table(&[(1, false)]), false), false, now);
    assert_eq!(routes(&tables), None);
    tables.update(&desired(table(&[(1, false)]), true), true, now);
    assert_eq!(routes(&tables).unwrap().len(), 1);
    tables.update(&desired(table(&[(1, false)]), false), true, now);
    assert_eq!(routes(&tables).unwrap().len(), 0);
}

#[test]
fn a_table_that_says_the_same_is_the_same_allocation() {
    let (mut tables, now) = (Tables::new(DRAIN), Instant::now());
    tables.update(&desired(table(&[(1, false), (2, false)]), true), true, now);
    let before = routes(&tables).unwrap();
    tables.update(&desired(table(&[(1, false), (2, false)]), true), true, now);
    assert!(Arc::ptr_eq(&before, &routes(&tables).unwrap()));
    tables.update(&desired(table(&[(1, false)]), true), true, now);
    assert_eq!(routes(&tables).unwrap().len(), 1);
}

#[test]
fn a_route_that_drains_is_withdrawn_after_its_time_and_comes_back_when_it_no_longer_does() {
    let (mut tables, now) = (Tables::new(DRAIN), Instant::now());
    let draining = desired(table(&[(1, true), (2, false)]), true);
    tables.update(&draining, true, now);
    assert_eq!(routes(&tables).unwrap().len(), 2);
    assert_eq!(tables.next_change(), Some(now + DRAIN));

    // Another edit in between does not begin the time anew.
    tables.update(&desired(table(&[(1, true), (2, false), (3, false)]), true), true, now + DRAIN / 2);
    assert_eq!(tables.next_change(), Some(now + DRAIN));

    tables.update(&draining, true, now + DRAIN);
    assert_eq!(routes(&tables).unwrap().keys().map(ToString::to_string).collect::<Vec<_>>(), ["192.0.2.2/32"]);
    assert_eq!(tables.next_change(), None);
    tables.update(&desired(table(&[(1, false), (2, false)]), true), true, now + DRAIN);
    assert_eq!(routes(&tables).unwrap().len(), 2);
}
