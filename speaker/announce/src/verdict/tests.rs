use std::collections::BTreeSet;

use super::*;
use crate::Warning;
use crate::fixtures::*;

fn every_reason() -> Vec<NotAnnounced> {
    let service = id("web");
    let (vip, pool, node) = (ip(VIP), PoolName::from("lan"), NodeName::from("a"));
    let interfaces = Arc::new(set(&["eth0", "eth1"]));
    let excluded = |why| NotAnnounced::Excluded { node: "a".into(), why };
    vec![
        NotAnnounced::UnknownService { service: service.clone() },
        NotAnnounced::NotLoadBalancer { service: service.clone() },
        NotAnnounced::OtherClass { service: service.clone(), class: None },
        NotAnnounced::OtherClass { service: service.clone(), class: Some("other.io/lb".to_owned()) },
        NotAnnounced::NoAddress { service: service.clone() },
        NotAnnounced::NotInPool { service: service.clone(), vip },
        NotAnnounced::NoAdvertisement { service: service.clone(), vip, pool: pool.clone() },
        NotAnnounced::NoMatchingAdvertisement { service: service.clone(), pool },
        NotAnnounced::SharedIpWithServiceSelector { service: service.clone(), advertisement: "lan".into() },
        NotAnnounced::NoEndpoints { service: service.clone() },
        NotAnnounced::NoLocalEndpoints { service: service.clone() },
        NotAnnounced::NoEligibleNode { service: service.clone(), vip, nodes: Headcount::default() },
        NotAnnounced::NoCommonNode { service: service.clone(), vip, sharer: id("old") },
        excluded(Exclusion::NotSelected),
        excluded(Exclusion::NetworkUnavailable),
        excluded(Exclusion::ExcludeLabel),
        excluded(Exclusion::NoLocalEndpoint),
        excluded(Exclusion::SharerElsewhere { sharer: service }),
        NotAnnounced::UnknownNode { node: node.clone() },
        NotAnnounced::InterfaceMissing { node: node.clone(), interfaces: Arc::clone(&interfaces) },
        NotAnnounced::NoInterface { node: node.clone() },
        NotAnnounced::InterfaceDown { node, interfaces },
    ]
}

#[test]
fn every_reason_names_its_object_and_the_next_step() {
    for why in every_reason() {
        let text = why.to_string();
        assert!(text.contains("default/web") || text.contains("node a"), "{text}");
        assert!(text.contains("; ") || text.contains(": "), "{text}");
    }
}

#[test]
fn tokens_are_stable() {
    let tokens: BTreeSet<_> = every_reason().iter().map(NotAnnounced::reason).collect();
    let expected = [
        "interfaceDown",
        "interfaceMissing",
        "ipNotInPool",
        "noAddress",
        "noAdvertisement",
        "noCommonNode",
        "noEligibleNode",
        "noEndpoints",
        "noInterface",
        "noLocalEndpoints",
        "noMatchingAdvertisement",
        "nodeLabeledExcludeBalancers",
        "nodeNetworkUnavailable",
        "notLoadBalancer",
        "otherClass",
        "sharedIPWithServiceSelector",
        "sharerElsewhere",
        "unknownNode",
        "unknownService",
    ];
    assert_eq!(tokens, expected.into());
}

#[test]
fn a_service_that_no_node_may_announce_says_what_to_do_for_each_kind_of_node() {
    let nodes = Headcount { not_selected: 2, network_unavailable: 0, exclude_label: 1 };
    let why = NotAnnounced::NoEligibleNode { service: id("web"), vip: ip(VIP), nodes };
    assert_eq!(
        Warning::Silent(why).to_string(),
        "announced by no node: no node may announce 10.0.0.10 of service default/web: 1 node: it has the label \
         node.kubernetes.io/exclude-from-external-load-balancers; remove the label, or set --ignore-exclude-lb; 2 nodes: no matching \
         L2Advertisement selects it; change the node's labels or the nodeSelectors"
    );
}
