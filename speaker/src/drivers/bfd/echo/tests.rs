use super::*;

const LINK: EchoLink = EchoLink { index: LinkIndex(2), mac: [2, 0, 0, 0, 0, 1], local: Ipv4Addr::new(192, 0, 2, 11) };

#[test]
fn an_echo_goes_to_the_router_and_is_addressed_to_ourselves() {
    let frame = frame(&LINK, [2, 0, 0, 0, 0, 9], b"payload");
    assert_eq!(frame[..6], [2, 0, 0, 0, 0, 9]);
    assert_eq!(frame[6..14], [2, 0, 0, 0, 0, 1, 8, 0]);
    assert_eq!(frame[26..30], LINK.local.octets());
    assert_eq!(frame[30..34], LINK.local.octets());
    assert_eq!(frame[34..38], [0x0e, 0xc9, 0x0e, 0xc9]);
    assert_eq!(frame[HEADERS_LENGTH..], *b"payload");
    // A header with its own checksum in place sums up to nothing (RFC 1071 §1).
    let header: &[u8; IPV4_LENGTH] = frame[14..34].try_into().unwrap();
    assert_eq!(checksum(header), [0, 0]);
}

#[test]
fn an_entry_that_is_being_resolved_is_none() {
    let table = "IP address       HW type     Flags       HW address            Mask     Device\n\
                 192.0.2.1        0x1         0x0         00:00:00:00:00:00     *        eth0\n\
                 192.0.2.2        0x1         0x2         02:c1:a0:00:00:0f     *        eth0\n";
    assert_eq!(entry(table, Ipv4Addr::new(192, 0, 2, 1)), None);
    assert_eq!(entry(table, Ipv4Addr::new(192, 0, 2, 2)), Some([0x02, 0xc1, 0xa0, 0, 0, 0x0f]));
    assert_eq!(entry(table, Ipv4Addr::new(192, 0, 2, 3)), None);
    assert_eq!(entry("", Ipv4Addr::new(192, 0, 2, 3)), None);
}
