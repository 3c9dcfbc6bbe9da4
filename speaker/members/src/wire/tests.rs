use proptest::prelude::*;

use super::*;
use crate::header::{HEADER_LEN, TAG_LEN};

fn change() -> impl Strategy<Value = Change> {
    let claim = (any::<u64>(), any::<bool>()).prop_map(|(epoch, yielding)| Claim { epoch: Epoch(epoch), yielding });
    (any::<IpAddr>(), prop::option::of(claim)).prop_map(|(vip, claim)| Change { vip, claim })
}

fn span(limit: u64) -> impl Strategy<Value = Span> {
    (0..limit, 1..=limit)
        .prop_map(move |(after, length)| Span { after, upto: (after + length).min(limit).max(after + 1) })
}

fn flags() -> impl Strategy<Value = Flags> {
    any::<[bool; 9]>().prop_map(|[ready, listening, leaving, left, solicits, damped, settled, duplicate, deaf]| Flags {
        ready,
        listening,
        leaving,
        left,
        solicits,
        damped,
        settled,
        duplicate,
        deaf,
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
        echoes in prop::collection::vec((any::<u64>(), any::<u64>()), 0..=MAX_ECHOES),
        ask in prop::option::of((any::<u64>(), prop::collection::vec(span(1000), 1..=MAX_ASKED))),
        refusal in prop::option::of((any::<u64>(), any::<[u8; 6]>())),
        piece in prop::option::of((span(1000), prop::collection::vec(change(), 0..20))),
    ) -> Body {
        Body {
            member: MemberId { node: NodeName::new(&node).unwrap(), link: LinkName::new(&link).unwrap() },
            mac: Mac(mac),
            flags,
            interval: Duration::from_micros(interval),
            summary: Summary { version: summary.0, count: summary.1, digest: summary.2 },
            echoes: echoes.into_iter().map(|(boot, sequence)| Echo { boot: BootId(boot), sequence }).collect(),
            ask: ask.map(|(of, spans)| Ask { of: MemberTag(of), spans }),
            piece: piece.map(|(span, changes)| Piece { span, changes, is_partial: false }),
            refusal: refusal.map(|(boot, mac)| Refusal { boot: BootId(boot), mac: Mac(mac) }),
        }
    }
}

proptest! {
    #[test]
    fn decodes_what_it_encodes(body in body()) {
        prop_assert_eq!(Body::decode(&body.encode()), Ok(body));
    }

    #[test]
    fn any_bytes_are_decoded_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..1300)) {
        if let Ok(body) = Body::decode(&bytes) {
            prop_assert_eq!(Body::decode(&body.encode()), Ok(body));
        }
    }

    #[test]
    fn a_body_with_changed_or_missing_bytes_never_panics(body in body(), at in any::<prop::sample::Index>(), with in any::<u8>()) {
        let mut bytes = body.encode();
        let place = at.index(bytes.len());
        drop(Body::decode(&bytes[..place]));
        bytes[place] = with;
        drop(Body::decode(&bytes));
    }

    #[test]
    fn what_a_later_version_adds_is_passed_over(body in body(), flags in any::<u32>(), kind in 5u8.., more in prop::collection::vec(any::<u8>(), 0..40)) {
        let mut bytes = body.encode();
        let known = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        let unknown = flags & !(DEAF * 2 - 1);
        bytes[..4].copy_from_slice(&(known | unknown).to_be_bytes());
        section(kind, &mut bytes, |out| out.extend_from_slice(&more));
        prop_assert_eq!(Body::decode(&bytes), Ok(body));
    }

    #[test]
    fn the_room_for_changes_fills_a_datagram_and_no_more(mut body in body()) {
        body.piece = None;
        let room = body.room_for_changes();
        let change = Change { vip: IpAddr::V6(Ipv6Addr::LOCALHOST), claim: Some(Claim { epoch: Epoch(1), yielding: false }) };
        body.piece = Some(Piece { span: Span { after: 0, upto: 1 }, changes: vec![change; room / change.encoded_len()], is_partial: false });
        let datagram = HEADER_LEN + body.encode().len() + TAG_LEN;
        prop_assert!(datagram < 1200 && datagram + change.encoded_len() >= 1199, "{datagram} bytes");
    }
}

/// The bytes of a beat of node `a` on link `b`, ready and with an interval of 100 ms, which are 0x186a0 microseconds.
const BEAT: [u8; 39] = [
    0, 0, 0, 1, 0, 1, 0x86, 0xa0, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 1,
    b'a', 1, b'b', 0,
];

fn with_sections(sections: &[&[u8]]) -> Vec<u8> {
    let mut bytes = BEAT[..38].to_vec();
    sections.iter().for_each(|section| bytes.extend_from_slice(section));
    bytes
}

fn beat() -> Body {
    Body::decode(&BEAT[..38]).unwrap()
}

#[test]
fn the_bytes_of_a_beat() {
    let flags = Flags { ready: true, ..Flags::default() };
    let expected = Body {
        member: MemberId { node: NodeName::new("a").unwrap(), link: LinkName::new("b").unwrap() },
        mac: Mac([2, 0, 0, 0, 0, 1]),
        flags,
        interval: Duration::from_millis(100),
        summary: Summary { version: 7, count: 1, digest: 9 },
        echoes: Vec::new(),
        ask: None,
        piece: None,
        refusal: None,
    };
    assert_eq!(beat(), expected);
    assert_eq!(expected.encode(), &BEAT[..38]);
    assert_eq!(Body::decode(&BEAT), Err(Malformed), "a section has a type and a length");
}

#[test]
fn the_bytes_of_each_section() {
    let echo: &[u8] = &[ECHOES, 0, 16, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 4];
    let span: &[u8] = &[0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 7];
    let ask = [&[ASK, 0, 24, 0, 0, 0, 0, 0, 0, 0, 8], span].concat();
    let change: &[u8] = &[CHANGE_HELD, 12, 192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 2];
    let piece = [&[PIECE, 0, 30], span, change].concat();
    let refusal: &[u8] = &[REFUSAL, 0, 14, 0, 0, 0, 0, 0, 0, 0, 6, 2, 0, 0, 0, 0, 9];
    let body = Body {
        refusal: Some(Refusal { boot: BootId(6), mac: Mac([2, 0, 0, 0, 0, 9]) }),
        echoes: vec![Echo { boot: BootId(3), sequence: 4 }],
        ask: Some(Ask { of: MemberTag(8), spans: vec![Span { after: 5, upto: 7 }] }),
        piece: Some(Piece {
            span: Span { after: 5, upto: 7 },
            changes: vec![Change {
                vip: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
                claim: Some(Claim { epoch: Epoch(2), yielding: false }),
            }],
            is_partial: false,
        }),
        ..beat()
    };
    assert_eq!(body.encode(), with_sections(&[echo, &ask, &piece, refusal]));
    assert_eq!(Body::decode(&with_sections(&[refusal, &piece, &ask, echo])), Ok(body), "the order says nothing");
}

#[test]
fn changes_of_an_unknown_kind_are_passed_over_and_the_rest_is_read() {
    let span: &[u8] = &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3];
    let unknown: &[u8] = &[0x80, 3, 1, 2, 3];
    // A known kind that has grown by a byte.
    let longer: &[u8] = &[CHANGE_HELD, 13, 192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0xff];
    let known: &[u8] = &[0, 4, 192, 0, 2, 2];
    let length = u8::try_from(span.len() + unknown.len() + longer.len() + known.len()).unwrap();
    let body = Body::decode(&with_sections(&[&[PIECE, 0, length], span, unknown, longer, known])).unwrap();
    let piece = body.piece.unwrap();
    assert!(piece.is_partial);
    let vips: Vec<IpAddr> = piece.changes.iter().map(|change| change.vip).collect();
    assert_eq!(vips, [1, 2].map(|last| IpAddr::V4(Ipv4Addr::new(192, 0, 2, last))));
}

#[test]
fn a_section_or_change_that_is_cut_short_is_refused() {
    let cases: [&[u8]; 5] =
        [&[ECHOES, 0, 8, 0, 0, 0, 0, 0, 0, 0, 3], &[ECHOES, 0, 17], &[ECHOES, 0], &[PIECE, 0, 0], &[ASK, 0, 1, 0]];
    for section in cases {
        assert_eq!(Body::decode(&with_sections(&[section])), Err(Malformed), "{section:?}");
    }
}

#[test]
fn refuses_an_interval_that_would_make_its_sender_immortal() {
    let mut bytes = with_sections(&[]);
    bytes[4..8].copy_from_slice(&60_000_001u32.to_be_bytes());
    assert_eq!(Body::decode(&bytes), Err(Malformed));
    bytes[4..8].copy_from_slice(&60_000_000u32.to_be_bytes());
    assert!(Body::decode(&bytes).is_ok());
}
