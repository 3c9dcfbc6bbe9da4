use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;

use super::*;

mod golden;

#[test]
fn every_node_knows_its_line() {
    let node = only(
        "# a comment\n\nkind: Service\nspec:\n  ports:\n    - name: web\n      port: 80\n    - port: 443\n  flow: {a: 1,\n    b: [1,\n      2]}\n",
    );
    for (path, line) in [
        ("", 3),
        ("kind", 3),
        ("spec", 4),
        ("spec.ports", 5),
        ("spec.ports[0]", 6),
        ("spec.ports[0].port", 7),
        ("spec.ports[1].port", 8),
        ("spec.flow.b", 10),
        ("spec.flow.b[1]", 11),
    ] {
        assert_eq!(node.line_of(&FieldPath::parse(path)), line, "{path}");
    }
}

#[test]
fn a_field_that_is_not_written_has_the_line_of_its_parent() {
    let node = only("kind: Service\nspec:\n  ports:\n    - name: web\n");
    assert_eq!(node.line_of(&FieldPath::parse("spec.ports[0].port")), 4);
    assert_eq!(node.line_of(&FieldPath::parse("spec.ports[7].port")), 3);
    assert_eq!(node.line_of(&FieldPath::parse("status.loadBalancer")), 1);
}

#[test]
fn scalars_are_read_as_kubernetes_reads_them_quotes_make_text_and_nulls_are_absent() {
    let node = only(
        "a: 8080\nb: '8080'\nc: \"true\"\nd: true\ne: ~\nf:\ng: 1.5\nh: 0x1F\ni: yes\nj: 12:30\nk: -7\nl: !!str 5\nm: 18446744073709551615\nnot: 'off'\no: 10.0.0.1\np: |\n  80\nq: 017\nr: 1_000\ns: 5.0\n",
    );
    let expected = json!({
        "a": 8080, "b": "8080", "c": "true", "d": true, "g": 1.5, "h": 31, "i": true, "j": "12:30",
        "k": -7, "l": "5", "m": u64::MAX, "not": "off", "o": "10.0.0.1", "p": "80\n", "q": 15, "r": 1000, "s": 5,
    });
    assert_eq!(node.value(), expected);
}

#[test]
fn json_is_read_with_lines() {
    let node = only(
        "{\n\t\"kind\": \"Service\",\r\n\t\"spec\": {\n\t\t\"ports\": [{\"port\": 80}],\n\t\t\"url\": \"a:\\/\\/b\\u00e9\"\n\t}\n}\n",
    );
    assert_eq!(node.value(), json!({"kind": "Service", "spec": {"ports": [{"port": 80}], "url": "a://bé"}}));
    assert_eq!(node.line_of(&FieldPath::parse("spec.ports[0].port")), 4);
}

#[test]
fn text_with_carriage_returns_and_a_byte_order_mark_is_read() {
    let node = only("\u{feff}kind: Service\r\nspec:\r\n  type: LoadBalancer\r\n");
    assert_eq!(node.value(), json!({"kind": "Service", "spec": {"type": "LoadBalancer"}}));
    assert_eq!(node.line_of(&FieldPath::parse("spec.type")), 3);
}

#[test]
fn documents_keep_the_lines_of_the_file_and_empty_ones_are_left_out() {
    let text = "---\n# nothing\n---\na: 1\n---\n\n--- # more\nb: 2\n...\n---\nc: 3\n";
    let lines: Vec<_> = documents(text).map(|document| document.expect("a good document").root.line()).collect();
    assert_eq!(lines, [4, 8, 11]);
}

#[test]
fn a_document_that_cannot_be_read_costs_no_other_document() {
    for bad in [
        "a: [1, 2",
        "a: \"no end",
        "a: b: c",
        "a:\n\tb: 1",
        "{",
        "a: 1\n  b: 2",
        "}",
        "a: *nowhere",
        "%YAML 1.2\na: 1",
        "? [a]\n: b",
    ] {
        let text = format!("one: 1\n---\n{bad}\n---\ntwo: 2\n---\nthree: 3\n");
        let results: Vec<_> = documents(&text).collect();
        let good: Vec<_> = results.iter().flatten().map(|document| document.root.line()).collect();
        let last = text.lines().count();
        assert_eq!(good, [1, last - 2, last], "{bad}");
        let flaws: Vec<_> = results.iter().filter_map(|result| result.as_ref().err()).collect();
        assert_eq!(flaws.len(), 1, "{bad}: {flaws:?}");
        assert!((3..=last).contains(&flaws[0].line), "{bad}: {flaws:?}");
    }
}

#[test]
fn a_key_written_twice_is_a_flaw_with_both_lines() {
    let documents: Vec<_> =
        documents("a: 1\nspec:\n  ports:\n    - port: 1\n      name: x\n      port: 2\nb: 1\n").collect();
    let [Ok(document)] = documents.as_slice() else { panic!("one document") };
    let [flaw] = document.flaws.as_slice() else { panic!("one flaw, not {:?}", document.flaws) };
    assert_eq!((flaw.line, flaw.field.to_string().as_str()), (6, "spec.ports[0].port"));
    assert_eq!(flaw.reason, Reason::DuplicateKey { key: "port".into(), first_line: 4 });
    assert_eq!(document.root.value(), json!({"a": 1, "b": 1, "spec": {"ports": [{"port": 1, "name": "x"}]}}));
}

#[test]
fn aliases_and_merge_keys_are_followed() {
    let node = only(
        "base: &base\n  a: 1\n  b: 2\nuse:\n  <<: *base\n  b: 3\nmany:\n  <<: [*base, {c: 4, a: 9}]\nlate: {b: 3, <<: *base}\nname: &n web\n*n : *n\nquoted: {'<<': 1}\n",
    );
    assert_eq!(
        node.value(),
        json!({
            "base": {"a": 1, "b": 2}, "use": {"a": 1, "b": 3}, "many": {"a": 1, "b": 2, "c": 4},
            "late": {"a": 1, "b": 2},
            "name": "web", "web": "web", "quoted": {"<<": 1},
        })
    );
    assert_eq!(node.line_of(&FieldPath::parse("use.a")), 2);
    assert_eq!(node.line_of(&FieldPath::parse("use.b")), 6);
}

#[test]
fn what_is_read_otherwise_than_written_is_refused_with_its_line() {
    for (text, line, reason) in [
        ("a: 1\n? [x]\n: 1\n", 2, Reason::KeyNotText),
        ("a: 1\nb: &b [1, *b]\n", 2, Reason::AliasInsideItself),
        ("a: 1\n1.20: x\n", 2, Reason::KeyNotText),
        ("a: 1\n~: x\n", 2, Reason::KeyNotText),
        ("a: 1\nb: .inf\n", 2, Reason::NotFinite { text: ".inf".into() }),
        ("a: &a [1]\nb: {<<: *a}\n", 2, Reason::MergeNotMapping),
        ("a: 1\nb: !!int x\n", 2, Reason::Tag { tag: "tag:yaml.org,2002:!int".into() }),
    ] {
        assert_eq!(flaw(text), (line, reason), "{text}");
    }
}

#[test]
fn merging_something_without_fields_is_a_flaw() {
    let documents: Vec<_> = documents("a:\n  <<: 5\n").collect();
    let [Ok(document)] = documents.as_slice() else { panic!("one document") };
    assert_eq!(document.flaws.len(), 1);
    assert_eq!((document.flaws[0].line, &document.flaws[0].reason), (2, &Reason::MergeNotMapping));
}

#[test]
fn nesting_is_bounded_in_every_notation() {
    let too_deep = Reason::TooDeep { limit: MAX_DEPTH };
    for text in [
        "- ".repeat(500_000),
        "[".repeat(200),
        "{a: ".repeat(200),
        (0..400).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect(),
        (0..200)
            .map(|step| {
                format!("a{step}: &a{step} [{}]\n", if step == 0 { "0".into() } else { format!("*a{}", step - 1) })
            })
            .collect(),
    ] {
        assert_eq!(flaw(&text).1, too_deep, "{}", &text[..20]);
    }
    let fits = format!("{}x{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH));
    assert!(matches!(documents(&fits).next(), Some(Ok(_))));
}

#[test]
fn aliases_cannot_multiply_a_document() {
    let too_big = Reason::DocumentTooBig { limit: MAX_DOCUMENT_WEIGHT };
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for step in 1..20 {
        let alias = format!("*a{}, ", step - 1).repeat(9);
        laughs += &format!("a{step}: &a{step} [{alias}]\n");
    }
    let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(1 << 20), "*a, ".repeat(1000));
    let nested = format!(
        "{}{}{}",
        (0..100).map(|n| format!("&n{n} [")).collect::<String>(),
        "x".repeat(1 << 20),
        "]".repeat(100)
    );
    for text in [laughs, long, nested] {
        assert_eq!(flaw(&text).1, too_big, "{}", &text[..20]);
    }
}

#[test]
fn anchors_inside_anchors_cost_what_they_weigh() {
    let nested: String = (0..100).map(|n| format!("&n{n} [")).collect();
    let text = format!("{nested}x{}", "]".repeat(100));
    assert!(matches!(documents(&text).next(), Some(Ok(_))));
}

#[test]
fn texts_that_provoke_a_parser_are_read_in_time() {
    const SIZE: usize = 200_000;
    for piece in [
        "? ", "- ? ", "a: ", "&a ", "!a ", "[", "{", "\"", "'", "|\n", ">\n", "---\n", "...\n", "%a\n", "#", "\n",
        "\t", ":", ",", "a\n", "a: {", "- a: ", "[[],", "{a,", "*a ", "\r", "- |\n ", "a: \"\n", "}\n---\n",
    ] {
        let text = piece.repeat(SIZE / piece.len());
        let before = processor_time();
        for _ in documents(&text).take(1000) {}
        let spent = processor_time() - before;
        assert!(spent < Duration::from_secs(5), "{piece:?} took {spent:?}");
    }
}

/// Returns how long this thread has been on a processor, which no other program makes longer.
fn processor_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux tells how long a thread ran");
    Duration::from_nanos(text.split(' ').next().and_then(|number| number.parse().ok()).expect("a number comes first"))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read_to_its_end(text in "\\PC*") {
        read_all(&text)?;
    }

    #[test]
    fn any_arrangement_of_yaml_signs_is_read_to_its_end(text in "([-?:,\\[\\]{}#&*!|>'\"%@` \n\t\r~a0<.]|---\n|<<: |&a |\\*a |: |- |\n  ){0,80}") {
        read_all(&text)?;
    }

    #[test]
    fn a_value_written_as_json_is_read_back(value in json_value()) {
        let text = serde_json::to_string_pretty(&json!({ "value": value })).expect("plain data");
        prop_assert_eq!(only(&text).value(), json!({ "value": value }));
    }
}

fn read_all(text: &str) -> Result<(), TestCaseError> {
    let lines = text.split('\n').count();
    // A document needs at least one line of its own, so more results than lines would mean standing still.
    let results: Vec<_> = documents(text).take(lines + 2).collect();
    prop_assert!(results.len() <= lines + 1, "{} results from {lines} lines", results.len());
    for document in results.into_iter().flatten() {
        document.root.value();
    }
    Ok(())
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        "[ -~]{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map("[a-z/.]{1,9}", inner, 0..5).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

fn only(text: &str) -> Node {
    let mut documents: Vec<_> = documents(text).collect();
    assert_eq!(documents.len(), 1, "one document expected");
    match documents.remove(0) {
        Ok(Document { root, flaws }) => {
            assert_eq!(flaws, []);
            root
        }
        Err(flaw) => panic!("{flaw:?}"),
    }
}

fn flaw(text: &str) -> (usize, Reason) {
    match documents(text).next() {
        Some(Err(Flaw { line, field: _, reason })) => (line, reason),
        Some(Ok(document)) => panic!("read as {}", document.root.value()),
        None => panic!("read as nothing"),
    }
}
