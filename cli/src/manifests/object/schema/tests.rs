use serde_json::json;

use super::words::misfit;
use super::*;

#[test]
fn no_word_of_the_decoder_reaches_a_user() {
    for (message, reason) in [
        ("invalid type: boolean `true`, expected a string", "is the boolean true, and must be text"),
        ("invalid type: string \"x\", expected a boolean", "is the text \"x\", and must be true or false"),
        (
            "invalid type: floating point `1.5`, expected u8",
            "is the number 1.5, and must be a whole number from 0 to 255",
        ),
        (
            "invalid value: integer `0`, expected a nonzero u16",
            "is the number 0, and must be a whole number from 1 to 65535",
        ),
        (
            "invalid value: integer `-1`, expected u32",
            "is the number -1, and must be a whole number from 0 to 4294967295",
        ),
        ("invalid type: sequence, expected a map", "is a list, and must be a mapping"),
        ("invalid type: map, expected a sequence", "is a mapping, and must be a list"),
        ("unknown variant `x`, expected `A` or `B`", "is the text \"x\", and must be A or B"),
        ("missing field `port`", "its field port is missing; correct the field"),
        ("something else", "something else; correct the field"),
    ] {
        assert_eq!(explain(message).to_string(), reason, "{message}");
    }
}

#[test]
fn a_schema_of_ours_allows_what_the_decoder_takes() {
    let schemas = Schemas::new();
    for document in include_str!("../../directory/tests/every_kind.yaml").split("\n---\n") {
        let Some(Ok(document)) = crate::manifests::yaml::documents(document).next() else { continue };
        let kind = document.root.field("kind").and_then(Node::text).and_then(Kind::named);
        let Some(kind) = kind else { continue };
        assert_eq!(schemas.check(kind, &document.root), [], "{kind}");
    }
}

#[test]
fn bounds_count_at_both_ends() {
    let schema = json!({ "type": "integer", "minimum": 1, "maximum": 3 });
    for (number, fits) in [(0, false), (1, true), (3, true), (4, false)] {
        let node = Node::new(1, crate::manifests::yaml::Content::Scalar(number.into()));
        assert_eq!(misfit(&schema, &node).is_none(), fits, "{number}");
    }
}
