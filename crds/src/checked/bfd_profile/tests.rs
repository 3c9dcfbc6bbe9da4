use serde_json::json;

use super::*;
use crate::checked::tests::{named, problems};
use crate::fault::Problem;

#[test]
fn an_empty_profile_has_the_defaults() {
    let (profile, faults) = BfdProfile::check(&named("fast", json!({})));
    assert_eq!(faults, []);
    let expected = BfdProfile {
        name: "fast".into(),
        receive_interval: Duration::from_millis(300),
        transmit_interval: Duration::from_millis(300),
        detect_multiplier: 3,
        echo_interval: None,
        passive: false,
        minimum_ttl: 254,
    };
    assert_eq!(profile, Some(expected));
}

#[test]
fn echo_packets_have_an_interval_only_in_echo_mode() {
    let echo = |spec| BfdProfile::check(&named("fast", spec)).0.unwrap().echo_interval;
    assert_eq!(echo(json!({ "echoMode": true })), Some(Duration::from_millis(50)));
    assert_eq!(echo(json!({ "echoMode": true, "echoInterval": 70 })), Some(Duration::from_millis(70)));
    assert_eq!(echo(json!({ "echoInterval": 70 })), None);
}

#[test]
fn every_number_out_of_range_is_named() {
    let spec = json!({
        "receiveInterval": 9, "transmitInterval": 60_001, "echoInterval": 0, "detectMultiplier": 1, "minimumTtl": 255
    });
    let out = |value, minimum, maximum| Problem::OutOfRange { value, minimum, maximum };
    let expected = [
        ("spec.receiveInterval", out(9, 10, 60_000)),
        ("spec.transmitInterval", out(60_001, 10, 60_000)),
        ("spec.echoInterval", out(0, 10, 60_000)),
        ("spec.detectMultiplier", out(1, 2, 255)),
        ("spec.minimumTtl", out(255, 1, 254)),
    ];
    let (profile, faults) = BfdProfile::check(&named("fast", spec));
    assert_eq!(profile, None);
    assert_eq!(problems(&faults), expected);
}
