//! Two independent codecs next to ours: all three read the same in what we send, and none accepts what we refuse.
//!
//! Every run has the same cases, because what a foreign codec makes of others is no fault of the change that is tested.
//! `PROPTEST_RNG_SEED` chooses others, and `PROPTEST_CASES` runs more of them.

use std::{collections::BTreeMap, num::NonZeroU64, sync::Arc};

use bgp::{
    Attributes, Community, Config, Family, Input, LargeCommunity, Prefix, Routes,
    wire::{Capabilities, Context, Decoder, Fault, GracefulRestartCapability, Message, Open, RestartFamily, Verdict},
};
use netgauze_bgp_pkt::{
    BgpMessage,
    path_attribute::{AsPath, MpReach, MpUnreach, PathAttributeValue},
    wire::deserializer::BgpParsingContext,
};
use netgauze_parse_utils::{reader::SliceReader, traits::ParseFromWithOneInput};
use proptest::{collection::vec, option, prelude::*, sample::select, test_runner::RngSeed};
use rustbgpd_wire::{
    decode_message,
    validate::{ErrorDisposition, UpdateValidationOptions, validate_update_attributes_with_options},
};

use crate::{
    router::{Learned, Router},
    solo::{Solo, asn, config, prefix, their_open},
};

fn netgauze(message: &[u8], four_octets: bool) -> Result<BgpMessage, String> {
    let mut context = BgpParsingContext::default();
    context.set_asn4(four_octets);
    BgpMessage::parse(&mut SliceReader::new(message), &mut context).map_err(|error| error.to_string())
}

/// What netgauze learns from a row of messages.
fn learned_by_netgauze(mut bytes: &[u8], four_octets: bool) -> BTreeMap<Prefix, Learned> {
    let mut table = BTreeMap::new();
    while bytes.len() >= 19 {
        let (message, rest) = bytes.split_at(usize::from(u16::from_be_bytes([bytes[16], bytes[17]])));
        bytes = rest;
        let message = netgauze(message, four_octets).expect("netgauze reads what we send");
        let BgpMessage::Update(update) = message else { continue };
        let mut learned = Learned::default();
        let mut announced: Vec<_> = update.nlri().iter().map(|nlri| nlri.network().address().to_string()).collect();
        let mut withdrawn: Vec<_> =
            update.withdraw_routes().iter().map(|nlri| nlri.network().address().to_string()).collect();
        for attribute in update.path_attributes() {
            note(attribute.value(), &mut learned, &mut announced, &mut withdrawn);
        }
        table.retain(|known: &Prefix, _| !withdrawn.contains(&known.to_string()));
        table.extend(announced.iter().map(|text| (prefix(text), learned.clone())));
    }
    table
}

fn note(value: &PathAttributeValue, learned: &mut Learned, announced: &mut Vec<String>, withdrawn: &mut Vec<String>) {
    match value {
        PathAttributeValue::AsPath(AsPath::As4PathSegments(segments)) => {
            learned.as_path = segments.iter().flat_map(|segment| segment.as_numbers().to_vec()).collect();
        }
        // The true numbers follow in AS4_PATH where these are not.
        PathAttributeValue::AsPath(AsPath::As2PathSegments(segments)) => {
            learned.as_path =
                segments.iter().flat_map(|segment| segment.as_numbers().iter().copied().map(u32::from)).collect();
        }
        PathAttributeValue::As4Path(path) => {
            learned.as_path = path.segments().iter().flat_map(|segment| segment.as_numbers().to_vec()).collect();
        }
        PathAttributeValue::NextHop(next_hop) => learned.next_hop = Some(next_hop.next_hop().into()),
        PathAttributeValue::MultiExitDiscriminator(med) => learned.med = Some(med.metric()),
        PathAttributeValue::LocalPreference(preference) => learned.local_pref = Some(preference.metric()),
        PathAttributeValue::Communities(communities) => {
            learned.communities = communities.communities().iter().map(|community| community.value()).collect();
        }
        PathAttributeValue::LargeCommunities(communities) => {
            let parts = |community: &netgauze_bgp_pkt::community::LargeCommunity| {
                [community.global_admin(), community.local_data1(), community.local_data2()]
            };
            learned.large_communities = communities.communities().iter().map(parts).collect();
        }
        PathAttributeValue::MpReach(MpReach::Ipv6Unicast { next_hop_global, next_hop_local, nlri }) => {
            (learned.next_hop, learned.link_local) = (Some((*next_hop_global).into()), *next_hop_local);
            announced.extend(nlri.iter().map(|nlri| nlri.network().address().to_string()));
        }
        PathAttributeValue::MpReach(MpReach::Ipv4Unicast { next_hop, next_hop_local, nlri }) => {
            (learned.next_hop, learned.link_local) = (Some(*next_hop), *next_hop_local);
            announced.extend(nlri.iter().map(|nlri| nlri.network().address().to_string()));
        }
        PathAttributeValue::MpUnreach(MpUnreach::Ipv6Unicast { nlri }) => {
            withdrawn.extend(nlri.iter().map(|nlri| nlri.network().address().to_string()));
        }
        PathAttributeValue::MpUnreach(MpUnreach::Ipv4Unicast { nlri }) => {
            withdrawn.extend(nlri.iter().map(|nlri| nlri.network().address().to_string()));
        }
        PathAttributeValue::OnlyToCustomer(number) => learned.only_to_customer = Some(number.asn()),
        _ => {}
    }
}

fn attributes() -> impl Strategy<Value = Attributes> {
    let large = (any::<u32>(), any::<u32>(), any::<u32>()).prop_map(|(global, local_1, local_2)| LargeCommunity {
        global,
        local_1,
        local_2,
    });
    let communities = vec(any::<u32>().prop_map(Community), 0..90).prop_map(|list| list.into_iter().collect());
    let large = vec(large, 0..30).prop_map(|list| list.into_iter().collect());
    let bandwidth = option::of(any::<u64>().prop_map(|value| NonZeroU64::new(value).unwrap_or(NonZeroU64::MIN)));
    (option::of(any::<u32>()), option::of(any::<u32>()), any::<u8>(), communities, large, bandwidth).prop_map(
        |(local_pref, med, prepend, communities, large_communities, link_bandwidth)| Attributes {
            local_pref,
            med,
            prepend,
            communities,
            large_communities,
            link_bandwidth,
        },
    )
}

fn table() -> impl Strategy<Value = Routes> {
    let v4 =
        (0_u32..0x00ff_ffff, 9_u8..=32).prop_map(|(host, length)| ((0x0a00_0000 + host).to_be_bytes().into(), length));
    let v6 = (any::<u64>(), 32_u8..=128).prop_map(|(host, length)| {
        let address = std::net::Ipv6Addr::from(0x2001_0db8_u128 << 96 | u128::from(host) << 32);
        (std::net::IpAddr::V6(address), length)
    });
    let prefix = prop_oneof![v4, v6].prop_map(|(address, length)| Prefix::new(address, length).unwrap());
    (vec(prefix, 0..60), vec(attributes(), 1..4)).prop_map(|(prefixes, sets)| {
        let sets: Vec<_> = sets.into_iter().map(Arc::new).collect();
        let numbered = prefixes.into_iter().enumerate();
        numbered.map(|(index, prefix)| (prefix, Arc::clone(&sets[index % sets.len()]))).collect()
    })
}

fn always_the_same() -> ProptestConfig {
    ProptestConfig { rng_seed: RngSeed::Fixed(4271), failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..always_the_same() })]

    #[test]
    fn all_read_the_same_routes_in_what_we_send(
        first in table(), second in table(), local_as in select(vec![65001, 65002, 4_200_000_001]), four_octets: bool,
        extended: bool,
    ) {
        let mut open = their_open();
        if !four_octets {
            open.capabilities.four_octet_as = None;
        }
        open.capabilities.extended_message = extended;
        let (mut solo, _) = Solo::established(Config { local_as: asn(local_as), ..config() }, &open);
        solo.sent.clear();
        solo.input(Input::Routes(Arc::new(first)));
        solo.input(Input::Routes(Arc::new(second.clone())));
        let internal = local_as == 65002;
        let mut router = Router { four_octet_as: four_octets, internal, ..Router::default() };
        router.read(&solo.sent);
        prop_assert!(router.table.keys().eq(second.keys()));
        // Of the two only rustbgpd tells link bandwidth in a form that can be compared.
        let without_bandwidth = router.table.into_iter().map(|(prefix, route)| {
            let bandwidth = second[&prefix].link_bandwidth.map(|bytes| bytes.get() as f32);
            assert_eq!(route.link_bandwidth, bandwidth);
            (prefix, Learned { link_bandwidth: None, ..route })
        });
        prop_assert_eq!(learned_by_netgauze(&solo.sent, four_octets), without_bandwidth.collect());
    }

    #[test]
    fn all_read_the_same_in_an_open(
        number in 1_u32.., hold_time in prop_oneof![Just(0_u16), 3_u16..], identifier in 1_u32..0xe000_0000,
        flags: [bool; 5], seconds in 0_u16..4096, role in option::of(0_u8..5),
    ) {
        let [refresh, enhanced, extended, restart, restarting] = flags;
        let families: std::collections::BTreeSet<_> = Family::ALL.into_iter().map(Into::into).collect();
        let graceful_restart = restart.then(|| GracefulRestartCapability {
            restarting,
            notification: enhanced,
            seconds,
            families: families.iter().map(|family| (*family, RestartFamily { forwarding: extended })).collect(),
        });
        let open = Open {
            my_as: u16::try_from(number).unwrap_or(23456),
            hold_time,
            identifier,
            capabilities: Capabilities {
                extended_next_hop: [(Family::Ipv4.into(), 2)].into(),
                families,
                four_octet_as: Some(number),
                route_refresh: refresh,
                enhanced_route_refresh: enhanced,
                extended_message: extended,
                graceful_restart,
                roles: role.into_iter().collect(),
                unknown: std::collections::BTreeSet::new(),
            },
        };
        let bytes = open.encode();
        let Ok(rustbgpd_wire::Message::Open(first)) = decode_message(&mut bytes.clone().into(), 4096) else { panic!() };
        prop_assert_eq!((first.four_byte_as(), first.hold_time), (number, hold_time));
        prop_assert_eq!(u32::from(first.bgp_identifier), identifier);
        let Ok(BgpMessage::Open(second)) = netgauze(&bytes, true) else { panic!() };
        prop_assert_eq!((second.my_asn4(), second.hold_time()), (number, hold_time));
        let count = 4 + flags[..4].iter().filter(|flag| **flag).count() + usize::from(role.is_some());
        prop_assert_eq!((first.capabilities.len(), second.capabilities().len()), (count, count));
        if let Some(restart) = first.capabilities.iter().find_map(|capability| match capability {
            rustbgpd_wire::Capability::GracefulRestart { restart_state, notification, restart_time, .. } => {
                Some((*restart_state, *notification, *restart_time))
            }
            _ => None,
        }) {
            prop_assert_eq!(restart, (restarting, enhanced, seconds));
        }
    }
}

/// How bad an UPDATE is, mildest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Severity {
    Accepted,
    Discarded,
    Withdrawn,
    Reset,
}

fn ours(message: &[u8]) -> Severity {
    let mut decoder = Decoder::default();
    let families = Family::ALL.into();
    decoder.agree(Context {
        four_octet_as: true,
        internal: true,
        extended_message: false,
        families,
        extended_next_hop: true,
    });
    decoder.push(message);
    match decoder.next_message() {
        Ok(Some(Message::Update(update))) => match update.verdict {
            Verdict::Accept => Severity::Accepted,
            Verdict::DiscardAttribute(_) => Severity::Discarded,
            Verdict::TreatAsWithdraw(_) => Severity::Withdrawn,
        },
        Err(Fault::Update(_)) => Severity::Reset,
        other => panic!("no UPDATE: {other:?}"),
    }
}

/// How bad rustbgpd finds it, and why.
fn rustbgpd(message: &[u8]) -> (Severity, String) {
    let update = match decode_message(&mut message.to_vec().into(), 4096) {
        Ok(rustbgpd_wire::Message::Update(update)) => update,
        other => return (Severity::Reset, format!("{other:?}")),
    };
    let revised = match update.parse_revised(true, true, false, &[]) {
        Ok(revised) => revised,
        Err(error) => return (Severity::Reset, error.to_string()),
    };
    let parsed = &revised.update;
    let classic = !parsed.announced.is_empty();
    let reach = parsed.attributes.iter().any(|attribute| attribute.type_code() == 14);
    let mut options = UpdateValidationOptions::default();
    (options.allow_ipv4_link_local_mp_reach_next_hop, options.link_local_next_hop) = (true, true);
    let semantic =
        validate_update_attributes_with_options(&parsed.attributes, classic || reach, classic, false, options).err();
    let words = format!("{:?} {semantic:?}", revised.malformed);
    let semantic = semantic.map(|error| error.disposition);
    let worst = revised.malformed.iter().map(|malformed| malformed.disposition).chain(semantic).max();
    let severity = match worst {
        None => Severity::Accepted,
        Some(ErrorDisposition::AttributeDiscard) => Severity::Discarded,
        Some(ErrorDisposition::TreatAsWithdraw) => Severity::Withdrawn,
        Some(ErrorDisposition::SessionReset) => Severity::Reset,
    };
    (severity, words)
}

/// Sound attributes of every kind, to be put together and damaged.
const SOUND: [&[u8]; 22] = [
    &[0x40, 1, 1, 0],
    &[0x40, 2, 6, 2, 1, 0, 0, 0xfd, 0xe9],
    &[0x40, 2, 0],
    &[0x40, 3, 4, 192, 0, 2, 1],
    &[0x80, 4, 4, 0, 0, 0, 7],
    &[0x40, 5, 4, 0, 0, 0, 100],
    &[0x40, 6, 0],
    &[0xc0, 7, 8, 0, 0, 0xfd, 0xe9, 192, 0, 2, 1],
    &[0xc0, 8, 4, 0xfd, 0xe9, 0, 1],
    &[0x80, 9, 4, 192, 0, 2, 1],
    &[0x80, 10, 4, 192, 0, 2, 1],
    &[0x80, 14, 26, 0, 2, 1, 16, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 32, 0x20, 1, 0xd, 0xb8],
    &[0x80, 14, 12, 0, 1, 1, 4, 192, 0, 2, 1, 0, 16, 10, 1],
    &[0x80, 15, 8, 0, 2, 1, 32, 0x20, 1, 0xd, 0xb8],
    &[0x80, 15, 3, 0, 2, 1],
    &[0xc0, 16, 8, 0, 2, 0xfd, 0xe9, 0, 0, 0, 1],
    &[0xc0, 17, 6, 2, 1, 0, 0, 0xfd, 0xe9],
    &[0xc0, 18, 8, 0, 0, 0xfd, 0xe9, 192, 0, 2, 1],
    &[0xc0, 25, 20, 0, 2, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1],
    &[0xc0, 32, 12, 0, 0, 0xfd, 0xe9, 0, 0, 0, 1, 0, 0, 0, 2],
    &[0xc0, 35, 4, 0, 0, 0xfd, 0xe9],
    &[0xc0, 200, 3, 1, 2, 3],
];

/// An UPDATE that may have been sound before some of its octets changed.
fn damaged_update() -> impl Strategy<Value = Vec<u8>> {
    let attributes = vec(select(&SOUND[..]), 0..6).prop_map(|list| list.concat());
    let mandatory = any::<bool>().prop_map(|all| if all { [SOUND[0], SOUND[1], SOUND[3]].concat() } else { vec![] });
    let routes = || select(vec![&[][..], &[24, 198, 51, 100], &[32, 10, 0, 0, 1, 8, 11]]);
    let damage = vec((any::<prop::sample::Index>(), prop_oneof![any::<u8>(), 0_u8..6]), 0..4);
    (routes(), mandatory, attributes, routes(), damage).prop_map(
        |(withdrawn, mandatory, attributes, routes, damage)| {
            let length = |length: usize| u16::try_from(length).unwrap().to_be_bytes();
            let attributes = [mandatory, attributes].concat();
            let parts: [&[u8]; 5] =
                [&length(withdrawn.len()), withdrawn, &length(attributes.len()), &attributes, routes];
            let mut body = parts.concat();
            for (index, octet) in damage {
                let index = index.index(body.len());
                body[index] = octet;
            }
            [&[0xff; 16][..], &length(19 + body.len()), &[2], &body].concat()
        },
    )
}

/// Where others are stricter, and why we are not; everything else they refuse, we must refuse at least as hard.
const EXPLAINED: [&str; 10] = [
    // Families that are not in use are ignored.
    "unsupported address family pair",
    "unknown address family",
    "unknown subsequent address family",
    // RFC 7606 §3 (c) asks for treat-as-withdraw, with no exception for the two attributes that carry routes.
    "expected 0x80)",
    // RFC 6793 §6 asks to discard these two, whatever is wrong with them.
    "type 17 flags",
    "type 18 flags",
    // RFC 7606 §3 (c) looks at the optional and the transitive bit alone.
    "Invalid partial flag",
    // Sets in paths (RFC 9774), next hops that are no hosts and prefixes that no unicast route should have are the
    // business of those who import routes.
    "ProhibitedAsSet",
    "UpdateError { subcode: 8",
    "is not a valid IPv",
];

/// Returns whether an UPDATE has no attribute or family that is unknown to us, nor any attribute twice.
fn is_in_scope(message: &[u8]) -> bool {
    let known: std::collections::BTreeSet<u8> = SOUND.iter().map(|attribute| attribute[1]).collect();
    let mut seen = std::collections::BTreeSet::new();
    let withdrawn = usize::from(u16::from_be_bytes([message[19], message[20]]));
    let mut rest = message.get(21 + withdrawn + 2..).unwrap_or_default();
    while let [flags, kind, length, after @ ..] = rest {
        let extended = flags & 0x10 != 0;
        let (length, after) = match (extended, after) {
            (false, after) => (usize::from(*length), after),
            (true, [low, after @ ..]) => (usize::from(u16::from_be_bytes([*length, *low])), after),
            (true, []) => return true,
        };
        let value = after.get(..length).unwrap_or(after);
        let routes = matches!(kind, 14 | 15);
        if !known.contains(kind)
            || !seen.insert(*kind)
            || routes && !matches!(value, [] | [_] | [0, 1 | 2] | [0, 1 | 2, 1, ..])
        {
            return false;
        }
        rest = after.get(length..).unwrap_or_default();
    }
    true
}

fn is_explained(words: &str) -> bool {
    EXPLAINED.iter().any(|known| words.contains(known))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, max_global_rejects: 10_000_000, ..always_the_same() })]

    #[test]
    fn none_refuses_an_update_harder_than_we_do(message in damaged_update()) {
        prop_assume!(is_in_scope(&message));
        let ours = ours(&message);
        let (first, words) = rustbgpd(&message);
        prop_assert!(ours >= first || is_explained(&words), "we: {:?}, rustbgpd: {:?} {}", ours, first, words);
        if let (Severity::Accepted, Err(words)) = (ours, netgauze(&message, true)) {
            prop_assert!(is_explained(&words), "we accept, netgauze: {}", words);
        }
    }

    #[test]
    fn none_refuses_an_open_that_we_accept(parameters in vec(any::<u8>(), 0..30), damage: bool, index: prop::sample::Index) {
        let mut bytes = their_open().encode();
        if damage {
            let index = 28 + index.index(bytes.len() - 28);
            bytes[index] = parameters.first().copied().unwrap_or(0);
        } else {
            bytes.truncate(28);
            bytes.push(u8::try_from(parameters.len()).unwrap());
            bytes.extend(&parameters);
            bytes[17] = u8::try_from(bytes.len()).unwrap();
        }
        let mut decoder = Decoder::default();
        decoder.push(&bytes);
        // Of capabilities that are unknown to us, all lengths are fine.
        if let Ok(Some(Message::Open(open))) = decoder.next_message() && open.capabilities.unknown.is_empty() {
            let first = decode_message(&mut bytes.clone().into(), 4096).map_err(|error| error.to_string());
            for words in [first.err(), netgauze(&bytes, true).err()].into_iter().flatten() {
                prop_assert!(is_explained(&words), "{}", words);
            }
        }
    }
}
