use proptest::prelude::*;

use super::*;
use crate::fixtures::{ip, prefix};

fn range(first: &str, last: &str) -> AddressRange {
    AddressRange { first: ip(first), last: ip(last) }
}

fn texts(prefixes: Vec<Prefix>) -> Vec<String> {
    prefixes.iter().map(Prefix::to_string).collect()
}

#[test]
fn a_prefix_has_no_host_bits_and_at_most_the_length_of_a_host() {
    for (address, length, text) in [
        ("192.0.2.77", 24, "192.0.2.0/24"),
        ("192.0.2.77", 32, "192.0.2.77/32"),
        ("192.0.2.77", 128, "192.0.2.77/32"),
        ("192.0.2.77", 0, "0.0.0.0/0"),
        ("2001:db8::7:1", 112, "2001:db8::7:0/112"),
        ("2001:db8::1", 200, "2001:db8::1/128"),
    ] {
        assert_eq!(Prefix::of(ip(address), length).to_string(), text);
    }
}

#[test]
fn a_prefix_is_cut_at_the_end_of_the_range() {
    let pool = range("192.168.1.240", "192.168.1.250");
    for (address, length, text) in [
        ("192.168.1.241", 29, "192.168.1.240/29"),
        ("192.168.1.241", 24, "192.168.1.240/29"),
        ("192.168.1.249", 29, "192.168.1.248/31"),
        ("192.168.1.250", 29, "192.168.1.250/32"),
        ("192.168.1.250", 32, "192.168.1.250/32"),
    ] {
        assert_eq!(Prefix::inside(&pool, ip(address), length).to_string(), text);
    }
}

#[test]
fn a_range_is_covered_by_the_fewest_prefixes() {
    assert_eq!(texts(Prefix::cover(&prefix("10.0.0.0", 24))), ["10.0.0.0/24"]);
    assert_eq!(
        texts(Prefix::cover(&range("192.168.1.240", "192.168.1.250"))),
        ["192.168.1.240/29", "192.168.1.248/31", "192.168.1.250/32"]
    );
    assert_eq!(texts(Prefix::cover(&range("0.0.0.0", "255.255.255.255"))), ["0.0.0.0/0"]);
    assert_eq!(texts(Prefix::cover(&range("255.255.255.254", "255.255.255.255"))), ["255.255.255.254/31"]);
    assert_eq!(texts(Prefix::cover(&prefix("::", 0))), ["::/0"]);
    assert!(Prefix::cover(&range("10.0.0.2", "10.0.0.1")).is_empty());
    assert!(Prefix::cover(&range("10.0.0.2", "fd00::1")).is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_prefixes_of_a_range_follow_each_other_from_end_to_end(one: u32, other: u32, probe: u32, length in 0..=32u8) {
        let (first, last) = (Ipv4Addr::from(one.min(other)), Ipv4Addr::from(one.max(other)));
        let range = AddressRange { first: first.into(), last: last.into() };
        let prefixes = Prefix::cover(&range);
        prop_assert!(prefixes.len() <= 62);
        prop_assert_eq!(prefixes.first().map(|prefix| prefix.network()), Some(range.first));
        prop_assert_eq!(prefixes.last().map(|prefix| prefix.range().last), Some(range.last));
        for pair in prefixes.windows(2) {
            prop_assert_eq!(successor(pair[0].range().last), Some(pair[1].network()));
        }

        let span = u32::from(last) - u32::from(first);
        let address = IpAddr::from(Ipv4Addr::from(u32::from(first) + probe.checked_rem(span).unwrap_or(0)));
        let cut = Prefix::inside(&range, address, length);
        prop_assert!(cut.length() >= length && cut.range().contains(address));
        let covered = |block: &&Prefix| block.range().contains(cut.range().first) && block.range().contains(cut.range().last);
        prop_assert!(prefixes.iter().find(covered).is_some(), "{} reaches outside", cut);
    }
}
