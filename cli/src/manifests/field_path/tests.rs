use super::*;

#[test]
fn a_path_reads_as_it_is_written() {
    for text in
        ["spec", "spec.addresses[2]", "spec.ports[0].port", "metadata.labels[\"app.kubernetes.io/name\"]", "[3].a-b_c"]
    {
        assert_eq!(FieldPath::parse(text).to_string(), text);
    }
}

#[test]
fn keys_in_brackets_need_no_quotes() {
    let quoted = FieldPath::parse("metadata.annotations[\"metallb.io/address-pool\"]");
    assert_eq!(FieldPath::parse("metadata.annotations[metallb.io/address-pool]"), quoted);
}

#[test]
fn broken_paths_are_still_paths() {
    for text in ["", ".", "..", "a..b", "a[", "a[]", "]", "[[", "a[\"", "ü[ß.é"] {
        let path = FieldPath::parse(text);
        assert!(path.segments().len() <= text.len(), "{text}: {path}");
    }
}
