use proptest::prelude::*;

use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn entries_are_read_as_metallb_reads_them() {
    let table = [
        ("192.0.2.0/24", "192.0.2.0", "192.0.2.255"),
        ("10.20.30.40/24", "10.20.30.0", "10.20.30.255"),
        ("192.0.2.1/32", "192.0.2.1", "192.0.2.1"),
        ("192.0.2.1-192.0.2.9", "192.0.2.1", "192.0.2.9"),
        (" 192.0.2.1  -  192.0.2.9 ", "192.0.2.1", "192.0.2.9"),
        ("192.0.2.1-192.0.2.1", "192.0.2.1", "192.0.2.1"),
        ("2001:db8::/126", "2001:db8::", "2001:db8::3"),
        ("2001:db8::1-2001:db8::ff", "2001:db8::1", "2001:db8::ff"),
        ("::/0", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("::ffff:192.0.2.1-192.0.2.9", "192.0.2.1", "192.0.2.9"),
        ("::ffff:192.0.2.0/120", "192.0.2.0", "192.0.2.255"),
    ];
    for (text, first, last) in table {
        let range = AddressRange::parse(text, 7).unwrap();
        assert_eq!((range.first(), range.last(), range.source()), (ip(first), ip(last), 7), "{text}");
    }
}

#[test]
fn each_malformed_entry_has_its_own_reason() {
    let (low, high, v6) = (ip("10.0.0.1"), ip("10.0.0.9"), ip("2001:db8::1"));
    let not_a_range = |text: &str| Problem::NotARange { text: text.into() };
    let table = [
        ("10.0.0.9-10.0.0.1", Problem::Reversed { first: high, last: low }),
        ("10.0.0.1-2001:db8::1", Problem::MixedFamilies { first: low, last: v6 }),
        ("2001:db8::1-10.0.0.1", Problem::MixedFamilies { first: v6, last: low }),
        ("10.0.0.1", Problem::BareAddress { address: low }),
        ("2001:db8::1", Problem::BareAddress { address: v6 }),
        (" 10.0.0.0/24", Problem::Spaces { text: " 10.0.0.0/24".into() }),
        ("10.0.0.0/33", not_a_range("10.0.0.0/33")),
        ("10.0.0.0/24-10.0.1.0/24", not_a_range("10.0.0.0/24-10.0.1.0/24")),
        ("10.0.0.1-10.0.0.5-10.0.0.9", not_a_range("10.0.0.1-10.0.0.5-10.0.0.9")),
        ("10.0.0.1-", not_a_range("10.0.0.1-")),
        ("", not_a_range("")),
        ("lan", not_a_range("lan")),
    ];
    for (text, problem) in table {
        assert_eq!(AddressRange::parse(text, 0), Err(problem), "{text:?}");
    }
}

#[test]
fn a_bare_address_is_told_its_host_length() {
    let step = |text: &str| AddressRange::parse(text, 0).unwrap_err().next_step();
    assert_eq!(step("10.0.0.1"), "write 10.0.0.1/32");
    assert_eq!(step("2001:db8::1"), "write 2001:db8::1/128");
    assert_eq!(step(" 10.0.0.0/24 "), "write \"10.0.0.0/24\"");
}

#[test]
fn the_widest_part_of_a_range_decides_its_length() {
    let table = [
        ("3.3.3.2-3.3.3.254", 26),
        ("3.3.3.0-3.3.3.255", 24),
        ("0.0.0.0/0", 0),
        ("10.0.0.1-10.0.0.1", 32),
        ("2001:db8::1-2001:db8::2", 128),
    ];
    for (text, length) in table {
        assert_eq!(AddressRange::parse(text, 0).unwrap().widest_length(), length, "{text}");
    }
}

#[test]
fn a_range_prints_as_a_cidr_where_it_is_one() {
    for (text, printed) in [
        ("10.0.0.0-10.0.0.255", "10.0.0.0/24"),
        ("10.0.0.1-10.0.0.4", "10.0.0.1-10.0.0.4"),
        ("2001:db8::/64", "2001:db8::/64"),
    ] {
        assert_eq!(AddressRange::parse(text, 0).unwrap().to_string(), printed);
    }
}

#[test]
fn the_first_address_of_an_ipv6_prefix_is_its_routers_and_a_range_is_meant_as_written() {
    for (text, anycast) in [
        ("2001:db8::/120", Some("2001:db8::")),
        ("2001:db8::77/126", Some("2001:db8::74")),
        ("2001:db8::/127", None),
        ("2001:db8::/128", None),
        ("2001:db8::-2001:db8::ff", None),
        ("192.0.2.0/24", None),
        ("192.0.2.0/31", None),
        ("::ffff:192.0.2.0/120", None),
    ] {
        assert_eq!(AddressRange::parse(text, 0).unwrap().anycast(), anycast.map(ip), "{text}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "[0-9a-f:./ -]{0,40}|.*") {
        let _ = AddressRange::parse(&text, 0);
    }

    #[test]
    fn overlap_is_having_an_address_in_common(a in 0_u8..12, b in 0_u8..12, c in 0_u8..12, d in 0_u8..12) {
        let range = |x: u8, y: u8| AddressRange::parse(&format!("10.0.0.{}-10.0.0.{}", x.min(y), x.max(y)), 0).unwrap();
        let (one, other) = (range(a, b), range(c, d));
        let common = (0..12).any(|last| {
            let address = IpAddr::from([10, 0, 0, last]);
            one.contains(address) && other.contains(address)
        });
        prop_assert_eq!(one.overlaps(&other), common);
        prop_assert_eq!(other.overlaps(&one), common);
    }
}
