//! Code, subcode and data of the NOTIFICATION for every fault that bytes can have.

use super::{super::*, context, decode, frame};
use crate::Family;

const BODY: [u8; 10] = [4, 0xfd, 0xe9, 0, 90, 192, 0, 2, 1, 0];

fn notified(bytes: &[u8]) -> (u8, u8, Vec<u8>) {
    let fault = decode(bytes, context()).expect_err("the message ends the session");
    assert!(!fault.to_string().is_empty());
    let Notification { code, subcode, data } = fault.notification();
    (code, subcode, data)
}

fn header(length: u16, kind: u8) -> Vec<u8> {
    [&[0xff; 16][..], &length.to_be_bytes(), &[kind], &[0; 4100]].concat()
}

#[test]
fn a_header_without_marker_is_not_synchronized() {
    for position in 0..16 {
        let mut bytes = keepalive();
        bytes[position] = 0;
        assert_eq!(notified(&bytes), (1, 1, vec![]));
    }
}

#[test]
fn an_impossible_length_is_reported_with_itself() {
    let too_short_or_long = [
        (1, 28),
        (1, 4097),
        (2, 22),
        (2, 4097),
        (3, 20),
        (3, 4097),
        (4, 18),
        (4, 20),
        (5, 22),
        (5, 4097),
        (1, 0),
        (4, 65535),
    ];
    for (kind, length) in too_short_or_long {
        assert_eq!(notified(&header(length, kind)), (1, 2, length.to_be_bytes().to_vec()), "type {kind}, {length}");
    }
}

#[test]
fn extended_messages_are_read_once_agreed_on_but_never_as_open_or_keepalive() {
    let extended = Context { extended_message: true, ..context() };
    let long = frame(MessageType::Notification, &[6; 60_000]);
    assert!(matches!(decode(&long, extended.clone()), Ok(Message::Notification(_))));
    assert_eq!(decode(&header(4097, 1), extended.clone()), Err(Fault::Length { length: 4097 }));
    assert_eq!(decode(&header(4097, 4), extended), Err(Fault::Length { length: 4097 }));
}

#[test]
fn an_unknown_type_is_reported_with_itself() {
    for kind in [0, 6, 128, 255] {
        assert_eq!(notified(&header(19, kind)), (1, 3, vec![kind]));
    }
}

#[test]
fn an_open_of_another_version_learns_which_one_is_supported() {
    for version in [0, 3, 5] {
        let mut body = BODY;
        body[0] = version;
        assert_eq!(notified(&frame(MessageType::Open, &body)), (2, 1, vec![0, 4]));
    }
}

/// Puts optional parameters, with their length in front, into an OPEN.
fn open_with(parameters: &[u8]) -> Vec<u8> {
    frame(MessageType::Open, &[&BODY[..9], parameters].concat())
}

#[test]
fn an_open_with_contradictory_lengths_is_malformed() {
    let malformed: [&[u8]; 16] = [
        &[1],
        &[0, 0],
        &[2, 2, 1],
        &[2, 2],
        &[3, 2, 1, 1],
        &[4, 2, 2, 1, 1],
        &[5, 2, 3, 65, 1, 0],
        &[8, 2, 6, 65, 4, 0, 0, 0],
        &[8, 2, 6, 1, 4, 0, 1, 0],
        &[7, 2, 5, 1, 3, 0, 1, 1],
        &[5, 2, 3, 2, 1, 0],
        &[4, 2, 2, 9, 0],
        &[5, 2, 3, 64, 1, 0],
        &[7, 2, 5, 5, 3, 0, 1, 0],
        &[255, 255, 0],
        &[255, 255, 0, 4, 2, 0, 2, 2],
    ];
    for parameters in malformed {
        assert_eq!(notified(&open_with(parameters)), (2, 0, vec![]), "{parameters:?}");
    }
}

#[test]
fn an_open_whose_two_numbers_differ_is_malformed() {
    assert_eq!(notified(&open_with(&[8, 2, 6, 65, 4, 0, 0, 0xfd, 0xe8])), (2, 0, vec![]));
}

#[test]
fn an_unknown_optional_parameter_is_reported() {
    assert_eq!(notified(&open_with(&[2, 1, 0])), (2, 4, vec![]));
    assert_eq!(notified(&open_with(&[255, 255, 0, 3, 1, 0, 0])), (2, 4, vec![]));
}

#[test]
fn extended_optional_parameters_are_read_whatever_length_stands_before_them() {
    for length in [1, 7, 255] {
        let bytes = open_with(&[length, 255, 0, 9, 2, 0, 6, 65, 4, 0, 0, 0xfd, 0xe9]);
        let Ok(Message::Open(open)) = decode(&bytes, context()) else { panic!("an OPEN") };
        assert_eq!(open.capabilities.four_octet_as, Some(65001));
    }
}

#[test]
fn unknown_capabilities_are_remembered_and_harmless() {
    let bytes = open_with(&[9, 2, 7, 71, 0, 73, 3, 1, 2, 3]);
    let Ok(Message::Open(open)) = decode(&bytes, context()) else { panic!("an OPEN") };
    assert_eq!(open.capabilities.unknown, [71, 73].into());
}

#[test]
fn what_an_open_says_reads_back() {
    let ipv4 = AddressFamily::from(Family::Ipv4);
    let many: std::collections::BTreeSet<_> = (0..60).map(|afi| AddressFamily { afi, safi: 1 }).collect();
    for families in [[].into(), [ipv4].into(), many] {
        let open = Open {
            my_as: 23456,
            hold_time: 90,
            identifier: 0xc000_0201,
            capabilities: Capabilities {
                families,
                four_octet_as: Some(4_200_000_000),
                route_refresh: true,
                enhanced_route_refresh: true,
                extended_message: true,
                extended_next_hop: [(ipv4, 2)].into(),
                graceful_restart: Some(GracefulRestartCapability {
                    restarting: true,
                    notification: true,
                    seconds: 4095,
                    families: [(ipv4, RestartFamily { forwarding: true })].into(),
                }),
                roles: [3].into(),
                unknown: [].into(),
            },
        };
        assert_eq!(decode(&open.encode(), context()), Ok(Message::Open(open)));
    }
}

#[test]
fn an_open_without_capabilities_reads_back() {
    let open = Open { my_as: 1, hold_time: 0, identifier: 1, capabilities: Capabilities::default() };
    assert_eq!(open.encode().len(), 29);
    assert_eq!(decode(&open.encode(), context()), Ok(Message::Open(open)));
}

#[test]
fn a_route_refresh_reads_back_and_unknown_kinds_are_ignored() {
    for kind in [RefreshKind::Request, RefreshKind::Begin, RefreshKind::End] {
        let refresh = RouteRefresh { family: Family::Ipv6.into(), kind };
        assert_eq!(decode(&refresh.encode(), context()), Ok(Message::RouteRefresh(Some(refresh))));
    }
    let unknown = frame(MessageType::RouteRefresh, &[0, 1, 3, 1, 9, 9]);
    assert_eq!(decode(&unknown, context()), Ok(Message::RouteRefresh(None)));
}

#[test]
fn a_demarcation_of_wrong_length_is_sent_back_whole() {
    let bytes = frame(MessageType::RouteRefresh, &[0, 1, 1, 1, 0]);
    assert_eq!(notified(&bytes), (7, 1, bytes));
    let with_filters = frame(MessageType::RouteRefresh, &[0, 1, 0, 1, 0]);
    assert!(decode(&with_filters, context()).is_ok());
}

#[test]
fn faults_of_the_machine_have_their_codes() {
    let table = [
        (Fault::HoldTimerExpired, (4, 0, vec![])),
        (Fault::Unexpected { state: 1, received: MessageType::Update }, (5, 1, vec![2])),
        (Fault::Unexpected { state: 3, received: MessageType::Open }, (5, 3, vec![1])),
        (Fault::Cease(Cease::Shutdown { text: String::new() }), (6, 2, vec![])),
        (Fault::Cease(Cease::Shutdown { text: "bye".into() }), (6, 2, b"\x03bye".to_vec())),
        (Fault::Cease(Cease::Deconfigured), (6, 3, vec![])),
        (Fault::Cease(Cease::Reset { text: "ö".into() }), (6, 4, vec![2, 0xc3, 0xb6])),
        (Fault::Cease(Cease::Rejected), (6, 5, vec![])),
        (Fault::Cease(Cease::ConfigurationChange), (6, 6, vec![])),
        (Fault::Cease(Cease::Collision), (6, 7, vec![])),
        (Fault::Cease(Cease::BfdDown), (6, 10, vec![])),
        (
            Fault::Open(OpenFault::PeerAs { received: 7, expected: Ok(crate::Asn::new(65001).unwrap()) }),
            (2, 2, vec![0, 0, 0xfd, 0xe9]),
        ),
        (Fault::Open(OpenFault::Identifier { received: 0, ours: None }), (2, 3, vec![])),
        (Fault::Open(OpenFault::HoldTime { seconds: 2 }), (2, 6, vec![])),
        (Fault::Open(OpenFault::Families { wanted: vec![Family::Ipv6.into()] }), (2, 7, vec![1, 4, 0, 2, 0, 1])),
        (Fault::Open(OpenFault::Role { received: None }), (2, 11, vec![])),
    ];
    for (fault, (code, subcode, data)) in table {
        assert_eq!(fault.notification(), Notification { code, subcode, data }, "{fault}");
    }
}

#[test]
fn a_hard_reset_wraps_the_reason_and_gives_it_back() {
    let reason = Fault::Cease(Cease::Shutdown { text: "maintenance".into() }).notification();
    let wrapped = reason.hard_reset();
    assert_eq!((wrapped.code, wrapped.subcode, &wrapped.data[..3]), (6, 9, &[6, 2, 11][..]));
    assert_eq!(wrapped.inner(), reason);
    assert_eq!(wrapped.to_string(), "Administrative Shutdown: \"maintenance\"");
    assert_eq!(decode(&wrapped.encode(), context()), Ok(Message::Notification(wrapped)));
}

#[test]
fn a_shutdown_text_is_cut_between_characters_and_printed_without_control_characters() {
    let long = Fault::Cease(Cease::Shutdown { text: "é".repeat(200) }).notification();
    assert_eq!((long.data[0], long.data.len()), (254, 255));
    assert_eq!(long.text(), Some("é".repeat(127)));
    assert_eq!(Notification::new(6, 2, *b"\x05a\x1b\nb\xff").text().as_deref(), Some("a  b\u{fffd}"));
    for damaged in [&b""[..], b"\0", b"\x09short"] {
        assert_eq!(Notification::new(6, 4, damaged).text(), None);
    }
    assert_eq!(Notification::new(6, 7, *b"\x02hi").text(), None);
}

#[test]
fn data_beyond_a_message_is_cut_off() {
    let encoded = Notification::new(3, 9, vec![7; 60_000]).encode();
    assert_eq!(encoded.len(), MAX_MESSAGE);
    assert!(decode(&encoded, context()).is_ok());
}
