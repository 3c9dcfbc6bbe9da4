use std::net::Ipv6Addr;
use std::num::NonZeroU32;

use super::*;
use crate::{DropReason, RateLimit, Refusal};

fn drops(station: &Station, reason: DropReason) -> u64 {
    station.responder.stats().drops.get(&reason).copied().unwrap_or(0)
}

#[test]
fn answers_from_the_moment_of_the_announcement_and_not_after_the_withdrawal() {
    let mut station = Station::new(Config::default());
    station.frame(&golden("kernel_arp_request"));
    assert_eq!(station.take_frames().len(), 0);
    station.announce(VIP4);
    station.take();
    station.frame(&golden("kernel_arp_request"));
    assert_eq!(station.take_frames(), [golden("kernel_arp_reply")]);
    station.handle(Input::Withdraw { vip: ip(VIP4) });
    station.frame(&golden("kernel_arp_request"));
    station.run_for(Duration::from_secs(300));
    assert_eq!(station.take_frames().len(), 0);
    assert_eq!(drops(&station, DropReason::NotOwned), 2);
}

#[test]
fn leaves_requests_to_another_station_to_that_station() {
    let mut station = Station::settled(Config::default(), &[VIP4, VIP6]);
    for name in ["kernel_arp_request_unicast", "kernel_ns_unicast"] {
        let mut frame = golden(name);
        frame[5] = 9;
        station.frame(&frame);
    }
    assert_eq!(station.take_frames().len(), 0);
    assert_eq!(drops(&station, DropReason::Destination), 2);
}

#[test]
fn ignores_its_own_frames_when_a_switch_sends_them_back() {
    let mut station = Station::settled(Config::default(), &[VIP4, VIP6]);
    for name in ["kernel_arp_gratuitous_request", "scapy_arp_probe", "scapy_ns_dad", "kernel_na_unsolicited"] {
        station.frame(&golden(name));
    }
    let mut forged = arp_request(VIP4);
    forged[22..28].copy_from_slice(&OWNER.0);
    station.frame(&forged);
    station.frame(&golden("scapy_ns_owners_link_layer"));
    let mut forged = golden("scapy_arp_reply_foreign");
    forged[6..12].copy_from_slice(&OWNER.0);
    station.frame(&forged);
    assert_eq!(station.take(), []);
    assert_eq!(drops(&station, DropReason::Own), 7);
}

#[test]
fn never_answers_to_a_group_or_to_nobody() {
    let mut station = Station::settled(Config::default(), &[VIP4, VIP6]);
    for sender in [MacAddr::BROADCAST, MacAddr::ZERO] {
        let mut frame = arp_request(VIP4);
        frame[22..28].copy_from_slice(&sender.0);
        station.frame(&frame);
        frame[6..12].copy_from_slice(&sender.0);
        station.frame(&frame);
    }
    station.frame(&golden("scapy_ns_group_link_layer"));
    station.frame(&golden("scapy_na_group_link_layer"));
    assert_eq!(station.take(), []);
    assert_eq!(drops(&station, DropReason::Sender), 6);
}

#[test]
fn uses_a_new_hardware_address_at_once_and_announces_it() {
    let mut station = Station::settled(Config::default(), &[VIP4, VIP6]);
    let mac = MacAddr([2, 0, 0, 0, 0, 0x77]);
    station.handle(Input::Link(LinkFacts { mac }));
    let announced = station.take_frames();
    assert_eq!(announced.len(), 3, "request, reply and advertisement");
    assert!(announced.iter().all(|frame| frame[6..12] == mac.0));
    station.frame(&golden("kernel_arp_request"));
    assert_eq!(station.take_frames()[0][22..28], mac.0);
    station.handle(Input::Link(LinkFacts { mac }));
    assert_eq!(station.take(), [], "the same facts again change nothing");
}

#[test]
fn joins_one_group_for_addresses_with_the_same_low_bits_and_joins_again_when_the_link_returns() {
    let mut station = Station::new(Config::default());
    let group: Ipv6Addr = "ff02::1:ff00:10".parse().expect("the group is valid");
    let memberships = |station: &mut Station| -> Vec<Output> {
        let outputs = station.take().into_iter().map(|(_, output)| output);
        outputs.filter(|output| matches!(output, Output::Join(_) | Output::Leave(_))).collect()
    };
    station.announce(VIP6);
    station.announce("2001:db8:1::10");
    station.announce(VIP4);
    assert_eq!(memberships(&mut station), [Output::Join(group)]);
    station.handle(Input::LinkUp);
    assert_eq!(memberships(&mut station), [Output::Join(group)]);
    station.handle(Input::Withdraw { vip: ip(VIP6) });
    station.handle(Input::Withdraw { vip: ip(VIP6) });
    assert_eq!(memberships(&mut station), []);
    station.handle(Input::Withdraw { vip: ip("2001:db8:1::10") });
    assert_eq!(memberships(&mut station), [Output::Leave(group)]);
    station.handle(Input::LinkUp);
    assert_eq!(memberships(&mut station), []);
}

#[test]
fn joins_the_group_before_it_announces() {
    let mut station = Station::new(Config::default());
    station.announce(VIP6);
    assert!(matches!(station.take()[0].1, Output::Join(_)));
}

#[test]
fn a_flood_of_one_sender_is_cut_while_others_are_answered() {
    let limit = RateLimit { per_second: nonzero(100), at_once: nonzero(10) };
    let mut station = Station::settled(Config { reply_limit: limit, ..Config::default() }, &[VIP4]);
    for _ in 0..1000 {
        station.now += Duration::from_millis(1);
        station.frame(&golden("kernel_arp_request"));
    }
    let answers = station.take_frames().len();
    assert!((105..=115).contains(&answers), "10 at once and 100 in the second, got {answers}");
    assert_eq!(drops(&station, DropReason::RateLimited), 1000 - answers as u64);
    let mut other = golden("kernel_arp_request");
    other[11] = 3;
    station.frame(&other);
    assert_eq!(station.take_frames().len(), 1);
}

#[test]
fn counts_per_protocol_and_per_address() {
    let mut station = Station::settled(Config::default(), &[VIP4, VIP6, "192.0.2.11"]);
    station.frame(&golden("kernel_arp_request"));
    station.frame(&golden("kernel_ns_multicast"));
    let stats = station.responder.stats();
    assert_eq!((stats.arp.requests_received, stats.arp.responses_sent), (1, 1));
    assert_eq!((stats.ndp.requests_received, stats.ndp.responses_sent), (1, 1));
    assert_eq!((stats.arp.gratuitous_sent, stats.ndp.gratuitous_sent), (24, 6));
    assert_eq!((stats.arp.probes_sent, stats.ndp.probes_sent), (6, 3));
    let (asked, idle) = (stats.vips[&ip(VIP4)], stats.vips[&ip("192.0.2.11")]);
    assert_eq!((asked.requests_received, asked.responses_sent, asked.gratuitous_sent), (1, 1, 12));
    assert_eq!((idle.requests_received, idle.responses_sent, idle.gratuitous_sent), (0, 0, 12));
}

#[test]
fn refuses_addresses_that_no_link_can_carry() {
    let refusals = [
        ("0.0.0.0", Refusal::Unspecified(ip("0.0.0.0"))),
        ("::", Refusal::Unspecified(ip("::"))),
        ("127.0.0.1", Refusal::Loopback(ip("127.0.0.1"))),
        ("224.0.0.5", Refusal::Group(ip("224.0.0.5"))),
        ("255.255.255.255", Refusal::Group(ip("255.255.255.255"))),
        ("ff02::1", Refusal::Group(ip("ff02::1"))),
        ("::ffff:192.0.2.1", Refusal::MappedIpv4(ip("::ffff:192.0.2.1"))),
    ];
    for (vip, refusal) in refusals {
        let mut station = Station::new(Config::default());
        station.announce(vip);
        assert_eq!(station.take_events(), [Event::Refused(refusal)]);
        assert_eq!(station.responder.poll_timeout(), None);
    }
}

fn nonzero(value: u32) -> NonZeroU32 {
    NonZeroU32::new(value).expect("a test limit is not zero")
}
