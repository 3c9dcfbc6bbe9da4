//! Objects of speakers that somebody else deletes or edits.

use std::{
    thread,
    time::{Duration, Instant},
};

use control_plane::{Identity, Mode, Request};
use e2e::{
    deployment::NAMESPACE,
    routers::Routed,
    speakers::{Cluster, QUIET, SOON},
};
use serde_json::Value;

const VIP: &str = "192.0.2.130";

#[test]
fn the_state_of_the_configuration_is_put_right_when_somebody_deletes_or_edits_it() {
    let Some(cluster) = Cluster::start(1) else { return };
    let first = expect_valid(&cluster);
    cluster.kubectl(&["delete", STATE, "speaker-n1", "--namespace", NAMESPACE]);
    let second = expect_valid(&cluster);
    assert_ne!(second["metadata"]["uid"], first["metadata"]["uid"]);
    cluster.edit_status(STATE, "speaker-n1", r#"{"result": "Invalid", "errorSummary": "slander"}"#);
    cluster.label(STATE, "speaker-n1", "metallb.io/node-name=elsewhere");
    let third = expect_valid(&cluster);
    let since = |state: &Value| state["status"]["conditions"][0]["lastTransitionTime"].clone();
    assert_eq!(since(&third), since(&second), "what was so all the time has been so since then");
    expect_no_writes(&cluster);
}

#[test]
fn the_status_of_a_service_on_the_network_is_put_right_when_somebody_edits_it() {
    let Some(mut cluster) = Cluster::start(1) else { return };
    cluster.serve(VIP);
    let before = expect_status(&cluster, L2);
    let name = text(&before["metadata"]["name"]);
    cluster.edit_status(L2, &name, r#"{"interfaces": [{"name": "eth7"}]}"#);
    cluster.lab.eventually(SOON, "the interfaces are those that answer", || {
        statuses(&cluster, L2).iter().all(|status| status["status"]["interfaces"][0]["name"] == "eth0")
    });
    // What cannot be put right, because it never changes, is written anew.
    cluster.label(L2, &name, "metallb.io/service-name=other");
    cluster.lab.eventually(SOON, "one object tells of the Service", || {
        statuses(&cluster, L2).iter().map(|status| text(&status["metadata"]["name"])).all(|other| other != name)
    });
    let after = expect_status(&cluster, L2);
    assert_eq!(after["status"], before["status"]);
    expect_no_writes(&cluster);
}

#[test]
fn the_status_of_a_service_at_a_router_is_put_right_when_somebody_deletes_or_edits_it() {
    let Some(mut routed) = Routed::build(1, "") else { return };
    routed.peer("");
    routed.speak();
    let pod = routed.cluster.nodes[0].pod("shop", "web-1", &[("app", "web")]);
    routed.cluster.pods.push(pod);
    routed.cluster.service("web", "", &[VIP]);
    routed.expect_told(VIP, &["n1"]);
    let before = expect_status(&routed.cluster, BGP);
    let name = text(&before["metadata"]["name"]);
    routed.cluster.edit_status(BGP, &name, r#"{"peers": ["tor", "of-babel"]}"#);
    routed.expect_told(VIP, &["n1"]);
    routed.cluster.kubectl(&["delete", BGP, &name, "--namespace", NAMESPACE]);
    routed.expect_told(VIP, &["n1"]);
    let after = expect_status(&routed.cluster, BGP);
    assert_eq!(after["status"], before["status"]);
    assert_ne!(after["metadata"]["name"], before["metadata"]["name"]);
    expect_no_writes(&routed.cluster);
}

#[test]
fn a_speaker_that_starts_again_removes_what_it_left_behind_and_writes_nothing_else() {
    let Some(mut cluster) = Cluster::start(1) else { return };
    cluster.serve(VIP);
    let pod = cluster.nodes[0].pod("shop", "other-1", &[("app", "other")]);
    cluster.pods.push(pod);
    cluster.service("other", "", &["192.0.2.131"]);
    cluster.lab.eventually(SOON, "both are told", || statuses(&cluster, L2).len() == 2);
    expect_valid(&cluster);
    cluster.kill(0);
    cluster.kubectl(&["delete", "service", "other", "--namespace=shop"]);
    assert_eq!(statuses(&cluster, L2).len(), 2, "who is dead deletes nothing");
    let before = cluster.control_plane.requests();
    cluster.speak(0, &[]);
    cluster.wait_until_ready();
    let left = |cluster: &Cluster| statuses(cluster, L2).iter().map(|it| text(&it["status"]["serviceName"])).collect();
    cluster.lab.eventually(SOON, "the leftover is removed", || {
        let left: Vec<String> = left(&cluster);
        left == ["web"]
    });
    // What a former process told is believed for a while, and is compared then.
    thread::sleep(Duration::from_secs(17));
    let written = cluster.control_plane.requests().since(&before).writes();
    let others = written.count(|request| is_ours(request) && request.verb != "DELETE");
    assert_eq!(others, 0, "{written:?}");
}

#[test]
fn a_program_that_keeps_changing_what_is_told_is_answered_ever_more_rarely() {
    let Some(mut cluster) = Cluster::build(1, Mode::Nftables) else { return };
    cluster.announce();
    let proxy = cluster.control_plane.fault_proxy();
    let identity = Identity::service_account(NAMESPACE, "clarion-speaker");
    let kubeconfig = proxy.kubeconfig(&cluster.control_plane, &identity);
    cluster.speak_with(0, kubeconfig, &[]);
    cluster.wait_until_ready();
    cluster.serve(VIP);
    expect_status(&cluster, L2);
    expect_valid(&cluster);
    let (before, start) = (proxy.requests(), Instant::now());
    let rival = || {
        for status in statuses(&cluster, L2).iter().filter(|status| status["status"]["interfaces"][0]["name"] == "eth0")
        {
            cluster.edit_status(L2, &text(&status["metadata"]["name"]), r#"{"interfaces": [{"name": "eth7"}]}"#);
        }
        if state(&cluster)["status"]["result"] == "Valid" {
            cluster.edit_status(STATE, "speaker-n1", r#"{"result": "Unknown"}"#);
        }
    };
    let told = || {
        let events = cluster.kubectl(&["get", "events", "--namespace=shop", "--output=json"]);
        events.matches("keeps changing the ServiceL2Status of this Service").count()
    };
    // Four times at once, which is told, and then after 1, 2, 4 and 8 seconds.
    cluster.lab.eventually(Duration::from_secs(60), "the fight is told", || {
        rival();
        told() > 0
    });
    let end = Instant::now() + Duration::from_secs(10);
    while Instant::now() < end {
        rival();
    }
    let written = proxy.requests().since(&before).writes();
    let most = 6 + u64::from(start.elapsed().as_secs().ilog2());
    for resource in ["servicel2statuses", "configurationstates"] {
        let count = written.count(|request| request.resource == resource);
        assert!((2..=most).contains(&count), "{count} writes to {resource}, of {most}: {written:?}");
    }
    assert_eq!(told(), 1, "it is told once");
}

const STATE: &str = "configurationstates.metallb.io";
const L2: &str = "servicel2statuses.metallb.io";
const BGP: &str = "servicebgpstatuses.metallb.io";

/// Waits until the speaker of the first node says that the configuration is valid, under its own label.
fn expect_valid(cluster: &Cluster) -> Value {
    cluster.lab.eventually(SOON, "the verdict", || {
        let state = state(cluster);
        state["status"]["result"] == "Valid"
            && state["status"]["errorSummary"].is_null()
            && state["metadata"]["labels"]["metallb.io/node-name"] == "n1"
    });
    state(cluster)
}

fn state(cluster: &Cluster) -> Value {
    cluster.object("configurationstates", "speaker-n1")
}

/// Waits until one object tells of `web`, and returns it.
fn expect_status(cluster: &Cluster, kind: &str) -> Value {
    cluster.lab.eventually(SOON, "one object tells of the Service", || {
        let statuses = statuses(cluster, kind);
        statuses.len() == 1 && statuses[0]["status"]["serviceName"] == "web"
    });
    statuses(cluster, kind).remove(0)
}

fn statuses(cluster: &Cluster, kind: &str) -> Vec<Value> {
    cluster.objects(kind.trim_end_matches(".metallb.io"))
}

/// Watches that nothing is written any more.
fn expect_no_writes(cluster: &Cluster) {
    thread::sleep(QUIET);
    let before = cluster.control_plane.requests();
    thread::sleep(2 * QUIET);
    let written = cluster.control_plane.requests().since(&before).writes();
    assert_eq!(written.count(is_ours), 0, "{written:?}");
}

fn is_ours(request: &Request) -> bool {
    ["servicel2statuses", "servicebgpstatuses", "configurationstates", "events"].contains(&request.resource.as_str())
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
