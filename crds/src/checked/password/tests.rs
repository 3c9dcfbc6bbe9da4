use serde_json::{Value, json};

use super::*;

fn secret(value: Value) -> Secret {
    serde_json::from_value(value).unwrap()
}

#[test]
fn the_password_is_under_its_key_in_a_basic_auth_secret() {
    let kind = "kubernetes.io/basic-auth";
    let name = "tor".to_owned();
    let table = [
        (json!({ "type": kind, "data": { "password": "czNjcmV0" } }), Ok(Password::new("s3cret").unwrap())),
        (json!({ "type": kind, "stringData": { "password": "s3cret" } }), Ok(Password::new("s3cret").unwrap())),
        (json!({ "type": kind, "data": { "username": "czNjcmV0" } }), Err(Problem::SecretKey { name: name.clone() })),
        (json!({ "type": kind, "data": { "password": "" } }), Err(Problem::PasswordLength { length: 0 })),
        (
            json!({ "type": "Opaque", "data": { "password": "czNjcmV0" } }),
            Err(Problem::SecretType { name: name.clone(), found: "Opaque".into() }),
        ),
    ];
    for (mut value, expected) in table {
        value["metadata"] = json!({ "name": "tor" });
        assert_eq!(password_of(&secret(value.clone())), expected, "{value}");
    }
}

#[test]
fn a_password_has_1_to_80_bytes() {
    assert!(Password::new("x".repeat(80)).is_ok());
    assert_eq!(Password::new("x".repeat(81)), Err(Problem::PasswordLength { length: 81 }));
    assert_eq!(Password::new(""), Err(Problem::PasswordLength { length: 0 }));
}

#[test]
fn a_password_is_never_printed() {
    let source = PasswordSource::Inline(Password::new("s3cret").unwrap());
    assert_eq!(format!("{source:?}"), "Inline(Password(..))");
}
