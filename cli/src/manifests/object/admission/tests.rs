use serde_json::json;

use crate::manifests::{Loaded, Object};
use crds::checked::Compiler;
use crds::definitions::definitions;

use super::*;

#[test]
fn what_an_api_server_adds_is_there() {
    for (kind, written, stored) in [
        (
            Kind::Namespace,
            json!({"metadata": {"name": "prod"}}),
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "prod", "labels": {"kubernetes.io/metadata.name": "prod"}}}),
        ),
        (
            Kind::Namespace,
            json!({"metadata": {"name": "prod", "labels": {"team": "a", "kubernetes.io/metadata.name": "wrong"}}}),
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "prod", "labels": {"team": "a", "kubernetes.io/metadata.name": "prod"}}}),
        ),
        (
            Kind::Service,
            json!({"metadata": {"name": "prod"}}),
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "prod", "namespace": "default"}}),
        ),
        (
            Kind::Node,
            json!({"metadata": {"name": "prod"}}),
            json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "prod"}}),
        ),
    ] {
        let namespace = kind.is_namespaced().then(|| "default".to_owned());
        let mut value = written.clone();
        complete(&ObjectId { kind, namespace, name: "prod".into() }, &mut value);
        assert_eq!(value, stored, "{written}");
    }
}

#[test]
fn a_namespace_that_is_badly_written_is_left_to_the_decoder() {
    let mut value = json!({"metadata": {"name": "prod", "labels": "none"}});
    complete(&ObjectId { kind: Kind::Namespace, namespace: None, name: "prod".into() }, &mut value);
    assert_eq!(value["metadata"]["labels"], json!("none"));
}

#[test]
fn the_defaults_of_a_service_are_those_of_an_api_server() {
    let text = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec:\n  ports: [{port: 80}]\n";
    let full = "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: default}\nspec:\n  type: ClusterIP\n  externalTrafficPolicy: Cluster\n  publishNotReadyAddresses: false\n  ports: [{port: 80, protocol: TCP}]\n";
    let read = |text: &str| {
        let loaded = Loaded::read("x", text.as_bytes());
        let manifest = loaded.objects.values().next().expect("one object");
        let Object::Service(service) = &*manifest.object else { panic!("a service") };
        service.clone()
    };
    assert_eq!(read(text), read(full));
}

#[test]
fn every_default_of_a_definition_is_what_a_file_without_the_field_means() {
    let mut seen = 0;
    for definition in definitions() {
        let kind = definition["spec"]["names"]["kind"].as_str().expect("a kind").to_owned();
        let version = definition["spec"]["versions"].as_array().expect("versions").last().expect("a version").clone();
        let properties = &version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"];
        let Some(minimal) = minimal_spec(&kind) else { continue };
        let read = |spec: &Value| {
            let object = json!({
                "apiVersion": format!("metallb.io/{}", version["name"].as_str().expect("a name")), "kind": kind,
                "metadata": {"name": "x", "namespace": "metallb-system"}, "spec": spec,
            });
            let loaded = Loaded::read("x", object.to_string().as_bytes());
            assert_eq!(loaded.faults, [], "{object}");
            Compiler::default()
                .compile(&crate::standalone::configuration::written(&loaded), None, "metallb-system")
                .config
        };
        for (field, schema) in properties.as_object().into_iter().flatten() {
            let Some(default) = schema.get("default") else { continue };
            let mut with_default = minimal.clone();
            with_default[field] = default.clone();
            assert_eq!(read(&minimal), read(&with_default), "{kind} {field}");
            seen += 1;
        }
    }
    assert!(seen >= 5, "only {seen} defaults were found");
}

fn minimal_spec(kind: &str) -> Option<Value> {
    Some(match kind {
        "IPAddressPool" => json!({"addresses": ["192.0.2.0/24"]}),
        "BGPPeer" => json!({"myASN": 64512, "peerASN": 64513, "peerAddress": "192.0.2.1"}),
        "L2Advertisement" | "BGPAdvertisement" | "BFDProfile" => json!({}),
        "Community" => json!({"communities": []}),
        _ => return None,
    })
}
