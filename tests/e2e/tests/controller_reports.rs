//! What is said of the configuration, and the key of the heartbeats.

use std::time::Duration;

use e2e::controllers::{A_WHILE, Cluster, SOON};
use e2e::deployment::NAMESPACE;
use serde_json::Value;

/// How many good pools there are beside the bad objects.
const GOOD: usize = 50;

/// Twice the second in which a person should read what is wrong, and a second for the questions of the test.
const AT_ONCE: Duration = Duration::from_secs(3);

#[test]
fn a_pool_is_counted_and_accepted_and_a_bad_one_says_why() {
    let Some(cluster) = Cluster::start() else { return };
    cluster.pool("lan", "192.0.2.0/30");
    cluster.service("web");
    cluster.expect("web", &["192.0.2.0"]);
    cluster.lab.eventually(SOON, "the pool is counted", || {
        let status = &cluster.object("ipaddresspool", "lan")["status"];
        status["assignedIPv4"] == 1 && status["availableIPv4"] == 3 && status["availableIPv6"] == 0
    });
    cluster.pool("overlap", "192.0.2.2/31");
    let bad = || cluster.accepted("ipaddresspool", "overlap").is_some_and(|(status, ..)| status == "False");
    cluster.lab.eventually(SOON, "the overlap is refused", bad);
    let (_, reason, message) = cluster.accepted("ipaddresspool", "overlap").expect("it was waited for");
    assert_eq!(reason, "Invalid");
    assert!(message.starts_with("spec.addresses[0]: ") && message.contains("metallb-system/lan"), "{message}");
    let state = || cluster.object("configurationstate", "controller")["status"].clone();
    cluster.lab.eventually(SOON, "the verdict", || state()["result"] == "Invalid");
    assert!(
        state()["errorSummary"].as_str().expect("it was waited for").contains("IPAddressPool metallb-system/overlap")
    );

    cluster.pool("overlap", "192.0.2.4/30");
    let good = || cluster.accepted("ipaddresspool", "overlap").is_some_and(|(status, ..)| status == "True");
    cluster.lab.eventually(SOON, "the overlap is gone", good);
    cluster.lab.eventually(SOON, "the verdict", || state()["result"] == "Valid");
}

#[test]
fn one_bad_object_of_each_kind_does_not_stop_fifty_good_ones() {
    let Some(cluster) = Cluster::start() else { return };
    let pool = |number: usize| {
        format!(
            "---\n{{apiVersion: metallb.io/v1beta1, kind: IPAddressPool, metadata: {{name: good{number}, namespace: {NAMESPACE}}}, \
             spec: {{addresses: [10.0.{number}.0/24]}}}}\n"
        )
    };
    cluster.control_plane.apply(&(0..GOOD).map(pool).collect::<String>());
    // Of two pools that overlap and came in the same second, the later name is at fault.
    let object = |kind: &str, version: &str, spec: &str| {
        format!(
            "{{apiVersion: metallb.io/{version}, kind: {kind}, metadata: {{name: wrong, namespace: {NAMESPACE}}}, spec: {spec}}}"
        )
    };
    for (kind, version, spec) in [
        ("IPAddressPool", "v1beta1", "{addresses: ['10.0.0.9-10.0.1.1']}"),
        ("BGPPeer", "v1beta2", "{myASN: 64500, peerASN: 64501, peerAddress: 10.1.0.1, holdTime: 1s}"),
        ("BGPAdvertisement", "v1beta1", "{communities: ['no-such-alias']}"),
        ("Community", "v1beta1", "{communities: [{name: '', value: 'x'}]}"),
        ("L2Advertisement", "v1beta1", "{nodeSelectors: [{matchExpressions: [{key: a, operator: Odd}]}]}"),
    ] {
        cluster.control_plane.apply(&object(kind, version, spec));
        let message = |kind: &str| cluster.accepted(kind, "wrong").map(|(.., message)| message);
        let says_so = || cluster.accepted(kind, "wrong").is_some_and(|(status, ..)| status == "False");
        cluster.lab.eventually(AT_ONCE, &format!("the bad {kind} says so"), says_so);
        let event = || {
            let of = format!("involvedObject.kind={kind},involvedObject.name=wrong,reason=InvalidConfiguration");
            let events = cluster.control_plane.kubectl(&[
                "get",
                "events",
                "-n",
                NAMESPACE,
                "--field-selector",
                &of,
                "-o",
                "json",
            ]);
            let events: Value = serde_json::from_slice(&events.stdout).unwrap_or_default();
            let told = events["items"].as_array().cloned().unwrap_or_default();
            told.len() == 1 && told[0]["type"] == "Warning" && told[0]["message"].as_str() == message(kind).as_deref()
        };
        cluster.lab.eventually(SOON, &format!("one event of the bad {kind} says why"), event);
    }
    // All that can be wrong with this kind is in its definition, so the API server itself refuses it.
    let refused = cluster.control_plane.try_apply(&object("BFDProfile", "v1beta1", "{receiveInterval: 5}"));
    assert!(refused.is_err_and(|why| format!("{why:#}").contains("spec.receiveInterval")));

    let service = |number: usize| {
        format!(
            "---\n{{apiVersion: v1, kind: Service, metadata: {{name: s{number}, namespace: shop, \
             annotations: {{metallb.io/address-pool: good{number}}}}}, spec: {{type: LoadBalancer, ports: [{{port: 80}}]}}}}\n"
        )
    };
    cluster.control_plane.apply(&(0..GOOD).map(service).collect::<String>());
    let unserved = || -> Vec<usize> {
        (0..GOOD).filter(|number| cluster.addresses(&format!("s{number}")) != [format!("10.0.{number}.0")]).collect()
    };
    cluster.lab.eventually(AT_ONCE * 2, "a Service has the first address of each good pool", || unserved().is_empty());
    for number in 0..GOOD {
        let accepted = cluster.accepted("ipaddresspool", &format!("good{number}"));
        assert_eq!(accepted.expect("every pool is judged").0, "True", "good{number}");
    }
}

#[test]
fn a_pool_that_goes_bad_stays_in_effect_as_it_was() {
    let Some(cluster) = Cluster::start() else { return };
    cluster.pool("lan", "192.0.2.0/28");
    cluster.service("before");
    cluster.expect("before", &["192.0.2.0"]);
    cluster.pool("lan", "192.0.2.0-192.0.1.0");
    let refused = || cluster.accepted("ipaddresspool", "lan").is_some_and(|(status, ..)| status == "False");
    cluster.lab.eventually(SOON, "the slip is told", refused);
    cluster.service("after");
    cluster.expect("after", &["192.0.2.1"]);
    assert_eq!(cluster.addresses("before"), ["192.0.2.0"]);
}

#[test]
fn the_key_of_the_heartbeats_is_made_once_and_changed_when_asked() {
    let Some(mut cluster) = Cluster::start() else { return };
    let key = |cluster: &Cluster, entry: &str| {
        cluster.object("secret", "memberlist")["data"][entry].as_str().map(str::to_owned)
    };
    cluster.lab.eventually(SOON, "the key is made", || key(&cluster, "secretkey").is_some());
    let first = key(&cluster, "secretkey");
    cluster.leave("one");
    cluster.controller("one", &[]);
    cluster.wait_until_ready("one");
    cluster.lab.always(A_WHILE, "the key stays", || key(&cluster, "secretkey") == first);
    let output = cluster.control_plane.kubectl(&[
        "annotate",
        "secret",
        "memberlist",
        "metallb.io/rotate-key=now",
        "--namespace",
        NAMESPACE,
    ]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    cluster.lab.eventually(SOON, "a second key is offered", || key(&cluster, "secretkey-accepted").is_some());
    assert_eq!(key(&cluster, "secretkey"), first, "speakers accept the new key before anybody sends with it");
}

#[test]
fn a_key_that_is_deleted_comes_back_as_it_was() {
    let Some(cluster) = Cluster::start() else { return };
    let secret = || {
        let path = "--output=jsonpath={.metadata.uid} {.data.secretkey}";
        let output = cluster.control_plane.kubectl(&["get", "secret", "memberlist", "--namespace", NAMESPACE, path]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.split_once(' ').map(|(uid, key)| (uid.to_owned(), key.to_owned())).filter(|(_, key)| !key.is_empty())
    };
    cluster.lab.eventually(SOON, "the key is made", || secret().is_some());
    let (uid, key) = secret().expect("it was waited for");
    // The controller has seen what it made.
    cluster.lab.always(A_WHILE, "it stays", || secret().is_some_and(|(_, now)| now == key));
    cluster.delete("secret", NAMESPACE, "memberlist");
    let again = || secret().is_some_and(|(new, now)| new != uid && now == key);
    cluster.lab.eventually(SOON, "it is made again with the same key", again);
}

#[test]
fn faults_are_shown_by_clarion_status_with_object_field_and_what_to_do() {
    let Some(cluster) = Cluster::start() else { return };
    cluster.pool("slip", "192.0.2.9-192.0.2.1");
    cluster.control_plane.apply(&format!(
        "{{apiVersion: metallb.io/v1beta1, kind: L2Advertisement, metadata: {{name: lost, namespace: {NAMESPACE}}}, \
         spec: {{ipAddressPools: [nowhere]}}}}"
    ));
    let lines = [
        "fault: IPAddressPool metallb-system/slip: spec.addresses[0]: range 192.0.2.9-192.0.2.1 ends before it starts; ",
        "note: L2Advertisement metallb-system/lost: spec.ipAddressPools[0]: there is no IPAddressPool \"nowhere\"; ",
    ];
    cluster.lab.eventually(SOON, "both faults are shown", || {
        let text = cluster.told_by_status("one");
        lines.iter().all(|line| text.lines().any(|found| found.starts_with(line) && found.len() > line.len()))
    });
    cluster.pool("slip", "192.0.2.1-192.0.2.9");
    cluster.delete("l2advertisement", NAMESPACE, "lost");
    cluster.lab.eventually(SOON, "nothing is wrong", || {
        let text = cluster.told_by_status("one");
        !text.contains("fault:") && !text.contains("nowhere")
    });
}

#[test]
fn a_verdict_that_somebody_deletes_or_edits_is_written_again() {
    let Some(cluster) = Cluster::start() else { return };
    let state = || cluster.object("configurationstate", "controller");
    cluster.lab.eventually(SOON, "the verdict", || state()["status"]["result"] == "Valid");
    let first = state()["metadata"]["uid"].clone();
    cluster.delete("configurationstate", NAMESPACE, "controller");
    cluster.lab.eventually(SOON, "another verdict", || {
        let state = state();
        state["status"]["result"] == "Valid" && state["metadata"]["uid"] != first
    });
    edit_status(&cluster, "configurationstate", "controller", r#"{"result": "Invalid"}"#);
    cluster.lab.eventually(SOON, "the verdict", || state()["status"]["result"] == "Valid");
}

#[test]
fn a_pool_whose_status_another_program_keeps_changing_has_an_event_and_holds_up_no_other() {
    let Some(cluster) = Cluster::start() else { return };
    cluster.pool("lan", "192.0.2.0/30");
    let count = |name: &str| cluster.object("ipaddresspool", name)["status"]["availableIPv4"].clone();
    cluster.lab.eventually(SOON, "the pool is counted", || count("lan") == 4);
    let mut rounds = 0;
    cluster.lab.eventually(Duration::from_secs(120), "the fight is told", || {
        if count("lan") == 4 {
            edit_status(&cluster, "ipaddresspool", "lan", r#"{"availableIPv4": 5}"#);
            rounds += 1;
        }
        let of = "involvedObject.kind=IPAddressPool,reason=Contended";
        let events = cluster.control_plane.kubectl(&["get", "events", "-n", NAMESPACE, "--field-selector", of]);
        String::from_utf8_lossy(&events.stdout).contains("another program keeps changing the status")
    });
    assert!((4..8).contains(&rounds), "{rounds} rounds");
    cluster.pool("wan", "198.51.100.0/30");
    cluster.lab.eventually(SOON, "another pool is counted", || count("wan") == 4);
}

/// Changes the status of an object as a merge patch does.
fn edit_status(cluster: &Cluster, kind: &str, name: &str, status: &str) {
    let patch = format!("{{\"status\": {status}}}");
    let output = cluster.control_plane.kubectl(&[
        "patch",
        kind,
        name,
        "--namespace",
        NAMESPACE,
        "--subresource=status",
        "--type=merge",
        "--patch",
        &patch,
    ]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn metrics_tell_of_writes_changes_and_faults() {
    let Some(cluster) = Cluster::start() else { return };
    let metric = |name: &str| cluster.metric("one", name).unwrap_or_default();
    cluster.pool("lan", "192.0.2.0/28");
    cluster.service("web");
    cluster.expect("web", &["192.0.2.0"]);
    let written = "clarion_controller_writes_total{kind=\"service\",result=\"ok\"}";
    cluster.lab.eventually(SOON, "the write is counted", || metric(written) == 1.0);
    assert!(metric("clarion_controller_plan_seconds_count") >= 1.0);
    assert!(metric("metallb_k8s_client_updates_total") >= 2.0);
    assert_eq!(metric("metallb_k8s_client_update_errors_total"), 0.0);
    assert_eq!((metric("clarion_controller_leader"), metric("metallb_k8s_client_config_loaded_bool")), (1.0, 1.0));
    assert_eq!(metric("metallb_k8s_client_config_stale_bool"), 0.0);
    cluster.pool("slip", "192.0.2.9-192.0.2.1");
    let stale = || metric("metallb_k8s_client_config_stale_bool") == 1.0;
    cluster.lab.eventually(SOON, "the slip makes the configuration stale", stale);
    cluster.delete("ipaddresspool", NAMESPACE, "slip");
    cluster.lab.eventually(SOON, "it is as written again", || !stale());
}
