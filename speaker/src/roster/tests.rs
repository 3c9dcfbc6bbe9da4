use std::net::Ipv4Addr;

use l2::MacAddr;
use members::{MemberId, Reach};

use super::*;
use crate::drivers::{Counters, MemberObserved};

const MULTICAST: Advice = Advice { port: 7473, unicast: false };

fn nets(texts: &[&str]) -> Vec<IpNet> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn link(name: &str, subnets: &[&str]) -> ServedLink {
    ServedLink { name: name.to_owned(), mac: [2, 0, 0, 0, 0, 1], subnets: nets(subnets).into_iter().collect() }
}

fn neighbour(node: &str, places: &[&str]) -> Neighbour {
    Neighbour { node: node.into(), ready: true, places: nets(places) }
}

fn names(nodes: &[&str]) -> BTreeSet<Arc<str>> {
    nodes.iter().map(|node| Arc::from(*node)).collect()
}

#[test]
fn a_speaker_is_expected_on_each_link_whose_subnet_it_serves_or_has_an_address_in() {
    let links =
        [link("eth0", &["192.0.2.0/24", "2001:db8:1::/64"]), link("eth1", &["198.51.100.0/24"]), link("bare", &[])];
    let both = neighbour("both", &["192.0.2.0/24", "198.51.100.0/24"]);
    let cases: [(&str, Neighbour, &[&str]); 8] = [
        ("the same subnet", neighbour("n", &["192.0.2.0/24"]), &["eth0"]),
        ("an address of the node", neighbour("n", &["192.0.2.7/32"]), &["eth0"]),
        ("a wider prefix", neighbour("n", &["192.0.0.0/16"]), &["eth0"]),
        ("the other family alone", neighbour("n", &["2001:db8:1::/64"]), &["eth0"]),
        ("two links", both, &["eth0", "eth1"]),
        ("another network", neighbour("n", &["203.0.113.0/24"]), &[]),
        ("a node that has no place", neighbour("n", &[]), &[]),
        ("a node that is down", Neighbour { ready: false, ..neighbour("n", &["192.0.2.0/24"]) }, &[]),
    ];
    for (case, neighbour, on) in cases {
        let expected = expected(&links, &[neighbour]);
        assert_eq!(expected.len(), 3, "every link of ours is there");
        let links: BTreeSet<&str> =
            expected.iter().filter(|(_, nodes)| !nodes.is_empty()).map(|(link, _)| &**link).collect();
        assert_eq!(links, on.iter().copied().collect(), "{case}");
    }
}

#[test]
fn link_local_subnets_and_links_without_a_key_are_not_served() {
    let index = crate::net::links::LinkIndex(2);
    let addresses = nets(&["192.0.2.1/24", "fe80::1/64", "169.254.3.1/16", "2001:db8::1/64"]).into_iter().collect();
    let known = crate::net::links::Link { name: "eth0".to_owned(), addresses, ..Default::default() };
    let order = wire::LinkDesired {
        name: "eth0".to_owned(),
        mac: [2, 0, 0, 0, 0, 1],
        running: true,
        addresses: 0,
        unicast: None,
        nodes: Arc::default(),
        vips: Arc::default(),
    };
    let mut desired = wire::Desired { links: [(index, Arc::new(order))].into(), ..wire::Desired::default() };
    let links = [(index, known)].into();
    assert_eq!(served(&desired, &links), []);
    desired.keys = Some(members::KeyRing::new(&[7; 16], &members::ClusterId::default()).unwrap());
    assert_eq!(served(&desired, &links), [link("eth0", &["192.0.2.0/24", "2001:db8::/64"])]);
}

fn observed(settled: Option<u64>, members: &[(&str, MemberState, u64)]) -> LinkObserved {
    let member = |(node, state, silent): &(&str, MemberState, u64)| MemberObserved {
        member: MemberId { node: members::NodeName::new(node).unwrap(), link: members::LinkName::new("eth0").unwrap() },
        state: *state,
        mac: MacAddr([2, 0, 0, 0, 0, 2]),
        address: (Ipv4Addr::LOCALHOST, 7473).into(),
        silent: Duration::from_millis(*silent),
        ready: true,
        damped: false,
        reach: Reach::TwoWay,
        claims: 0,
    };
    LinkObserved {
        name: "eth0".to_owned(),
        mac: MacAddr([2, 0, 0, 0, 0, 1]),
        phase: if settled.is_some() { PhaseView::Active } else { PhaseView::Listening },
        settled_for: settled.map(Duration::from_millis),
        damped_for: None,
        members: members.iter().map(member).collect(),
        unproven: Vec::new(),
        strangers: Vec::new(),
        deaf: false,
        duplicate: None,
        owners: BTreeMap::new(),
        answering: BTreeSet::new(),
        heartbeats: members::Stats::default(),
        l2: l2::Stats::default(),
        conflicts: BTreeMap::new(),
        splits: Vec::new(),
        unjoined: BTreeSet::new(),
        counters: Counters::default(),
    }
}

/// What a node that expects these others for `waited` milliseconds makes of a link.
fn reception(expected: &[&str], waited: u64, link: &LinkObserved) -> Reception {
    let (mut roster, start) = (Roster::default(), Instant::now());
    roster.update([("eth0".to_owned(), names(expected))].into(), start);
    roster.compare(std::slice::from_ref(link), start + Duration::from_millis(waited)).remove(0)
}

#[test]
fn who_is_expected_and_not_heard_for_three_seconds_is_missing() {
    use MemberState::{Left, Live, Lost, Suspect};
    const LONG: u64 = 600_000;
    type Case<'a> = (&'a str, u64, Option<u64>, &'a [(&'a str, MemberState, u64)], (usize, usize), &'a [&'a str]);
    let cases: [Case<'_>; 11] = [
        ("all are heard", LONG, Some(LONG), &[("n2", Live, 50), ("n3", Suspect, 250)], (2, 2), &[]),
        ("nobody ever was", LONG, Some(3_001), &[], (2, 0), &["n2", "n3"]),
        ("the link has just settled", LONG, Some(2_999), &[], (2, 0), &[]),
        ("the link listens", LONG, None, &[], (0, 0), &[]),
        ("they are new in the API", 2_999, Some(LONG), &[], (2, 0), &[]),
        ("one fell silent a moment ago", LONG, Some(LONG), &[("n2", Live, 9), ("n3", Lost, 2_900)], (2, 1), &[]),
        ("one fell silent", LONG, Some(LONG), &[("n2", Live, 9), ("n3", Lost, 3_100)], (2, 1), &["n3"]),
        ("one said goodbye", LONG, Some(LONG), &[("n2", Live, 9), ("n3", Left, LONG)], (1, 1), &[]),
        (
            "one lives on another link",
            LONG,
            Some(LONG),
            &[("n2", Live, 9), ("n3", Lost, 9_000), ("n3", Live, 9)],
            (2, 2),
            &[],
        ),
        ("a stranger is heard", LONG, Some(LONG), &[("n2", Live, 9), ("n3", Live, 9), ("n4", Live, 9)], (2, 2), &[]),
        (
            "both fell silent while we stood still",
            LONG,
            Some(100),
            &[("n2", Lost, 9_000), ("n3", Lost, 9_000)],
            (2, 0),
            &[],
        ),
    ];
    for (case, waited, settled, members, counts, missing) in cases {
        let reception = reception(&["n2", "n3"], waited, &observed(settled, members));
        assert_eq!((reception.expected, reception.heard), counts, "{case}");
        let names: Vec<&str> = reception.missing.keys().map(|node| &**node).collect();
        assert_eq!(names, missing, "{case}");
    }
}

#[test]
fn the_time_since_when_a_speaker_is_expected_lasts_as_long_as_it_is() {
    let (mut roster, start) = (Roster::default(), Instant::now());
    let second = |number: u64| start + Duration::from_secs(number);
    let on = |nodes: &[&str]| -> Expected { [("eth0".to_owned(), names(nodes))].into() };
    roster.update(on(&["n2"]), second(0));
    roster.update(on(&["n2", "n3"]), second(4));
    let missing = |roster: &Roster, at: u64| {
        let reception = roster.compare(&[observed(Some(60_000), &[])], second(at)).remove(0);
        reception.missing.into_keys().collect::<BTreeSet<_>>()
    };
    assert_eq!(missing(&roster, 5), names(&["n2"]));
    assert_eq!(missing(&roster, 8), names(&["n2", "n3"]));
    roster.update(on(&["n3"]), second(9));
    roster.update(on(&["n2", "n3"]), second(10));
    assert_eq!(missing(&roster, 11), names(&["n3"]), "a node that was down is given time again");
    assert!(!roster.is_empty());
    roster.update(on(&[]), second(12));
    assert!(roster.is_empty() && missing(&roster, 20).is_empty());
}

#[test]
fn the_api_server_hears_of_a_blind_node_at_once_and_of_one_that_misses_one_of_many_after_a_minute() {
    use MemberState::{Live, Lost};
    let blind = reception(&["n2", "n3"], 600_000, &observed(Some(3_500), &[]));
    assert!(blind.is_blind() && blind.is_lasting());
    let partly =
        |silent| reception(&["n2", "n3"], 600_000, &observed(Some(600_000), &[("n2", Live, 9), ("n3", Lost, silent)]));
    assert!(!partly(59_000).is_blind() && !partly(59_000).is_lasting() && partly(61_000).is_lasting());
    let half = reception(&["n2", "n3"], 600_000, &observed(Some(600_000), &[("n2", Lost, 500), ("n3", Lost, 9_000)]));
    assert!(!half.is_blind(), "the other one may come back");
    assert_eq!(half.unheard, names(&["n2", "n3"]));
}

#[test]
fn the_fault_names_the_link_the_nodes_and_what_to_do() {
    let many: Vec<String> = (2..10).map(|number| format!("n{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let silent = observed(Some(60_000), &[]);
    let fault = |expected: &[&str], link: &LinkObserved, advice| reception(expected, 60_000, link).fault(advice);
    assert_eq!(
        fault(&["n2", "n3"], &silent, MULTICAST).unwrap(),
        "no other speaker is heard on eth0, although 2 Nodes (n2 and n3) have addresses in its subnet, so more than one node may \
         answer for the same address; open UDP 7473 between the nodes and let the switches pass the multicast groups 224.0.0.254 \
         and ff02::114 (IGMP or MLD snooping without a querier stops them), or set --heartbeat-unicast (chart: \
         speaker.heartbeat.unicast); if the speaker there is not running, its pod says why"
    );
    assert!(fault(&["n2"], &silent, MULTICAST).unwrap().contains("although Node n2 has addresses in its subnet"));
    assert!(fault(&many, &silent, MULTICAST).unwrap().contains("8 Nodes (n2, n3, n4, n5, n6 and 3 more)"));
    let partly = observed(Some(60_000), &[("n3", MemberState::Live, 9)]);
    assert!(
        fault(&["n2", "n3"], &partly, MULTICAST)
            .unwrap()
            .starts_with("the speaker of n2 is not heard on eth0, although its Node is up")
    );
    let unicast = fault(&["n2"], &silent, Advice { port: 7999, unicast: true }).unwrap();
    assert!(
        unicast.contains("open UDP 7999 between the InternalIP addresses") && !unicast.contains("224.0.0.254"),
        "{unicast}"
    );
    assert_eq!(fault(&["n2"], &observed(Some(60_000), &[("n2", MemberState::Live, 9)]), MULTICAST), None);
}
