use proptest::prelude::*;

use super::*;

#[test]
fn durations_are_read_as_kubernetes_writes_them() {
    let table = [
        ("0", 0),
        ("0s", 0),
        ("90s", 90_000_000_000),
        ("+1m30s", 90_000_000_000),
        ("1h0m0.5s", 3_600_500_000_000),
        ("1.5h", 5_400_000_000_000),
        (".5s", 500_000_000),
        ("1.s", 1_000_000_000),
        ("250ms", 250_000_000),
        ("10us", 10_000),
        ("10µs", 10_000),
        ("3ns", 3),
        ("0.0000000001s", 0),
    ];
    for (text, nanoseconds) in table {
        assert_eq!(parse_duration(text), Some(Duration::from_nanos(nanoseconds)), "{text}");
    }
}

#[test]
fn what_is_not_a_duration_is_refused() {
    for text in
        ["", "+", "90", "s", ".s", "1.2.3s", "-1s", "1 s", "1d", "1s ", "s1", "99999999999999999999h", "2562048h"]
    {
        assert_eq!(parse_duration(text), None, "{text:?}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "[0-9.hmsnuµ+-]{0,60}|.*") {
        let _ = parse_duration(&text);
    }

    #[test]
    fn whole_seconds_survive(seconds in 0_u64..9_000_000_000) {
        prop_assert_eq!(parse_duration(&format!("{seconds}s")), Some(Duration::from_secs(seconds)));
    }
}
