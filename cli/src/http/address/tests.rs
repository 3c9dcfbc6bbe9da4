use super::*;

fn read(text: &str) -> String {
    text.parse::<Endpoint>().unwrap().or("127.0.0.1:9120".parse().unwrap()).to_string()
}

#[test]
fn an_address_a_port_or_both_are_read_and_the_rest_is_the_default() {
    for (text, expected) in [
        ("192.0.2.1:9200", "192.0.2.1:9200"),
        ("[2001:db8::1]:9200", "[2001:db8::1]:9200"),
        ("192.0.2.1", "192.0.2.1:9120"),
        ("2001:db8::1", "[2001:db8::1]:9120"),
        ("[2001:db8::1]", "[2001:db8::1]:9120"),
        ("9200", "127.0.0.1:9200"),
        (":9200", "127.0.0.1:9200"),
    ] {
        assert_eq!(read(text), expected, "{text}");
    }
}

#[test]
fn what_is_neither_is_refused_with_the_form_to_write() {
    for text in ["localhost:9120", "localhost", "", ":", "192.0.2.1:", "192.0.2.1:70000", "70000", "-1", "[192.0.2.1]"]
    {
        let refused = text.parse::<Endpoint>().unwrap_err();
        assert!(refused.contains("such as 127.0.0.1:9120 or [::1]:9120"), "{text}: {refused}");
    }
    for text in ["0", "192.0.2.1:0"] {
        assert_eq!(text.parse::<Endpoint>().unwrap_err(), "0 is no port; use 1 to 65535", "{text}");
    }
}

#[test]
fn the_address_of_the_metrics_goes_before_their_port_and_port_0_turns_them_off() {
    let address = |address: Option<&str>, port| {
        metrics_address(address.map(|address| address.parse().unwrap()), port).map(|address| address.to_string())
    };
    assert_eq!(address(None, 9120).as_deref(), Some("[::]:9120"));
    assert_eq!(address(None, 0), None);
    assert_eq!(address(Some("192.0.2.1"), 9120).as_deref(), Some("192.0.2.1:9120"));
    assert_eq!(address(Some("192.0.2.1"), 0), None);
    assert_eq!(address(Some("192.0.2.1:9200"), 9120).as_deref(), Some("192.0.2.1:9200"));
    assert_eq!(address(Some("9200"), 9120).as_deref(), Some("[::]:9200"));
}
