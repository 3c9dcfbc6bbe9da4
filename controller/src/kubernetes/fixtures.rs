//! Objects for the tests of this folder, written as the API server writes them.

use std::net::IpAddr;

use apiserver::{ConfigurationEvent, Event, Object};
use ipam::ServiceId;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::cluster::{Cluster, ClusterEvent};
use super::objects::ServiceObject;
use crate::view::{ResourceVersion, ServiceView};

/// The namespace of the configuration.
pub(super) const NAMESPACE: &str = "lb";

pub(super) fn id(name: &str) -> ServiceId {
    ServiceId::new("shop", name)
}

pub(super) fn ip(text: &str) -> IpAddr {
    text.parse().expect("tests write addresses correctly")
}

/// Returns a load balancer whose status has these addresses, from the pool `lan`.
pub(super) fn service(name: &str, addresses: &[&str]) -> Value {
    let ingress: Vec<Value> = addresses.iter().map(|address| json!({ "ip": address })).collect();
    let pool = if addresses.is_empty() { json!({}) } else { json!({ "metallb.io/ip-allocated-from-pool": "lan" }) };
    json!({
        "metadata": { "name": name, "namespace": "shop", "uid": format!("uid-{name}"), "annotations": pool },
        "spec": { "type": "LoadBalancer", "clusterIPs": ["10.96.0.1"], "ports": [{ "port": 80 }] },
        "status": { "loadBalancer": { "ingress": ingress } },
    })
}

/// Returns the event by which a watch tells of a Service.
pub(super) fn told(object: &Value, version: u64) -> Event<ServiceObject> {
    let mut object = object.clone();
    object["metadata"]["namespace"] = "shop".into();
    object["metadata"]["resourceVersion"] = version.to_string().into();
    Event::Applied(Object::read(&object.to_string()).expect("tests write metadata correctly"))
}

/// Returns what allocation sees of a Service at a version.
pub(super) fn view(object: &Value, version: u64) -> ServiceView {
    let object: ServiceObject = serde_json::from_value(object.clone()).expect("tests write objects correctly");
    object.view(ResourceVersion(version), "").expect("the Service is a load balancer of our class")
}

/// Returns the event by which a watch tells of an object of any other kind.
pub(super) fn applied<T: DeserializeOwned>(object: &Value) -> Event<T> {
    let mut object = object.clone();
    object["metadata"]["resourceVersion"] = "1".into();
    Event::Applied(Object::read(&object.to_string()).expect("tests write metadata correctly"))
}

/// Returns the change by which a pool comes into the cluster.
pub(super) fn pool(name: &str, addresses: &[&str]) -> ClusterEvent {
    ClusterEvent::Configuration(ConfigurationEvent::Pool(applied(&json!({
        "metadata": { "name": name, "namespace": NAMESPACE, "uid": format!("uid-{name}"), "generation": 3 },
        "spec": { "addresses": addresses },
    }))))
}

/// Returns a cluster in which everything was listed: these pools and nothing else.
pub(super) fn cluster(pools: Vec<ClusterEvent>) -> Cluster {
    cluster_of_class("", pools)
}

/// Returns such a cluster for a program that serves a class of load balancers.
pub(super) fn cluster_of_class(lb_class: &str, pools: Vec<ClusterEvent>) -> Cluster {
    let mut cluster = Cluster::new(NAMESPACE, lb_class);
    pools.into_iter().for_each(|pool| drop(cluster.take(pool)));
    let configuration = [
        ConfigurationEvent::Pool(Event::Listed),
        ConfigurationEvent::L2Advertisement(Event::Listed),
        ConfigurationEvent::BgpAdvertisement(Event::Listed),
        ConfigurationEvent::Peer(Event::Listed),
        ConfigurationEvent::BfdProfile(Event::Listed),
        ConfigurationEvent::Community(Event::Listed),
    ];
    let listed = [ClusterEvent::Service(Event::Listed), ClusterEvent::Namespace(Event::Listed)];
    let listed = listed.into_iter().chain([ClusterEvent::Node(Event::Listed), ClusterEvent::Speaker(Event::Listed)]);
    for event in listed.chain(configuration.into_iter().map(ClusterEvent::Configuration)) {
        assert!(!cluster.is_listed(), "every kind is waited for");
        cluster.take(event);
    }
    cluster
}
