use serde_json::json;

use super::*;
use crate::checked::{Config, Objects};
use crate::core::{ConditionStatus, EndpointSlice, Namespace, Node, Secret, Service, ServiceType, TrafficPolicy};
use crate::kinds::{BfdProfile, BgpAdvertisement, BgpPeer, Community, IpAddressPool, L2Advertisement};

mod samples;

#[test]
fn an_optional_field_that_is_null_means_what_a_missing_one_means() {
    let mut tried = 0;
    for (kind, object) in &samples::objects() {
        for path in paths(object) {
            let (mut without, mut null) = (object.clone(), object.clone());
            *null.pointer_mut(&path).unwrap() = Value::Null;
            let (parent, field) = path.rsplit_once('/').unwrap();
            // An item of a list is no field.
            let Value::Object(fields) = without.pointer_mut(parent).unwrap() else { continue };
            fields.remove(&field.replace("~1", "/")).unwrap();
            let (without, null) = (shown(kind, &without), shown(kind, &null));
            // A field that must be there is missed alike, in a text without a place.
            assert_eq!(without.as_ref().ok(), null.as_ref().ok(), "{kind}{path}");
            tried += usize::from(without.is_ok());
        }
    }
    assert!(tried > 120, "only {tried} optional fields were tried");
}

#[test]
fn what_go_writes_for_an_empty_list_is_an_empty_list() {
    let slice: EndpointSlice = decode(samples::PLACEHOLDER_SLICE.as_bytes()).unwrap();
    assert_eq!((slice.service(), slice.endpoints().len()), (Some("web"), 0));
    let service: Service = decode(samples::SERVICE_WITHOUT_PORTS.as_bytes()).unwrap();
    assert!(service.spec.ports.is_empty() && service.metadata.creation_timestamp.is_none());
    assert_eq!(service.spec.external_traffic_policy, TrafficPolicy::Local);
    let node: Node = decode(samples::FRESH_NODE.as_bytes()).unwrap();
    assert_eq!((node.spec.taints.len(), node.status.addresses.len(), node.spec.unschedulable), (1, 0, false));
}

#[test]
fn the_word_null_in_a_text_is_a_text() {
    let namespace: Namespace = decode(br#"{"metadata":{"name":"null","labels":{"a":"null","b":null}}}"#).unwrap();
    let labels: Vec<_> = namespace.metadata.labels.iter().collect();
    assert_eq!((namespace.metadata.name.as_str(), labels.len(), labels[0].1.as_str()), ("null", 1, "null"));
}

#[test]
fn a_word_of_a_newer_server_leaves_an_object_readable() {
    let service: Service = decode(
        br#"{"metadata":{"name":"web"},"spec":{"type":"Mesh","ipFamilies":["IPv4","IPv8"],"ipFamilyPolicy":"All",
            "externalTrafficPolicy":"PreferLocal","ports":[{"port":443,"protocol":"QUIC"}]}}"#,
    )
    .unwrap();
    assert_eq!(service.spec.kind, ServiceType::Unknown);
    assert_eq!(service.unknown_value().unwrap().field, "spec.type");
    for kind in ["IPv8", "FQDN"] {
        let slice = json!({ "metadata": {}, "addressType": kind, "endpoints": [{ "addresses": ["x"] }] });
        let slice: EndpointSlice = decode(slice.to_string().as_bytes()).unwrap();
        assert!(slice.endpoints().is_empty(), "{kind}");
    }
    let node = json!({ "metadata": {}, "status": { "conditions": [{ "type": "Ready", "status": "Perhaps" }] } });
    let node: Node = decode(node.to_string().as_bytes()).unwrap();
    assert_eq!(node.status.conditions[0].status, ConditionStatus::Unknown);
}

#[test]
fn a_reason_names_the_field_with_and_without_null_and_stays_short() {
    for ports in [r#"[{"port":"http"}]"#, r#"[{"port":"http","name":null}]"#] {
        let json = format!(r#"{{"metadata":{{}},"spec":{{"ports":{ports}}}}}"#);
        let error = decode::<Service>(json.as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with("spec.ports[0].port: invalid type"), "{error}");
    }
    let long = json!({ "metadata": {}, "spec": { "ports": [{ "port": "x".repeat(100_000) }] } });
    let error = decode::<Service>(long.to_string().as_bytes()).unwrap_err().to_string();
    assert!(error.len() < MAX_REASON + 10, "{}", error.len());
}

#[test]
fn a_message_about_an_object_quotes_at_most_256_characters_of_it() {
    const LONG: &str = "z";
    let length = |text: &str| text.split(|other| other != 'z').map(str::len).max().unwrap_or_default();
    let mut cut = 0;
    for (kind, object) in &samples::objects() {
        for path in paths(object) {
            let mut changed = object.clone();
            let Some(text @ Value::String(_)) = changed.pointer_mut(&path) else { continue };
            *text = LONG.repeat(5_000).into();
            for message in messages(kind, &changed) {
                assert!(length(&message) <= 256, "{kind}{path}: {message}");
                cut += usize::from(length(&message) > 200);
            }
        }
    }
    assert!(cut > 20, "only {cut} messages quoted what is long");
}

/// Returns what is said about an object of a kind.
fn messages(kind: &str, object: &Value) -> Vec<String> {
    let json = object.to_string();
    let json = json.as_bytes();
    if let Err(error) = shown(kind, object) {
        return vec![error.to_string()];
    }
    let mut objects = Objects { namespace: Some("shop"), ..Objects::default() };
    let faults = |objects: &Objects<'_>| Config::compile(objects).1.iter().map(ToString::to_string).collect();
    macro_rules! compile {
        ($field:ident) => {{
            let object = decode(json).unwrap();
            objects.$field.push(&object);
            faults(&objects)
        }};
    }
    match kind {
        "IPAddressPool" => compile!(pools),
        "L2Advertisement" => compile!(l2_advertisements),
        "BGPAdvertisement" => compile!(bgp_advertisements),
        "BGPPeer" => compile!(peers),
        "BFDProfile" => compile!(bfd_profiles),
        "Community" => compile!(communities),
        _ => Vec::new(),
    }
}

/// Returns what an object of a kind is read as.
fn shown(kind: &str, object: &Value) -> Result<String, Malformed> {
    fn text<T: DeserializeOwned + fmt::Debug>(json: &[u8]) -> Result<String, Malformed> {
        decode::<T>(json).map(|object| format!("{object:?}"))
    }
    let json = object.to_string();
    let json = json.as_bytes();
    match kind {
        "Service" => text::<Service>(json),
        "EndpointSlice" => text::<EndpointSlice>(json),
        "Node" => text::<Node>(json),
        "Namespace" => text::<Namespace>(json),
        "Secret" => decode::<Secret>(json).map(|secret| {
            format!("{:?} {:?} {:?}", secret.metadata, secret.kind, [secret.value("a"), secret.value("b")])
        }),
        "IPAddressPool" => text::<IpAddressPool>(json),
        "L2Advertisement" => text::<L2Advertisement>(json),
        "BGPAdvertisement" => text::<BgpAdvertisement>(json),
        "BGPPeer" => text::<BgpPeer>(json),
        "BFDProfile" => text::<BfdProfile>(json),
        "Community" => text::<Community>(json),
        other => panic!("no such kind: {other}"),
    }
}

/// Returns the JSON pointers of everything inside a value.
fn paths(value: &Value) -> Vec<String> {
    let inside = |name: String, value: &Value| {
        let below = paths(value).into_iter().map(|path| format!("/{name}{path}")).collect::<Vec<_>>();
        [format!("/{name}")].into_iter().chain(below).collect::<Vec<_>>()
    };
    match value {
        Value::Object(fields) => {
            fields.iter().flat_map(|(name, value)| inside(name.replace('/', "~1"), value)).collect()
        }
        Value::Array(items) => {
            items.iter().enumerate().flat_map(|(index, value)| inside(index.to_string(), value)).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}
