//! Who gets which address, on a real API server.

use e2e::{
    controllers::{A_WHILE, Cluster},
    deployment::NAMESPACE,
};

#[test]
fn services_get_addresses_in_one_write_with_annotation_condition_and_event() {
    let Some(cluster) = Cluster::start() else { return };
    cluster.pool("lan", "192.0.2.10-192.0.2.11");
    let before = cluster.control_plane.requests();
    cluster.service("web");
    cluster.expect("web", &["192.0.2.10"]);
    assert_eq!(cluster.pool_of("web").as_deref(), Some("lan"));
    assert_eq!(cluster.expect_reason("web", "Allocated"), "192.0.2.10 from pool \"lan\"");
    cluster.lab.eventually(e2e::controllers::SOON, "the event", || cluster.events("web") == ["IPAllocated"]);
    cluster.service("api");
    cluster.expect("api", &["192.0.2.11"]);
    assert_eq!(cluster.status_writes(&before), 2);
}

#[test]
fn a_service_that_waits_says_why_and_gets_what_another_frees() {
    let Some(cluster) = Cluster::start() else { return };
    cluster.service("early");
    assert!(cluster.expect_reason("early", "NoPool").contains("create an IPAddressPool"));
    cluster.pool("lan", "192.0.2.10/32");
    cluster.expect("early", &["192.0.2.10"]);
    cluster.service("late");
    assert!(cluster.expect_reason("late", "PoolExhausted").contains("pool \"lan\""));
    cluster.delete("service", "shop", "early");
    cluster.expect("late", &["192.0.2.10"]);
    cluster.expect_reason("late", "Allocated");
    let told = |events: Vec<String>| events == ["AllocationFailed", "IPAllocated"];
    cluster.lab.eventually(e2e::controllers::SOON, "both events", || told(cluster.events("late")));
    cluster.lab.always(A_WHILE, "an event is recorded on change only", || told(cluster.events("late")));
}

#[test]
fn requested_addresses_and_pools_are_given_or_refused_with_the_reason() {
    let Some(cluster) = Cluster::start() else { return };
    cluster.pool("lan", "192.0.2.0/28");
    cluster.pool_with("rare", "198.51.100.0/28", "autoAssign: false");
    cluster.service_with("byname", "'metallb.io/address-pool': rare", "");
    cluster.expect("byname", &["198.51.100.0"]);
    cluster.service_with("byip", "'metallb.io/loadBalancerIPs': 192.0.2.7", "");
    cluster.expect("byip", &["192.0.2.7"]);
    cluster.service_with("old", "'metallb.universe.tf/loadBalancerIPs': 192.0.2.8", "");
    cluster.expect("old", &["192.0.2.8"]);
    let warned = || cluster.events("old") == ["IPAllocated", "deprecatedAnnotation"];
    cluster.lab.eventually(e2e::controllers::SOON, "a warning about the annotation", warned);
    cluster.service_with("field", "", "loadBalancerIP: 192.0.2.9");
    cluster.expect("field", &["192.0.2.9"]);

    cluster.service_with("taken", "'metallb.io/loadBalancerIPs': 192.0.2.7", "");
    assert!(cluster.expect_reason("taken", "RequestedAddressInUse").contains("shop/byip"));
    cluster.service_with("outside", "'metallb.io/loadBalancerIPs': 203.0.113.1", "");
    cluster.expect_reason("outside", "RequestedAddressOutside");
    cluster.service_with("nowhere", "'metallb.io/address-pool': none", "");
    cluster.expect_reason("nowhere", "UnknownPool");
    cluster.service_with("twice", "'metallb.io/loadBalancerIPs': 192.0.2.5", "loadBalancerIP: 192.0.2.6");
    cluster.expect_reason("twice", "InvalidRequest");

    // A request that changes is followed, and one that becomes unreadable takes nothing away.
    cluster.service_with("byip", "'metallb.io/loadBalancerIPs': 192.0.2.12", "");
    cluster.expect("byip", &["192.0.2.12"]);
    cluster.expect("taken", &["192.0.2.7"]);
    cluster.service_with("byip", "'metallb.io/loadBalancerIPs': twelve", "");
    cluster.expect_reason("byip", "InvalidRequest");
    assert_eq!(cluster.addresses("byip"), ["192.0.2.12"]);
}

#[test]
fn two_services_that_swap_their_requests_both_get_them() {
    let Some(cluster) = Cluster::start() else { return };
    cluster.pool("lan", "192.0.2.0/28");
    let ask = |name: &str, address: &str| {
        cluster.service_with(name, &format!("'metallb.io/loadBalancerIPs': {address}"), "");
    };
    ask("a", "192.0.2.1");
    ask("b", "192.0.2.2");
    cluster.expect("a", &["192.0.2.1"]);
    cluster.expect("b", &["192.0.2.2"]);
    ask("a", "192.0.2.2");
    ask("b", "192.0.2.1");
    cluster.expect("a", &["192.0.2.2"]);
    cluster.expect("b", &["192.0.2.1"]);
}

#[test]
fn services_with_one_key_and_different_ports_share_an_address() {
    let Some(cluster) = Cluster::start() else { return };
    cluster.pool("lan", "192.0.2.0/28");
    let key = "'metallb.io/allow-shared-ip': dns";
    cluster.service_with("tcp", key, "ports: [{port: 53}]");
    cluster.expect("tcp", &["192.0.2.0"]);
    cluster.service_with("udp", key, "ports: [{port: 53, protocol: UDP}]");
    cluster.expect("udp", &["192.0.2.0"]);
    cluster.service_with("again", key, "ports: [{port: 53}]");
    cluster.expect("again", &["192.0.2.1"]);
    let asked = "'metallb.io/allow-shared-ip': dns, 'metallb.io/loadBalancerIPs': 192.0.2.0";
    cluster.service_with("clash", asked, "ports: [{port: 53}]");
    assert!(cluster.expect_reason("clash", "SharingConflict").contains("shop/tcp"));
}

#[test]
fn families_follow_the_cluster_ips() {
    let Some(cluster) = Cluster::start() else { return };
    cluster.pool("four", "192.0.2.0/28");
    cluster.service_with("prefers", "", "ipFamilyPolicy: PreferDualStack");
    cluster.expect("prefers", &["192.0.2.0"]);
    cluster.expect_reason("prefers", "OneFamily");
    cluster.service_with("requires", "", "ipFamilyPolicy: RequireDualStack");
    cluster.expect_reason("requires", "FamilyUnavailable");
    cluster.service_with("six", "", "ipFamilyPolicy: SingleStack, ipFamilies: [IPv6]");
    cluster.expect_reason("six", "FamilyUnavailable");
    cluster.pool("four", "192.0.2.0/28 2001:db8::/120");
    cluster.lab.eventually(e2e::controllers::SOON, "both families", || {
        cluster.addresses("prefers").len() == 2 && cluster.addresses("requires").len() == 2
    });
    assert_eq!(cluster.addresses("prefers")[0], "192.0.2.0", "what it had stays, and stays first");
    cluster.lab.eventually(e2e::controllers::SOON, "an IPv6 address", || {
        cluster.addresses("six").first().is_some_and(|address| address.starts_with("2001:db8::"))
    });
}

#[test]
fn what_the_subnet_of_a_node_keeps_for_itself_goes_to_nobody() {
    let Some(mut cluster) = Cluster::build() else { return };
    cluster.control_plane.apply(&format!(
        "{{apiVersion: v1, kind: Node, metadata: {{name: n1}}}}\n---\n\
         {{apiVersion: metallb.io/v1beta1, kind: ConfigurationState, metadata: {{name: speaker-n1, namespace: {NAMESPACE}, \
         labels: {{metallb.io/component-type: speaker, metallb.io/node-name: n1}}}}}}\n"
    ));
    let report = |cluster: &Cluster, summary: &str| {
        let patch = format!(
            "{{\"status\": {{\"result\": \"Valid\", \"errorSummary\": \"{summary}\", \"conditions\": [], \"links\": \
             [{{\"name\": \"eth0\", \"mac\": \"02:00:00:00:00:01\", \"subnets\": [\"192.0.2.0/30\"]}}]}}}}"
        );
        let object = ["patch", "configurationstates.metallb.io", "speaker-n1", "--namespace", NAMESPACE];
        let patch = ["--subresource=status", "--type=merge", "--patch", &patch];
        let output = cluster.control_plane.kubectl(&[&object[..], &patch].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    report(&cluster, "");
    cluster.pool("lan", "192.0.2.0/30");
    cluster.controller("one", &[]);
    cluster.wait_until_ready("one");
    cluster.service("a");
    cluster.expect("a", &["192.0.2.1"]);
    cluster.service("b");
    cluster.expect("b", &["192.0.2.2"]);
    cluster.service("c");
    cluster.expect_reason("c", "PoolExhausted");
    cluster.service_with("d", "'metallb.io/loadBalancerIPs': 192.0.2.3", "");
    assert!(cluster.expect_reason("d", "RequestedAddressReserved").contains("broadcast address of 192.0.2.0/30"));
    let before = cluster.control_plane.requests();
    report(&cluster, "something else");
    cluster.lab.always(A_WHILE, "a report of the same subnets writes nothing", || cluster.status_writes(&before) == 0);
}
