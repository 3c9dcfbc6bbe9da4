//! Crashes, successors, and an API server that is busy or away.

use std::{collections::BTreeSet, time::Duration};

use control_plane::{Fault, Faults, Matching, Network, Rule};
use e2e::{
    controllers::{A_WHILE, Cluster, SOON},
    deployment::NAMESPACE,
};

/// Long enough for a lease to run out.
const SUCCESSION: Duration = Duration::from_secs(60);
const QUICK: &[&str] = &["--lease-duration=4", "--renew-deadline=3", "--retry-period=1"];

fn distinct(cluster: &Cluster, names: &[String]) -> bool {
    let addresses: Vec<String> = names.iter().flat_map(|name| cluster.addresses(name)).collect();
    addresses.len() == names.len() && addresses.iter().collect::<BTreeSet<_>>().len() == names.len()
}

#[test]
fn a_replica_that_waits_takes_over_from_one_that_is_killed() {
    let Some(mut cluster) = Cluster::build() else { return };
    cluster.controller("one", QUICK);
    cluster.wait_until_ready("one");
    cluster.controller("two", QUICK);
    cluster.wait_until_ready("two");
    cluster.pool("lan", "192.0.2.0/28");
    cluster.service("a");
    cluster.expect("a", &["192.0.2.0"]);
    cluster.kill("one");
    cluster.service("b");
    cluster.lab.eventually(SUCCESSION, "the successor serves", || cluster.addresses("b") == ["192.0.2.1"]);
    assert_eq!(cluster.addresses("a"), ["192.0.2.0"]);
}

#[test]
fn a_replica_that_leaves_hands_over_at_once() {
    let Some(mut cluster) = Cluster::start() else { return };
    cluster.controller("two", &[]);
    cluster.wait_until_ready("two");
    cluster.pool("lan", "192.0.2.0/28");
    cluster.leave("one");
    cluster.service("a");
    let took = cluster.lab.eventually(SOON, "the successor serves", || !cluster.addresses("a").is_empty());
    // Twice the two seconds in which whoever waits looks at the lease, and a second for the questions of the test.
    assert!(took < Duration::from_secs(5), "the lease was given up, and not waited for: {took:?}");
}

#[test]
fn a_replica_that_leaves_while_it_renews_gives_the_lease_up() {
    let Some(mut cluster) = Cluster::build() else { return };
    let mut proxy = cluster.control_plane.fault_proxy();
    let kubeconfig = proxy.kubeconfig(&cluster.control_plane, &Cluster::identity());
    cluster.controller_with("one", kubeconfig, &["--retry-period=1"]);
    cluster.wait_until_ready("one");
    let renewals = Matching::verb("PATCH").resource("leases");
    let late = Fault::Delay(Duration::from_secs(1));
    proxy.set(Faults { rules: vec![Rule::next(1, renewals, late)], ..Faults::default() });
    cluster.lab.eventually(SOON, "a renewal is under way", || proxy.injected() == 1);
    cluster.leave("one");
    let holder = cluster.object("lease", "clarion-controller")["spec"]["holderIdentity"].clone();
    assert_eq!(holder, "", "nobody has to wait for the lease to run out");
}

#[test]
fn a_leader_that_stood_still_ends_and_overwrites_nothing() {
    let Some(mut cluster) = Cluster::build() else { return };
    cluster.controller("one", QUICK);
    cluster.wait_until_ready("one");
    cluster.controller("two", QUICK);
    cluster.wait_until_ready("two");
    cluster.pool("lan", "192.0.2.0/28");
    cluster.service("a");
    cluster.expect("a", &["192.0.2.0"]);
    cluster.pause("one", true);
    cluster.service("b");
    cluster.lab.eventually(SUCCESSION, "the successor serves", || !cluster.addresses("b").is_empty());
    let before = cluster.control_plane.requests();
    cluster.pause("one", false);
    assert!(!cluster.wait_for_end("one").success(), "whoever lost the lead starts over");
    assert_eq!(cluster.status_writes(&before), 0);
}

#[test]
fn a_crash_at_any_write_leads_to_the_same_addresses() {
    let Some(mut cluster) = Cluster::build() else { return };
    cluster.pool("lan", "192.0.2.0-192.0.2.4");
    let names: Vec<String> = (0..5).map(|number| format!("s{number}")).collect();
    for name in &names {
        cluster.service(name);
    }
    // What a controller that never dies gives, the oldest first.
    let expected: Vec<[String; 1]> = (0..5).map(|number| [format!("192.0.2.{number}")]).collect();
    let given = |cluster: &Cluster| -> Vec<Vec<String>> { names.iter().map(|name| cluster.addresses(name)).collect() };
    let (mut deaths, mut held) = (0, given(&cluster));
    let mut proxy = cluster.control_plane.fault_proxy();
    for crash in 0..10 {
        let writes = Matching::writes("services").subresource("status");
        let fault = if crash % 2 == 0 { Fault::CutAfter } else { Fault::CutBefore };
        let injected = proxy.injected();
        proxy.set(Faults { rules: vec![Rule::next(1, writes, fault)], ..Faults::default() });
        let kubeconfig = proxy.kubeconfig(&cluster.control_plane, &Cluster::identity());
        // The same pod, so that nobody waits for the lease; one write at a time, so that each is hit in turn.
        cluster.controller_with("one", kubeconfig, &["--writes-in-flight", "1"]);
        let done = || proxy.injected() > injected || given(&cluster) == expected;
        cluster.lab.eventually(SOON, "a write to die with, or nothing left to write", done);
        deaths += usize::from(proxy.injected() > injected);
        cluster.kill("one");
        let now = given(&cluster);
        for (before, after) in held.iter().zip(&now).filter(|(before, _)| !before.is_empty()) {
            assert_eq!(before, after, "what was written stays: {held:?}, {now:?}");
        }
        held = now;
    }
    assert!(deaths >= names.len(), "this proves little: {deaths} writes were died with");
    proxy.heal();
    cluster.controller("one", &[]);
    cluster.lab.eventually(SOON, "every Service has an address", || given(&cluster).iter().all(|it| !it.is_empty()));
    assert_eq!(given(&cluster), expected);
}

#[test]
fn a_busy_server_is_asked_again_and_every_service_is_served() {
    let Some(mut cluster) = Cluster::build() else { return };
    let mut proxy = cluster.control_plane.fault_proxy();
    let writes = Matching::writes("services").subresource("status");
    let busy = Fault::Answer { status: 429, retry_after: Some(1) };
    proxy.set(Faults { rules: vec![Rule::next(20, writes, busy)], ..Faults::default() });
    let kubeconfig = proxy.kubeconfig(&cluster.control_plane, &Cluster::identity());
    cluster.controller_with("one", kubeconfig, &[]);
    cluster.pool("lan", "192.0.2.0/28");
    let names: Vec<String> = (0..8).map(|number| format!("s{number}")).collect();
    for name in &names {
        cluster.service(name);
    }
    cluster.lab.eventually(SUCCESSION, "every Service has an address of its own", || distinct(&cluster, &names));
    assert!(proxy.injected() >= 8);
}

#[test]
fn an_outage_of_the_server_ends_without_a_change_of_what_was_given() {
    let Some(mut cluster) = Cluster::build() else { return };
    let mut proxy = cluster.control_plane.fault_proxy();
    let kubeconfig = proxy.kubeconfig(&cluster.control_plane, &Cluster::identity());
    cluster.controller_with("one", kubeconfig.clone(), QUICK);
    cluster.wait_until_ready("one");
    cluster.pool("lan", "192.0.2.0/28");
    cluster.service("a");
    cluster.expect("a", &["192.0.2.0"]);
    proxy.set(Faults { network: Network::Silent, ..Faults::default() });
    cluster.service("b");
    assert!(!cluster.wait_for_end("one").success(), "a leader that cannot renew ends before another may lead");
    cluster.controller_with("one", kubeconfig, QUICK);
    cluster.lab.always(A_WHILE, "nothing is written", || cluster.addresses("b").is_empty());
    proxy.heal();
    cluster.lab.eventually(SUCCESSION, "the new Service is served", || cluster.addresses("b") == ["192.0.2.1"]);
    assert_eq!(cluster.addresses("a"), ["192.0.2.0"]);
}

#[test]
fn a_restart_writes_nothing() {
    let Some(mut cluster) = Cluster::start() else { return };
    cluster.pool("lan", "192.0.2.0/28");
    cluster.service("served");
    cluster.expect("served", &["192.0.2.0"]);
    cluster.service_with("refused", "'metallb.io/loadBalancerIPs': 203.0.113.1", "");
    cluster.expect_reason("refused", "RequestedAddressOutside");
    cluster.lab.eventually(SOON, "the pool is counted", || {
        cluster.object("ipaddresspool", "lan")["status"]["assignedIPv4"] == 1
    });
    cluster.leave("one");
    let before = cluster.control_plane.requests();
    cluster.controller("one", &[]);
    cluster.service("later");
    cluster.expect("later", &["192.0.2.1"]);
    assert_eq!(cluster.status_writes(&before), 1, "only the new Service is written");
}

#[test]
fn a_key_that_is_deleted_after_its_watch_was_renewed_is_made_again() {
    let Some(mut cluster) = Cluster::build() else { return };
    let proxy = cluster.control_plane.fault_proxy();
    let kubeconfig = proxy.kubeconfig(&cluster.control_plane, &Cluster::identity());
    cluster.controller_with("one", kubeconfig, &[]);
    cluster.wait_until_ready("one");
    let secret = || {
        let secret = cluster.object("secret", "memberlist");
        let text = |pointer: &str| secret.pointer(pointer).and_then(|text| text.as_str()).map(str::to_owned);
        text("/metadata/uid").zip(text("/data/secretkey"))
    };
    cluster.lab.eventually(SOON, "there is a key", || secret().is_some());
    let (uid, key) = secret().expect("it was waited for");
    // The controller has seen what it made.
    cluster.lab.always(A_WHILE, "it stays", || secret().is_some_and(|(_, now)| now == key));
    proxy.end_watches();
    cluster.delete("secret", NAMESPACE, "memberlist");
    let again = || secret().is_some_and(|(new, now)| new != uid && now == key);
    cluster.lab.eventually(SOON, "it is made again with the same key", again);
}
