use super::*;

const FRESH: [u8; 16] = [7; 16];
const VERSION: Version = Version(9);
const PAUSE: Duration = Duration::from_secs(60);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).expect("a time that exists")
}

fn secret(annotations: &Value, entries: &[(&str, &[u8])]) -> Secret {
    let data: serde_json::Map<String, Value> =
        entries.iter().map(|(key, value)| ((*key).to_owned(), bytes(value))).collect();
    let object = json!({ "metadata": { "name": "memberlist", "annotations": annotations }, "data": data });
    serde_json::from_value(object).expect("tests write objects correctly")
}

/// Speakers on n1, n2 and so on that have these keys, the first of them to send with.
fn speakers(keys: &[&[&[u8]]]) -> Speakers {
    let ids = |keys: &[&[u8]]| keys.iter().map(|key| key_id(key)).collect();
    keys.iter().enumerate().map(|(index, keys)| (format!("n{}", index + 1), ids(keys))).collect()
}

fn step_of(secret: Option<&Secret>, remembered: Option<&Ring>, speakers: &Speakers, now: Timestamp) -> Step {
    let secret = secret.map(|secret| (secret, VERSION));
    Circumstances { secret, remembered, speakers, fresh: FRESH, pause: PAUSE, now }.next_step()
}

/// Returns the step for a Secret with these annotations and entries where no speaker shows anything.
fn step(annotations: &Value, entries: &[(&str, &[u8])], now: Timestamp) -> Step {
    step_of(Some(&secret(annotations, entries)), None, &Speakers::new(), now)
}

fn fresh() -> Value {
    bytes(text(FRESH).as_bytes())
}

#[test]
fn keys_have_the_ids_that_speakers_show() {
    assert_eq!(key_id(b"0123456789abcdef"), "62be7c02");
}

#[test]
fn a_secret_that_never_was_is_made_and_one_without_a_key_gets_one() {
    let nobody = Speakers::new();
    assert_eq!(step_of(None, None, &nobody, at(0)), Step::Create(json!({ "data": { PRIMARY: fresh() } })));
    // Speakers that wait for their first key show none.
    assert!(matches!(step_of(None, None, &speakers(&[&[], &[]]), at(0)), Step::Create(_)));
    let Step::Change(body) = step(&json!({}), &[("other", b"x")], at(0)) else { panic!("it has no key") };
    assert_eq!(body["data"], json!({ PRIMARY: fresh() }));
    assert_eq!(body["metadata"]["resourceVersion"], "9");
}

#[test]
fn a_secret_that_is_lost_is_made_again_with_the_keys_it_had() {
    let rotation = "offered 1970-01-01T00:00:00Z";
    // A key is any bytes.
    let before = secret(&json!({ ROTATION: rotation }), &[(PRIMARY, b"old \xff"), (ACCEPTED, b"new")]);
    let ring = Ring::of(&before).expect("it has a key");
    let both = json!({ PRIMARY: bytes(b"old \xff"), ACCEPTED: bytes(b"new") });
    let speakers = speakers(&[&[b"old \xff", b"new"]]);
    let Step::Create(fields) = step_of(None, Some(&ring), &speakers, at(0)) else { panic!("it is known") };
    assert_eq!((&fields["data"], &fields["metadata"]["annotations"]), (&both, &json!({ ROTATION: rotation })));
    let emptied = secret(&json!({}), &[(ACCEPTED, b"new")]);
    let Step::Change(fields) = step_of(Some(&emptied), Some(&ring), &speakers, at(0)) else { panic!("it is known") };
    assert_eq!(fields["data"], both);

    let quiet = Ring::of(&secret(&json!({}), &[(PRIMARY, b"old")])).expect("it has a key");
    let create = step_of(None, Some(&quiet), &speakers, at(0));
    let request = request(&create, "lb", "memberlist").expect("it is one");
    let body: Value = serde_json::from_slice(request.body()).expect("JSON");
    let metadata = json!({ "name": "memberlist", "namespace": "lb", "annotations": {} });
    assert_eq!(
        body,
        json!({ "apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": { PRIMARY: bytes(b"old") } })
    );
}

#[test]
fn a_key_that_only_speakers_know_is_not_replaced() {
    let speakers = speakers(&[&[b"old"], &[], &[b"old"]]);
    let lost = Step::Hold(Hold::Lost(vec!["n1".to_owned(), "n3".to_owned()]));
    assert_eq!(step_of(None, None, &speakers, at(0)), lost);
    assert_eq!(step_of(Some(&secret(&json!({}), &[])), None, &speakers, at(0)), lost);
    assert!(Hold::Lost(vec!["n1".to_owned()]).to_string().contains("the speakers on n1 go on"));
}

#[test]
fn a_key_that_nobody_wants_changed_stays() {
    assert_eq!(step(&json!({}), &[(PRIMARY, b"old")], at(0)), Step::Nothing);
    // Somebody's own second key, such as one of another tool, is none of our business.
    assert_eq!(step(&json!({}), &[(PRIMARY, b"old"), (ACCEPTED, b"new")], at(0)), Step::Nothing);
}

#[test]
fn a_key_is_changed_in_three_steps_a_minute_apart() {
    let Step::Change(offer) = step(&json!({ ROTATE: "now" }), &[(PRIMARY, b"old")], at(0)) else {
        panic!("it is asked for")
    };
    assert_eq!(offer["metadata"]["annotations"], json!({ ROTATE: null, ROTATION: "offered 1970-01-01T00:00:00Z" }));
    assert_eq!(offer["data"], json!({ ACCEPTED: fresh() }));

    let offered = json!({ ROTATION: "offered 1970-01-01T00:00:00Z" });
    let both: [(&str, &[u8]); 2] = [(PRIMARY, b"old"), (ACCEPTED, b"new")];
    assert_eq!(step(&offered, &both, at(59)), Step::Wait(at(60)));
    let Step::Change(change) = step(&offered, &both, at(60)) else { panic!("it is time") };
    assert_eq!(change["metadata"]["annotations"], json!({ ROTATION: "changed 1970-01-01T00:01:00Z" }));
    assert_eq!(change["data"], json!({ PRIMARY: bytes(b"new"), ACCEPTED: bytes(b"old") }));

    let changed = json!({ ROTATION: "changed 1970-01-01T00:01:00Z" });
    let swapped: [(&str, &[u8]); 2] = [(PRIMARY, b"new"), (ACCEPTED, b"old")];
    assert_eq!(step(&changed, &swapped, at(119)), Step::Wait(at(120)));
    let Step::Change(end) = step(&changed, &swapped, at(120)) else { panic!("it is time") };
    assert_eq!(end["metadata"], json!({ "resourceVersion": "9", "annotations": { ROTATION: null } }));
    assert_eq!(end["data"], json!({ ACCEPTED: null }));
    assert_eq!(step(&json!({}), &[(PRIMARY, b"new")], at(120)), Step::Nothing);
}

#[test]
fn no_step_is_taken_before_every_speaker_has_shown_the_one_before() {
    let behind = |nodes: &[&str]| Step::Hold(Hold::Behind(nodes.iter().map(|&node| node.into()).collect()));
    let offered =
        secret(&json!({ ROTATION: "offered 1970-01-01T00:00:00Z" }), &[(PRIMARY, b"old"), (ACCEPTED, b"new")]);
    let year = at(31_536_000);
    let of = |secret: &Secret, keys: &[&[&[u8]]]| step_of(Some(secret), None, &speakers(keys), year);
    assert_eq!(of(&offered, &[&[b"old", b"new"], &[b"old"], &[]]), behind(&["n2", "n3"]));
    assert!(matches!(of(&offered, &[&[b"old", b"new"], &[b"old", b"new"]]), Step::Change(_)));

    let changed =
        secret(&json!({ ROTATION: "changed 1970-01-01T00:00:00Z" }), &[(PRIMARY, b"new"), (ACCEPTED, b"old")]);
    assert_eq!(of(&changed, &[&[b"new", b"old"], &[b"old", b"new"]]), behind(&["n2"]));
    assert!(matches!(of(&changed, &[&[b"new", b"old"], &[b"new", b"old"]]), Step::Change(_)));
}

#[test]
fn a_change_whose_new_key_somebody_removed_ends_with_the_old_one() {
    let offered = json!({ ROTATION: "offered 1970-01-01T00:00:00Z" });
    let Step::Change(end) = step(&offered, &[(PRIMARY, b"old")], at(60)) else { panic!("it is time") };
    assert_eq!(end["data"], json!({ ACCEPTED: null }), "the key that everybody has stays");
}

#[test]
fn a_phase_that_cannot_be_read_does_not_stop_a_new_change() {
    let garbled = json!({ ROTATE: "now", ROTATION: "yesterday" });
    assert!(matches!(step(&garbled, &[(PRIMARY, b"old")], at(0)), Step::Change(_)));
    assert_eq!(step(&json!({ ROTATION: "offered never" }), &[(PRIMARY, b"old")], at(0)), Step::Nothing);
}

#[test]
fn only_steps_that_change_something_are_requests() {
    let hold = Step::Hold(Hold::Lost(vec![]));
    for step in [Step::Nothing, Step::Wait(at(0)), hold] {
        assert!(request(&step, "lb", "memberlist").is_none());
    }
    let create = request(&Step::Create(json!({})), "lb", "memberlist").expect("it is one");
    assert_eq!((create.method().as_str(), create.uri().path()), ("POST", "/api/v1/namespaces/lb/secrets"));
    let change = request(&Step::Change(json!({})), "lb", "memberlist").expect("it is one");
    assert_eq!((change.method().as_str(), change.uri().path()), ("PATCH", "/api/v1/namespaces/lb/secrets/memberlist"));
}
