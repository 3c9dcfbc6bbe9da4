//! Who may write what, beyond what Roles can say.

use e2e::{
    controllers::{Cluster, SOON},
    deployment::{self, NAMESPACE},
};
use http::{Method, Request};
use serde_json::{Value, json};

const MALLORY: &[(&str, &str)] = &[("Impersonate-User", "mallory")];
const CONTROLLER: &[(&str, &str)] = &[("Impersonate-User", "system:serviceaccount:metallb-system:clarion-controller")];
const SPEAKER: &[(&str, &str)] = &[("Impersonate-User", "system:serviceaccount:metallb-system:clarion-speaker")];
const SPEAKER_ON_N1: &[(&str, &str)] =
    &[SPEAKER[0], ("Impersonate-Extra-authentication.kubernetes.io%2Fnode-name", "n1")];
/// The administrator, who is in system:masters.
const ADMIN: &[(&str, &str)] = &[];

const SERVICE: &str = "/api/v1/namespaces/shop/services/web";

/// Sends a request as somebody; returns the server's message when it refuses.
fn send(cluster: &Cluster, whom: &[(&str, &str)], method: Method, path: &str, body: &Value) -> Result<(), String> {
    let kind = if method == Method::PATCH { "application/merge-patch+json" } else { "application/json" };
    let request = Request::builder().method(method).uri(path).header("Content-Type", kind);
    let request = whom.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let request = request.body(body.to_string().into_bytes()).expect("tests write requests correctly");
    let answer = cluster.control_plane.run(cluster.control_plane.admin().request_text(request));
    answer.map(drop).map_err(|error| error.to_string())
}

fn patch(cluster: &Cluster, whom: &[(&str, &str)], path: &str, body: &Value) -> Result<(), String> {
    send(cluster, whom, Method::PATCH, path, body)
}

fn addresses(addresses: &[&str]) -> Value {
    let ingress: Vec<Value> = addresses.iter().map(|address| json!({ "ip": address })).collect();
    json!({ "status": { "loadBalancer": { "ingress": ingress } } })
}

fn annotation(key: &str, value: &str) -> Value {
    json!({ "metadata": { "annotations": { key: value } } })
}

/// Returns a cluster with the policies in effect, in which mallory may do everything that Roles can allow.
fn cluster() -> Option<Cluster> {
    let cluster = Cluster::build()?;
    deployment::install_policies(&cluster.control_plane);
    cluster.control_plane.apply(
        "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: mallory}, \
         roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}, \
         subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: mallory}]}",
    );
    cluster.service("web");
    // What is there already is not refused, so every attempt writes something new.
    let mut attempt = 0;
    cluster.lab.eventually(SOON, "the policies are in effect", || {
        attempt += 1;
        let odd = annotation("metallb.io/loadBalancerIPs", &format!("a\u{1b}{attempt}"));
        let address = format!("192.0.2.{}", attempt % 200);
        patch(&cluster, MALLORY, &format!("{SERVICE}/status"), &addresses(&[&address])).is_err()
            && patch(&cluster, MALLORY, SERVICE, &odd).is_err()
    });
    let fresh = json!({ "metadata": { "annotations": null } });
    patch(&cluster, ADMIN, SERVICE, &fresh).expect("the administrator tidies up");
    patch(&cluster, ADMIN, &format!("{SERVICE}/status"), &addresses(&[])).expect("the administrator tidies up");
    Some(cluster)
}

#[test]
fn the_controller_alone_writes_the_addresses_of_our_services() {
    let Some(cluster) = cluster() else { return };
    let status = format!("{SERVICE}/status");
    let refusal = patch(&cluster, MALLORY, &status, &addresses(&["192.0.2.1"])).expect_err("it is not hers");
    assert!(refusal.contains("metallb.io/loadBalancerIPs"), "{refusal}");
    patch(&cluster, CONTROLLER, &status, &addresses(&["192.0.2.1"])).expect("it is the controller's");
    patch(&cluster, CONTROLLER, &status, &annotation("metallb.io/ip-allocated-from-pool", "lan")).expect("so is this");
    patch(&cluster, MALLORY, &status, &addresses(&[])).expect_err("nor may she clear it");
    for path in [SERVICE, &status] {
        patch(&cluster, MALLORY, path, &annotation("metallb.io/ip-allocated-from-pool", "wan")).expect_err(path);
    }
    // Everything else is as before.
    let condition = json!({ "type": "example.com/Checked", "status": "True", "reason": "Fine", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z" });
    patch(&cluster, MALLORY, &status, &json!({ "status": { "conditions": [condition] } })).expect("a condition");
    patch(&cluster, MALLORY, SERVICE, &annotation("metallb.io/loadBalancerIPs", "192.0.2.2\n")).expect("a request");
    patch(&cluster, MALLORY, SERVICE, &json!({ "metadata": { "annotations": null } }))
        .expect("as kubectl replace does");
    patch(&cluster, ADMIN, &status, &addresses(&[])).expect("an emergency");

    cluster.service_with("theirs", "", "loadBalancerClass: example.com/theirs");
    let theirs = "/api/v1/namespaces/shop/services/theirs/status";
    patch(&cluster, MALLORY, theirs, &addresses(&["192.0.2.1"])).expect("another program serves it");
}

#[test]
fn annotations_have_no_control_characters_and_those_that_have_can_still_be_edited() {
    let Some(cluster) = cluster() else { return };
    for odd in ["a\u{1b}[2Jb", "a\nb", "a\u{7f}b", "a\u{9b}b", "a\0b"] {
        for key in ["metallb.io/address-pool", "metallb.universe.tf/allow-shared-ip"] {
            let refusal = patch(&cluster, MALLORY, SERVICE, &annotation(key, odd)).expect_err("it is odd");
            assert!(refusal.contains(key) && refusal.contains("control characters"), "{refusal}");
        }
        patch(&cluster, MALLORY, SERVICE, &annotation("example.com/note", odd)).expect("it is not ours");
    }
    let pools = format!("/apis/metallb.io/v1beta1/namespaces/{NAMESPACE}/ipaddresspools");
    let pool = |name: &str, note: &str| {
        json!({
            "apiVersion": "metallb.io/v1beta1", "kind": "IPAddressPool",
            "metadata": { "name": name, "annotations": { "metallb.io/note": note } },
            "spec": { "addresses": ["192.0.2.0/28"] },
        })
    };
    send(&cluster, MALLORY, Method::POST, &pools, &pool("odd", "a\tb")).expect_err("a pool is no exception");
    send(&cluster, MALLORY, Method::POST, &pools, &pool("fine", " ä b ")).expect("it is not odd");
}

#[test]
fn a_speaker_writes_what_is_of_its_own_node() {
    let Some(cluster) = cluster() else { return };
    let folder = |plural: &str| format!("/apis/metallb.io/v1beta1/namespaces/{NAMESPACE}/{plural}");
    let object = |kind: &str, name: &str, node: &str| json!({ "apiVersion": "metallb.io/v1beta1", "kind": kind, "metadata": { "name": name, "labels": { "metallb.io/node": node } } });
    let states = folder("configurationstates");
    let state = |node: &str| object("ConfigurationState", &format!("speaker-{node}"), node);
    send(&cluster, SPEAKER_ON_N1, Method::POST, &states, &state("n1")).expect("its own");
    send(&cluster, SPEAKER_ON_N1, Method::POST, &states, &state("n2")).expect_err("another's");
    // Before Kubernetes 1.30 a token names no node.
    send(&cluster, SPEAKER, Method::POST, &states, &state("n2")).expect("nobody knows whose it is");
    let valid = json!({ "status": { "result": "Valid" } });
    patch(&cluster, SPEAKER_ON_N1, &format!("{states}/speaker-n1/status"), &valid).expect("its own");
    patch(&cluster, SPEAKER_ON_N1, &format!("{states}/speaker-n2/status"), &valid).expect_err("another's");

    for (kind, plural) in [("ServiceL2Status", "servicel2statuses"), ("ServiceBGPStatus", "servicebgpstatuses")] {
        let folder = folder(plural);
        send(&cluster, SPEAKER_ON_N1, Method::POST, &folder, &object(kind, "mine", "n1")).expect("its own");
        send(&cluster, SPEAKER_ON_N1, Method::POST, &folder, &object(kind, "yours", "n2")).expect_err("another's");
        send(&cluster, SPEAKER, Method::POST, &folder, &object(kind, "yours", "n2")).expect("nobody knows whose it is");
        let of = |node: &str| json!({ "status": { "node": node } });
        patch(&cluster, SPEAKER_ON_N1, &format!("{folder}/yours/status"), &of("n1")).expect_err("it is labelled n2");
        patch(&cluster, SPEAKER_ON_N1, &format!("{folder}/mine/status"), &of("n2")).expect_err("a lie");
        patch(&cluster, SPEAKER_ON_N1, &format!("{folder}/mine/status"), &of("n1")).expect("the truth");
        send(&cluster, SPEAKER_ON_N1, Method::DELETE, &format!("{folder}/yours"), &json!({})).expect("it takes over");
    }
}
