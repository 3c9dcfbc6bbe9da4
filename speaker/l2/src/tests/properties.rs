use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const VIPS: [&str; 6] = [VIP4, "192.0.2.11", "192.0.2.12", VIP6, "2001:db8::11", "2001:db8:1::10"];
const FRAMES: [&str; 12] = [
    "kernel_arp_request",
    "kernel_arp_request_unicast",
    "arping_probe",
    "arping_gratuitous_request",
    "kernel_ns_multicast",
    "kernel_ns_unicast",
    "kernel_ns_dad",
    "ndisc6_ns_multicast",
    "scapy_ns_unicast_bare",
    "scapy_ns_nonce",
    "scapy_arp_reply_foreign",
    "scapy_na_foreign",
];

#[derive(Clone, Debug)]
enum Step {
    Announce(usize),
    Withdraw(usize),
    Reassert(usize),
    LinkUp,
    Mac(u8),
    Speakers(u8),
    Wait(u64),
    Frame(Vec<u8>),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..VIPS.len()).prop_map(Step::Announce),
        4 => (0..VIPS.len()).prop_map(Step::Withdraw),
        2 => (0..VIPS.len()).prop_map(Step::Reassert),
        1 => Just(Step::LinkUp),
        1 => (1_u8..3).prop_map(Step::Mac),
        1 => (0_u8..3).prop_map(Step::Speakers),
        4 => (0_u64..100_000).prop_map(Step::Wait),
        12 => frame().prop_map(Step::Frame),
    ]
}

/// Golden frames, half of them with one byte changed; the checksum is not repaired.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<prop::sample::Index>(), any::<u8>());
    (prop::sample::select(&FRAMES[..]), prop::option::of(change)).prop_map(|(name, change)| {
        let mut frame = golden(name);
        if let Some((at, value)) = change {
            let at = at.index(frame.len());
            frame[at] = value;
        }
        frame
    })
}

proptest! {
    #[test]
    fn nothing_is_ever_sent_for_an_address_that_is_not_owned(steps in vec(step(), 1..60)) {
        let mut station = Station::new(Config::default());
        let mut owned = BTreeSet::new();
        for step in steps {
            match step {
                Step::Announce(index) => {
                    owned.insert(ip(VIPS[index]));
                    station.announce(VIPS[index]);
                }
                Step::Withdraw(index) => {
                    owned.remove(&ip(VIPS[index]));
                    station.handle(Input::Withdraw { vip: ip(VIPS[index]) });
                }
                Step::Reassert(index) => station.handle(Input::Reassert { vip: ip(VIPS[index]) }),
                Step::LinkUp => station.handle(Input::LinkUp),
                Step::Mac(last) => station.handle(Input::Link(LinkFacts { mac: MacAddr([2, 0, 0, 0, 0, last]) })),
                Step::Speakers(0) => station.speakers(&[]),
                Step::Speakers(1) => station.speakers(&[STRANGER]),
                Step::Speakers(_) => station.know(&[], &[STRANGER]),
                Step::Wait(millis) => station.run_for(Duration::from_millis(millis)),
                Step::Frame(frame) => station.frame(&frame),
            }
            for frame in station.take_frames() {
                let (Sent::Answer(vip) | Sent::Announcement(vip) | Sent::Probe(vip)) = meaning(&frame);
                prop_assert!(owned.contains(&vip), "{vip} is not owned");
            }
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(frames in vec(vec(any::<u8>(), 0..200), 1..20)) {
        let mut station = Station::settled(Config::default(), &VIPS);
        for frame in frames {
            station.frame(&frame);
        }
    }

    #[test]
    fn truncated_and_overwritten_frames_never_panic(
        frame in frame(),
        length in any::<prop::sample::Index>(),
        noise in vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        tail in vec(any::<u8>(), 0..40),
    ) {
        let mut station = Station::settled(Config::default(), &VIPS);
        let mut frame = frame;
        for (at, value) in noise {
            let at = at.index(frame.len());
            frame[at] = value;
        }
        frame.truncate(length.index(frame.len() + 1));
        frame.extend(tail);
        station.frame(&frame);
    }

    #[test]
    fn what_is_sent_is_decoded_to_the_same(mac in any::<[u8; 6]>(), sender in any::<u32>(), target in any::<u32>(), six in any::<u128>()) {
        let mac = MacAddr(mac);
        let packet = arp::Packet {
            operation: arp::Operation::Reply,
            sender_mac: mac,
            sender_ip: sender.into(),
            target_mac: CLIENT,
            target_ip: target.into(),
        };
        let frame = packet.encode(CLIENT);
        let (header, payload) = Header::decode(&frame).expect("our header is valid");
        prop_assert_eq!(header, Header { destination: CLIENT, source: mac, ether_type: EtherType::Arp });
        prop_assert_eq!(arp::Packet::decode(payload), Ok(packet));

        let target = std::net::Ipv6Addr::from(six);
        prop_assume!(!target.is_multicast());
        let told = ndp::Advertisement::to_all_nodes(mac, target);
        let frame = told.encode(mac, CLIENT);
        let (_, payload) = Header::decode(&frame).expect("our header is valid");
        prop_assert_eq!(ndp::Message::decode(payload), Ok(ndp::Message::Advertisement(told)));
    }
}
