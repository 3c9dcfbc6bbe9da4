//! Pools, types, classes and namespaces that change under Services that have addresses.

use std::time::Duration;

use e2e::controllers::{A_WHILE, Cluster, SOON};
use e2e::deployment::NAMESPACE;

#[test]
fn a_pool_may_be_renamed_split_and_extended_and_every_address_stays() {
    let Some(cluster) = Cluster::start() else { return };
    cluster.pool("lan", "192.0.2.0/28");
    for (name, address) in [("first", "192.0.2.0"), ("a", "192.0.2.1"), ("b", "192.0.2.2")] {
        cluster.service(name);
        cluster.expect(name, &[address]);
    }
    // Whoever gave addresses anew would begin with the one that is free.
    cluster.delete("service", "shop", "first");
    let stay = || cluster.addresses("a") == ["192.0.2.1"] && cluster.addresses("b") == ["192.0.2.2"];
    let names = |pools: [&str; 2]| {
        let named = |(name, pool): (&str, &str)| cluster.pool_of(name).as_deref() == Some(pool);
        stay() && ["a", "b"].into_iter().zip(pools).all(named)
    };
    cluster.pool("lan", "192.0.2.0/28 192.0.2.32/28");
    cluster.lab.always(A_WHILE, "an extended pool moves nothing", || names(["lan", "lan"]));
    // Both overlap with the pool that is there, and take effect in the moment in which it goes.
    cluster.pool("half", "192.0.2.0/31 192.0.2.32/28");
    cluster.pool("rest", "192.0.2.2-192.0.2.15");
    cluster.delete("ipaddresspool", NAMESPACE, "lan");
    cluster.lab.eventually(SOON, "the annotations follow", || {
        assert!(stay(), "no address may leave its Service for a moment");
        names(["half", "rest"])
    });
    cluster.lab.always(A_WHILE, "and nothing moves", || names(["half", "rest"]));
    for name in ["a", "b"] {
        assert_eq!(cluster.events(name), ["IPAllocated"], "nothing was taken away and given again");
    }
}

#[test]
fn an_address_that_leaves_every_pool_is_replaced() {
    let Some(cluster) = Cluster::start() else { return };
    cluster.pool("lan", "192.0.2.0/28");
    cluster.service("web");
    cluster.expect("web", &["192.0.2.0"]);
    cluster.pool("lan", "192.0.2.16/28");
    cluster.expect("web", &["192.0.2.16"]);
    let told = || cluster.events("web") == ["IPAllocated", "ClearAssignment", "IPAllocated"];
    cluster.lab.eventually(SOON, "events of the move", told);
    cluster.pool_with("lan", "192.0.2.0/24", "avoidBuggyIPs: true");
    cluster.lab.always(A_WHILE, "a legal address stays", || cluster.addresses("web") == ["192.0.2.16"]);
    cluster.delete("ipaddresspool", NAMESPACE, "lan");
    cluster.expect("web", &[]);
    cluster.expect_reason("web", "NoPool");
}

#[test]
fn a_pool_kept_for_namespaces_and_labels_follows_both() {
    let Some(cluster) = Cluster::start() else { return };
    let kept = "serviceAllocation: {namespaceSelectors: [{matchLabels: {team: a}}], serviceSelectors: [{matchLabels: {tier: front}}]}";
    cluster.pool_with("team", "192.0.2.0/28", kept);
    cluster.service("web");
    cluster.expect_reason("web", "PoolNotAdmitted");
    let label = |object: [&str; 2], label: &str| {
        let output = cluster.control_plane.kubectl(&["label", "--namespace=shop", object[0], object[1], label]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    label(["namespace", "shop"], "team=a");
    label(["service", "web"], "tier=front");
    cluster.expect("web", &["192.0.2.0"]);
    label(["service", "web"], "tier-");
    cluster.expect("web", &[]);
}

#[test]
fn a_service_of_another_type_is_cleared_also_when_it_changed_while_nobody_led() {
    let Some(mut cluster) = Cluster::start() else { return };
    cluster.pool("lan", "192.0.2.0/28");
    for name in ["live", "missed"] {
        cluster.service(name);
        cluster.lab.eventually(SOON, "an address", || !cluster.addresses(name).is_empty());
    }
    let clean = |cluster: &Cluster, name: &str| {
        cluster.addresses(name).is_empty() && cluster.pool_of(name).is_none() && cluster.condition(name).is_none()
    };
    cluster.service_with("live", "", "type: ClusterIP");
    cluster.lab.eventually(SOON, "the Service is clean", || clean(&cluster, "live"));
    cluster.leave("one");
    cluster.service_with("missed", "", "type: ClusterIP");
    cluster.controller("one", &[]);
    cluster.lab.eventually(SOON, "the Service is clean", || clean(&cluster, "missed"));
    cluster.service_with("live", "", "type: LoadBalancer");
    cluster.lab.eventually(SOON, "an address again", || !cluster.addresses("live").is_empty());
}

#[test]
fn services_of_another_class_are_never_touched() {
    let Some(mut cluster) = Cluster::build() else { return };
    cluster.controller("one", &["--lb-class", "clarion.example/lb"]);
    cluster.wait_until_ready("one");
    cluster.pool("lan", "192.0.2.0/28");
    cluster.service("none");
    cluster.service_with("other", "", "loadBalancerClass: other.example/lb");
    cluster.service_with("ours", "", "loadBalancerClass: clarion.example/lb");
    cluster.lab.eventually(SOON, "an address", || !cluster.addresses("ours").is_empty());
    cluster.lab.always(A_WHILE, "others are left alone", || {
        ["none", "other"].iter().all(|name| cluster.addresses(name).is_empty() && cluster.condition(name).is_none())
    });
}

#[test]
fn a_service_that_comes_back_with_another_class_is_given_up_and_left_alone() {
    let Some(cluster) = Cluster::start() else { return };
    cluster.pool("lan", "192.0.2.0/32");
    cluster.service("web");
    cluster.expect("web", &["192.0.2.0"]);
    // A class changes with the type only.
    cluster.service_with("web", "", "type: ClusterIP");
    cluster.expect("web", &[]);
    cluster.service_with("web", "", "type: LoadBalancer, loadBalancerClass: other.example/lb");
    cluster.service("next");
    cluster.expect("next", &["192.0.2.0"]);
    cluster.lab.always(A_WHILE, "it is another program's", || {
        cluster.addresses("web").is_empty() && cluster.condition("web").is_none() && cluster.pool_of("web").is_none()
    });
}

#[test]
fn a_namespace_with_fifty_services_goes_and_its_addresses_serve_others() {
    let Some(cluster) = Cluster::start() else { return };
    cluster.pool("lan", "192.0.2.0-192.0.2.49");
    for number in 0..50 {
        cluster.service(&format!("s{number}"));
    }
    let all = || (0..50).all(|number| !cluster.addresses(&format!("s{number}")).is_empty());
    cluster.lab.eventually(Duration::from_secs(60), "fifty addresses", all);
    cluster.control_plane.apply(
        "{apiVersion: v1, kind: Namespace, metadata: {name: next}}\n---\n\
         {apiVersion: v1, kind: Service, metadata: {name: web, namespace: next}, spec: {type: LoadBalancer, ports: [{port: 80}]}}",
    );
    let before = cluster.control_plane.requests();
    cluster.delete("namespace", "", "shop");
    let served = || {
        let output = cluster.control_plane.kubectl(&["get", "service", "web", "--namespace=next", "--output=yaml"]);
        String::from_utf8_lossy(&output.stdout).contains("ip: 192.0.2.")
    };
    cluster.lab.eventually(Duration::from_secs(60), "the waiting Service is served", served);
    assert!(cluster.status_writes(&before) <= 5, "Services that are deleted need no write");
}
