use serde_json::json;

use super::*;

fn secret(namespace: &str, data: serde_json::Value) -> Secret {
    serde_json::from_value(json!({"metadata": {"name": SECRET, "namespace": namespace}, "stringData": data})).unwrap()
}

#[test]
fn a_key_stays_in_use_when_its_secret_is_lost_or_spoilt() {
    let good = secret("ns", json!({"secretkey": "0123456789abcdef"}));
    let mut keys = KeysInUse::default();
    let (none, fault) = keys.read(&[], "ns", &ClusterId::default());
    assert!(none.is_none() && fault.unwrap().starts_with("Secret ns/memberlist is missing"));
    let (ring, fault) = keys.read(&[&good], "ns", &ClusterId::default());
    assert!(ring.is_some() && fault.is_none());
    let (kept, fault) = keys.read(&[&secret("ns", json!({"secretkey": "short"}))], "ns", &ClusterId::default());
    assert_eq!(kept, ring);
    assert!(fault.unwrap().contains("stays what it was"));
}

#[test]
fn the_secret_of_metallb_gives_the_key() {
    let ring = key_ring(
        &[&secret("metallb-system", json!({"secretkey": "0123456789abcdef"}))],
        "metallb-system",
        &ClusterId::default(),
    )
    .unwrap();
    assert_eq!(ring, KeyRing::new(b"0123456789abcdef", &ClusterId::default()).unwrap());
}

#[test]
fn a_second_key_is_accepted_while_the_first_is_sent_with() {
    let data = json!({"secretkey": "0123456789abcdef", "secretkey-accepted": "fedcba9876543210"});
    let ring = key_ring(&[&secret("ns", data)], "ns", &ClusterId::default()).unwrap();
    assert_eq!(ring.primary(), KeyRing::new(b"0123456789abcdef", &ClusterId::default()).unwrap().primary());
    assert_eq!(
        ring,
        KeyRing::new(b"0123456789abcdef", &ClusterId::default()).unwrap().accepting(b"fedcba9876543210").unwrap()
    );
}

#[test]
fn a_secret_of_another_namespace_is_no_key() {
    let error = key_ring(
        &[&secret("default", json!({"secretkey": "0123456789abcdef"}))],
        "metallb-system",
        &ClusterId::default(),
    )
    .unwrap_err();
    assert!(error.to_string().starts_with("Secret metallb-system/memberlist is missing"), "{error}");
}

#[test]
fn an_empty_or_short_key_is_refused_by_name() {
    let error = key_ring(&[&secret("ns", json!({"secretkey": ""}))], "ns", &ClusterId::default()).unwrap_err();
    assert!(error.to_string().starts_with("Secret memberlist: entry secretkey: secret has 0 bytes"), "{error}");
    let error =
        key_ring(&[&secret("ns", json!({"other": "0123456789abcdef"}))], "ns", &ClusterId::default()).unwrap_err();
    assert!(matches!(error, KeysError::NoPrimary));
}
