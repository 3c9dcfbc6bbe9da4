//! A cluster that MetalLB has served until now.

use std::time::Duration;

use e2e::controllers::{A_WHILE, Cluster, SOON};

/// A Service with what MetalLB has written into it.
fn service_of_metallb(cluster: &Cluster, name: &str, annotations: &str, more: &str, addresses: &[&str]) {
    let annotations = format!("'metallb.io/ip-allocated-from-pool': lan, {annotations}");
    service_of_another(cluster, name, &annotations, more, addresses);
}

/// A Service with the status that another load balancer has written.
fn service_of_another(cluster: &Cluster, name: &str, annotations: &str, more: &str, addresses: &[&str]) {
    cluster.service_with(name, annotations, more);
    let ingress: Vec<String> = addresses.iter().map(|address| format!("{{ip: '{address}', ipMode: VIP}}")).collect();
    let status = format!(
        "{{apiVersion: v1, kind: Service, metadata: {{name: {name}, namespace: shop}}, \
         status: {{loadBalancer: {{ingress: [{}]}}}}}}",
        ingress.join(", ")
    );
    cluster.control_plane.try_apply_status(&status).expect("a status is accepted");
}

#[test]
fn every_address_stays_and_no_service_is_written() {
    let Some(mut cluster) = Cluster::build() else { return };
    cluster.pool("lan", "192.0.2.0/24 2001:db8::/120");
    service_of_metallb(&cluster, "plain", "", "", &["192.0.2.77"]);
    service_of_metallb(&cluster, "asked", "'metallb.universe.tf/loadBalancerIPs': 192.0.2.9", "", &["192.0.2.9"]);
    let dual = "ipFamilyPolicy: RequireDualStack";
    service_of_metallb(&cluster, "dual", "", dual, &["2001:db8::5", "192.0.2.5"]);
    let shared = "'metallb.io/allow-shared-ip': k";
    service_of_metallb(&cluster, "tcp", shared, "ports: [{port: 53}]", &["192.0.2.30"]);
    service_of_metallb(&cluster, "udp", shared, "ports: [{port: 53, protocol: UDP}]", &["192.0.2.30"]);
    let legacy = "'metallb.universe.tf/ip-allocated-from-pool': lan";
    service_of_another(&cluster, "old-metallb", legacy, "", &["192.0.2.40"]);
    service_of_another(&cluster, "kube-vip", "", "", &["192.0.2.41"]);
    let before = cluster.control_plane.requests();
    cluster.controller("one", &[]);
    cluster.wait_until_ready("one");
    cluster.service("new");
    cluster.lab.eventually(SOON, "a new Service is served", || !cluster.addresses("new").is_empty());
    cluster.lab.always(A_WHILE, "nothing but the new Service is written", || cluster.status_writes(&before) == 1);
    for (name, addresses) in [
        ("plain", &["192.0.2.77"] as &[_]),
        ("asked", &["192.0.2.9"]),
        ("dual", &["2001:db8::5", "192.0.2.5"]),
        ("tcp", &["192.0.2.30"]),
        ("udp", &["192.0.2.30"]),
        ("old-metallb", &["192.0.2.40"]),
        ("kube-vip", &["192.0.2.41"]),
    ] {
        assert_eq!(cluster.addresses(name), addresses, "{name}");
        assert!(cluster.events(name).is_empty(), "{name}: {:?}", cluster.events(name));
    }
}

#[test]
fn every_address_stays_while_its_pool_is_at_fault_whoever_has_given_it() {
    let Some(mut cluster) = Cluster::build() else { return };
    cluster.pool("lan", "192.0.2.0/28 192.0.2.9-192.0.2.1");
    let legacy = "'metallb.universe.tf/ip-allocated-from-pool': lan";
    service_of_metallb(&cluster, "metallb", "", "", &["192.0.2.7"]);
    service_of_another(&cluster, "old-metallb", legacy, "", &["192.0.2.8"]);
    service_of_another(&cluster, "kube-vip", "", "", &["192.0.2.9"]);
    let before = cluster.control_plane.requests();
    cluster.controller("one", &[]);
    cluster.wait_until_ready("one");
    cluster.service("new");
    cluster.lab.eventually(SOON, "a new Service is told why it waits", || cluster.condition("new").is_some());
    cluster.lab.always(A_WHILE, "nothing but the new Service is written", || cluster.status_writes(&before) == 1);
    cluster.pool("lan", "192.0.2.0/28");
    cluster.expect("new", &["192.0.2.0"]);
    for (name, address) in [("metallb", "192.0.2.7"), ("old-metallb", "192.0.2.8"), ("kube-vip", "192.0.2.9")] {
        assert_eq!(cluster.addresses(name), [address], "{name}");
    }
}

#[test]
fn a_burst_of_services_costs_one_write_each() {
    let Some(cluster) = Cluster::start() else { return };
    cluster.pool("lan", "10.0.0.0/16");
    let before = cluster.control_plane.requests();
    for number in 0..100 {
        cluster.service(&format!("s{number}"));
    }
    let last = || (0..100).all(|number| !cluster.addresses(&format!("s{number}")).is_empty());
    cluster.lab.eventually(Duration::from_secs(60), "a hundred addresses", last);
    assert_eq!(cluster.status_writes(&before), 100);
}
