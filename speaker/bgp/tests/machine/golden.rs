//! Messages recorded from GoBGP, see `tests/golden/bgp/README.md`.

use std::{net::IpAddr, sync::Arc};

use bgp::{
    Asn, Attributes, Config, ConnId, Family, Input, Link, Prefix, Session,
    wire::{Context, Decoder, Message, MessageType, Open, Update, Verdict, keepalive},
};

use crate::{
    router::Router,
    solo::{Solo, asn, config, prefix, their_open},
};

/// The messages of a recording, without those of other types.
fn recorded(name: &str, kind: MessageType) -> Vec<Vec<u8>> {
    let path = format!("{}/../../tests/golden/bgp/{name}.hex", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let octets = |hex: &str| -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    };
    let messages = text.lines().map(|line| octets(line.split_once(' ').unwrap().1));
    messages.filter(|message| message[18] == kind as u8).collect()
}

fn decoded(message: &[u8], four_octet_as: bool, internal: bool) -> Message {
    let mut decoder = Decoder::default();
    let families = Family::ALL.into();
    decoder.agree(Context { four_octet_as, internal, extended_message: false, families, extended_next_hop: true });
    decoder.push(message);
    decoder.next_message().expect("GoBGP says nothing wrong").expect("the message is complete")
}

fn open(name: &str) -> Open {
    let Message::Open(open) = decoded(&recorded(name, MessageType::Open)[0], true, false) else { panic!("an OPEN") };
    open
}

#[test]
fn its_open_tells_all_it_can() {
    let open = open("external");
    assert_eq!((open.asn(), open.hold_time, open.identifier), (65001, 90, 0xc000_0201));
    let can = open.capabilities;
    assert_eq!(can.families, Family::ALL.into_iter().map(Into::into).collect());
    assert!(can.route_refresh && !can.enhanced_route_refresh && !can.extended_message);
    assert_eq!(can.extended_next_hop, [(Family::Ipv4.into(), 2)].into());
    let restart = can.graceful_restart.unwrap();
    assert_eq!((restart.restarting, restart.notification, restart.seconds), (false, true, 120));
    assert_eq!(restart.families.len(), 2);
    assert_eq!(can.unknown, [73].into(), "its host name");
    assert_eq!(self::open("two-octets").asn(), 4_200_000_001);
}

#[test]
fn its_routes_are_sound_and_its_end_of_rib_is_seen() {
    for (name, four_octets, internal) in
        [("external", true, false), ("internal", true, true), ("two-octets", false, false), ("over-ipv6", true, false)]
    {
        let updates = recorded(name, MessageType::Update).into_iter().map(|message| {
            let Message::Update(update) = decoded(&message, four_octets, internal) else { panic!("an UPDATE") };
            update
        });
        let updates: Vec<Update> = updates.collect();
        assert!(updates.iter().all(|update| update.verdict == Verdict::Accept), "{name}");
        let marks = updates.iter().filter_map(|update| update.end_of_rib).collect::<std::collections::BTreeSet<_>>();
        assert_eq!(marks, Family::ALL.into_iter().map(Into::into).collect(), "{name}");
        let sum = |count: fn(&Update) -> usize| updates.iter().map(count).sum::<usize>();
        let expected = if name == "external" { (3, 2) } else { (recorded(name, MessageType::Update).len() - 2, 0) };
        assert_eq!((sum(|update| update.announced), sum(|update| update.withdrawn)), expected, "{name}");
    }
}

#[test]
fn its_notifications_are_understood() {
    let words = |name| {
        let last = recorded(name, MessageType::Notification).pop().unwrap();
        let (mut solo, conn) = Solo::open_sent(Config { remote_as: bgp::RemoteAs::External, ..config() });
        solo.receive(conn, last);
        solo.last_error()
    };
    assert_eq!(words("external"), "peer says Administrative Shutdown: \"maintenance until 5\"");
    assert_eq!(words("wrong-as"), "peer says Bad Peer AS: does not expect our AS 65001");
}

/// What we send, message by message, where GoBGP sent its recording.
fn ours(local_as: Asn, open: &Open, link: Link, steps: &[(&str, Option<Attributes>)]) -> (Vec<Vec<u8>>, Session) {
    let mut solo = Solo::new(Config { local_as, ..config() });
    let remote_as = bgp::RemoteAs::Exactly(Asn::new(open.asn()).unwrap());
    solo.input(Input::Reconfigure(Box::new(Config { local_as, remote_as, ..config() })));
    solo.input(Input::Start);
    let conn = ConnId::Outgoing(1);
    solo.input(Input::Connected { conn, link });
    solo.receive(conn, open.encode());
    solo.receive(conn, keepalive());
    solo.input(Input::Routes(Arc::default()));
    solo.sent.clear();
    let step = |(text, attributes): &(&str, Option<Attributes>)| -> (Prefix, Option<Arc<Attributes>>) {
        (prefix(text), attributes.clone().map(Arc::new))
    };
    let mut messages = Vec::new();
    for change in steps {
        solo.input(Input::Change(vec![step(change)]));
        messages.push(std::mem::take(&mut solo.sent));
    }
    (messages, solo.peer.status().session.expect("the session is up"))
}

fn between(local: &str, remote: &str) -> Link {
    let address = |text: &str| text.parse::<IpAddr>().unwrap();
    Link {
        ipv4: Some([192, 0, 2, 1].into()).filter(|_| local.contains('.')),
        ipv6: Some("::ffff:192.0.2.1".parse().unwrap()),
        ..Link::between(address(local), address(remote))
    }
}

fn everything() -> Attributes {
    Attributes {
        med: Some(7),
        communities: ["65001:1", "no-export"].map(|text| text.parse().unwrap()).into(),
        large_communities: ["large:65001:2:3"].map(|text| text.parse().unwrap()).into(),
        ..Attributes::default()
    }
}

/// Without the two end-of-RIB markers, which differ in the length of a length.
fn routes_of(name: &str) -> Vec<Vec<u8>> {
    recorded(name, MessageType::Update).split_off(2)
}

#[test]
fn we_say_the_same_about_ipv4_octet_by_octet() {
    let plain = Some(Attributes::default());
    let link = between("192.0.2.1", "192.0.2.2");
    let steps = [("198.51.100.0/24", Some(everything())), ("203.0.113.7/32", plain.clone()), ("203.0.113.7/32", None)];
    let theirs = routes_of("external");
    let (messages, _) = ours(asn(65001), &their_open(), link, &steps);
    assert_eq!(messages, [&theirs[0][..], &theirs[1], &theirs[3]]);

    let mut internal = their_open();
    (internal.my_as, internal.capabilities.four_octet_as) = (65001, Some(65001));
    let preferred = Attributes { local_pref: Some(300), ..everything() };
    let (messages, _) = ours(asn(65001), &internal, link, &[("198.51.100.0/24", Some(preferred))]);
    assert_eq!(messages, routes_of("internal"));

    let mut two_octets = their_open();
    two_octets.capabilities.four_octet_as = None;
    let (messages, _) = ours(asn(4_200_000_001), &two_octets, link, &[("198.51.100.0/24", plain)]);
    assert_eq!(messages, routes_of("two-octets"));
}

#[test]
fn we_mean_the_same_about_everything_else() {
    let mut open = their_open();
    open.capabilities.extended_next_hop = [(Family::Ipv4.into(), 2)].into();
    let plain = Some(Attributes::default());
    let over_ipv6 = [("198.51.100.0/24", plain.clone()), ("2001:db8:1::/64", plain)];
    let over_ipv4 = [("2001:db8:1::/64", Some(everything()))];
    let learned = |messages: &[Vec<u8>]| {
        let mut router = Router::default();
        router.read(&messages.concat());
        router.table
    };
    let (messages, session) = ours(asn(65001), &open, between("2001:db8::1", "2001:db8::2"), &over_ipv6);
    assert!(session.extended_next_hop);
    assert_eq!(learned(&messages), learned(&routes_of("over-ipv6")));
    let (messages, _) = ours(asn(65001), &open, between("192.0.2.1", "192.0.2.2"), &over_ipv4);
    assert_eq!(learned(&messages), learned(&routes_of("external")[2..3]));
}
