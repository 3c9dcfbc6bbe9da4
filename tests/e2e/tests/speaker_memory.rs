//! What a tenant who may write EndpointSlices in one namespace costs a speaker and everybody else.

use std::{
    fs,
    net::IpAddr,
    ops::Range,
    thread,
    time::{Duration, Instant},
};

use control_plane::ControlPlane;
use e2e::speakers::{Cluster, SOON};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::{
    Api,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

const VIP: &str = "192.0.2.130";
const LATE: &str = "192.0.2.131";

/// What the speaker may grow by: 8 MiB are the room of one namespace, and the rest is what an allocator keeps of what it was given back.
const GROWTH: u64 = 20 << 20;

/// The slices of the tenant, each with a thousand endpoints on nodes of its own, 16 kB where it is kept.
const SLICES: usize = 2_000;

/// How often the tenant changes a slice whose nodes have the longest names there are.
const CHANGES: usize = 120;

/// Requests of the tenant that are under way at the same time.
const WRITERS: usize = 8;

/// From the write that gives a Service its address until it is announced, beside a tenant who writes all the time.
const PROMISE: Duration = Duration::from_secs(5);

#[test]
fn a_tenant_who_writes_slices_without_end_takes_little_memory_and_delays_no_other() {
    let Some(mut cluster) = Cluster::start(1) else { return };
    cluster.serve(VIP);
    cluster.control_plane.apply("{apiVersion: v1, kind: Namespace, metadata: {name: tenant}}");
    let _pod = cluster.nodes[0].pod("shop", "late-1", &[("app", "late")]);
    cluster.service("late", "", &[]);
    let before = resident(&cluster);

    let announced = thread::scope(|scope| {
        // The lab is for one thread alone.
        let control_plane = &cluster.control_plane;
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                scope.spawn(move || create(control_plane, SLICES * writer / WRITERS..SLICES * (writer + 1) / WRITERS))
            })
            .collect();
        thread::sleep(Duration::from_secs(2));
        assert!(writers.iter().any(|writer| !writer.is_finished()), "the tenant still writes");
        let began = Instant::now();
        cluster.allocate("late", &[LATE]);
        cluster.settled_owner(ip(LATE));
        let announced = began.elapsed();
        writers.into_iter().for_each(|writer| writer.join().expect("the API server takes what the tenant writes"));
        announced
    });
    assert!(announced < PROMISE, "a Service of another namespace was announced after {announced:?}");
    let full = "the EndpointSlices of namespace tenant take more than 8 MiB, so those of inner are not all taken in";
    cluster.lab.eventually(SOON, "the speaker has no room for all of them, and says so", || {
        let faults = cluster.status(0).map(|status| status.faults).unwrap_or_default();
        faults.iter().any(|fault| fault.starts_with(full))
    });
    let passed = "clarion_objects_passed_over{kind=\"EndpointSlice\",object_namespace=\"tenant\"} ";
    assert!(cluster.metrics(0).contains(passed));
    assert_small(&cluster, before, "slices by the thousand");

    change(&cluster.control_plane);
    assert_small(&cluster, before, "one slice that changes all the time");
    delete(&cluster.control_plane);
    assert_eq!([VIP, LATE].map(|vip| cluster.owner(ip(vip))), [Some(0), Some(0)]);
    assert_small(&cluster, before, "slices that are gone");
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("tests write addresses correctly")
}

/// Asserts that the speaker takes little more than before the tenant came.
fn assert_small(cluster: &Cluster, before: u64, after: &str) {
    let now = resident(cluster);
    assert!(now < before + GROWTH, "{after}: the speaker grew from {} to {} MiB", before >> 20, now >> 20);
}

/// Returns the resident memory of the speaker, in bytes.
fn resident(cluster: &Cluster) -> u64 {
    let process = cluster.speakers[0].as_ref().expect("the speaker runs").id();
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("the speaker runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a process has memory");
    1024 * line.trim().trim_end_matches(" kB").parse::<u64>().expect("the kernel writes numbers")
}

fn slices(control_plane: &ControlPlane) -> Api<EndpointSlice> {
    Api::namespaced(control_plane.admin(), "tenant")
}

/// Creates slices of a Service that does not exist, on nodes that do not either.
fn create(control_plane: &ControlPlane, numbers: Range<usize>) {
    let slices = slices(control_plane);
    for number in numbers {
        let nodes = (0..1_000).map(|node| format!("junk-{number}-{node}"));
        let slice = serde_json::from_value(slice(&format!("inner-{number}"), nodes)).expect("it is a slice");
        control_plane.run(slices.create(&PostParams::default(), &slice)).expect("the API server takes it");
    }
}

/// Changes one slice again and again, each time to other nodes with the longest names.
fn change(control_plane: &ControlPlane) {
    let (slices, label) = (slices(control_plane), "x".repeat(60));
    for round in 0..CHANGES {
        let nodes = (0..1_000).map(|node| format!("{label}.{label}.{label}.{round:030}-{node:030}"));
        let patch = Patch::Merge(json!({ "endpoints": slice("", nodes)["endpoints"] }));
        let parameters = PatchParams::default();
        control_plane.run(slices.patch("inner-0", &parameters, &patch)).expect("the API server takes it");
    }
}

fn delete(control_plane: &ControlPlane) {
    let slices = slices(control_plane);
    let (parameters, all) = (DeleteParams::default(), ListParams::default());
    let deleted = control_plane.run(slices.delete_collection(&parameters, &all));
    assert!(deleted.is_ok(), "the API server deletes them: {:?}", deleted.err());
}

fn slice(name: &str, nodes: impl Iterator<Item = String>) -> Value {
    let endpoint = |node| json!({ "addresses": ["10.0.0.1"], "nodeName": node, "conditions": { "ready": true } });
    json!({
        "metadata": { "name": name, "labels": { "kubernetes.io/service-name": "inner" } },
        "addressType": "IPv4",
        "endpoints": nodes.map(endpoint).collect::<Vec<Value>>(),
    })
}
