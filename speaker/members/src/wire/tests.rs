use proptest::prelude::*;

use super::*;
use crate::seal::{HEADER_LEN, TAG_LEN};

fn change() -> impl Strategy<Value = Change> {
    let claim = (any::<u64>(), any::<bool>()).prop_map(|(epoch, yielding)| Claim { epoch: Epoch(epoch), yielding });
    (any::<IpAddr>(), prop::option::of(claim)).prop_map(|(vip, claim)| Change { vip, claim })
}

fn span(limit: u64) -> impl Strategy<Value = Span> {
    (0..limit, 1..=limit)
        .prop_map(move |(after, length)| Span { after, upto: (after + length).min(limit).max(after + 1) })
}

fn flags() -> impl Strategy<Value = Flags> {
    any::<[bool; 6]>().prop_map(|[ready, listening, leaving, left, solicits, damped]| Flags {
        ready,
        listening,
        leaving,
        left,
        solicits,
        damped,
    })
}

prop_compose! {
    fn body()(
        node in "[a-z0-9.-]{1,253}",
        link in "[a-z0-9]{1,15}",
        mac in any::<[u8; 6]>(),
        flags in flags(),
        interval in 1_000u64..10_000_000,
        summary in (1000u64..9000, any::<u32>(), any::<u64>()),
        heard in prop::collection::vec(any::<u32>(), 0..=MAX_HEARD),
        answer in prop::option::of((any::<u64>(), any::<u64>())),
        ask in prop::option::of((any::<u64>(), prop::collection::vec(span(1000), 1..=MAX_ASKED))),
        piece in prop::option::of((span(1000), prop::collection::vec(change(), 0..20))),
    ) -> Body {
        Body {
            member: MemberId { node: NodeName::new(&node).unwrap(), link: LinkName::new(&link).unwrap() },
            mac: Mac(mac),
            flags,
            interval: Duration::from_micros(interval),
            summary: Summary { version: summary.0, count: summary.1, digest: summary.2 },
            heard,
            answer: answer.map(|(to, sequence)| Answer { to: MemberTag(to), sequence }),
            ask: ask.map(|(of, spans)| Ask { of: MemberTag(of), spans }),
            piece: piece.map(|(span, changes)| Piece { span, changes }),
        }
    }
}

/// The same body without flags that this version does not know.
fn known(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes[1] &= 0b1000_0011;
    bytes
}

proptest! {
    #[test]
    fn decodes_what_it_encodes(body in body()) {
        prop_assert_eq!(Body::decode(&body.encode()), Ok(body));
    }

    #[test]
    fn any_bytes_decode_or_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..1300)) {
        if let Ok(body) = Body::decode(&bytes) {
            prop_assert_eq!(body.encode(), known(bytes));
        }
    }

    #[test]
    fn a_body_with_changed_or_missing_bytes_never_panics(body in body(), at in any::<prop::sample::Index>(), with in any::<u8>()) {
        let mut bytes = body.encode();
        let place = at.index(bytes.len());
        prop_assert_eq!(Body::decode(&bytes[..place]), Err(Malformed));
        bytes[place] = with;
        if let Ok(body) = Body::decode(&bytes) {
            prop_assert_eq!(body.encode(), known(bytes));
        }
    }

    #[test]
    fn the_room_for_changes_fills_a_datagram_and_no_more(mut body in body()) {
        body.piece = None;
        let room = body.room_for_changes();
        let change = Change { vip: IpAddr::V6(Ipv6Addr::LOCALHOST), claim: Some(Claim { epoch: Epoch(1), yielding: false }) };
        body.piece = Some(Piece { span: Span { after: 0, upto: 1 }, changes: vec![change; room / change.encoded_len()] });
        let datagram = HEADER_LEN + body.encode().len() + TAG_LEN;
        prop_assert!(datagram < 1200 && datagram + change.encoded_len() >= 1199, "{datagram} bytes");
    }
}

#[test]
fn refuses_an_interval_that_would_make_its_sender_immortal() {
    let mut bytes = vec![0];
    bytes.extend_from_slice(&60_000_001u32.to_be_bytes());
    bytes.extend_from_slice(&[0; 6 + 20]);
    bytes.extend_from_slice(&[1, b'a', 1, b'b', 0]);
    assert_eq!(Body::decode(&bytes), Err(Malformed));
    bytes[1..5].copy_from_slice(&60_000_000u32.to_be_bytes());
    assert!(Body::decode(&bytes).is_ok());
}

/// The bytes of a beat of node `a` on link `b`, ready and with an interval of 100 ms.
fn beat(interval_word: [u8; 4]) -> Vec<u8> {
    let mut bytes = vec![READY];
    bytes.extend_from_slice(&interval_word);
    bytes.extend_from_slice(&[2, 0, 0, 0, 0, 1]);
    bytes.extend_from_slice(&[0; 20]);
    bytes.extend_from_slice(&[1, b'a', 1, b'b', 0]);
    bytes
}

#[test]
fn damping_is_the_first_bit_of_the_interval_and_the_next_five_are_ignored() {
    // 100,000 microseconds are 0x186a0.
    let plain = Body::decode(&beat([0, 1, 0x86, 0xa0])).unwrap();
    assert_eq!((plain.flags.damped, plain.interval), (false, Duration::from_millis(100)));
    let damped = Body::decode(&beat([0x80, 1, 0x86, 0xa0])).unwrap();
    assert_eq!(damped, Body { flags: Flags { damped: true, ..plain.flags }, ..plain.clone() });
    assert_eq!(damped.encode(), beat([0x80, 1, 0x86, 0xa0]));
    assert_eq!(Body::decode(&beat([0x7c, 1, 0x86, 0xa0])), Ok(plain));
}
