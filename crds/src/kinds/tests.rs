use kube::Resource;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;

fn decode<K: DeserializeOwned>(value: &Value) -> K {
    serde_json::from_value(value.clone()).unwrap()
}

fn decodes_and_keeps<K: DeserializeOwned + Serialize + Resource<DynamicType = ()>>(value: &Value) {
    let object: K = decode(value);
    let mut written = serde_json::to_value(&object).unwrap();
    // The old version of a peer is written as the stored one.
    written["apiVersion"] = value["apiVersion"].clone();
    assert_eq!(written, *value);
}

#[test]
fn a_full_pool_decodes_unchanged() {
    decodes_and_keeps::<IpAddressPool>(&json!({
        "apiVersion": "metallb.io/v1beta1",
        "kind": "IPAddressPool",
        "metadata": { "name": "lan", "namespace": "metallb-system", "labels": { "zone": "a" } },
        "spec": {
            "addresses": ["192.0.2.0/25", "192.0.2.200 - 192.0.2.210", "2001:db8::/120"],
            "autoAssign": false,
            "avoidBuggyIPs": true,
            "serviceAllocation": {
                "priority": -50,
                "namespaces": ["web"],
                "namespaceSelectors": [{ "matchLabels": { "team": "edge" } }],
                "serviceSelectors": [{ "matchExpressions": [{ "key": "app", "operator": "In", "values": ["a", "b"] }] }]
            }
        },
        "status": { "assignedIPv4": 1, "assignedIPv6": 0, "availableIPv4": 137, "availableIPv6": 256 }
    }));
}

#[test]
fn full_advertisements_decode_unchanged() {
    decodes_and_keeps::<L2Advertisement>(&json!({
        "apiVersion": "metallb.io/v1beta1",
        "kind": "L2Advertisement",
        "metadata": { "name": "lan", "namespace": "metallb-system" },
        "spec": {
            "ipAddressPools": ["lan"],
            "ipAddressPoolSelectors": [{ "matchLabels": { "zone": "a" } }],
            "nodeSelectors": [{ "matchLabels": { "kubernetes.io/hostname": "n1" } }],
            "interfaces": ["eth0", "bond0.12"],
            "serviceSelectors": [{ "matchLabels": { "expose": "lan" } }],
            "preferredNodeSelectors": [{ "weight": 100, "preference": {} }]
        }
    }));
    decodes_and_keeps::<BgpAdvertisement>(&json!({
        "apiVersion": "metallb.io/v1beta1",
        "kind": "BGPAdvertisement",
        "metadata": { "name": "core", "namespace": "metallb-system" },
        "spec": {
            "aggregationLength": 26,
            "aggregationLengthV6": 124,
            "localPref": 4_294_967_295_u32,
            "med": 0,
            "asPathPrepend": 3,
            "bandwidthPerEndpoint": 100,
            "communities": ["64500:100", "large:64500:1:2", "no-transit"],
            "ipAddressPools": ["lan"],
            "ipAddressPoolSelectors": [{ "matchLabels": { "zone": "a" } }],
            "nodeSelectors": [{ "matchLabels": { "rack": "1" } }],
            "peers": ["tor-1", "tor-2"],
            "serviceSelectors": [{ "matchLabels": { "expose": "core" } }]
        }
    }));
}

#[test]
fn peers_of_both_versions_decode_unchanged() {
    decodes_and_keeps::<BgpPeer>(&json!({
        "apiVersion": "metallb.io/v1beta2",
        "kind": "BGPPeer",
        "metadata": { "name": "tor-1", "namespace": "metallb-system" },
        "spec": {
            "myASN": 4_200_000_000_u32,
            "dynamicASN": "external",
            "localASN": 64_999,
            "interface": "eth1",
            "sourceAddress": "192.0.2.2",
            "peerPort": 65_535,
            "holdTime": "1m30s",
            "keepaliveTime": "30s",
            "connectTime": "10s",
            "routerID": "192.0.2.2",
            "nodeSelectors": [{ "matchExpressions": [{ "key": "rack", "operator": "Exists" }] }],
            "passwordSecret": { "name": "tor", "namespace": "metallb-system" },
            "bfdProfile": "fast",
            "enableGracefulRestart": true,
            "ebgpMultiHop": true,
            "connectionMode": "both",
            "listenPort": 1179,
            "nextHops": ["192.0.2.9"],
            "role": "customer",
            "vrf": "red",
            "disableMP": false,
            "dualStackAddressFamily": true
        }
    }));
    decodes_and_keeps::<BgpPeer>(&json!({
        "apiVersion": "metallb.io/v1beta1",
        "kind": "BGPPeer",
        "metadata": { "name": "tor-1", "namespace": "metallb-system" },
        "spec": {
            "myASN": 64_500,
            "peerASN": 64_501,
            "peerPrefix": "192.0.2.0/24",
            "peerPrefixLimit": 10,
            "ttlSecurityHops": 1,
            "peerPort": 0,
            "holdTime": "0s",
            "keepaliveTime": "0s",
            "password": "secret",
            "nodeSelectors": [{ "matchExpressions": [{ "key": "rack", "operator": "In", "values": ["1"] }] }],
            "disableMP": false,
            "dualStackAddressFamily": false
        }
    }));
}

#[test]
fn profiles_communities_and_reports_decode_unchanged() {
    let head = |kind: &str| json!({ "apiVersion": "metallb.io/v1beta1", "kind": kind, "metadata": { "name": "x" } });
    let with = |kind: &str, field: &str, value: Value| {
        let mut object = head(kind);
        object[field] = value;
        object
    };
    decodes_and_keeps::<BfdProfile>(&with(
        "BFDProfile",
        "spec",
        json!({
            "receiveInterval": 100, "transmitInterval": 100, "detectMultiplier": 3, "echoInterval": 50,
            "echoMode": true, "passiveMode": true, "minimumTtl": 254
        }),
    ));
    decodes_and_keeps::<Community>(&with(
        "Community",
        "spec",
        json!({ "communities": [{ "name": "no-transit", "value": "64500:7" }] }),
    ));
    let mut report = with("ServiceL2Status", "spec", json!({}));
    report["status"] = json!({ "node": "n1", "serviceName": "web", "serviceNamespace": "default", "interfaces": [] });
    decodes_and_keeps::<ServiceL2Status>(&report);
    let mut report = with("ServiceBGPStatus", "spec", json!({}));
    report["status"] = json!({ "node": "n1", "serviceName": "web", "serviceNamespace": "default", "peers": ["tor-1"] });
    decodes_and_keeps::<ServiceBgpStatus>(&report);
    decodes_and_keeps::<ConfigurationState>(&with(
        "ConfigurationState",
        "status",
        json!({
            "result": "Invalid",
            "errorSummary": "one",
            "conditions": [{
                "type": "poolReconcilerValid", "status": "False", "reason": "ConfigurationError", "message": "one",
                "lastTransitionTime": "2026-01-01T00:00:00Z"
            }],
            "links": [{ "name": "eth0", "mac": "02:00:5e:00:53:01", "subnets": ["192.0.2.0/24"] }]
        }),
    ));
}

#[test]
fn an_absent_or_null_specification_is_an_empty_one() {
    let object = |kind: &str| json!({ "apiVersion": "metallb.io/v1beta1", "kind": kind, "metadata": { "name": "x" } });
    let advertisement: L2Advertisement = decode(&object("L2Advertisement"));
    assert_eq!(advertisement.spec, L2AdvertisementSpec::default());
    let advertisement: BgpAdvertisement = decode(&object("BGPAdvertisement"));
    assert_eq!(advertisement.spec.0.aggregation_length, Some(32));
    let profile: BfdProfile = decode(&object("BFDProfile"));
    assert_eq!(profile.spec, BfdProfileSpec::default());
    let mut null = object("Community");
    null["spec"] = Value::Null;
    let community: Community = decode(&null);
    assert_eq!(community.spec, CommunitySpec::default());
}

#[test]
fn defaults_are_filled_in_without_an_api_server() {
    let pool: IpAddressPool = decode(&json!({ "metadata": { "name": "x" }, "spec": { "addresses": [] } }));
    assert_eq!((pool.spec.auto_assign, pool.spec.avoid_buggy_ips), (Some(true), Some(false)));
    let peer: BgpPeer = decode(&json!({ "metadata": { "name": "x" }, "spec": { "myASN": 1 } }));
    assert_eq!(peer.spec.peer_port, Some(179));
}

#[test]
fn kinds_carry_the_names_of_metallb() {
    assert_eq!(IpAddressPool::kind(&()), "IPAddressPool");
    assert_eq!(BgpPeer::api_version(&()), "metallb.io/v1beta2");
    assert_eq!(ServiceBgpStatus::plural(&()), "servicebgpstatuses");
    assert_eq!(IpAddressPool::group(&()), GROUP);
}
