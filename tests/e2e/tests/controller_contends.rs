//! Another program that wants the same Services.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::Duration,
};

use control_plane::ControlPlane;
use e2e::controllers::{Cluster, SOON};
use k8s_openapi::api::core::v1::Service;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::json;

const THEIRS: &str = "203.0.113.7";

/// Ends the fight, also when the test fails, which would wait for it otherwise.
struct Truce<'a>(&'a AtomicBool);

impl Drop for Truce<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Writes an address of its own into the status of `shop/fought` whenever it finds another one there, until told to stop.
fn fight(control_plane: &ControlPlane, stop: &AtomicBool, rounds: &AtomicU64) {
    let services: Api<Service> = Api::namespaced(control_plane.admin(), "shop");
    let parameters = PatchParams { field_manager: Some("servicelb".to_owned()), ..PatchParams::default() };
    let theirs = Patch::Merge(json!({ "status": { "loadBalancer": { "ingress": [{ "ip": THEIRS }] } } }));
    while !stop.load(Ordering::Relaxed) {
        let service = control_plane.run(services.get("fought")).expect("the API server answers");
        let ingress = service.status.and_then(|status| status.load_balancer?.ingress).unwrap_or_default();
        if ingress.iter().all(|ingress| ingress.ip.as_deref() != Some(THEIRS)) {
            let written = services.patch_status("fought", &parameters, &theirs);
            control_plane.run(written).expect("the rival may write");
            rounds.fetch_add(1, Ordering::Relaxed);
        }
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_fight_over_one_service_costs_little_is_told_once_and_holds_up_nobody() {
    let Some(cluster) = Cluster::start() else { return };
    cluster.pool("lan", "192.0.2.0/28");
    cluster.service("fought");
    cluster.expect("fought", &["192.0.2.0"]);
    let contended = "clarion_controller_contended{service=\"shop/fought\"}";
    let (stop, rounds) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        let _truce = Truce(&stop);
        let control_plane = &cluster.control_plane;
        scope.spawn(|| fight(control_plane, &stop, &rounds));
        let is_told = || cluster.events("fought").iter().any(|reason| reason == "Contended");
        cluster.lab.eventually(SOON, "the fight is told", is_told);
        assert_eq!(cluster.metric("one", contended), Some(1.0));
        let message = cluster.expect_reason("fought", "Contended");
        assert!(message.contains("\"servicelb\"") && message.contains("spec.loadBalancerClass"), "{message}");
        assert_eq!(cluster.condition("fought").expect("it was waited for").0, "False");
        cluster.service("peaceful");
        cluster.expect("peaceful", &["192.0.2.1"]);
        thread::sleep(Duration::from_secs(10));
    });
    let told = cluster.told("fought");
    let messages: Vec<&str> = told
        .iter()
        .filter(|event| event.reason.as_deref() == Some("Contended"))
        .filter_map(|event| event.message.as_deref())
        .collect();
    assert_eq!(messages.len(), 1, "{messages:?}");
    assert!(messages[0].contains("\"servicelb\""), "{messages:?}");
    // Two or three at once, and then after 1, 2, 4, 8, 16, 32 seconds and so on.
    let rounds = rounds.load(Ordering::Relaxed);
    assert!((4..12).contains(&rounds), "the rival had to write {rounds} times");
    let patience = Duration::from_secs(90);
    cluster
        .lab
        .eventually(patience, "what is right is written at last", || cluster.addresses("fought") == ["192.0.2.0"]);
    let over =
        || cluster.condition("fought").is_some_and(|(status, reason, _)| status == "True" && reason == "Allocated");
    cluster.lab.eventually(Duration::from_secs(150), "the fight is over", over);
    assert_eq!(cluster.metric("one", contended), None);
}

#[test]
fn whoever_writes_a_status_takes_the_address_of_nobody() {
    let Some(cluster) = Cluster::start() else { return };
    cluster.pool("lan", "192.0.2.0/28");
    cluster.service("older");
    cluster.expect("older", &["192.0.2.0"]);
    cluster.service("victim");
    cluster.expect("victim", &["192.0.2.1"]);
    let services: Api<Service> = Api::namespaced(cluster.control_plane.admin(), "shop");
    let parameters = PatchParams { field_manager: Some("kubectl".to_owned()), ..PatchParams::default() };
    for ingress in [
        json!([{ "ip": "192.0.2.1" }]),
        json!([{ "ip": "192.0.2.0", "ipMode": "Proxy" }]),
        json!([{ "ip": "192.0.2.0" }, { "hostname": "elsewhere.example" }]),
    ] {
        let write = Patch::Merge(json!({ "status": { "loadBalancer": { "ingress": ingress } } }));
        cluster.control_plane.run(services.patch_status("older", &parameters, &write)).expect("a status is accepted");
        cluster.lab.eventually(SOON, "the status is put right", || {
            let older = cluster.control_plane.run(services.get("older")).expect("the API server answers");
            let ingress = older.status.and_then(|status| status.load_balancer?.ingress).unwrap_or_default();
            let [entry] = ingress.as_slice() else { return false };
            entry.ip.as_deref() == Some("192.0.2.0") && entry.ip_mode.as_deref() != Some("Proxy")
        });
        assert_eq!(cluster.addresses("victim"), ["192.0.2.1"]);
    }
    assert_eq!(cluster.events("victim"), ["IPAllocated"], "it has noticed nothing");
}
