use super::*;

const FRESH: [u8; 16] = [7; 16];
const VERSION: Version = Version(9);
const PAUSE: Duration = Duration::from_secs(60);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).expect("a time that exists")
}

/// Returns the step for a Secret with these annotations and entries.
fn step(annotations: &Value, entries: &[(&str, &str)], now: Timestamp) -> Step {
    let data: serde_json::Map<String, Value> =
        entries.iter().map(|(key, value)| ((*key).to_owned(), json!(ByteString(value.as_bytes().to_vec())))).collect();
    let object = json!({ "metadata": { "name": "memberlist", "annotations": annotations }, "data": data });
    let secret: Secret = serde_json::from_value(object).expect("tests write objects correctly");
    next_step(Some((&secret, VERSION)), FRESH, PAUSE, now)
}

#[test]
fn a_secret_that_is_missing_is_made_and_one_without_a_key_gets_one() {
    assert_eq!(next_step(None, FRESH, PAUSE, at(0)), Step::Create(json!({ PRIMARY: text(FRESH) })));
    let Step::Change(body) = step(&json!({}), &[("other", "x")], at(0)) else { panic!("it has no key") };
    assert_eq!(body["stringData"], json!({ PRIMARY: text(FRESH) }));
    assert_eq!(body["metadata"]["resourceVersion"], "9");
}

#[test]
fn a_key_that_nobody_wants_changed_stays() {
    assert_eq!(step(&json!({}), &[(PRIMARY, "old")], at(0)), Step::Nothing);
    // Somebody's own second key, such as one of another tool, is none of our business.
    assert_eq!(step(&json!({}), &[(PRIMARY, "old"), (ACCEPTED, "new")], at(0)), Step::Nothing);
}

#[test]
fn a_key_is_changed_in_three_steps_a_minute_apart() {
    let Step::Change(offer) = step(&json!({ ROTATE: "now" }), &[(PRIMARY, "old")], at(0)) else {
        panic!("it is asked for")
    };
    assert_eq!(offer["metadata"]["annotations"], json!({ ROTATE: null, ROTATION: "offered 1970-01-01T00:00:00Z" }));
    assert_eq!(offer["stringData"], json!({ ACCEPTED: text(FRESH) }));

    let offered = json!({ ROTATION: "offered 1970-01-01T00:00:00Z" });
    let both = [(PRIMARY, "old"), (ACCEPTED, "new")];
    assert_eq!(step(&offered, &both, at(59)), Step::Wait(at(60)));
    let Step::Change(change) = step(&offered, &both, at(60)) else { panic!("it is time") };
    assert_eq!(change["metadata"]["annotations"], json!({ ROTATION: "changed 1970-01-01T00:01:00Z" }));
    assert_eq!(change["stringData"], json!({ PRIMARY: "new", ACCEPTED: "old" }));

    let changed = json!({ ROTATION: "changed 1970-01-01T00:01:00Z" });
    let swapped = [(PRIMARY, "new"), (ACCEPTED, "old")];
    assert_eq!(step(&changed, &swapped, at(119)), Step::Wait(at(120)));
    let Step::Change(end) = step(&changed, &swapped, at(120)) else { panic!("it is time") };
    assert_eq!(end["metadata"], json!({ "resourceVersion": "9", "annotations": { ROTATION: null } }));
    assert_eq!(end["data"], json!({ ACCEPTED: null }));
    assert_eq!(step(&json!({}), &[(PRIMARY, "new")], at(120)), Step::Nothing);
}

#[test]
fn a_change_whose_new_key_somebody_removed_ends_with_the_old_one() {
    let offered = json!({ ROTATION: "offered 1970-01-01T00:00:00Z" });
    let Step::Change(end) = step(&offered, &[(PRIMARY, "old")], at(60)) else { panic!("it is time") };
    assert_eq!(end["data"], json!({ ACCEPTED: null }));
    assert_eq!(end.get("stringData"), None, "the key that everybody has stays");
}

#[test]
fn a_phase_that_cannot_be_read_does_not_stop_a_new_change() {
    let garbled = json!({ ROTATE: "now", ROTATION: "yesterday" });
    assert!(matches!(step(&garbled, &[(PRIMARY, "old")], at(0)), Step::Change(_)));
    assert_eq!(step(&json!({ ROTATION: "offered never" }), &[(PRIMARY, "old")], at(0)), Step::Nothing);
}

#[test]
fn only_steps_that_change_something_are_requests() {
    assert!(request(&Step::Nothing, "lb", "memberlist").is_none());
    assert!(request(&Step::Wait(at(0)), "lb", "memberlist").is_none());
    let create = request(&Step::Create(json!({})), "lb", "memberlist").expect("it is one");
    assert_eq!((create.method().as_str(), create.uri().path()), ("POST", "/api/v1/namespaces/lb/secrets"));
    let change = request(&Step::Change(json!({})), "lb", "memberlist").expect("it is one");
    assert_eq!((change.method().as_str(), change.uri().path()), ("PATCH", "/api/v1/namespaces/lb/secrets/memberlist"));
}
