//! The custom resource definitions: the real API server takes them, and each of their rules refuses what it is meant to refuse.

use std::{collections::BTreeSet, fs, path::Path};

use control_plane::ControlPlane;
use lab::Lab;
use serde_json::Value;

/// A rule by its message, an object that keeps it, and a change to that object which breaks it.
///
/// The bodies stand for `spec`, or for `status` where the rule is about that.
struct Case {
    kind: &'static str,
    message: &'static str,
    good: &'static str,
    bad: &'static str,
}

const fn case(kind: &'static str, message: &'static str, good: &'static str, bad: &'static str) -> Case {
    Case { kind, message, good, bad }
}

const CASES: [Case; 15] = [
    case(
        "BGPAdvertisement",
        "serviceSelectors cannot be combined with aggregation: leave aggregationLength at 32 and aggregationLengthV6 at 128",
        "{aggregationLength: 32, serviceSelectors: [{matchLabels: {app: web}}]}",
        "{aggregationLength: 24, serviceSelectors: [{matchLabels: {app: web}}]}",
    ),
    case(
        "BGPPeer",
        "connectTime must be from 1s to 65535s",
        "{myASN: 64512, peerASN: 64513, peerAddress: 192.0.2.1, connectTime: 65535s}",
        "{myASN: 64512, peerASN: 64513, peerAddress: 192.0.2.1, connectTime: 65536s}",
    ),
    case(
        "BGPPeer",
        "connectTime must be a whole number of seconds",
        "{myASN: 64512, peerASN: 64513, peerAddress: 192.0.2.1, connectTime: 2s}",
        "{myASN: 64512, peerASN: 64513, peerAddress: 192.0.2.1, connectTime: 2500ms}",
    ),
    case(
        "BGPPeer",
        "enableGracefulRestart cannot be changed; delete and create the peer",
        "{myASN: 64512, peerASN: 64513, peerAddress: 192.0.2.1, enableGracefulRestart: true}",
        "{myASN: 64512, peerASN: 64513, peerAddress: 192.0.2.1, enableGracefulRestart: false}",
    ),
    case(
        "BGPPeer",
        "set exactly one of peerASN and dynamicASN",
        "{myASN: 64512, dynamicASN: external, peerAddress: 192.0.2.1}",
        "{myASN: 64512, dynamicASN: external, peerASN: 64513, peerAddress: 192.0.2.1}",
    ),
    case(
        "BGPPeer",
        "set exactly one of peerAddress, peerPrefix and interface",
        "{myASN: 64512, peerASN: 64513, interface: eth0}",
        "{myASN: 64512, peerASN: 64513, interface: eth0, peerPrefix: 192.0.2.0/24}",
    ),
    case(
        "BGPPeer",
        "routers of a peerPrefix connect by themselves; set connectionMode to passive or remove it",
        "{myASN: 64512, peerASN: 64513, peerPrefix: 192.0.2.0/24, connectionMode: passive}",
        "{myASN: 64512, peerASN: 64513, peerPrefix: 192.0.2.0/24, connectionMode: both}",
    ),
    case(
        "BGPPeer",
        "set at most one of ttlSecurityHops and ebgpMultiHop",
        "{myASN: 64512, peerASN: 64513, peerAddress: 192.0.2.1, ttlSecurityHops: 2}",
        "{myASN: 64512, peerASN: 64513, peerAddress: 192.0.2.1, ttlSecurityHops: 2, ebgpMultiHop: true}",
    ),
    case(
        "BGPPeer",
        "set at most one of password and passwordSecret",
        "{myASN: 64512, peerASN: 64513, peerAddress: 192.0.2.1, passwordSecret: {name: key}}",
        "{myASN: 64512, peerASN: 64513, peerAddress: 192.0.2.1, passwordSecret: {name: key}, password: secret}",
    ),
    case("ServiceBGPStatus", "node is immutable", "{node: n1}", "{node: n2}"),
    case("ServiceBGPStatus", "serviceName is immutable", "{serviceName: web}", "{serviceName: api}"),
    case("ServiceBGPStatus", "serviceNamespace is immutable", "{serviceNamespace: a}", "{serviceNamespace: b}"),
    case("ServiceL2Status", "node is immutable", "{node: n1}", "{node: n2}"),
    case("ServiceL2Status", "serviceName is immutable", "{serviceName: web}", "{serviceName: api}"),
    case("ServiceL2Status", "serviceNamespace is immutable", "{serviceNamespace: a}", "{serviceNamespace: b}"),
];

/// Where a rule stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    kind: String,
    version: String,
    part: String,
    message: String,
}

#[test]
fn each_rule_refuses_what_breaks_it_with_its_message_and_nothing_else() {
    let Some(lab) = Lab::new() else { return };
    let control_plane = ControlPlane::start_api_server(&lab);
    control_plane.install_crds();
    for (number, place) in places().iter().enumerate() {
        let case = CASES.iter().find(|case| case.kind == place.kind && case.message == place.message);
        let Some(case) = case else { panic!("this rule has no case: {place:?}") };
        let name = format!("rule-{number}");
        let apply = |body: &str| apply(&control_plane, place, &name, body);
        apply(case.good).unwrap_or_else(|error| panic!("{place:?} refuses what is good: {error:#}"));
        let refusal = apply(case.bad).expect_err(&format!("{place:?} accepts {}", case.bad));
        assert!(format!("{refusal:#}").contains(&place.message), "{place:?} says {refusal:#}");
        apply(case.good).unwrap_or_else(|error| panic!("{place:?} refuses what it had: {error:#}"));
    }
}

#[test]
fn each_case_belongs_to_a_rule() {
    let places = places();
    for case in &CASES {
        let found = places.iter().any(|place| place.kind == case.kind && place.message == case.message);
        assert!(found, "{} has no rule that says {:?}", case.kind, case.message);
    }
}

#[test]
fn a_field_that_does_not_exist_is_refused_and_one_of_the_wrong_type_too() {
    let Some(lab) = Lab::new() else { return };
    let control_plane = ControlPlane::start_api_server(&lab);
    control_plane.install_crds();
    let pool = |spec: &str| {
        control_plane.try_apply(&format!(
            "{{apiVersion: metallb.io/v1beta1, kind: IPAddressPool, metadata: {{name: lan}}, spec: {spec}}}"
        ))
    };
    pool("{addresses: [192.0.2.0/24]}").expect("a good pool is accepted");
    let unknown = pool("{addresses: [192.0.2.0/24], adresses: []}").expect_err("an unknown field is refused");
    assert!(format!("{unknown:#}").contains("adresses"), "{unknown:#}");
    let wrong = pool("{addresses: 192.0.2.0/24}").expect_err("a string is no list");
    assert!(format!("{wrong:#}").contains("addresses"), "{wrong:#}");
}

#[test]
fn what_users_install_is_accepted_and_so_are_the_examples() {
    let Some(lab) = Lab::new() else { return };
    let control_plane = ControlPlane::start_api_server(&lab);
    let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy");
    control_plane.install();
    // Workloads too, which the bed itself leaves out.
    let everything = fs::read_to_string(deploy.join("clarion.yaml")).expect("the manifests are in the repository");
    control_plane.apply(&everything);
    control_plane.apply_manifests(&deploy.join("examples"));
}

fn apply(control_plane: &ControlPlane, place: &Place, name: &str, body: &str) -> anyhow::Result<()> {
    let Place { kind, version, part, .. } = place;
    let head = format!("apiVersion: metallb.io/{version}, kind: {kind}, metadata: {{name: {name}}}");
    if part == "status" {
        control_plane.try_apply(&format!("{{{head}}}"))?;
        return control_plane.try_apply_status(&format!("{{{head}, status: {body}}}"));
    }
    control_plane.try_apply(&format!("{{{head}, spec: {body}}}"))
}

/// Returns where each rule of `deploy/crds` stands.
fn places() -> BTreeSet<Place> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/crds");
    let files = fs::read_dir(directory).expect("the definitions are in the repository");
    let mut places = BTreeSet::new();
    for file in files {
        let text = fs::read_to_string(file.expect("a directory can be read").path()).expect("a file can be read");
        let definition: Value = serde_saphyr::from_str(&text).expect("a definition is YAML");
        let kind = definition["spec"]["names"]["kind"].as_str().unwrap_or_default();
        for version in definition["spec"]["versions"].as_array().into_iter().flatten() {
            let parts = version["schema"]["openAPIV3Schema"]["properties"].as_object();
            for (part, schema) in parts.into_iter().flatten() {
                let version = version["name"].as_str().unwrap_or_default();
                let place =
                    |message| Place { kind: kind.to_owned(), version: version.to_owned(), part: part.clone(), message };
                places.extend(messages(schema).into_iter().map(place));
            }
        }
    }
    assert!(!places.is_empty(), "no definition has a rule");
    places
}

/// Returns the messages of the rules of a schema and of everything in it.
fn messages(schema: &Value) -> Vec<String> {
    let own = schema["x-kubernetes-validations"].as_array().into_iter().flatten();
    let mut messages: Vec<_> = own.map(|rule| rule["message"].as_str().unwrap_or_default().to_owned()).collect();
    match schema {
        Value::Object(fields) => messages.extend(fields.values().flat_map(self::messages)),
        Value::Array(items) => messages.extend(items.iter().flat_map(self::messages)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    messages
}
