use super::*;

#[test]
fn levels_and_lists_of_them_are_taken() {
    for (text, expected) in [
        ("info", "info"),
        ("WARN", "warn"),
        ("off", "off"),
        ("all", "trace"),
        ("none", "off"),
        ("info,members=debug", "info,members=debug"),
        ("info, members=all,bgp::peer=none", "info,members=trace,bgp::peer=off"),
        ("members=debug", "members=debug"),
    ] {
        assert_eq!(parse(text).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn what_is_no_level_is_refused_with_what_would_be() {
    for (text, named) in [
        ("warning", "\"warning\""),
        ("", "\"\""),
        ("info,", "\"\""),
        ("info,members", "\"members\""),
        ("members=loud", "\"loud\""),
        ("members=", "\"\""),
        ("critical,info", "\"critical\""),
    ] {
        let refusal = parse(text).expect_err(text);
        assert!(refusal.starts_with(named) && refusal.contains("use off, error, warn"), "{text}: {refusal}");
    }
}
