use proptest::prelude::*;

use super::{ExportFilter, Prefix, PrefixError};

fn prefix(text: &str) -> Prefix {
    text.parse().unwrap()
}

#[test]
fn host_bits_are_cut_off() {
    assert_eq!(prefix("192.0.2.77/24").to_string(), "192.0.2.0/24");
    assert_eq!(prefix("2001:db8::1/32").to_string(), "2001:db8::/32");
    assert_eq!(prefix("255.255.255.255/0").to_string(), "0.0.0.0/0");
}

#[test]
fn refuses_what_is_no_prefix() {
    assert_eq!(
        "192.0.2.0/33".parse::<Prefix>().unwrap_err().to_string(),
        "prefix length 33 is longer than an IPv4 address; use at most 32"
    );
    for text in ["", "/", "192.0.2.0", "192.0.2.0/-1", "2001:db8::/256"] {
        assert_eq!(text.parse::<Prefix>(), Err(PrefixError::Syntax(text.to_owned())));
    }
}

#[test]
fn a_filter_lets_out_what_its_prefixes_cover_and_nothing_else() {
    let filter = ExportFilter::new(["192.0.2.0/24", "192.0.2.128/25", "10.0.0.0/8", "2001:db8::/64"].map(prefix));
    for allowed in ["192.0.2.0/24", "192.0.2.1/32", "192.0.2.200/32", "10.255.0.0/16", "2001:db8::9/128"] {
        assert!(filter.allows(prefix(allowed)), "{allowed}");
    }
    for refused in ["192.0.3.0/32", "192.0.2.0/23", "0.0.0.0/0", "2001:db8:0:1::/128", "::/0", "9.255.255.255/32"] {
        assert!(!filter.allows(prefix(refused)), "{refused}");
    }
}

#[test]
fn a_filter_without_prefixes_lets_nothing_out() {
    assert!(!ExportFilter::default().allows(prefix("192.0.2.1/32")));
}

fn any_prefix() -> impl Strategy<Value = Prefix> {
    let v4 = (0_u32..16, 24_u8..=32).prop_map(|(low, length)| (std::net::Ipv4Addr::from(low << 4).into(), length));
    let v6 = (0_u128..16, 120_u8..=128).prop_map(|(low, length)| (std::net::Ipv6Addr::from(low << 4).into(), length));
    prop_oneof![v4, v6].prop_map(|(address, length)| Prefix::new(address, length).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn a_filter_agrees_with_looking_at_every_prefix(
        allowed in proptest::collection::vec(any_prefix(), 0..8),
        asked in any_prefix(),
    ) {
        let expected = allowed.iter().any(|allowed| allowed.covers(asked));
        prop_assert_eq!(ExportFilter::new(allowed).allows(asked), expected);
    }
}
