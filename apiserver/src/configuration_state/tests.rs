use super::*;
use crate::watch::Object;
use crate::{ObjectName, WatchError};

fn reporter() -> Reporter {
    let program = Program::Speaker { node: "a".to_owned() };
    Reporter::new("lb", program, Some(("speaker-x".to_owned(), "uid-1".to_owned())))
}

fn valid() -> Report {
    Verdict::of(&[], &[]).into()
}

fn unknown(why: &str) -> Report {
    Verdict::unknown(why).into()
}

/// Returns the object as it is once a reporter has written it.
fn written(reporter: &Reporter, report: &Report) -> Value {
    let mut object = reporter.object();
    object["status"] = reporter.status(report, Timestamp::UNIX_EPOCH)["status"].clone();
    object
}

fn show(reporter: &mut Reporter, version: u64, mut object: Value) {
    object["metadata"]["resourceVersion"] = version.to_string().into();
    reporter.take(Event::Applied(Object::read(&object.to_string()).unwrap()));
}

/// Returns a reporter that has written a verdict at version 5 and has not seen it.
fn sent(now: Instant) -> Reporter {
    let mut reporter = reporter();
    reporter.take(Event::Listed);
    reporter.sent = Some(Sent { report: valid(), version: Version(5), at: now, seen: false });
    reporter
}

#[test]
fn a_configuration_without_errors_is_valid_and_one_with_an_unreadable_object_is_not() {
    let valid = valid().verdict;
    assert_eq!((valid.result(), valid.summary.as_str()), (ConfigurationResult::Valid, ""));
    let invalid = Verdict::of(&[], &["a: no".to_owned(), "b: no".to_owned()]);
    assert_eq!((invalid.result(), invalid.summary.as_str()), (ConfigurationResult::Invalid, "a: no\nb: no"));
}

#[test]
fn the_state_of_a_speaker_names_its_node_and_goes_with_its_pod() {
    let reporter = reporter();
    let object = reporter.object();
    assert_eq!(object["metadata"]["name"], "speaker-a");
    assert_eq!(object["metadata"]["labels"]["metallb.io/node-name"], "a");
    assert_eq!(object["metadata"]["ownerReferences"][0]["uid"], "uid-1");
    let status = reporter.status(&unknown("no pools"), Timestamp::UNIX_EPOCH);
    assert_eq!(status["status"]["conditions"][0]["lastTransitionTime"], "1970-01-01T00:00:00Z");
    assert_eq!(status["status"]["result"], "Unknown");
}

#[test]
fn the_keys_of_a_speaker_are_named_and_another_key_is_written_at_once() {
    let now = Instant::now();
    let mut reporter = sent(now);
    let object = written(&reporter, &valid());
    assert!(object["status"]["heartbeatKeys"].is_null());
    show(&mut reporter, 5, object);
    assert_eq!(reporter.wait(&valid(), now), Some(Reported::Shown));
    reporter.name_heartbeat_keys(vec!["62be7c02".to_owned(), "00000001".to_owned()]);
    assert_eq!(reporter.wait(&valid(), now), None, "it is written");
    let object = written(&reporter, &valid());
    assert_eq!(object["status"]["heartbeatKeys"], json!(["62be7c02", "00000001"]));
    show(&mut reporter, 6, object);
    assert_eq!(reporter.wait(&valid(), now), Some(Reported::Shown));
}

#[test]
fn what_the_object_says_already_is_not_written_be_it_by_a_former_process() {
    let (mut reporter, now) = (reporter(), Instant::now());
    assert_eq!(reporter.wait(&valid(), now), Some(Reported::Later(ECHO)), "it is not known what the object says");
    let object = written(&reporter, &valid());
    show(&mut reporter, 3, object);
    reporter.take(Event::Listed);
    assert_eq!(reporter.wait(&valid(), now), Some(Reported::Shown));
    assert_eq!(reporter.wait(&unknown("why"), now), None);
}

#[test]
fn where_the_object_may_not_be_seen_each_verdict_is_written_once() {
    let (mut reporter, now) = (reporter(), Instant::now());
    reporter.take(Event::Lost(WatchError::Connection("cut".to_owned())));
    assert_eq!(reporter.wait(&valid(), now), None);
    reporter.sent = Some(Sent { report: valid(), version: Version(5), at: now, seen: false });
    assert_eq!(reporter.wait(&valid(), now), Some(Reported::Later(ECHO)));
}

#[test]
fn a_write_is_waited_for_before_it_is_repeated() {
    let now = Instant::now();
    let mut reporter = sent(now);
    assert_eq!(reporter.wait(&valid(), now), Some(Reported::Later(ECHO)));
    // The object is there and its status is still to come.
    let mut object = written(&reporter, &valid());
    object.as_object_mut().expect("a map").remove("status");
    show(&mut reporter, 4, object);
    assert_eq!(reporter.wait(&valid(), now), Some(Reported::Later(ECHO)));
    assert_eq!(reporter.wait(&valid(), now + ECHO), None);
}

#[test]
fn an_object_that_is_deleted_or_edited_is_put_right_at_once_and_a_fight_is_not() {
    let now = Instant::now();
    let mut reporter = sent(now);
    let object = written(&reporter, &valid());
    show(&mut reporter, 5, object.clone());
    assert_eq!(reporter.wait(&valid(), now), Some(Reported::Shown));
    reporter.take(Event::Deleted(ObjectName::new("lb", "speaker-a"), Version(6)));
    assert_eq!(reporter.wait(&valid(), now), None);
    for (field, value) in [("/status/result", "Invalid"), ("/metadata/labels/metallb.io~1node-name", "b")] {
        let mut edited = object.clone();
        *edited.pointer_mut(field).expect("the field is written") = value.into();
        show(&mut reporter, 7, edited);
        assert_eq!(reporter.wait(&valid(), now), None, "{field}");
    }
    assert_eq!(reporter.wait(&valid(), now), None);
    let rest = Duration::from_secs(1);
    assert_eq!(reporter.wait(&valid(), now), Some(Reported::Later(rest)), "four times is a fight");
    assert_eq!(reporter.wait(&unknown("why"), now), None, "what is new is said nevertheless");
}

#[test]
fn an_object_without_its_condition_or_its_owner_does_not_say_it() {
    let now = Instant::now();
    for field in ["/status/conditions", "/metadata/ownerReferences"] {
        let mut reporter = sent(now);
        let mut object = written(&reporter, &valid());
        *object.pointer_mut(field).expect("the field is written") = json!([]);
        show(&mut reporter, 5, object);
        assert_eq!(reporter.wait(&valid(), now), None, "{field}");
    }
}

#[test]
fn a_condition_that_keeps_its_status_keeps_its_time() {
    let mut reporter = reporter();
    let later: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a time");
    let wrong = |text: &str| Report::from(Verdict::of(&[], &[text.to_owned()]));
    let object = written(&reporter, &wrong("a: no"));
    show(&mut reporter, 5, object);
    let since = |report: &Report| {
        let status = reporter.status(report, later);
        status["status"]["conditions"][0]["lastTransitionTime"].as_str().map(str::to_owned)
    };
    assert_eq!(since(&wrong("b: no")).as_deref(), Some("1970-01-01T00:00:00Z"));
    assert_eq!(since(&valid()).as_deref(), Some("2026-01-01T00:00:00Z"));
}

#[test]
fn a_speaker_that_does_not_know_yet_whom_it_hears_leaves_that_condition_as_it_is() {
    let mut reporter = reporter();
    let heard = |reporter: &Reporter, unheard: Option<&str>| {
        let report = Report { unheard: unheard.map(str::to_owned), ..valid() };
        reporter.status(&report, Timestamp::UNIX_EPOCH)["status"]["conditions"][1].clone()
    };
    assert_eq!(heard(&reporter, None), Value::Null);
    let blind = heard(&reporter, Some("eth0: n2 is not heard"));
    assert_eq!(
        (&blind["type"], &blind["status"], &blind["reason"]),
        (&json!("speakersHeard"), &json!("False"), &json!("NotHeard"))
    );
    assert_eq!(blind["message"], "eth0: n2 is not heard");
    let object = written(&reporter, &Report { unheard: Some("eth0: n2 is not heard".to_owned()), ..valid() });
    show(&mut reporter, 5, object);
    reporter.take(Event::Listed);
    assert_eq!(heard(&reporter, None), blind);
    assert_eq!(reporter.wait(&valid(), Instant::now()), Some(Reported::Shown));
    assert_eq!(heard(&reporter, Some(""))["status"], "True");
    assert_eq!(reporter.wait(&Report { unheard: Some(String::new()), ..valid() }, Instant::now()), None);
}

#[test]
fn links_are_written_when_they_change_and_not_otherwise() {
    let mut reporter = reporter();
    let link = |mac: &str| SpeakerLink {
        name: "eth0".to_owned(),
        mac: mac.to_owned(),
        subnets: vec!["192.0.2.0/24".to_owned()],
    };
    let serving = |mac: &str| Report { links: vec![link(mac)], ..valid() };
    let object = written(&reporter, &serving("02:00:00:00:00:01"));
    show(&mut reporter, 5, object);
    reporter.take(Event::Listed);
    let now = Instant::now();
    assert_eq!(reporter.wait(&serving("02:00:00:00:00:01"), now), Some(Reported::Shown));
    assert_eq!(reporter.wait(&serving("02:00:00:00:00:02"), now), None);
    assert_eq!(reporter.wait(&valid(), now), None, "a link that is no longer served is taken off");
    assert!(reporter.status(&valid(), Timestamp::UNIX_EPOCH)["status"]["links"].is_null());
}
