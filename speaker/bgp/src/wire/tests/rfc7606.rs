//! Malformed UPDATE messages and what becomes of each.

use super::{
    super::{Context, Fault, Malformed, Message, MessageType, Update, UpdateFault, Verdict},
    context, decode, frame, update_body,
};
use crate::Family;

const ORIGIN: &[u8] = &[0x40, 1, 1, 0];
const AS_PATH: &[u8] = &[0x40, 2, 6, 2, 1, 0, 0, 0xfd, 0xe9];
const NEXT_HOP: &[u8] = &[0x40, 3, 4, 192, 0, 2, 1];
const ROUTE: &[u8] = &[24, 198, 51, 100];
const REACH_IPV6: &[u8] =
    &[0x80, 14, 26, 0, 2, 1, 16, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 32, 0x20, 1, 0xd, 0xb8];

fn judged_in(context: Context, withdrawn: &[u8], attributes: &[&[u8]], routes: &[u8]) -> Result<Update, UpdateFault> {
    match decode(&frame(MessageType::Update, &update_body(withdrawn, &attributes.concat(), routes)), context) {
        Ok(Message::Update(update)) => Ok(update),
        Err(Fault::Update(fault)) => Err(fault),
        other => panic!("no UPDATE: {other:?}"),
    }
}

fn judged(attributes: &[&[u8]]) -> Result<Verdict, UpdateFault> {
    judged_in(context(), &[], attributes, ROUTE).map(|update| update.verdict)
}

/// One attribute next to the mandatory ones.
fn with(attribute: &[u8]) -> Result<Verdict, UpdateFault> {
    judged(&[ORIGIN, AS_PATH, NEXT_HOP, attribute])
}

fn internal_with(attribute: &[u8]) -> Verdict {
    let internal = Context { internal: true, ..context() };
    judged_in(internal, &[], &[ORIGIN, AS_PATH, NEXT_HOP, attribute], ROUTE).unwrap().verdict
}

fn withdraw(malformed: Malformed) -> Result<Verdict, UpdateFault> {
    Ok(Verdict::TreatAsWithdraw(malformed))
}

fn discard(malformed: Malformed) -> Result<Verdict, UpdateFault> {
    Ok(Verdict::DiscardAttribute(malformed))
}

#[test]
fn a_sound_update_is_accepted() {
    let update = judged_in(context(), &[8, 10], &[REACH_IPV6, ORIGIN, AS_PATH, NEXT_HOP], ROUTE).unwrap();
    assert_eq!(update, Update { announced: 2, withdrawn: 1, end_of_rib: None, verdict: Verdict::Accept });
}

#[test]
fn a_missing_mandatory_attribute_withdraws_the_routes() {
    assert_eq!(judged(&[AS_PATH, NEXT_HOP]), withdraw(Malformed::Missing(1)));
    assert_eq!(judged(&[ORIGIN, NEXT_HOP]), withdraw(Malformed::Missing(2)));
    assert_eq!(judged(&[ORIGIN, AS_PATH]), withdraw(Malformed::Missing(3)));
    assert_eq!(judged(&[&[0xc0, 200, 0]]), withdraw(Malformed::Missing(1)));
    let multiprotocol = judged_in(context(), &[], &[REACH_IPV6, ORIGIN, AS_PATH], &[]).unwrap();
    assert_eq!(multiprotocol.verdict, Verdict::Accept);
}

#[test]
fn wrong_optional_or_transitive_bits_withdraw_the_routes() {
    for (flags, kind, value) in [
        (0xc0, 1, &[0][..]),
        (0x00, 1, &[0]),
        (0x80, 2, &[]),
        (0xc0, 4, &[0; 4]),
        (0x40, 4, &[0; 4]),
        (0x80, 6, &[]),
        (0x40, 7, &[0; 8]),
        (0x40, 8, &[0; 4]),
        (0x80, 16, &[0; 8]),
        (0x80, 32, &[0; 12]),
        (0x80, 35, &[0; 4]),
    ] {
        let attribute = [&[flags, kind, u8::try_from(value.len()).unwrap()], value].concat();
        let others = [ORIGIN, AS_PATH, NEXT_HOP].into_iter().filter(|other| other[1] != kind);
        let all: Vec<_> = std::iter::once(&attribute[..]).chain(others).collect();
        assert_eq!(judged(&all), withdraw(Malformed::Flags(kind)), "type {kind}");
    }
    // The partial bit and the unused ones say nothing.
    assert_eq!(with(&[0xff, 8, 0, 4, 0, 0, 0, 0]), Ok(Verdict::Accept));
}

#[test]
fn origin_must_be_one_octet_of_a_known_value() {
    assert_eq!(judged(&[&[0x40, 1, 0], AS_PATH, NEXT_HOP]), withdraw(Malformed::Length(1)));
    assert_eq!(judged(&[&[0x40, 1, 2, 0, 0], AS_PATH, NEXT_HOP]), withdraw(Malformed::Length(1)));
    assert_eq!(judged(&[&[0x40, 1, 1, 3], AS_PATH, NEXT_HOP]), withdraw(Malformed::Value(1)));
}

#[test]
fn as_path_must_consist_of_whole_segments() {
    for path in [
        &[2][..],
        &[2, 0],
        &[0, 1, 0, 0, 0, 1],
        &[5, 1, 0, 0, 0, 1],
        &[3, 1, 0, 0, 0, 1],
        &[2, 2, 0, 0, 0, 1],
        &[2, 1, 0, 0, 0, 1, 2],
        &[2, 1, 0, 1],
        &[2, 2, 0, 0, 0, 1, 0, 0, 0, 0],
    ] {
        let attribute = [&[0x40, 2, u8::try_from(path.len()).unwrap()], path].concat();
        assert_eq!(judged(&[ORIGIN, &attribute, NEXT_HOP]), withdraw(Malformed::Value(2)), "{path:?}");
    }
    assert_eq!(judged(&[ORIGIN, &[0x40, 2, 0], NEXT_HOP]), Ok(Verdict::Accept));
    assert_eq!(judged(&[ORIGIN, &[0x50, 2, 0, 6, 1, 1, 0, 0, 0, 1], NEXT_HOP]), Ok(Verdict::Accept));
}

#[test]
fn as_path_of_a_two_octet_peer_has_short_numbers() {
    let two = Context { four_octet_as: false, ..context() };
    let judge = |path: &[u8]| judged_in(two.clone(), &[], &[ORIGIN, path, NEXT_HOP], ROUTE).unwrap().verdict;
    assert_eq!(judge(&[0x40, 2, 4, 2, 1, 0, 1]), Verdict::Accept);
    assert_eq!(judge(AS_PATH), Verdict::TreatAsWithdraw(Malformed::Value(2)));
}

#[test]
fn lengths_that_cannot_be_withdraw_the_routes() {
    for attribute in [
        &[0x80, 4, 3, 0, 0, 0][..],
        &[0xc0, 8, 0],
        &[0xc0, 8, 5, 0, 0, 0, 0, 0],
        &[0xc0, 16, 0],
        &[0xc0, 16, 4, 0, 0, 0, 0],
        &[0xc0, 25, 1, 0],
        &[0xc0, 32, 0],
        &[0xc0, 32, 4, 0, 0, 0, 0],
        &[0xc0, 35, 2, 0, 0],
        &[0xc0, 22, 1, 0],
        &[0xc0, 128, 3, 0, 0, 0],
    ] {
        assert_eq!(with(attribute), withdraw(Malformed::Length(attribute[1])));
    }
    assert_eq!(judged(&[ORIGIN, AS_PATH, &[0x40, 3, 5, 1, 2, 3, 4, 5]]), withdraw(Malformed::Length(3)));
    assert_eq!(judged(&[ORIGIN, AS_PATH, &[0x40, 3, 0]]), withdraw(Malformed::Length(3)));
}

#[test]
fn attributes_without_influence_on_the_choice_of_routes_are_discarded() {
    assert_eq!(with(&[0x40, 6, 1, 0]), discard(Malformed::Length(6)));
    assert_eq!(with(&[0xc0, 7, 6, 0, 0, 0, 0, 0, 0]), discard(Malformed::Length(7)));
    assert_eq!(with(&[0xc0, 7, 8, 0, 0, 0, 0, 192, 0, 2, 1]), discard(Malformed::Value(7)));
}

#[test]
fn a_second_set_of_numbers_is_for_two_octet_peers_alone() {
    let (path, aggregator) = ([0xc0, 17, 6, 2, 1, 0, 0, 0xfd, 0xe9], [0xc0, 18, 8, 0, 0, 0xfd, 0xe9, 192, 0, 2, 1]);
    assert_eq!(with(&path), discard(Malformed::Misplaced(17)));
    assert_eq!(with(&aggregator), discard(Malformed::Misplaced(18)));
    let two = Context { four_octet_as: false, ..context() };
    let short_path: &[u8] = &[0x40, 2, 4, 2, 1, 0, 1];
    let judge = |attribute: &[u8]| {
        judged_in(two.clone(), &[], &[ORIGIN, short_path, NEXT_HOP, attribute], ROUTE).map(|update| update.verdict)
    };
    assert_eq!(judge(&path), Ok(Verdict::Accept));
    assert_eq!(judge(&aggregator), Ok(Verdict::Accept));
    assert_eq!(judge(&[0xc0, 17, 1, 0]), discard(Malformed::Value(17)));
    assert_eq!(judge(&[0xc0, 18, 1, 0]), discard(Malformed::Length(18)));
}

#[test]
fn attributes_for_internal_peers_are_discarded_from_external_ones() {
    for (kind, internal) in [(5, 4), (9, 4), (10, 3)] {
        let flags = if kind == 5 { 0x40 } else { 0x80 };
        for length in [0, 3, internal + 1, 4_u8] {
            let attribute = [&[flags, kind, length][..], &vec![0; length.into()]].concat();
            assert_eq!(with(&attribute), discard(Malformed::Misplaced(kind)));
            let expected =
                if length == 4 { Verdict::Accept } else { Verdict::TreatAsWithdraw(Malformed::Length(kind)) };
            assert_eq!(
                internal_with(&attribute),
                if length == internal && kind != 10 { Verdict::Accept } else { expected }
            );
        }
    }
}

#[test]
fn an_attribute_that_runs_over_the_end_withdraws_the_routes() {
    for tail in [&[0x40][..], &[0x40, 200], &[0xd0, 200, 1], &[0xc0, 200, 9, 1, 2]] {
        assert_eq!(with(tail), withdraw(Malformed::Overrun), "{tail:?}");
    }
}

#[test]
fn routes_that_run_over_the_end_end_the_session() {
    for tail in [&[0x80, 14][..], &[0x80, 15, 9, 0, 2, 1], &[0x90, 14, 1]] {
        assert!(matches!(with(tail), Err(UpdateFault::AttributeList { .. })), "{tail:?}");
    }
}

#[test]
fn of_a_repeated_attribute_the_first_counts() {
    assert_eq!(judged(&[ORIGIN, &[0x40, 1, 1, 9], AS_PATH, NEXT_HOP]), discard(Malformed::Repeated(1)));
}

#[test]
fn routes_that_stand_twice_in_attributes_end_the_session() {
    for attribute in [REACH_IPV6, &[0x80, 15, 3, 0, 2, 1][..]] {
        let fault = judged(&[attribute, attribute, ORIGIN, AS_PATH, NEXT_HOP]).unwrap_err();
        assert!(matches!(fault, UpdateFault::AttributeList { .. }));
    }
}

#[test]
fn an_unknown_attribute_ends_the_session_only_if_it_claims_to_be_well_known() {
    assert_eq!(with(&[0xc0, 200, 2, 1, 2]), Ok(Verdict::Accept));
    assert_eq!(with(&[0x80, 200, 0]), Ok(Verdict::Accept));
    let attribute = vec![0x40, 200, 2, 1, 2];
    assert_eq!(with(&attribute), Err(UpdateFault::UnrecognizedWellKnown { attribute }));
}

#[test]
fn the_strongest_handling_wins() {
    let both = |first: &[u8], second: &[u8]| judged(&[ORIGIN, AS_PATH, NEXT_HOP, first, second]);
    let (harmless, serious) = (&[0x40, 6, 1, 0][..], &[0xc0, 8, 0][..]);
    assert_eq!(both(harmless, serious), withdraw(Malformed::Length(8)));
    assert_eq!(both(serious, harmless), withdraw(Malformed::Length(8)));
}

#[test]
fn a_damaged_attribute_without_any_route_ends_the_session() {
    let alone = |attributes: &[&[u8]], withdrawn| judged_in(context(), withdrawn, attributes, &[]);
    assert!(matches!(alone(&[&[0x40, 1, 1, 9]], &[]), Err(UpdateFault::AttributeList { .. })));
    assert!(matches!(alone(&[&[0x40, 1, 1, 9]], &[8, 10]), Err(UpdateFault::AttributeList { .. })));
    assert!(alone(&[&[0x40, 6, 1, 0]], &[]).is_ok());
    assert!(alone(&[ORIGIN], &[8, 10]).is_ok());
}

#[test]
fn prefixes_that_cannot_be_read_end_the_session() {
    for routes in [&[33, 1, 2, 3, 4, 5][..], &[24, 1, 2], &[255], &[8]] {
        assert_eq!(judged_in(context(), &[], &[ORIGIN, AS_PATH, NEXT_HOP], routes), Err(UpdateFault::Network));
        assert_eq!(judged_in(context(), routes, &[], &[]), Err(UpdateFault::Network));
    }
}

#[test]
fn multiprotocol_routes_that_cannot_be_read_end_the_session_with_the_attribute() {
    for value in [
        &[][..],
        &[0, 2],
        &[0, 2, 1],
        &[0, 2, 1, 16, 0, 0],
        &[0, 2, 1, 4, 1, 2, 3, 4, 0],
        &[0, 1, 1, 5, 1, 2, 3, 4, 5, 0],
        &[0, 1, 1, 4, 1, 2, 3, 4],
        &[0, 1, 1, 4, 1, 2, 3, 4, 0, 33, 1, 2, 3, 4, 5],
        &[0, 1, 1, 4, 1, 2, 3, 4, 0, 32, 1, 2, 3],
    ] {
        let attribute = [&[0x80, 14, u8::try_from(value.len()).unwrap()], value].concat();
        assert_eq!(judged(&[&attribute, ORIGIN, AS_PATH, NEXT_HOP]), Err(UpdateFault::OptionalAttribute { attribute }));
    }
    for value in [&[0][..], &[0, 2, 1, 129], &[0, 2, 1, 16, 1]] {
        let attribute = [&[0x80, 15, u8::try_from(value.len()).unwrap()], value].concat();
        assert_eq!(judged(&[&attribute, ORIGIN, AS_PATH, NEXT_HOP]), Err(UpdateFault::OptionalAttribute { attribute }));
    }
}

#[test]
fn ipv4_routes_over_an_ipv6_next_hop_need_agreement() {
    let reach = [&[0x80, 14, 26, 0, 1, 1, 16][..], &[0x20; 16], &[0, 32, 1, 2, 3, 4]].concat();
    assert_eq!(judged(&[&reach, ORIGIN, AS_PATH, NEXT_HOP]), Ok(Verdict::Accept));
    let without = Context { extended_next_hop: false, ..context() };
    let attributes = [&reach[..], ORIGIN, AS_PATH, NEXT_HOP];
    assert!(matches!(judged_in(without, &[], &attributes, ROUTE), Err(UpdateFault::OptionalAttribute { .. })));
}

#[test]
fn families_that_are_not_in_use_are_not_looked_into() {
    let only_ipv4 = Context { families: [Family::Ipv4].into(), ..context() };
    let unreadable = [0x80, 14, 8, 0, 2, 1, 1, 9, 0, 200, 1];
    let attributes = [&unreadable[..], ORIGIN, AS_PATH];
    let update = judged_in(only_ipv4, &[], &attributes, &[]).unwrap();
    assert_eq!(update, Update::default());
}

#[test]
fn sections_longer_than_the_message_end_the_session() {
    for body in [&[0, 1, 0, 0][..], &[0, 0, 0, 1], &[0xff, 0xff, 0, 0], &[0, 2, 8, 10, 0], &[0, 0, 0xff, 0xff, 1]] {
        let fault = decode(&frame(MessageType::Update, body), context()).unwrap_err();
        assert!(matches!(fault, Fault::Update(UpdateFault::AttributeList { .. })), "{body:?}: {fault}");
    }
}

#[test]
fn end_of_rib_is_an_update_that_does_nothing() {
    let marker = |attributes: &[&[u8]]| judged_in(context(), &[], attributes, &[]).unwrap().end_of_rib;
    assert_eq!(marker(&[]), Some(Family::Ipv4.into()));
    assert_eq!(marker(&[&[0x80, 15, 3, 0, 2, 1]]), Some(Family::Ipv6.into()));
    assert_eq!(marker(&[&[0x80, 15, 5, 0, 2, 1, 8, 0x20]]), None);
    assert_eq!(marker(&[&[0x80, 15, 3, 0, 2, 1], ORIGIN]), None);
    assert_eq!(judged_in(context(), &[8, 10], &[], &[]).unwrap().end_of_rib, None);
}
