use super::*;
use crate::fixtures::*;
use crate::{DrainTrigger, Exclusion, Protocol};

fn lines(view: &View, service: &str) -> Vec<(String, &'static str)> {
    let vips = explain(view, &id(service)).unwrap();
    vips[&ip(VIP)].l2.nodes.iter().map(|(node, verdict)| (node.to_string(), verdict.reason())).collect()
}

fn line(node: &str, reason: &'static str) -> (String, &'static str) {
    (node.to_owned(), reason)
}

#[test]
fn every_node_gets_its_own_line() {
    let mut view = web();
    view.nodes.insert("d".into(), crate::Node::default());
    node(&mut view, "a").exclude_label = true;
    node(&mut view, "b").network_unavailable = true;
    node(&mut view, "c").drain_requested = true;
    assert_eq!(
        lines(&view, "web"),
        [
            line("a", "nodeLabeledExcludeBalancers"),
            line("b", "nodeNetworkUnavailable"),
            line("c", "draining"),
            line("d", "eligible")
        ]
    );

    advertisement(&mut view).nodes = only(&["a", "c"]);
    let vips = explain(&view, &id("web")).unwrap();
    let verdicts: Vec<_> = vips[&ip(VIP)].l2.nodes.values().cloned().collect();
    assert_eq!(verdicts[1], NodeVerdict::Excluded(Exclusion::NotSelected(Protocol::L2)));
    assert_eq!(verdicts[2], NodeVerdict::LastResort { preference: 0, trigger: DrainTrigger::Requested });
}

#[test]
fn a_node_that_is_not_ready_is_eligible_and_the_line_says_both() {
    let mut view = web();
    node(&mut view, "a").ready = false;
    advertisement(&mut view).preferences = [("a".into(), 40)].into();

    let verdict = explain(&view, &id("web")).unwrap()[&ip(VIP)].l2.nodes[&"a".into()].clone();

    assert_eq!(verdict, NodeVerdict::Candidate { preference: 40, ready: false });
    assert_eq!(
        verdict.to_string(),
        "eligible with preference 40; NotReady for the API server, so it must be heard on the link"
    );
}

#[test]
fn a_service_that_nobody_announces_still_has_a_line_per_node() {
    let mut view = web();
    for name in ["a", "b", "c"] {
        node(&mut view, name).exclude_label = true;
    }

    let vips = explain(&view, &id("web")).unwrap();

    assert_eq!(vips[&ip(VIP)].l2.refused.as_ref().unwrap().reason(), "noEligibleNode");
    assert!(lines(&view, "web").iter().all(|(_, reason)| *reason == "nodeLabeledExcludeBalancers"));
}

#[test]
fn a_younger_sharer_learns_which_service_holds_its_ip() {
    let mut view = cluster();
    view.services.insert(id("old"), local(1, &[VIP], &["a"]));
    view.services.insert(id("web"), local(2, &[VIP], &["b"]));

    assert_eq!(
        lines(&view, "web"),
        [line("a", "noLocalEndpoints"), line("b", "sharerElsewhere"), line("c", "noLocalEndpoints")]
    );
    assert_eq!(
        lines(&view, "old"),
        [line("a", "eligible"), line("b", "noLocalEndpoints"), line("c", "noLocalEndpoints")]
    );
    assert_eq!(explain(&view, &id("web")).unwrap()[&ip(VIP)].l2.refused.as_ref().unwrap().reason(), "noCommonNode");
}

#[test]
fn reasons_that_concern_no_node_come_alone() {
    let mut view = web();
    assert_eq!(explain(&view, &id("absent")), Err(NotAnnounced::UnknownService { service: id("absent") }));

    view.services.get_mut(&id("web")).unwrap().endpoints.clear();
    let vips = explain(&view, &id("web")).unwrap();
    let why = Some(NotAnnounced::NoEndpoints { service: id("web") });
    assert_eq!(vips[&ip(VIP)].l2, L2Explanation { refused: why, nodes: BTreeMap::new() });

    view.services.get_mut(&id("web")).unwrap().vips.clear();
    assert_eq!(explain(&view, &id("web")), Err(NotAnnounced::NoAddress { service: id("web") }));
}

fn bgp_lines(view: &View, service: &str, node: &str) -> Vec<(String, String)> {
    let vips = explain(view, &id(service)).unwrap();
    let peers = &vips[&ip(VIP)].bgp.nodes[&node.into()];
    peers.iter().map(|(peer, verdict)| (peer.to_string(), format!("{}: {verdict}", verdict.reason()))).collect()
}

#[test]
fn every_node_and_peer_gets_its_own_line() {
    let mut view = routed();
    view.bgp_peers.insert("other".into(), peer(only(&["b"])));
    view.bgp_peers.insert("six".into(), crate::BgpPeer { nodes: crate::Scope::All, families: ipv6_only() });
    view.bgp_peers.insert("spine".into(), peer(only(&["a", "b"])));
    let named = only(&["tor", "six", "other"]);
    bgp_advertisement(&mut view, "bgp").peers = named;
    bgp_advertisement(&mut view, "wide").peers = only(&["tor"]);
    bgp_advertisement(&mut view, "wide").ipv4_length = 28;

    let reasons = |node: &str| bgp_lines(&view, "web", node).into_iter().map(|(_, text)| text).collect::<Vec<_>>();
    assert_eq!(
        reasons("a"),
        [
            "noSession: the BGPPeer does not select the node; change the node's labels or its nodeSelectors",
            "otherFamily: the session does not carry IPv4; set dualStackAddressFamily on the BGPPeer, or add one for IPv4",
            "noMatchingAdvertisement: no matching BGPAdvertisement that selects the node is for the peer; add the peer to its peers",
            "announced: announced with 10.0.0.10/32 and 10.0.0.0/28",
        ]
    );
    assert_eq!(reasons("b")[0], "announced: announced with 10.0.0.10/32");
    assert_eq!(explain(&view, &id("web")).unwrap()[&ip(VIP)].bgp.refused, None);
}

fn ipv6_only() -> crate::Scope<crate::Family> {
    crate::Scope::Only([crate::Family::Ipv6].into())
}

#[test]
fn a_peer_learns_what_keeps_its_node_from_announcing() {
    let mut view = routed();
    node(&mut view, "a").exclude_label = true;
    node(&mut view, "b").drain_requested = true;
    let reason = |view: &View, node: &str| {
        explain(view, &id("web")).unwrap()[&ip(VIP)].bgp.nodes[&node.into()][&"tor".into()].reason()
    };
    assert_eq!(
        ["a", "b", "c"].map(|node| reason(&view, node)),
        ["nodeLabeledExcludeBalancers", "draining", "announced"]
    );

    node(&mut view, "c").network_unavailable = true;
    assert_eq!(reason(&view, "b"), "lastResort");
    bgp_advertisement(&mut view, "bgp").nodes = only(&["b"]);
    assert_eq!(["a", "b"].map(|node| reason(&view, node)), ["noMatchingAdvertisement", "lastResort"]);
    view.bgp_advertisements.clear();
    let vips = explain(&view, &id("web")).unwrap();
    assert_eq!(vips[&ip(VIP)].bgp.refused.as_ref().unwrap().reason(), "noAdvertisement");
    assert!(vips[&ip(VIP)].bgp.nodes.is_empty());
}
