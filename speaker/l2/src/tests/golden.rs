use super::*;
use crate::DropReason;

fn reply_to(request: &str) -> Vec<Vec<u8>> {
    let mut station = Station::settled(Config::default(), &[VIP4, VIP6]);
    station.frame(&golden(request));
    station.take_frames()
}

#[test]
fn answers_arp_requests_like_the_kernel() {
    for (request, reply) in [
        ("kernel_arp_request", "kernel_arp_reply"),
        ("kernel_arp_request_unicast", "kernel_arp_reply_unicast"),
        ("arping_probe", "kernel_arp_reply_probe"),
    ] {
        assert_eq!(reply_to(request), [golden(reply)], "{request}");
    }
}

#[test]
fn answers_solicitations_to_the_group_and_probes_like_the_kernel() {
    for (request, reply) in [
        ("kernel_ns_multicast", "kernel_na_solicited"),
        ("ndisc6_ns_multicast", "kernel_na_ndisc6"),
        ("scapy_ns_nonce", "kernel_na_nonce"),
        ("kernel_ns_dad", "kernel_na_dad"),
    ] {
        assert_eq!(reply_to(request), [golden(reply)], "{request}");
    }
}

#[test]
fn answers_unicast_solicitations_with_override_and_link_layer_address_where_the_kernel_omits_them() {
    for (request, reply) in
        [("kernel_ns_unicast", "kernel_na_unicast"), ("scapy_ns_unicast_bare", "kernel_na_unicast_bare")]
    {
        let kernel = advertisement(&golden(reply));
        let ours = reply_to(request);
        assert_eq!(ours.len(), 1, "{request}");
        assert_eq!(ours[0][..14], golden(reply)[..14], "the Ethernet header is the same");
        let expected = ndp::Advertisement { overrides: true, target_link_layer: Some(OWNER), ..kernel };
        assert_eq!(advertisement(&ours[0]), expected, "{request}");
    }
    assert_eq!(reply_to("scapy_ns_unicast_bare"), [golden("scapy_na_override")]);
}

#[test]
fn announces_an_ipv4_address_by_probe_request_and_reply() {
    let mut station = Station::new(Config::default());
    station.announce(VIP4);
    let expected = ["scapy_arp_probe", "kernel_arp_gratuitous_request", "arping_gratuitous_reply"].map(golden);
    assert_eq!(station.take_frames(), expected);
}

#[test]
fn announces_an_ipv6_address_by_probe_and_unsolicited_advertisement() {
    let mut station = Station::new(Config::default());
    station.announce(VIP6);
    assert_eq!(station.take_frames(), ["scapy_ns_dad", "kernel_na_unsolicited"].map(golden));
}

#[test]
fn drops_tagged_routed_and_corrupt_frames_by_reason() {
    for (name, reason) in [
        ("scapy_arp_vlan", DropReason::Vlan),
        ("scapy_ns_hop_limit_64", DropReason::HopLimit),
        ("scapy_ns_bad_checksum", DropReason::Checksum),
    ] {
        let mut station = Station::settled(Config::default(), &[VIP4, VIP6]);
        station.frame(&golden(name));
        assert_eq!(station.take_frames(), Vec::<Vec<u8>>::new(), "{name}");
        assert_eq!(station.responder.stats().drops.get(&reason), Some(&1), "{name}");
    }
}

#[test]
fn answers_a_request_that_hardware_padded_to_the_minimum_length() {
    for (request, reply) in [("kernel_arp_request", "kernel_arp_reply"), ("kernel_ns_multicast", "kernel_na_solicited")]
    {
        let mut station = Station::settled(Config::default(), &[VIP4, VIP6]);
        let mut frame = golden(request);
        frame.resize(120, 0xee);
        station.frame(&frame);
        assert_eq!(station.take_frames(), [golden(reply)]);
    }
}

fn advertisement(frame: &[u8]) -> ndp::Advertisement {
    let (_, payload) = Header::decode(frame).expect("a golden header is valid");
    match ndp::Message::decode(payload) {
        Ok(ndp::Message::Advertisement(advertisement)) => advertisement,
        Ok(ndp::Message::Solicitation(_)) | Err(_) => panic!("not an advertisement"),
    }
}
