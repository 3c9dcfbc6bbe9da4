use super::*;
use crate::tests::golden;

fn payload(name: &str) -> Vec<u8> {
    golden(name).split_off(14)
}

/// Repairs the checksum, so that what was changed is judged by itself.
fn decode(mut payload: Vec<u8>) -> Result<Message, DropReason> {
    let address = |at: usize| address(&payload[at..at + 16]).expect("the header is whole");
    let (source, destination) = (address(8), address(24));
    payload[42..44].fill(0);
    let sum = checksum(source, destination, &payload[40..]);
    payload[42..44].copy_from_slice(&sum.to_be_bytes());
    Message::decode(&payload)
}

fn changed(name: &str, at: usize, value: u8) -> Result<Message, DropReason> {
    let mut payload = payload(name);
    payload[at] = value;
    decode(payload)
}

#[test]
fn reads_what_other_implementations_ask() {
    let target = "2001:db8::10".parse().expect("the address is valid");
    let source_link_layer = Some(MacAddr([2, 0, 0, 0, 0, 2]));
    for (name, source, destination, source_link_layer) in [
        ("kernel_ns_multicast", "2001:db8::2", "ff02::1:ff00:10", source_link_layer),
        ("scapy_ns_nonce", "2001:db8::2", "ff02::1:ff00:10", source_link_layer),
        ("scapy_ns_unicast_bare", "2001:db8::2", "2001:db8::10", None),
        ("kernel_ns_dad", "::", "ff02::1:ff00:10", None),
    ] {
        let parse = |text: &str| text.parse().expect("the address is valid");
        let expected =
            Solicitation { source: parse(source), destination: parse(destination), target, source_link_layer };
        assert_eq!(Message::decode(&payload(name)), Ok(Message::Solicitation(expected)), "{name}");
    }
}

#[test]
fn refuses_messages_that_rfc_4861_calls_invalid() {
    let ns = "kernel_ns_multicast";
    assert_eq!(changed(ns, 7, 254), Err(DropReason::HopLimit));
    assert_eq!(changed(ns, 41, 1), Err(DropReason::NdpFormat), "code");
    assert_eq!(changed(ns, 48, 0xff), Err(DropReason::NdpFormat), "target is a group");
    assert_eq!(changed(ns, 65, 0), Err(DropReason::NdpFormat), "option of length zero");
    assert_eq!(changed(ns, 65, 2), Err(DropReason::NdpFormat), "option beyond the end");
    assert_eq!(changed(ns, 8, 0xff), Err(DropReason::NdpFormat), "source is a group");
    assert_eq!(changed("kernel_ns_dad", 64, 1), Err(DropReason::NdpFormat), "probe with a link-layer address");
    assert_eq!(changed("kernel_ns_dad", 39, 0x11), Err(DropReason::NdpFormat), "probe to another group");
    assert_eq!(changed("scapy_na_foreign", 44, 0x60), Err(DropReason::NdpFormat), "solicited answer to a group");
    assert!(changed(ns, 5, 31).is_err_and(|reason| reason != DropReason::Truncated), "half an option");
}

#[test]
fn refuses_what_is_not_neighbour_discovery() {
    assert_eq!(changed("kernel_ns_multicast", 0, 0x40), Err(DropReason::Ipv6Format));
    assert_eq!(changed("kernel_ns_multicast", 6, 17), Err(DropReason::NotNeighborDiscovery));
    assert_eq!(changed("kernel_ns_multicast", 40, 128), Err(DropReason::NotNeighborDiscovery));
}

#[test]
fn refuses_packets_that_are_shorter_than_they_say() {
    let whole = payload("kernel_ns_multicast");
    for length in 0..whole.len() {
        assert_eq!(Message::decode(&whole[..length]), Err(DropReason::Truncated), "{length} bytes");
    }
    let mut empty = whole.clone();
    empty[5] = 0;
    assert_eq!(Message::decode(&empty), Err(DropReason::Truncated));
}

#[test]
fn finds_a_corrupt_byte_anywhere_in_the_message() {
    let whole = payload("kernel_na_solicited");
    for at in 8..whole.len() {
        let mut corrupt = whole.clone();
        corrupt[at] ^= 0x04;
        assert!(Message::decode(&corrupt).is_err(), "byte {at}");
    }
}

#[test]
fn maps_addresses_to_groups_and_groups_to_ethernet() {
    let group = solicited_node("2001:db8::12:3456".parse().expect("the address is valid"));
    assert_eq!(group, "ff02::1:ff12:3456".parse::<Ipv6Addr>().expect("the group is valid"));
    assert_eq!(group_mac(group), MacAddr([0x33, 0x33, 0xff, 0x12, 0x34, 0x56]));
}
