use serde_json::json;

use super::*;
use crate::kubernetes::cluster::{Cluster, ClusterEvent};
use crate::kubernetes::fixtures::{NAMESPACE, applied, cluster, pool, service, told};
use apiserver::ConfigurationEvent;

fn situation(cluster: &mut Cluster) -> Situation {
    let plan = Arc::new(cluster.plan().expect("something has changed"));
    cluster.situation(&plan, true).expect("there is a plan")
}

/// Returns the only statement about a cluster, and its body.
fn only(cluster: &mut Cluster) -> (Statement, Value) {
    let mut statements = situation(cluster).statements();
    assert_eq!(statements.len(), 1, "{statements:?}");
    let statement = statements.remove(0);
    let request = statement.request(Timestamp::UNIX_EPOCH);
    let body = serde_json::from_slice(request.body()).expect("a statement is JSON");
    (statement, body)
}

/// Returns the pool `lan` as it is when it shows what was said of it last.
fn shown(addresses: &[&str], body: &Value) -> ClusterEvent {
    ClusterEvent::Configuration(ConfigurationEvent::Pool(applied(&json!({
        "metadata": { "name": "lan", "namespace": NAMESPACE, "uid": "uid-lan", "generation": 3 },
        "spec": { "addresses": addresses },
        "status": body["status"],
    }))))
}

#[test]
fn a_pool_says_that_it_is_accepted_and_how_full_it_is() {
    let mut cluster = cluster(vec![pool("lan", &["192.0.2.0/30"])]);
    cluster.take(ClusterEvent::Service(told(&service("a", &["192.0.2.1"]), 1)));
    let (statement, body) = only(&mut cluster);
    assert!(statement.is_accepted() && !statement.is_news());
    assert_eq!(
        body,
        json!({
            "apiVersion": "metallb.io/v1beta1",
            "kind": "IPAddressPool",
            "metadata": { "name": "lan", "namespace": NAMESPACE, "uid": "uid-lan" },
            "status": {
                "conditions": [{
                    "type": "Accepted",
                    "status": "True",
                    "reason": "Accepted",
                    "message": statement.wanted.message,
                    "lastTransitionTime": "1970-01-01T00:00:00Z",
                    "observedGeneration": 3,
                }],
                "assignedIPv4": 1,
                "assignedIPv6": 0,
                "availableIPv4": 3,
                "availableIPv6": 0,
            },
        })
    );
}

#[test]
fn what_an_object_says_already_is_not_written_again() {
    let addresses = ["192.0.2.0/30"];
    let mut cluster = cluster(vec![pool("lan", &addresses)]);
    let (_, body) = only(&mut cluster);
    cluster.take(shown(&addresses, &body));
    assert_eq!(situation_after(&mut cluster).statements(), []);
}

#[test]
fn an_object_that_goes_bad_says_what_is_wrong_and_is_told_once() {
    let good = ["192.0.2.0/30"];
    let mut cluster = cluster(vec![pool("lan", &good)]);
    let (_, body) = only(&mut cluster);
    let bad = ["192.0.2.9-192.0.2.1"];
    cluster.take(shown(&bad, &body));
    let situation = situation_after(&mut cluster);
    let statements = situation.statements();
    let [statement] = &statements[..] else { panic!("{statements:?}") };
    assert!(!statement.is_accepted() && statement.is_news());
    assert!(statement.wanted.message.starts_with("spec.addresses[0]: "), "{}", statement.wanted.message);
    assert!(
        statement.wanted.message.ends_with("its last good version stays in effect"),
        "{}",
        statement.wanted.message
    );
    let now = Timestamp::from_second(60).expect("a time that exists");
    let body: Value = serde_json::from_slice(statement.request(now).body()).expect("a statement is JSON");
    let condition = &body["status"]["conditions"][0];
    assert_eq!((&condition["status"], &condition["reason"]), (&json!("False"), &json!("Invalid")));
    assert_eq!(condition["lastTransitionTime"], "1970-01-01T00:01:00Z", "it has turned");

    cluster.take(shown(&bad, &body));
    assert_eq!(situation_after(&mut cluster).statements(), []);
}

#[test]
fn an_object_that_cannot_be_read_is_a_fault_with_its_name() {
    let mut cluster = cluster(Vec::new());
    let odd = json!({ "metadata": { "name": "odd", "namespace": NAMESPACE }, "spec": { "addresses": 7 } });
    cluster.take(ClusterEvent::Configuration(ConfigurationEvent::Pool(applied(&odd))));
    let situation = situation(&mut cluster);
    assert_eq!(situation.faults(), 1);
    let lines = situation.unreadable_lines();
    assert!(lines[0].starts_with("IPAddressPool lb/odd: cannot be read: "), "{lines:?}");
}

#[test]
fn a_statement_goes_to_the_status_of_its_object_under_our_name() {
    let mut cluster = cluster(vec![pool("lan", &["192.0.2.0/30"])]);
    let (statement, _) = only(&mut cluster);
    let request = statement.request(Timestamp::UNIX_EPOCH);
    assert_eq!(request.method(), "PATCH");
    let path = "/apis/metallb.io/v1beta1/namespaces/lb/ipaddresspools/lan/status";
    assert_eq!(request.uri().to_string(), format!("{path}?fieldManager=clarion-controller&force=true"));
    assert_eq!(request.headers()[header::CONTENT_TYPE], "application/apply-patch+yaml");
}

/// Returns the situation of a cluster whose plan may be the same as before.
fn situation_after(cluster: &mut Cluster) -> Situation {
    cluster.replan();
    situation(cluster)
}
