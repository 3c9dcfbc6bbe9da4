use serde_json::json;

use super::*;
use crate::checked::tests::{named, problems};

#[test]
fn communities_are_two_numbers_or_large_and_three() {
    assert_eq!(CommunityValue::parse("64500:100"), Ok(CommunityValue::Standard(64_500, 100)));
    assert_eq!(CommunityValue::parse("65535:65535"), Ok(CommunityValue::Standard(65_535, 65_535)));
    assert_eq!(CommunityValue::parse("large:4294967295:0:7"), Ok(CommunityValue::Large(4_294_967_295, 0, 7)));
}

#[test]
fn each_malformed_community_has_its_own_reason() {
    let format = |text: &str| Problem::CommunityFormat { text: text.into() };
    let section = |text: &str, section: &str, maximum: u32| Problem::CommunitySection {
        text: text.into(),
        section: section.into(),
        maximum,
    };
    let table = [
        ("", format("")),
        ("64500", format("64500")),
        ("1:2:3", format("1:2:3")),
        ("large:1:2:3:4", format("large:1:2:3:4")),
        ("65536:1", section("65536:1", "65536", 65_535)),
        ("1:", section("1:", "", 65_535)),
        ("1:+1", section("1:+1", "+1", 65_535)),
        ("1:-1", section("1:-1", "-1", 65_535)),
        ("large:1:4294967296:3", section("large:1:4294967296:3", "4294967296", u32::MAX)),
        ("big:1:2:3", Problem::CommunityMarker { text: "big:1:2:3".into(), marker: "big".into() }),
    ];
    for (text, problem) in table {
        assert_eq!(CommunityValue::parse(text), Err(problem), "{text:?}");
    }
}

#[test]
fn a_community_prints_as_it_is_written() {
    for text in ["64500:100", "large:64500:1:2"] {
        assert_eq!(CommunityValue::parse(text).unwrap().to_string(), text);
    }
}

#[test]
fn every_alias_needs_a_name_of_its_own_and_a_value() {
    let object = named(
        "c",
        json!({ "communities": [
            { "name": "a", "value": "1:1" }, { "name": "a", "value": "1:2" }, { "value": "1:3" }, { "name": "b" }
        ] }),
    );
    let expected = [
        ("spec.communities[1].name", Problem::Repeated { value: "a".into() }),
        ("spec.communities[2].name", Problem::Empty),
        ("spec.communities[3].value", Problem::CommunityFormat { text: String::new() }),
    ];
    let (checked, faults) = Community::check(&object);
    assert_eq!(checked, None);
    assert_eq!(problems(&faults), expected);
}
