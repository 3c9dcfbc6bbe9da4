use super::*;

fn service(name: &str) -> ServiceId {
    ServiceId::new("shop", name)
}

fn links(names: &[&str]) -> Links {
    names.iter().map(|name| (*name).into()).collect()
}

fn told(node: &str, name: &str, on: Option<&[&str]>) -> Told {
    Told { node: node.into(), service: service(name), links: on.map(links) }
}

fn plan(answered: &[(&str, &[&str])], existing: &[(&str, Told)], unseen: &Unseen) -> Vec<Action> {
    let answer = |on| Answered { links: links(on), others: [Arc::from("ally")].into() };
    let answered = answered.iter().map(|(name, on)| (service(name), answer(on))).collect();
    let existing: Vec<(ObjectName, Told)> =
        existing.iter().map(|(name, told)| (ObjectName::new("lb", name), told.clone())).collect();
    let existing = existing.iter().map(|(name, told)| (name, told));
    reconcile("me", &answered, existing, unseen, || "l2-new".to_owned())
}

fn delete(name: &str) -> Action {
    Action::Delete { name: name.into() }
}

#[test]
fn an_answered_service_gets_an_object_and_one_that_has_it_is_left_alone() {
    let create = Action::Create { name: "l2-new".to_owned(), service: service("web"), links: links(&["eth0"]) };
    assert_eq!(plan(&[("web", &["eth0"])], &[], &Unseen::default()), [create]);
    assert_eq!(plan(&[("web", &["eth0"])], &[("l2-a", told("me", "web", Some(&["eth0"])))], &Unseen::default()), []);
}

#[test]
fn the_winner_removes_what_others_wrote_and_the_loser_only_its_own() {
    let theirs = ("l2-a", told("other", "web", Some(&["eth0"])));
    let mine = ("l2-b", told("me", "web", Some(&["eth0"])));
    assert_eq!(plan(&[("web", &["eth0"])], &[theirs.clone(), mine.clone()], &Unseen::default()), [delete("l2-a")]);
    assert_eq!(plan(&[], &[theirs, mine], &Unseen::default()), [delete("l2-b")]);
}

#[test]
fn two_nodes_that_answer_for_the_families_of_a_service_do_not_remove_each_others_word() {
    let existing = [("l2-a", told("ally", "web", Some(&["eth0"]))), ("l2-b", told("me", "web", Some(&["eth0"])))];
    assert_eq!(plan(&[("web", &["eth0"])], &existing, &Unseen::default()), []);
}

#[test]
fn a_status_that_is_missing_or_names_other_links_is_written() {
    let update = Action::Update { name: "l2-a".into(), service: service("web"), links: links(&["eth0", "eth1"]) };
    for on in [None, Some(&["eth0"][..])] {
        let existing = [("l2-a", told("me", "web", on))];
        assert_eq!(plan(&[("web", &["eth0", "eth1"])], &existing, &Unseen::default()), std::slice::from_ref(&update));
    }
}

#[test]
fn a_second_object_of_this_node_is_removed() {
    let existing = [("l2-a", told("me", "web", Some(&["eth0"]))), ("l2-b", told("me", "web", Some(&["eth0"])))];
    assert_eq!(plan(&[("web", &["eth0"])], &existing, &Unseen::default()), [delete("l2-b")]);
}

#[test]
fn an_object_that_was_sent_is_not_sent_again_until_it_had_time_to_appear() {
    let now = Instant::now();
    let mut unseen = Unseen::default();
    let sent = plan(&[("web", &["eth0"])], &[], &unseen);
    unseen.send(now, &sent);
    assert_eq!(plan(&[("web", &["eth0"])], &[], &unseen), []);
    assert_eq!(unseen.deadline(), Some(now + PATIENCE));
    unseen.settle(now + PATIENCE, |_| false);
    assert_eq!(plan(&[("web", &["eth0"])], &[], &unseen), sent);
    unseen.send(now, &sent);
    unseen.settle(now, |name| name == "l2-new");
    assert_eq!(unseen.deadline(), None);
}

#[test]
fn objects_are_created_as_metallb_creates_them() {
    let create = Action::Create { name: "l2-x".to_owned(), service: service("web"), links: links(&["eth0"]) };
    let owner = ("speaker-abc".to_owned(), "uid-1".to_owned());
    let requests = requests(&create, "lb", "me", Some(&owner)).unwrap();
    let [created, status] = &requests[..] else { panic!("{requests:?}") };
    let object: Value = serde_json::from_slice(created.body()).unwrap();
    assert_eq!(object["metadata"]["generateName"], "l2-");
    assert_eq!(object["metadata"]["ownerReferences"][0]["name"], "speaker-abc");
    assert_eq!(status.uri().path(), "/apis/metallb.io/v1beta1/namespaces/lb/servicel2statuses/l2-x/status");
    // What is written reads back as what was meant.
    let written: Value = serde_json::from_slice(status.body()).unwrap();
    let whole = json!({ "metadata": object["metadata"], "status": written["status"] });
    assert_eq!(serde_json::from_value::<Told>(whole).unwrap(), told("me", "web", Some(&["eth0"])));
}

#[test]
fn names_look_like_those_the_server_makes() {
    let name = random_name();
    assert!(name.starts_with("l2-") && name.len() == 11, "{name}");
    assert_ne!(name, random_name());
}
