//! Objects as an API server tells them.

use apiserver::{ConfigurationEvent, Event, Object, ObjectName, Quiet, Version};
use crds::core;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::cluster::{Change, Cluster};

pub(super) const NAMESPACE: &str = "lb";

/// Tells that an object exists.
pub(super) fn applied<T: DeserializeOwned>(object: &Value) -> Event<T> {
    let mut object = object.clone();
    object["metadata"]["resourceVersion"] = "1".into();
    Event::Applied(Object::read(&object.to_string()).expect("tests write metadata correctly"))
}

pub(super) fn deleted<T>(namespace: &str, name: &str) -> Event<T> {
    Event::Deleted(ObjectName::new(namespace, name), Version(2))
}

pub(super) fn service(name: &str, address: &str) -> Event<core::Service> {
    applied(&json!({
        "metadata": { "name": name, "namespace": "shop", "uid": format!("uid-{name}") },
        "spec": { "type": "LoadBalancer" },
        "status": { "loadBalancer": { "ingress": [{ "ip": address }] } },
    }))
}

pub(super) fn slice(service: &str, nodes: &[&str]) -> Event<core::EndpointSlice> {
    named_slice(&format!("{service}-1"), service, nodes)
}

pub(super) fn named_slice(name: &str, service: &str, nodes: &[&str]) -> Event<core::EndpointSlice> {
    let endpoint =
        |node: &&str| json!({ "addresses": ["10.0.0.1"], "nodeName": node, "conditions": { "ready": true } });
    applied(&json!({
        "metadata": {
            "name": name,
            "namespace": "shop",
            "labels": { "kubernetes.io/service-name": service },
        },
        "addressType": "IPv4",
        "endpoints": nodes.iter().map(endpoint).collect::<Vec<Value>>(),
    }))
}

/// A slice whose labels are all that can be read.
pub(super) fn broken_slice(name: &str, service: &str) -> Event<core::EndpointSlice> {
    applied(&json!({
        "metadata": { "name": name, "namespace": "shop", "labels": { "kubernetes.io/service-name": service } },
        "addressType": "IPv4",
        "endpoints": 7,
    }))
}

pub(super) fn node(name: &str) -> Event<core::Node> {
    applied(&json!({ "metadata": { "name": name, "labels": { "kubernetes.io/hostname": name } } }))
}

/// A cluster with two nodes, a key, a pool with its advertisements and a router, told in whole.
pub(super) fn cluster() -> Cluster {
    let mut cluster = Cluster::default();
    let ours = |name: &str, spec: Value| json!({ "metadata": { "name": name, "namespace": NAMESPACE }, "spec": spec });
    let secret = json!({
        "metadata": { "name": "memberlist", "namespace": NAMESPACE },
        "stringData": { "secretkey": "the same sixteen bytes or more" },
    });
    let peer = json!({ "myASN": 64512, "peerASN": 64513, "peerAddress": "192.0.2.1" });
    let changes = [
        Change::Secret(applied(&secret)),
        Change::Node(node("a")),
        Change::Node(node("b")),
        Change::configuration(ConfigurationEvent::Pool(applied(&ours(
            "lan",
            json!({ "addresses": ["192.0.2.128/25"] }),
        )))),
        Change::configuration(ConfigurationEvent::L2Advertisement(applied(&ours("lan", json!({}))))),
        Change::configuration(ConfigurationEvent::BgpAdvertisement(applied(&ours("lan", json!({}))))),
        Change::configuration(ConfigurationEvent::Peer(applied(&ours("router", peer)))),
    ];
    for change in changes {
        cluster.take(change);
    }
    list(&mut cluster);
    cluster
}

/// Tells that everything has been told.
pub(super) fn list(cluster: &mut Cluster) {
    fn all<T>() -> Event<Quiet<T>> {
        Event::Listed
    }
    let changes = [
        Change::service(Event::Listed),
        Change::slice(Event::Listed),
        Change::namespace(Event::Listed),
        Change::Node(Event::Listed),
        Change::Secret(Event::Listed),
        Change::speaker(Event::Listed),
        Change::configuration(ConfigurationEvent::Pool(all())),
        Change::configuration(ConfigurationEvent::L2Advertisement(all())),
        Change::configuration(ConfigurationEvent::BgpAdvertisement(all())),
        Change::configuration(ConfigurationEvent::Peer(all())),
        Change::configuration(ConfigurationEvent::BfdProfile(all())),
        Change::configuration(ConfigurationEvent::Community(all())),
    ];
    for change in changes {
        cluster.take(change);
    }
}
