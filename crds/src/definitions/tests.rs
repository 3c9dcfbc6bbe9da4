use std::fs;
use std::path::Path;

use saphyr::{LoadableYamlNode, Yaml};
use serde_json::Value;

use super::*;

fn walk<'a>(value: &'a Value, path: String, visit: &mut impl FnMut(&str, &'a Value)) {
    visit(&path, value);
    if let Value::Object(fields) = value {
        fields.iter().for_each(|(key, value)| walk(value, format!("{path}.{key}"), visit));
    }
    if let Value::Array(items) = value {
        items.iter().enumerate().for_each(|(index, value)| walk(value, format!("{path}[{index}]"), visit));
    }
}

fn kind(name: &str) -> Value {
    definitions().into_iter().find(|definition| definition["spec"]["names"]["kind"] == name).unwrap()
}

fn stored(name: &str) -> Value {
    let definition = kind(name);
    let versions = definition["spec"]["versions"].as_array().unwrap();
    versions.iter().find(|version| version["storage"] == true).unwrap().clone()
}

fn spec(name: &str) -> Value {
    stored(name)["schema"]["openAPIV3Schema"]["properties"]["spec"].clone()
}

fn rules(schema: &Value) -> Vec<String> {
    let mut found = Vec::new();
    walk(schema, String::new(), &mut |path, value| {
        if path.ends_with(".rule") {
            found.push(value.as_str().unwrap().to_owned());
        }
    });
    found
}

#[test]
fn the_files_in_deploy_are_fresh() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/crds");
    let mut present: Vec<String> =
        fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    present.sort();
    let wanted = files();
    assert_eq!(present, wanted.keys().cloned().collect::<Vec<_>>(), "run `make manifests`");
    for (name, text) in wanted {
        assert!(fs::read_to_string(directory.join(&name)).unwrap() == text, "{name} is stale: run `make manifests`");
    }
}

#[test]
fn the_yaml_says_the_same_as_the_definition() {
    for definition in definitions() {
        let text = yaml(&definition);
        let from_yaml = Yaml::load_from_str(&text).unwrap();
        let from_json = Yaml::load_from_str(&definition.to_string()).unwrap();
        assert_eq!(from_yaml, from_json);
        assert!(text.starts_with("---\napiVersion: apiextensions.k8s.io/v1\n"), "{text}");
    }
}

#[test]
fn every_integer_has_a_format_that_api_servers_know_and_every_setting_has_bounds() {
    for definition in definitions() {
        walk(&definition, String::new(), &mut |path, value| {
            if value["type"] == "integer" && !path.contains("additionalPrinterColumns") {
                let format = value["format"].as_str().unwrap();
                assert!(["int32", "int64"].contains(&format), "{path}: {format}");
                let bounded = value["minimum"].is_i64() && value["maximum"].is_i64();
                let unbounded_by_meaning = ["priority", "observedGeneration", "assignedIPv4", "assignedIPv6"];
                let free =
                    unbounded_by_meaning.iter().any(|name| path.ends_with(name)) || path.contains("availableIPv");
                assert!(bounded || free, "{path} has no bounds");
            }
            assert!(!path.ends_with(".nullable"), "{path}");
        });
    }
}

#[test]
fn bounds_are_those_of_the_protocols() {
    let table = [
        ("BGPPeer", "myASN", 0, 4_294_967_295_i64),
        ("BGPPeer", "peerASN", 0, 4_294_967_295),
        ("BGPPeer", "localASN", 1, 4_294_967_295),
        ("BGPPeer", "peerPort", 0, 65_535),
        ("BGPAdvertisement", "localPref", 0, 4_294_967_295),
        ("BGPAdvertisement", "aggregationLength", 1, 32),
        ("BGPAdvertisement", "aggregationLengthV6", 0, 128),
        ("BGPAdvertisement", "med", 0, 4_294_967_295),
        ("BGPAdvertisement", "asPathPrepend", 0, 16),
        ("BGPAdvertisement", "bandwidthPerEndpoint", 1, 1_000_000),
        ("BGPPeer", "peerPrefixLimit", 1, 1000),
        ("BGPPeer", "listenPort", 0, 65_535),
        ("BGPPeer", "ttlSecurityHops", 1, 254),
        ("BFDProfile", "receiveInterval", 10, 60_000),
        ("BFDProfile", "transmitInterval", 10, 60_000),
        ("BFDProfile", "echoInterval", 10, 60_000),
        ("BFDProfile", "detectMultiplier", 2, 255),
        ("BFDProfile", "minimumTtl", 1, 254),
    ];
    for (kind, field, minimum, maximum) in table {
        let schema = &spec(kind)["properties"][field];
        assert_eq!((&schema["minimum"], &schema["maximum"]), (&minimum.into(), &maximum.into()), "{kind}.{field}");
    }
    let preferred = &spec("L2Advertisement")["properties"]["preferredNodeSelectors"]["items"];
    assert_eq!(preferred["properties"]["weight"]["maximum"], 100);
    assert_eq!(preferred["required"], serde_json::json!(["preference", "weight"]));
}

#[test]
fn defaults_are_written_only_where_metallb_writes_them() {
    let mut found = Vec::new();
    for definition in definitions() {
        let kind = definition["spec"]["names"]["kind"].as_str().unwrap();
        for (field, schema) in spec(kind)["properties"].as_object().into_iter().flatten() {
            if let Some(default) = schema.get("default") {
                found.push(format!("{kind}.{field}={default}"));
            }
        }
    }
    let expected = [
        "BGPAdvertisement.aggregationLength=32",
        "BGPAdvertisement.aggregationLengthV6=128",
        "BGPPeer.disableMP=false",
        "BGPPeer.dualStackAddressFamily=false",
        "BGPPeer.peerPort=179",
        "IPAddressPool.autoAssign=true",
        "IPAddressPool.avoidBuggyIPs=false",
    ];
    assert_eq!(found, expected);
}

#[test]
fn printer_columns_are_those_users_of_metallb_know() {
    let table: [(&str, &[&str]); 9] = [
        ("IPAddressPool", &["Auto Assign", "Avoid Buggy IPs", "Addresses"]),
        ("L2Advertisement", &["IPAddressPools", "IPAddressPool Selectors", "Interfaces", "Node Selectors"]),
        ("BGPAdvertisement", &["IPAddressPools", "IPAddressPool Selectors", "Peers", "Node Selectors"]),
        ("BGPPeer", &["Address", "ASN", "BFD Profile", "Multi Hops"]),
        ("BFDProfile", &["Passive Mode", "Transmit Interval", "Receive Interval", "Multiplier"]),
        ("Community", &[]),
        ("ServiceL2Status", &["Allocated Node", "Service Name", "Service Namespace"]),
        ("ServiceBGPStatus", &["Allocated Node", "Service Name", "Service Namespace"]),
        ("ConfigurationState", &["Result", "Error Summary", "Age"]),
    ];
    for (kind, expected) in table {
        let version = stored(kind);
        let columns = version["additionalPrinterColumns"].as_array().cloned().unwrap_or_default();
        let names: Vec<&str> = columns.iter().map(|column| column["name"].as_str().unwrap()).collect();
        assert_eq!(names, expected, "{kind}");
    }
}

#[test]
fn every_kind_is_namespaced_with_a_status_and_without_aliases() {
    for definition in definitions() {
        assert_eq!(definition["spec"]["scope"], "Namespaced");
        assert!(definition["spec"]["names"].get("shortNames").is_none());
        assert!(definition["spec"]["names"].get("categories").is_none());
        for version in definition["spec"]["versions"].as_array().unwrap() {
            assert_eq!(version["subresources"]["status"], serde_json::json!({}));
            assert_eq!(version["served"], true);
        }
    }
}

#[test]
fn a_specification_may_be_absent_where_nothing_in_it_is_required() {
    let table = [
        ("IPAddressPool", true),
        ("BGPPeer", true),
        ("L2Advertisement", false),
        ("BGPAdvertisement", false),
        ("BFDProfile", false),
        ("Community", false),
        ("ServiceL2Status", false),
        ("ServiceBGPStatus", false),
        ("ConfigurationState", false),
    ];
    for (kind, required) in table {
        let version = stored(kind);
        let root = &version["schema"]["openAPIV3Schema"];
        assert_eq!(root.get("required").is_some(), required, "{kind}");
    }
}

#[test]
fn the_old_version_of_a_peer_is_the_stored_one_under_another_name() {
    let definition = kind("BGPPeer");
    assert_eq!(definition["spec"]["conversion"], serde_json::json!({ "strategy": "None" }));
    let [old, new] = definition["spec"]["versions"].as_array().unwrap().as_slice() else { panic!("two versions") };
    assert_eq!((&old["name"], &old["storage"], &old["deprecated"]), (&"v1beta1".into(), &false.into(), &true.into()));
    assert_eq!((&new["name"], &new["storage"]), (&"v1beta2".into(), &true.into()));
    assert!(new.get("deprecated").is_none());
    assert_eq!(old["schema"], new["schema"]);
}

#[test]
fn rules_guard_what_a_schema_alone_cannot() {
    let peer = spec("BGPPeer");
    assert_eq!(peer["x-kubernetes-validations"].as_array().unwrap().len(), 5);
    let connect_time = rules(&peer["properties"]["connectTime"]);
    assert_eq!(connect_time.len(), 2);
    assert!(connect_time[0].contains("<= 65535"));
    assert_eq!(rules(&peer["properties"]["enableGracefulRestart"]), ["self == oldSelf"]);
    assert_eq!(rules(&spec("BGPAdvertisement")).len(), 1);
    for kind in ["ServiceL2Status", "ServiceBGPStatus"] {
        let status = &stored(kind)["schema"]["openAPIV3Schema"]["properties"]["status"];
        assert_eq!(rules(status), ["self == oldSelf"; 3], "{kind}");
    }
}

#[test]
fn every_rule_names_only_fields_of_its_own_schema() {
    for definition in definitions() {
        walk(&definition, String::new(), &mut |path, schema| {
            for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
                let rule = rule["rule"].as_str().unwrap();
                let names = rule.split("has(self.").skip(1).filter_map(|rest| rest.split([')', '.']).next());
                for name in names {
                    assert!(schema["properties"].get(name).is_some(), "{path}: {name} in {rule}");
                }
            }
        });
    }
}

#[test]
fn selectors_and_conditions_merge_as_in_metallb() {
    let selector = &spec("BGPPeer")["properties"]["nodeSelectors"]["items"];
    assert_eq!(selector["x-kubernetes-map-type"], "atomic");
    assert_eq!(spec("BGPPeer")["properties"]["passwordSecret"]["x-kubernetes-map-type"], "atomic");
    let state = stored("ConfigurationState");
    let conditions = &state["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"]["conditions"];
    assert_eq!(conditions["x-kubernetes-list-type"], "map");
    assert_eq!(conditions["x-kubernetes-list-map-keys"], serde_json::json!(["type"]));
}
