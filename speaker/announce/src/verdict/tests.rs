use std::collections::BTreeSet;

use super::*;
use crate::fixtures::*;
use crate::{Family, Prefix, Warning};

fn every_reason() -> Vec<NotAnnounced> {
    let service = id("web");
    let (vip, pool, node) = (ip(VIP), PoolName::from("lan"), NodeName::from("a"));
    let interfaces = Arc::new(set(&["eth0", "eth1"]));
    let conflict = Exclusion::Conflict { one: "one".into(), other: "other".into(), peer: "tor".into() };
    let excluded = |why| NotAnnounced::Excluded { node: "a".into(), why };
    vec![
        NotAnnounced::UnknownService { service: service.clone() },
        NotAnnounced::NotLoadBalancer { service: service.clone() },
        NotAnnounced::OtherClass { service: service.clone(), class: None },
        NotAnnounced::OtherClass { service: service.clone(), class: Some("other.io/lb".to_owned()) },
        NotAnnounced::Unreadable { service: service.clone(), reason: "spec.ports: invalid type".to_owned() },
        NotAnnounced::NoAddress { service: service.clone() },
        NotAnnounced::NotInPool { service: service.clone(), vip },
        NotAnnounced::NotAdmitted { service: service.clone(), vip, pool: pool.clone() },
        NotAnnounced::NoAdvertisement { service: service.clone(), vip, pool: pool.clone() },
        NotAnnounced::OtherProtocol { service: service.clone(), vip, pool: pool.clone(), protocol: Protocol::L2 },
        NotAnnounced::NoMatchingAdvertisement { service: service.clone(), pool, protocol: Protocol::Bgp },
        NotAnnounced::SharedIpWithServiceSelector { service: service.clone(), advertisement: "lan".into() },
        NotAnnounced::NoEndpoints { service: service.clone() },
        NotAnnounced::NoLocalEndpoints { service: service.clone() },
        NotAnnounced::EndpointsUnknown {
            service: service.clone(),
            gap: Gap::Slice { slice: "web-1".to_owned(), reason: "endpoints: invalid type".to_owned() },
        },
        NotAnnounced::NoEligibleNode { service: service.clone(), vip, nodes: Headcount::default() },
        NotAnnounced::ConflictingAdvertisements { service: service.clone(), vip, why: conflict.clone().into() },
        NotAnnounced::NoCommonNode { service: service.clone(), vip, sharer: id("old") },
        excluded(Exclusion::NotSelected(Protocol::L2)),
        excluded(Exclusion::NetworkUnavailable),
        excluded(Exclusion::ExcludeLabel),
        excluded(Exclusion::NoLocalEndpoint),
        excluded(Exclusion::NoPeer(Family::Ipv6)),
        excluded(conflict),
        excluded(Exclusion::ConflictWithSharer { sharer: service.clone(), prefix: Prefix::of(vip, 24) }),
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
        "conflictingAdvertisements",
        "conflictingSharer",
        "endpointsUnknown",
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
        "noPeer",
        "nodeLabeledExcludeBalancers",
        "nodeNetworkUnavailable",
        "notAdmitted",
        "notLoadBalancer",
        "otherClass",
        "otherProtocol",
        "sharedIPWithServiceSelector",
        "sharerElsewhere",
        "unknownNode",
        "unknownService",
        "unreadable",
    ];
    assert_eq!(tokens, expected.into());
}

#[test]
fn a_service_that_no_node_may_announce_says_what_to_do_for_each_kind_of_node() {
    let not_selected = Exclusion::NotSelected(Protocol::L2);
    let nodes = Headcount::of([not_selected.clone(), Exclusion::ExcludeLabel, not_selected].into_iter());
    let why = NotAnnounced::NoEligibleNode { service: id("web"), vip: ip(VIP), nodes };
    assert_eq!(
        Warning::Silent(why).to_string(),
        "announced by no node: no node may announce 10.0.0.10 of service default/web: 1 node: it has the label \
         node.kubernetes.io/exclude-from-external-load-balancers; remove the label, or set --ignore-exclude-lb; 2 nodes: no matching \
         L2Advertisement selects it; change the node's labels or the nodeSelectors"
    );
}
