use std::collections::BTreeSet;

use announce::{L2Vip, LinkChoice, NodeName, NotAnnounced};

use super::*;
use crate::net::links::LinkIndex;

fn link(name: &str, last: u8) -> Link {
    Link { name: name.to_owned(), mac: Some([2, 0, 0, 0, 0, last]), running: true, resolves: true, ..Link::default() }
}

fn vip(mine: Mine, links: &[&str]) -> Arc<L2Vip> {
    Arc::new(L2Vip {
        services: Vec::new(),
        links: announce::Links {
            names: Arc::new(links.iter().map(|name| LinkName::from(*name)).collect::<BTreeSet<_>>()),
            choice: LinkChoice::Connected,
        },
        candidates: Arc::new(BTreeMap::from([
            (NodeName::from("n1"), Standing::Preference(0)),
            (NodeName::from("n2"), Standing::LastResort),
        ])),
        mine,
        group: 42,
    })
}

fn node() -> NodeOrders {
    NodeOrders {
        keys: Some(KeyRing::new(b"0123456789abcdef", &members::ClusterId::default()).unwrap()),
        ready: true,
        draining: false,
        unicast: None,
        macs: Arc::default(),
    }
}

fn two_links() -> Links {
    [(LinkIndex(2), link("eth0", 2)), (LinkIndex(3), link("eth1", 3))].into()
}

#[test]
fn a_vip_is_a_candidacy_on_its_links_and_a_handover_on_the_others() {
    let desired = Desired {
        l2: [("192.0.2.1".parse().unwrap(), vip(Mine::Eligible, &["eth0"]))].into(),
        links: ["eth0".into(), "eth1".into()].into(),
        ..Desired::default()
    };
    let orders = Sequence::default().next(&desired, &two_links(), node());
    let mine = |index| orders.links[&LinkIndex(index)].vips.values().next().unwrap().mine;
    assert_eq!((mine(2), mine(3)), (members::Mine::Eligible, members::Mine::Ineligible));
    let candidacy = orders.links[&LinkIndex(2)].vips.values().next().unwrap().clone();
    assert_eq!((candidacy.group, candidacy.nodes.values().copied().collect::<Vec<_>>()), (42, vec![1, 0]));
}

#[test]
fn a_vip_this_node_may_no_longer_announce_is_handed_over_and_not_forgotten() {
    let why = NotAnnounced::UnknownNode { node: "n1".into() };
    let desired = Desired {
        l2: [("192.0.2.1".parse().unwrap(), vip(Mine::Ineligible(why), &[]))].into(),
        links: ["eth0".into()].into(),
        ..Desired::default()
    };
    let orders = Sequence::default().next(&desired, &two_links(), node());
    assert_eq!(orders.links.len(), 1);
    assert_eq!(orders.links[&LinkIndex(2)].vips.values().next().unwrap().mine, members::Mine::Ineligible);
}

#[test]
fn equal_candidate_sets_are_converted_once() {
    let shared = vip(Mine::Eligible, &["eth0"]);
    let desired = Desired {
        l2: [("192.0.2.1".parse().unwrap(), shared.clone()), ("192.0.2.2".parse().unwrap(), shared)].into(),
        links: ["eth0".into()].into(),
        ..Desired::default()
    };
    let orders = Sequence::default().next(&desired, &two_links(), node());
    let sets: Vec<_> = orders.links[&LinkIndex(2)].vips.values().map(|candidacy| &candidacy.nodes).collect();
    assert!(Arc::ptr_eq(sets[0], sets[1]));
}

#[test]
fn links_that_cannot_carry_frames_of_their_own_take_no_part() {
    let mut links = two_links();
    links.get_mut(&LinkIndex(2)).unwrap().enslaved = true;
    links.get_mut(&LinkIndex(3)).unwrap().mac = None;
    let desired = Desired { links: ["eth0".into(), "eth1".into()].into(), ..Desired::default() };
    assert!(Sequence::default().next(&desired, &links, node()).links.is_empty());
}

#[test]
fn a_new_address_of_a_link_changes_its_orders() {
    let desired = Desired { links: ["eth0".into()].into(), ..Desired::default() };
    let mut links = two_links();
    let before = Sequence::default().next(&desired, &links, node()).links[&LinkIndex(2)].addresses;
    links.get_mut(&LinkIndex(2)).unwrap().addresses.insert("fe80::1/64".parse().unwrap());
    assert_ne!(Sequence::default().next(&desired, &links, node()).links[&LinkIndex(2)].addresses, before);
}

#[test]
fn unicast_heartbeats_go_to_the_other_nodes_on_the_link() {
    let desired = Desired { links: ["eth0".into()].into(), ..Desired::default() };
    let mut links = two_links();
    links.get_mut(&LinkIndex(2)).unwrap().addresses =
        ["10.0.0.1/24".parse().unwrap(), "fd00::1/64".parse().unwrap()].into();
    let nodes = ["10.0.0.1", "10.0.0.2", "fd00::2", "10.9.9.9"].map(|node| node.parse().unwrap());
    let orders = Sequence::default().next(&desired, &links, NodeOrders { unicast: Some(nodes.to_vec()), ..node() });
    assert_eq!(orders.links[&LinkIndex(2)].unicast, Some(vec![nodes[1], nodes[2]]));
}

#[test]
fn a_link_without_any_address_of_a_node_keeps_multicast_heartbeats() {
    let desired = Desired { links: ["eth0".into(), "eth1".into()].into(), ..Desired::default() };
    let mut links = two_links();
    links.get_mut(&LinkIndex(2)).unwrap().addresses = ["10.0.0.1/24".parse().unwrap()].into();
    links.get_mut(&LinkIndex(3)).unwrap().addresses = ["10.1.0.1/24".parse().unwrap()].into();
    let nodes = ["10.0.0.1", "10.0.0.2"].map(|node| node.parse().unwrap());
    let orders = Sequence::default().next(&desired, &links, NodeOrders { unicast: Some(nodes.to_vec()), ..node() });
    assert_eq!(orders.links[&LinkIndex(2)].unicast, Some(vec![nodes[1]]));
    assert_eq!(orders.links[&LinkIndex(3)].unicast, None, "heartbeats to nobody would let every node answer");
}

#[test]
fn what_stays_the_same_is_the_same_allocation() {
    let mut links = two_links();
    let desired = || Desired {
        l2: [("192.0.2.1".parse().unwrap(), vip(Mine::Eligible, &["eth0"]))].into(),
        links: ["eth0".into(), "eth1".into()].into(),
        ..Desired::default()
    };
    let mut sequence = Sequence::default();
    let before = sequence.next(&desired(), &links, node());
    links.get_mut(&LinkIndex(2)).unwrap().running = false;
    let after = sequence.next(&desired(), &links, node());
    let both = |index| (&before.links[&LinkIndex(index)], &after.links[&LinkIndex(index)]);
    let (before, after) = both(3);
    assert!(Arc::ptr_eq(before, after));
    let (before, after) = both(2);
    assert!(before.running && !after.running);
    let candidates = |link: &LinkDesired| link.vips.values().next().unwrap().nodes.clone();
    assert!(Arc::ptr_eq(&candidates(before), &candidates(after)));
}

#[test]
fn a_node_that_drains_hands_over_what_it_may_announce() {
    let vips = [
        ("192.0.2.1".parse().unwrap(), vip(Mine::Eligible, &["eth0"])),
        ("192.0.2.2".parse().unwrap(), vip(Mine::Ineligible(NotAnnounced::UnknownNode { node: "n1".into() }), &[])),
    ];
    let desired = Desired { l2: vips.into(), links: ["eth0".into()].into(), ..Desired::default() };
    let orders = Sequence::default().next(&desired, &two_links(), NodeOrders { draining: true, ..node() });
    let mine: Vec<_> = orders.links[&LinkIndex(2)].vips.values().map(|candidacy| candidacy.mine).collect();
    assert_eq!(mine, [members::Mine::Draining, members::Mine::Ineligible]);
}
