use super::*;

const MAC: Mac = Mac([2, 0xc1, 0xa0, 0, 0, 9]);

#[test]
fn asks_for_an_ipv4_address_by_broadcast() {
    let frame = arp_request(MAC, "192.0.2.99".parse().unwrap(), "192.0.2.130".parse().unwrap());
    assert_eq!(frame.len(), 42);
    assert_eq!(hex(&frame), "ffffffffffff02c1a00000090806000108000604000102c1a0000009c0000263000000000000c0000282");
}

#[test]
fn an_advertisement_made_by_a_linux_kernel_is_a_claim() {
    let frame = bytes(
        "02c1a000000902c1a000000186dd6000000000203aff20010db800000001000000000000001120010db800000001000000000000\
         00638800e92d6000000020010db8000000010000000000000011020102c1a0000001",
    );
    let expected =
        Claim { address: "2001:db8:0:1::11".parse().unwrap(), mac: Mac([2, 0xc1, 0xa0, 0, 0, 1]), solicited: true };
    assert_eq!(claim(&frame), Some(expected));
}

#[test]
fn a_probe_and_a_plain_request_are_not_claims() {
    let target = "192.0.2.130".parse().unwrap();
    assert_eq!(claim(&arp_request(MAC, Ipv4Addr::UNSPECIFIED, target)), None);
    assert_eq!(claim(&arp_request(MAC, "192.0.2.99".parse().unwrap(), target)), None);
}

#[test]
fn an_announcement_is_an_unsolicited_claim() {
    let own: Ipv4Addr = "192.0.2.130".parse().unwrap();
    let expected = Claim { address: own.into(), mac: MAC, solicited: false };
    assert_eq!(claim(&arp_request(MAC, own, own)), Some(expected));
}

#[test]
fn the_checksum_makes_the_covered_words_sum_to_all_ones() {
    let (own, target) = ("2001:db8::63".parse().unwrap(), "2001:db8::1:82".parse().unwrap());
    let frame = neighbour_solicitation(MAC, own, target);
    let group: Ipv6Addr = "ff02::1:ff01:82".parse().unwrap();
    assert_eq!(frame[38..54], group.octets());
    assert_eq!(icmpv6_checksum(own, group, &frame[54..]), [0, 0]);
}

#[test]
fn any_cut_of_a_frame_is_harmless() {
    let frame = neighbour_solicitation(MAC, Ipv6Addr::LOCALHOST, Ipv6Addr::LOCALHOST);
    for length in 0..frame.len() {
        assert_eq!(claim(&frame[..length]), None);
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}
