use std::collections::BTreeSet;
use std::sync::Arc;

use crds::checked::{self, Objects};
use crds::core::Secret;
use crds::kinds::{BfdProfile, BgpPeer};
use serde_json::{Value, json};

use super::*;
use crate::peers::{Inputs, RouterId};

const NAMESPACE: &str = "metallb-system";

/// A peer with these fields, as the session of a node takes it.
fn peer(spec: &Value) -> Arc<PeerDesired> {
    peer_with(spec, 50, "old")
}

/// The same beside a BFD profile with this interval and a Secret with this password.
fn peer_with(spec: &Value, interval: u32, password: &str) -> Arc<PeerDesired> {
    let object = |kind: &str, version: &str, name: &str, spec: &Value| json!({"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec});
    let peer: BgpPeer = serde_json::from_value(object("BGPPeer", "metallb.io/v1beta2", "tor", spec)).unwrap();
    let profile = |name: &str| -> BfdProfile {
        let spec = json!({"transmitInterval": interval});
        serde_json::from_value(object("BFDProfile", "metallb.io/v1beta1", name, &spec)).unwrap()
    };
    let (fast, slow) = (profile("fast"), profile("slow"));
    let objects = Objects { peers: vec![&peer], bfd_profiles: vec![&fast, &slow], ..Objects::default() };
    let (config, faults) = checked::Config::compile(&objects);
    assert_eq!(faults, [], "the test writes a valid peer: {spec}");
    let secret: Secret = serde_json::from_value(json!({
        "metadata": {"name": "router", "namespace": NAMESPACE},
        "type": "kubernetes.io/basic-auth",
        "stringData": {"password": password},
    }))
    .unwrap();
    let router_id = RouterId::new([192, 0, 2, 11].into()).unwrap();
    let inputs = Inputs { config: &config, node: None, secrets: &[&secret], namespace: NAMESPACE, router_id };
    inputs.peers().into_values().next().expect("there is one peer").unwrap()
}

/// Merges fields into the smallest peer; null takes one away.
fn with(fields: &Value) -> Value {
    let mut spec = json!({"myASN": 65001, "peerASN": 65000, "peerAddress": "192.0.2.1"});
    for (field, value) in fields.as_object().unwrap() {
        spec[field] = value.clone();
    }
    spec
}

/// An edit of one field: the fields before, the fields after, and what it does.
type Case = (&'static str, Value, Value, Option<Effect>);

/// One edit or more of every field that a BGPPeer has.
fn cases() -> Vec<Case> {
    let prefix = |prefix: &str| json!({"peerAddress": null, "peerPrefix": prefix});
    let link = |link: &str| json!({"peerAddress": null, "interface": link});
    let dynamic = |asn: &str| json!({"peerASN": null, "dynamicASN": asn});
    let passive = |port: u16| json!({"connectionMode": "passive", "listenPort": port});
    let nodes = json!([{"matchExpressions": [{"key": "edge", "operator": "DoesNotExist"}]}]);
    let (ends, next, at_once) = (Some(Effect::NewSession), Some(Effect::NextSession), Some(Effect::AtOnce));
    vec![
        ("myASN", json!({}), json!({"myASN": 65002}), ends),
        ("peerASN", json!({}), json!({"peerASN": 65009}), ends),
        ("dynamicASN", dynamic("external"), dynamic("internal"), ends),
        ("dynamicASN", json!({}), dynamic("external"), None),
        ("localASN", json!({}), json!({"localASN": 65010}), ends),
        ("peerAddress", json!({}), json!({"peerAddress": "192.0.2.2"}), ends),
        ("peerAddress", json!({}), json!({"peerAddress": "2001:db8::2"}), ends),
        ("peerPrefix", prefix("192.0.2.0/24"), prefix("192.0.2.0/25"), ends),
        ("peerPrefix", prefix("192.0.2.0/24"), prefix("192.0.0.0/16"), None),
        ("peerPrefixLimit", json!({}), json!({"peerPrefixLimit": 7}), at_once),
        ("connectionMode", json!({}), json!({"connectionMode": "both"}), at_once),
        ("listenPort", passive(1790), passive(1791), at_once),
        ("interface", link("eth0"), link("eth1"), ends),
        ("sourceAddress", json!({}), json!({"sourceAddress": "192.0.2.9"}), ends),
        ("peerPort", json!({}), json!({"peerPort": 1179}), ends),
        ("peerPort", json!({}), json!({"peerPort": 179}), None),
        ("holdTime", json!({}), json!({"holdTime": "9s"}), next),
        ("holdTime", json!({"holdTime": "90s"}), json!({"holdTime": "1m30s"}), None),
        ("keepaliveTime", json!({"holdTime": "90s"}), json!({"holdTime": "90s", "keepaliveTime": "5s"}), next),
        ("connectTime", json!({}), json!({"connectTime": "5s"}), at_once),
        ("routerID", json!({}), json!({"routerID": "10.0.0.1"}), ends),
        ("nodeSelectors", json!({}), json!({"nodeSelectors": nodes}), None),
        ("password", json!({}), json!({"password": "secret"}), next),
        ("passwordSecret", json!({}), json!({"passwordSecret": {"name": "router"}}), next),
        ("bfdProfile", json!({}), json!({"bfdProfile": "fast"}), at_once),
        ("bfdProfile", json!({"bfdProfile": "fast"}), json!({"bfdProfile": "slow"}), at_once),
        ("enableGracefulRestart", json!({}), json!({"enableGracefulRestart": true}), next),
        ("ebgpMultiHop", json!({}), json!({"ebgpMultiHop": true}), ends),
        ("ttlSecurityHops", json!({}), json!({"ttlSecurityHops": 1}), ends),
        ("nextHops", json!({}), json!({"nextHops": ["192.0.2.99"]}), at_once),
        ("role", json!({}), json!({"role": "customer"}), ends),
        ("vrf", json!({}), json!({"vrf": "red"}), ends),
        ("disableMP", json!({}), json!({"disableMP": false}), None),
        ("dualStackAddressFamily", json!({}), json!({"dualStackAddressFamily": true}), ends),
        (
            "dualStackAddressFamily",
            link("eth0"),
            {
                let mut both = link("eth0");
                both["dualStackAddressFamily"] = json!(true);
                both
            },
            None,
        ),
    ]
}

#[test]
fn every_field_of_a_peer_does_to_its_session_what_its_setting_says() {
    for (field, before, after, expected) in cases() {
        let edit = Edit::between(&peer(&with(&before)), &peer(&with(&after)), None);
        let strongest = edit.settings.values().min().copied();
        assert_eq!(strongest, expected, "{field}: {before} -> {after}: {edit:?}");
        for (setting, effect) in edit.settings {
            assert_eq!(effect, setting.effect(), "{field}: {setting}");
            assert!(setting.fields().contains(&field), "{setting} changes with {field}");
        }
    }
}

#[test]
fn no_field_of_a_peer_is_left_out() {
    let definitions = crds::definitions::definitions();
    let peers = definitions.iter().find(|definition| definition["spec"]["names"]["kind"] == "BGPPeer").unwrap();
    let fields = &peers["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"];
    let fields: BTreeSet<&str> = fields.as_object().unwrap().keys().map(String::as_str).collect();
    let edited: BTreeSet<&str> = cases().iter().map(|(field, ..)| *field).collect();
    assert_eq!(edited, fields, "an edit of each field is tried");
    let of_settings: BTreeSet<&str> = Setting::ALL.iter().flat_map(|setting| setting.fields()).copied().collect();
    let without: Vec<&str> = fields.difference(&of_settings).copied().collect();
    assert_eq!(without, ["disableMP", "nodeSelectors"], "one means nothing, the other says where there is a session");
    assert!(of_settings.is_subset(&fields), "settings name fields that exist");
}

#[test]
fn what_a_peer_refers_to_costs_no_session() {
    let spec = with(&json!({"bfdProfile": "fast", "passwordSecret": {"name": "router"}}));
    let before = peer_with(&spec, 50, "old");
    assert_eq!(Edit::between(&before, &before, None), Edit::default());
    let faster = Edit::between(&before, &peer_with(&spec, 10, "old"), None);
    assert_eq!(faster.settings, [(Setting::Bfd, Effect::AtOnce)].into());
    let secret = Edit::between(&before, &peer_with(&spec, 50, "new"), None);
    assert_eq!(secret.settings, [(Setting::Password, Effect::NextSession)].into());
}

#[test]
fn a_router_that_is_in_both_prefixes_keeps_its_session() {
    let prefix = |prefix: &str| peer(&with(&json!({"peerAddress": null, "peerPrefix": prefix})));
    let (wide, narrow) = (prefix("192.0.2.0/24"), prefix("192.0.2.0/25"));
    let ends = |neighbor: [u8; 4]| Edit::between(&wide, &narrow, Some(neighbor.into())).ends_session();
    assert_eq!((ends([192, 0, 2, 7]), ends([192, 0, 2, 200])), (false, true));
}

#[test]
fn another_way_to_name_the_as_number_that_the_router_has_costs_nothing() {
    let asn = |fields: Value| peer(&with(&fields));
    let ends = |before: Value, after: Value| Edit::between(&asn(before), &asn(after), None).ends_session();
    let (internal, external) =
        (json!({"peerASN": null, "dynamicASN": "internal"}), json!({"peerASN": null, "dynamicASN": "external"}));
    assert!(!ends(internal.clone(), json!({"peerASN": 65001})));
    assert!(!ends(json!({"peerASN": 65001}), internal.clone()));
    assert!(!ends(json!({"peerASN": 65000}), external.clone()));
    assert!(ends(json!({"peerASN": 65000}), internal));
    assert!(ends(external, json!({"peerASN": 65000})), "nobody knows here which number the router has");
}
