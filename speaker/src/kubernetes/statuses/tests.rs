use std::time::{Duration, Instant};

use announce::{DrainTrigger, L2Verdict, NotAnnounced, Verdict};
use apiserver::Budget;
use serde_json::{Value, json};

use super::*;

/// Longer than a write is waited for.
const LONG: Duration = Duration::from_secs(11);

fn service(name: &str) -> ServiceId {
    ServiceId::new("shop", name)
}

fn places(names: &[&str]) -> Places {
    names.iter().map(|name| (*name).into()).collect()
}

fn told(node: &str, name: &str, on: Option<&[&str]>) -> Told {
    Told { node: node.into(), owner: None, service: service(name), places: on.map(places), coherent: true }
}

fn announced(names: &[(&str, &[&str])]) -> Situation {
    let answer = |on| Announced { places: places(on), others: [Arc::from("ally")].into() };
    let announced = names.iter().map(|(name, on)| (service(name), answer(on))).collect();
    Situation { announced, willing: BTreeSet::new() }
}

const ME: Author<'_> = Author { node: "me", pod: None, starting: false };

fn plan_of(me: Author<'_>, situation: &Situation, existing: &[(&str, Told)], written: &Written) -> Vec<Action> {
    plan_among(&Strangers::default(), me, situation, existing, written)
}

fn plan_among(
    strangers: &Strangers,
    me: Author<'_>,
    situation: &Situation,
    existing: &[(&str, Told)],
    written: &Written,
) -> Vec<Action> {
    let existing: Vec<(ObjectName, Told)> =
        existing.iter().map(|(name, told)| (ObjectName::new("lb", name), told.clone())).collect();
    let existing = existing.iter().map(|(name, told)| (name, told));
    reconcile(me, situation, strangers, existing, written, || "l2-new".to_owned())
}

fn plan(names: &[(&str, &[&str])], existing: &[(&str, Told)], written: &Written) -> Vec<Action> {
    plan_of(ME, &announced(names), existing, written)
}

fn delete(name: &str) -> Action {
    Action::Delete { name: name.into(), service: service("web") }
}

#[test]
fn an_answered_service_gets_an_object_and_one_that_has_it_is_left_alone() {
    let create = Action::Create { name: "l2-new".to_owned(), service: service("web"), places: places(&["eth0"]) };
    assert_eq!(plan(&[("web", &["eth0"])], &[], &Written::default()), [create]);
    assert_eq!(plan(&[("web", &["eth0"])], &[("l2-a", told("me", "web", Some(&["eth0"])))], &Written::default()), []);
}

#[test]
fn the_winner_removes_what_others_wrote_and_the_loser_only_its_own() {
    let theirs = ("l2-a", told("other", "web", Some(&["eth0"])));
    let mine = ("l2-b", told("me", "web", Some(&["eth0"])));
    assert_eq!(plan(&[("web", &["eth0"])], &[theirs.clone(), mine.clone()], &Written::default()), [delete("l2-a")]);
    assert_eq!(plan(&[], &[theirs, mine], &Written::default()), [delete("l2-b")]);
}

#[test]
fn two_nodes_that_answer_for_the_families_of_a_service_do_not_remove_each_others_word() {
    let existing = [("l2-a", told("ally", "web", Some(&["eth0"]))), ("l2-b", told("me", "web", Some(&["eth0"])))];
    assert_eq!(plan(&[("web", &["eth0"])], &existing, &Written::default()), []);
}

#[test]
fn the_word_of_a_living_node_that_was_never_heard_here_stands_for_it_may_answer_on_another_wire() {
    let theirs = [("l2-a", told("other", "web", Some(&["eth0"]))), ("l2-b", told("me", "web", Some(&["eth0"])))];
    let plan = |ready: &[&str], heard: &[(&str, &str)]| {
        let ready = Arc::new(ready.iter().map(|node| Arc::from(*node)).collect());
        let heard = heard.iter().map(|(link, node)| (Arc::from(*link), [Arc::from(*node)].into())).collect();
        let situation = announced(&[("web", &["eth0"])]);
        plan_among(&Strangers { ready, heard }, ME, &situation, &theirs, &Written::default())
    };
    assert_eq!(plan(&["me", "other"], &[]), []);
    assert_eq!(plan(&["me", "other"], &[("eth1", "other")]), []);
    assert_eq!(plan(&["me", "other"], &[("eth0", "other")]), [delete("l2-a")], "on this wire nobody answers beside us");
    assert_eq!(plan(&["me"], &[]), [delete("l2-a")], "nobody else is left to remove it");
}

#[test]
fn a_status_that_is_missing_or_names_other_links_is_written() {
    let update = Action::Update { name: "l2-a".into(), service: service("web"), places: places(&["eth0", "eth1"]) };
    for on in [None, Some(&["eth0"][..])] {
        let existing = [("l2-a", told("me", "web", on))];
        assert_eq!(plan(&[("web", &["eth0", "eth1"])], &existing, &Written::default()), std::slice::from_ref(&update));
    }
}

#[test]
fn a_second_object_of_this_node_is_removed() {
    let existing = [("l2-a", told("me", "web", Some(&["eth0"]))), ("l2-b", told("me", "web", Some(&["eth0"])))];
    assert_eq!(plan(&[("web", &["eth0"])], &existing, &Written::default()), [delete("l2-b")]);
}

#[test]
fn an_object_that_was_sent_is_not_sent_again_until_it_had_time_to_appear() {
    let now = Instant::now();
    let mut written = Written::default();
    let sent = plan(&[("web", &["eth0"])], &[], &written);
    written.send(&sent[0]);
    assert_eq!(plan(&[("web", &["eth0"])], &[], &written), []);
    // Its status is a second request.
    let object = ("l2-new", told("me", "web", None));
    written.see(object.0, &object.1, false);
    assert_eq!(plan(&[("web", &["eth0"])], std::slice::from_ref(&object), &written), []);
    assert!(!written.is_settled());
    written.expire(now + LONG);
    assert!(!written.is_settled(), "with many others before it, it may not have been sent yet");
    written.answer(now + LONG);
    written.answer(now + 2 * LONG);
    written.expire(now + LONG);
    assert!(!written.is_settled());
    written.expire(now + 2 * LONG);
    assert!(written.is_settled());
    assert_eq!(plan(&[("web", &["eth0"])], &[], &written), sent);
}

#[test]
fn to_repeat_what_was_seen_costs_much_to_remove_a_strangers_word_little_and_news_nothing() {
    let now = Instant::now();
    let mut written = Written::default();
    let create = plan(&[("web", &["eth0"])], &[], &written).remove(0);
    assert_eq!(written.cost(&create), 0);
    written.send(&create);
    written.see("l2-new", &told("me", "web", Some(&["eth0"])), false);
    written.expire(now + LONG);
    assert_eq!(written.cost(&create), Budget::REPAIR, "somebody deleted it");
    let update = |on| Action::Update { name: "l2-new".into(), service: service("web"), places: places(on) };
    assert_eq!(written.cost(&update(&["eth0"])), Budget::REPAIR, "somebody changed it");
    assert_eq!(written.cost(&update(&["eth1"])), 0);
    assert_eq!((written.cost(&delete("l2-new")), written.cost(&delete("l2-a"))), (0, Budget::ORDINARY));
    // It vanished before it was seen.
    written.send(&create);
    written.see("l2-new", &told("me", "web", None), true);
    assert_eq!(plan(&[("web", &["eth0"])], &[], &written), std::slice::from_ref(&create));
    written.keep(&BTreeMap::new());
    assert_eq!(written.cost(&create), 0, "the Service was given up in between");
}

#[test]
fn a_status_about_another_node_or_service_than_its_labels_is_removed() {
    let read = |status: Value| {
        let labels = json!({ NODE: "me", SERVICE: "web", NAMESPACE: "shop" });
        serde_json::from_value::<Told>(json!({ "metadata": { "labels": labels }, "status": status })).unwrap()
    };
    let right =
        json!({ "node": "me", "serviceName": "web", "serviceNamespace": "shop", "interfaces": [{ "name": "eth0" }] });
    assert_eq!(read(right.clone()), told("me", "web", Some(&["eth0"])));
    for field in ["node", "serviceName", "serviceNamespace"] {
        let mut missing = right.clone();
        missing.as_object_mut().unwrap().remove(field);
        assert_eq!(read(missing), told("me", "web", None), "{field}");
        let mut wrong = right.clone();
        wrong[field] = "another".into();
        let actions = plan(&[("web", &["eth0"])], &[("l2-a", read(wrong))], &Written::default());
        assert_eq!(actions[0], delete("l2-a"), "{field}");
        assert!(matches!(&actions[1..], [Action::Create { .. }]), "{field}");
    }
}

#[test]
fn what_a_former_pod_wrote_is_written_anew_or_removed() {
    let me = Author { pod: Some("uid-2"), ..ME };
    let old = Told { owner: Some("uid-1".into()), ..told("me", "web", Some(&["eth0"])) };
    let existing = [("l2-a", old)];
    let create = Action::Create { name: "l2-new".to_owned(), service: service("web"), places: places(&["eth0"]) };
    let answered = announced(&[("web", &["eth0"])]);
    assert_eq!(plan_of(me, &answered, &existing, &Written::default()), [delete("l2-a"), create]);
    let willing = Situation { willing: [service("web")].into(), ..Situation::default() };
    let starting = Author { starting: true, ..me };
    assert_eq!(plan_of(starting, &willing, &existing, &Written::default()), [delete("l2-a")]);
}

#[test]
fn what_was_told_before_a_restart_is_left_alone_until_sessions_had_time_to_come_up() {
    let existing = [("l2-a", told("me", "web", Some(&["eth0"]))), ("l2-b", told("me", "gone", Some(&["eth0"])))];
    let willing = Situation { willing: [service("web")].into(), ..Situation::default() };
    let starting = Author { starting: true, ..ME };
    let gone = Action::Delete { name: "l2-b".into(), service: service("gone") };
    assert_eq!(plan_of(starting, &willing, &existing, &Written::default()), std::slice::from_ref(&gone));
    assert_eq!(plan_of(ME, &willing, &existing, &Written::default()), [delete("l2-a"), gone]);
}

#[test]
fn a_service_that_drains_is_announced_until_the_routes_are_gone_and_given_up_then() {
    let verdict = |mine| Verdict {
        l2: L2Verdict { mine: Err(NotAnnounced::UnknownService { service: service("web") }), refused: Vec::new() },
        bgp: BgpVerdict { mine, peers: Arc::new(["tor".into()].into()), refused: Vec::new() },
    };
    let desired = |mine| Desired { services: [(service("web"), verdict(mine).into())].into(), ..Desired::default() };
    let told = [("192.0.2.1".parse().unwrap(), BTreeSet::from(["tor".into()]))].into();
    let advertised: Advertised = [(service("web"), told)].into();
    let stays = Situation::with_routers(&desired(Mine::Eligible), &advertised);
    assert_eq!(stays.announced[&service("web")].places, places(&["tor"]));
    assert_eq!(stays.willing, [service("web")].into());
    let leaves = Situation::with_routers(&desired(Mine::Draining(DrainTrigger::Requested)), &advertised);
    assert_eq!((leaves.announced.len(), leaves.willing.len()), (1, 0));
}

/// Creates an object and returns its requests, with what is written in them.
fn created(kind: Kind, on: &[&str]) -> (Value, String, Value) {
    let create = Action::Create { name: "x".to_owned(), service: service("web"), places: places(on) };
    let owner = ("speaker-abc".to_owned(), "uid-1".to_owned());
    let writing = Writing { kind, namespace: "lb", node: "me", owner: Some(&owner) };
    let requests = requests(&create, writing).unwrap();
    let [created, status] = &requests[..] else { panic!("{requests:?}") };
    let object: Value = serde_json::from_slice(created.body()).unwrap();
    let written: Value = serde_json::from_slice(status.body()).unwrap();
    // What is written reads back as what was meant.
    let whole = json!({ "metadata": object["metadata"], "status": written["status"] });
    let read = Told { owner: Some("uid-1".into()), ..told("me", "web", Some(on)) };
    assert_eq!(serde_json::from_value::<Told>(whole).unwrap(), read);
    (object, status.uri().path().to_owned(), written["status"].clone())
}

#[test]
fn objects_are_created_as_metallb_creates_them() {
    let (object, path, status) = created(Kind::L2, &["eth0"]);
    assert_eq!(object["kind"], "ServiceL2Status");
    assert_eq!(object["metadata"]["generateName"], "l2-");
    assert_eq!(object["metadata"]["ownerReferences"][0]["name"], "speaker-abc");
    assert_eq!(path, "/apis/metallb.io/v1beta1/namespaces/lb/servicel2statuses/x/status");
    assert_eq!(status["interfaces"], json!([{ "name": "eth0" }]));

    let (object, path, status) = created(Kind::Bgp, &["tor-a", "tor-b"]);
    assert_eq!(object["kind"], "ServiceBGPStatus");
    assert_eq!(object["metadata"]["generateName"], "bgp-");
    assert_eq!(object["metadata"]["labels"]["metallb.io/node"], "me");
    assert_eq!(path, "/apis/metallb.io/v1beta1/namespaces/lb/servicebgpstatuses/x/status");
    assert_eq!(status["peers"], json!(["tor-a", "tor-b"]));
    assert_eq!(status["serviceName"], "web");
    assert_eq!(status["serviceNamespace"], "shop");
}

#[test]
fn names_look_like_those_the_server_makes() {
    let name = Kind::Bgp.random_name();
    assert!(name.starts_with("bgp-") && name.len() == 12, "{name}");
    assert_ne!(name, Kind::Bgp.random_name());
}
