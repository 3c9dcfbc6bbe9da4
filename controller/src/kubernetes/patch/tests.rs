use super::*;
use crate::StatusWrite;
use crate::kubernetes::fixtures::{ip, service, view};
use crate::view::{Condition, ResourceVersion, ServiceView};

fn condition_of(met: bool, message: &str) -> Condition {
    let reason = if met { "Allocated" } else { "NoPool" };
    Condition { met, reason: reason.to_owned(), message: message.to_owned() }
}

/// Returns the body of the write that brings a Service to these addresses and this condition.
fn written(view: ServiceView, addresses: &[&str], condition: Option<Condition>) -> Value {
    let addresses: Vec<_> = addresses.iter().map(|address| ip(address)).collect();
    let pool = (!addresses.is_empty()).then(|| "lan".to_owned());
    let write = StatusWrite { addresses, pool, condition };
    body(&Job { view, base: ResourceVersion(7), write, events: Vec::new() }, Timestamp::UNIX_EPOCH)
}

#[test]
fn a_first_address_comes_with_its_pool_and_its_condition() {
    let patch = written(view(&service("a", &[]), 5), &["192.0.2.1"], Some(condition_of(true, "from lan")));
    assert_eq!(
        patch,
        json!({
            "metadata": {
                "uid": "uid-a",
                "resourceVersion": "7",
                "annotations": {
                    "metallb.io/ip-allocated-from-pool": "lan",
                    "metallb.universe.tf/ip-allocated-from-pool": null,
                },
            },
            "status": {
                "loadBalancer": { "ingress": [{ "ip": "192.0.2.1" }] },
                "conditions": [{
                    "type": "metallb.io/Allocated",
                    "status": "True",
                    "reason": "Allocated",
                    "message": "from lan",
                    "lastTransitionTime": "1970-01-01T00:00:00Z",
                }],
            },
        })
    );
}

#[test]
fn only_what_differs_is_written() {
    let mut shown = view(&service("a", &["192.0.2.1"]), 5);
    shown.condition = Some(condition_of(true, "before"));
    let patch = written(shown.clone(), &["192.0.2.1"], Some(condition_of(true, "after")));
    assert_eq!(patch["metadata"], json!({ "uid": "uid-a", "resourceVersion": "7" }));
    let conditions =
        json!([{ "type": "metallb.io/Allocated", "status": "True", "reason": "Allocated", "message": "after" }]);
    assert_eq!(patch["status"], json!({ "conditions": conditions }), "it turned no earlier than before");

    let patch = written(shown, &["192.0.2.2"], Some(condition_of(true, "before")));
    assert_eq!(patch["status"], json!({ "loadBalancer": { "ingress": [{ "ip": "192.0.2.2" }] } }));
}

#[test]
fn a_condition_that_turns_says_when() {
    let mut shown = view(&service("a", &[]), 5);
    shown.condition = Some(condition_of(true, ""));
    let patch = written(shown, &[], Some(condition_of(false, "")));
    assert_eq!(patch["status"]["conditions"][0]["lastTransitionTime"], "1970-01-01T00:00:00Z");
}

#[test]
fn what_is_given_up_is_removed_and_not_emptied() {
    let mut shown = view(&service("a", &["192.0.2.1"]), 5);
    shown.condition = Some(condition_of(true, ""));
    let patch = written(shown, &[], None);
    assert_eq!(
        patch["metadata"]["annotations"],
        json!({ "metallb.io/ip-allocated-from-pool": null, "metallb.universe.tf/ip-allocated-from-pool": null })
    );
    let conditions = json!([{ "type": "metallb.io/Allocated", "$patch": "delete" }]);
    assert_eq!(patch["status"], json!({ "loadBalancer": null, "conditions": conditions }));
}

#[test]
fn what_another_controller_left_in_the_status_is_replaced() {
    let mut object = service("a", &["192.0.2.1"]);
    object["status"]["loadBalancer"]["ingress"] =
        json!([{ "hostname": "elsewhere.example.com" }, { "ip": "192.0.2.1" }]);
    let patch = written(view(&object, 5), &["192.0.2.1"], None);
    assert_eq!(patch["status"], json!({ "loadBalancer": { "ingress": [{ "ip": "192.0.2.1" }] } }));
}

#[test]
fn the_request_names_us_and_the_status_alone() {
    let write = StatusWrite { addresses: vec![ip("192.0.2.1")], pool: None, condition: None };
    let job = Job { view: view(&service("a", &[]), 5), base: ResourceVersion(7), write, events: Vec::new() };
    let request = request(&job, Timestamp::UNIX_EPOCH);
    assert_eq!(request.method(), "PATCH");
    assert_eq!(request.uri(), "/api/v1/namespaces/shop/services/a/status?fieldManager=clarion-controller");
    assert_eq!(request.headers()[header::CONTENT_TYPE], "application/strategic-merge-patch+json");
}
