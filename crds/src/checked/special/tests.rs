use super::*;

#[test]
fn every_block_is_known_from_its_first_to_its_last_address_and_no_further() {
    for (text, special) in [
        ("0.0.0.0", Some(Special::Unspecified)),
        ("0.255.255.255", Some(Special::Unspecified)),
        ("1.0.0.0", None),
        ("126.255.255.255", None),
        ("127.0.0.0", Some(Special::Loopback)),
        ("127.255.255.255", Some(Special::Loopback)),
        ("128.0.0.0", None),
        ("169.253.255.255", None),
        ("169.254.0.0", Some(Special::LinkLocal)),
        ("169.254.255.255", Some(Special::LinkLocal)),
        ("169.255.0.0", None),
        ("223.255.255.255", None),
        ("224.0.0.0", Some(Special::Multicast)),
        ("239.255.255.255", Some(Special::Multicast)),
        ("240.0.0.0", None),
        ("255.255.255.254", None),
        ("255.255.255.255", Some(Special::Broadcast)),
        ("::", Some(Special::Unspecified)),
        ("::1", Some(Special::Loopback)),
        ("::2", None),
        ("::ffff:127.0.0.1", Some(Special::Loopback)),
        ("fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff", None),
        ("fe80::", Some(Special::LinkLocal)),
        ("febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Some(Special::LinkLocal)),
        ("fec0::", None),
        ("feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", None),
        ("ff00::", Some(Special::Multicast)),
        ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Some(Special::Multicast)),
        ("192.0.2.1", None),
        ("2001:db8::1", None),
        ("fd00::1", None),
    ] {
        assert_eq!(Special::of(text.parse().unwrap()), special, "{text}");
    }
}
