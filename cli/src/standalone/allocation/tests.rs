use crds::kinds::IpAddressPool;
use serde_json::{Value, json};

use super::*;

fn service(name: &str, spec: Value, status: Value) -> Service {
    let mut spec = spec;
    spec["type"] = json!("LoadBalancer");
    let object = json!({"metadata": {"name": name, "namespace": "default"}, "spec": spec, "status": status});
    serde_json::from_value(object).unwrap()
}

fn compiled() -> Compiled {
    compiled_of(json!(["192.0.2.0/24", "2001:db8::/120"]))
}

fn compiled_of(addresses: Value) -> Compiled {
    let object = json!({
        "apiVersion": "metallb.io/v1beta1", "kind": "IPAddressPool", "metadata": {"name": "lan"},
        "spec": {"addresses": addresses},
    });
    let pool: IpAddressPool = serde_json::from_value(object).unwrap();
    let objects = crds::checked::Objects { pools: vec![&pool], ..Default::default() };
    let (config, faults) = crds::checked::Config::compile(&objects);
    Compiled { config, faults, ..Compiled::default() }
}

fn cluster(services: &[Service]) -> Cluster<'_> {
    Cluster { services: services.iter().collect(), ..Cluster::default() }
}

fn ips(allocator: &Allocator, name: &str) -> Vec<String> {
    let id = announce::ServiceId::new("default", name);
    allocator.addresses().get(&id).into_iter().flatten().map(ToString::to_string).collect()
}

#[test]
fn addresses_are_kept_over_a_restart_although_an_older_service_appears() {
    let directory = tempfile::tempdir().unwrap();
    let mut first = Allocator::load(directory.path()).unwrap();
    first.allocate(&compiled(), &cluster(&[service("web", json!({}), json!({}))]), "");
    assert_eq!(ips(&first, "web"), ["192.0.2.0"]);

    let mut second = Allocator::load(directory.path()).unwrap();
    let services = vec![service("api", json!({}), json!({})), service("web", json!({}), json!({}))];
    second.allocate(&compiled(), &cluster(&services), "");
    assert_eq!((ips(&second, "web"), ips(&second, "api")), (vec!["192.0.2.0".into()], vec!["192.0.2.1".into()]));
}

#[test]
fn the_status_of_a_manifest_counts_for_a_service_that_was_never_seen() {
    let directory = tempfile::tempdir().unwrap();
    let mut allocator = Allocator::load(directory.path()).unwrap();
    let status = json!({"loadBalancer": {"ingress": [{"ip": "192.0.2.77"}]}});
    allocator.allocate(&compiled(), &cluster(&[service("web", json!({}), status)]), "");
    assert_eq!(ips(&allocator, "web"), ["192.0.2.77"]);
}

#[test]
fn a_removed_service_gives_its_address_back() {
    let directory = tempfile::tempdir().unwrap();
    let mut allocator = Allocator::load(directory.path()).unwrap();
    allocator.allocate(&compiled(), &cluster(&[service("web", json!({}), json!({}))]), "");
    allocator.allocate(&compiled(), &cluster(&[]), "");
    assert_eq!(allocator.addresses(), BTreeMap::new());
    assert!(Allocator::load(directory.path()).unwrap().addresses().is_empty());
}

#[test]
fn a_pool_that_is_wrong_from_the_start_takes_no_address() {
    let directory = tempfile::tempdir().unwrap();
    let services = [service("web", json!({}), json!({}))];
    Allocator::load(directory.path()).unwrap().allocate(&compiled(), &cluster(&services), "");
    let wrong = compiled_of(json!(["192.0.2.9-192.0.2.1"]));
    assert!(wrong.config.pools.is_empty());
    let mut second = Allocator::load(directory.path()).unwrap();
    second.allocate(&wrong, &cluster(&services), "");
    assert_eq!(ips(&second, "web"), ["192.0.2.0"]);
}

#[test]
fn families_are_those_an_api_server_would_have_given() {
    let families = |spec| {
        let stand_in = stand_in_cluster_ips(&service("web", spec, json!({})).spec);
        stand_in.iter().map(|ip| if ip == "::" { 6 } else { 4 }).collect::<Vec<_>>()
    };
    assert_eq!(families(json!({})), [4]);
    assert_eq!(families(json!({"ipFamilies": ["IPv6"]})), [6]);
    assert_eq!(families(json!({"ipFamilyPolicy": "PreferDualStack"})), [4, 6]);
    assert_eq!(families(json!({"ipFamilyPolicy": "RequireDualStack", "ipFamilies": ["IPv6"]})), [6, 4]);
    assert_eq!(families(json!({"clusterIP": "None"})), [0_i32; 0]);
}

#[test]
fn the_addresses_of_nodes_are_not_given_out() {
    let directory = tempfile::tempdir().unwrap();
    let mut allocator = Allocator::load(directory.path()).unwrap();
    let node =
        json!({"metadata": {"name": "n1"}, "status": {"addresses": [{"type": "InternalIP", "address": "192.0.2.0"}]}});
    let (node, services) = (serde_json::from_value(node).unwrap(), [service("web", json!({}), json!({}))]);
    let mut cluster = cluster(&services);
    cluster.nodes = vec![&node];
    allocator.allocate(&compiled(), &cluster, "");
    assert_eq!(ips(&allocator, "web"), ["192.0.2.1"]);
}

#[test]
fn the_addresses_that_the_subnets_of_this_node_keep_for_themselves_go_to_nobody() {
    let directory = tempfile::tempdir().unwrap();
    let mut allocator = Allocator::load(directory.path()).unwrap();
    let services = ["a", "b", "c", "d"].map(|name| service(name, json!({}), json!({})));
    allocator.subnets = ["192.0.2.0/30".parse().unwrap()].into();
    allocator.allocate(&compiled(), &cluster(&services), "");
    let all: Vec<String> = ["a", "b", "c", "d"].iter().flat_map(|name| ips(&allocator, name)).collect();
    assert_eq!(all, ["192.0.2.1", "192.0.2.2", "192.0.2.4", "192.0.2.5"]);

    allocator.subnets = ["192.0.2.0/29".parse().unwrap(), "192.0.2.4/31".parse().unwrap()].into();
    allocator.allocate(&compiled(), &cluster(&services), "");
    let kept: Vec<String> = ["a", "b", "c", "d"].iter().flat_map(|name| ips(&allocator, name)).collect();
    assert_eq!(kept, all, "what is held stays");
}
