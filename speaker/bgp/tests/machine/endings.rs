//! How sessions end, what the operator reads, and how patient we are afterwards.

use std::{collections::BTreeSet, io::ErrorKind, time::Duration};

use bgp::{
    Bfd, Config, ConnId, Direction, GracefulRestart, HoldTime, Input, Link, RemoteAs, Role, RoleConfig, Setting, State,
    Stop, Why,
    wire::{AddressFamily, GracefulRestartCapability, Notification, Open, RestartFamily, keepalive},
};

use crate::solo::{Seen, Solo, asn, config, link, messages, router_id, routes, their_open};

const SECOND: Duration = Duration::from_secs(1);

fn graceful() -> Config {
    let restart = GracefulRestart { restart_time: 120 * SECOND, restarting: true };
    Config { graceful_restart: Some(restart), ..config() }
}

fn their_graceful_open(notification: bool) -> Open {
    let mut open = their_open();
    let families = open.capabilities.families.iter().map(|family| (*family, RestartFamily { forwarding: true }));
    open.capabilities.graceful_restart =
        Some(GracefulRestartCapability { restarting: false, notification, seconds: 120, families: families.collect() });
    open
}

fn last_notification(solo: &Solo) -> Notification {
    let messages = messages(&solo.sent);
    let Some(bgp::wire::Message::Notification(notification)) = messages.last() else { panic!("{messages:?}") };
    notification.clone()
}

/// What the operator reads after the peer sent this OPEN.
fn refused(config: Config, open: &Open) -> (String, Notification) {
    let (mut solo, conn) = Solo::open_sent(config);
    solo.receive(conn, open.encode());
    assert_eq!(solo.peer.state(), State::Idle);
    (solo.last_error(), last_notification(&solo))
}

#[test]
fn a_peer_in_another_system_is_refused_with_both_numbers() {
    let config = Config { remote_as: RemoteAs::Exactly(asn(65009)), ..config() };
    let (words, notification) = refused(config, &their_open());
    assert_eq!(words, "we say Bad Peer AS: peer is in AS 65002, expected AS 65009");
    assert_eq!(notification, Notification::new(2, 2, [0, 0, 0xfd, 0xf1]));
}

#[test]
fn a_dynamic_number_must_be_ours_or_not_ours() {
    let with = |remote_as, local| Config { remote_as, local_as: asn(local), ..config() };
    let (words, _) = refused(with(RemoteAs::Internal, 65001), &their_open());
    assert_eq!(words, "we say Bad Peer AS: peer is in AS 65002, expected AS 65001");
    let (words, notification) = refused(with(RemoteAs::External, 65002), &their_open());
    assert_eq!(words, "we say Bad Peer AS: peer is in AS 65002, expected any AS but ours");
    assert_eq!(notification.data, []);
    for (remote_as, local, internal) in [(RemoteAs::Internal, 65002, true), (RemoteAs::External, 65001, false)] {
        let (solo, _) = Solo::established(with(remote_as, local), &their_open());
        let session = solo.peer.status().session.unwrap();
        assert_eq!((session.peer_as, session.internal), (asn(65002), internal));
    }
    let mut nobody = their_open();
    (nobody.my_as, nobody.capabilities.four_octet_as) = (0, Some(0));
    assert_eq!(refused(with(RemoteAs::External, 65001), &nobody).1.subcode, 2, "AS 0 is nobody (RFC 7607)");
}

#[test]
fn a_router_id_of_zero_or_our_own_within_one_system_is_refused() {
    let zero = Open { identifier: 0, ..their_open() };
    let (words, notification) = refused(config(), &zero);
    assert_eq!(words, "we say Bad BGP Identifier: router ID 0.0.0.0 of the peer is not allowed");
    assert_eq!(notification, Notification::new(2, 3, []));
    let same = Open { identifier: router_id(1).address().into(), ..their_open() };
    let internal = Config { local_as: asn(65002), ..config() };
    let (words, _) = refused(internal, &same);
    assert_eq!(
        words,
        "we say Bad BGP Identifier: router ID 192.0.2.1 of the peer is also ours; give one of both another"
    );
    Solo::established(config(), &same);
}

#[test]
fn a_hold_time_of_one_or_two_seconds_is_refused_and_the_smaller_one_counts() {
    for seconds in [1, 2] {
        let (_, notification) = refused(config(), &Open { hold_time: seconds, ..their_open() });
        assert_eq!(notification, Notification::new(2, 6, []));
    }
    let negotiated = |ours: u64, theirs| {
        let hold_time = HoldTime::try_from(Duration::from_secs(ours)).unwrap();
        let (solo, _) =
            Solo::established(Config { hold_time, ..config() }, &Open { hold_time: theirs, ..their_open() });
        let session = solo.peer.status().session.unwrap();
        (session.hold_time, session.keepalive_time)
    };
    assert_eq!(negotiated(90, 9), (Some(9 * SECOND), Some(3 * SECOND)));
    assert_eq!(negotiated(3, 90), (Some(3 * SECOND), Some(SECOND)));
    assert_eq!(negotiated(0, 90), (None, None));
    assert_eq!(negotiated(90, 0), (None, None));
}

#[test]
fn a_peer_without_any_of_our_families_is_told_which_were_missed() {
    let ipv6: AddressFamily = bgp::Family::Ipv6.into();
    let config = Config { families: [bgp::Family::Ipv6].into(), ..config() };
    let mut open = their_open();
    open.capabilities.families.remove(&ipv6);
    let (words, notification) = refused(config.clone(), &open);
    assert_eq!(words, "we say Unsupported Capability: peer does not offer IPv6; enable it there");
    assert_eq!(notification, Notification::new(2, 7, [1, 4, 0, 2, 0, 1]));
    open.capabilities.families.clear();
    assert_eq!(refused(config, &open).1.subcode, 7, "a peer without the capability means IPv4");
    Solo::established(self::config(), &open);
}

#[test]
fn roles_that_do_not_go_together_are_refused() {
    let with = |strict| Config { role: Some(RoleConfig { role: Role::Customer, strict }), ..config() };
    let mut open = their_open();
    assert_eq!(refused(with(true), &open).0, "we say Role Mismatch: peer sends no role, and strict mode demands one");
    Solo::established(with(false), &open);
    open.capabilities.roles = [3].into();
    let (words, notification) = refused(with(false), &open);
    assert_eq!(words, "we say Role Mismatch: role customer of the peer does not fit ours");
    assert_eq!(notification, Notification::new(2, 11, []));
    open.capabilities.roles = [0, 4].into();
    assert_eq!(refused(with(false), &open).1.subcode, 11);
    open.capabilities.roles = [0].into();
    Solo::established(with(true), &open);
    // RFC 9234 §4.1: roles are for external sessions.
    open.capabilities.roles = [3].into();
    Solo::established(Config { local_as: asn(65002), ..with(true) }, &open);
}

#[test]
fn what_the_peer_says_is_kept_in_words() {
    let said = |code, subcode, data: &[u8]| {
        let (mut solo, conn) = Solo::open_sent(config());
        solo.receive(conn, Notification::new(code, subcode, data).encode());
        let why = solo.peer.status().last_error.unwrap();
        assert_eq!(why.direction(), Direction::Received);
        why.to_string()
    };
    assert_eq!(said(2, 2, &[]), "peer says Bad Peer AS: does not expect our AS 65001");
    assert_eq!(said(2, 2, &[0xfd, 0xe9]), "peer says Bad Peer AS: does not expect our AS 65001");
    assert_eq!(said(2, 2, &[0, 0, 0xfd, 0xf3]), "peer says Bad Peer AS: expects 65011, we are 65001");
    assert_eq!(said(6, 2, b"\x04bye!"), "peer says Administrative Shutdown: \"bye!\"");
    assert_eq!(said(6, 9, b"\x06\x04\x02hi"), "peer says Administrative Reset: \"hi\"");
    assert_eq!(said(6, 5, &[]), "peer says Connection Rejected");
    assert_eq!(said(99, 7, &[]), "peer says error 99/7");
    assert_eq!(said(2, 99, &[]), "peer says OPEN Message Error, subcode 99");
}

#[test]
fn a_connection_that_never_comes_or_vanishes_is_explained() {
    let failed = |input| {
        let mut solo = Solo::new(config());
        solo.input(Input::Start);
        solo.input(input);
        solo.last_error()
    };
    let conn = ConnId::Outgoing(1);
    assert_eq!(
        failed(Input::ConnectFailed { conn, error: ErrorKind::ConnectionRefused }),
        "cannot connect: connection refused"
    );
    assert_eq!(
        failed(Input::ConnectFailed { conn, error: ErrorKind::HostUnreachable }),
        "cannot connect: host unreachable; a router further away than the link needs ebgpMultiHop: true or ttlSecurityHops"
    );
    let mut silent = Solo::new(config());
    silent.input(Input::Start);
    assert_eq!(silent.expire()[0], Seen::Close(conn));
    assert!(
        silent.last_error().starts_with(
            "no answer within 10s: a wrong address, a firewall, TTL security at one end only, or a password"
        )
    );
    let (mut mute, conn) = Solo::open_sent(config());
    mute.input(Input::Closed { conn, error: None });
    assert_eq!(
        mute.last_error(),
        "peer closes the connection before its OPEN: it may not be configured for our address"
    );
}

#[test]
fn the_words_of_a_refusal_outlive_a_peer_that_rests_by_hanging_up() {
    let (mut solo, conn) = Solo::open_sent(config());
    solo.receive(conn, Notification::new(2, 2, []).encode());
    let words = solo.last_error();
    for error in [None, Some(ErrorKind::ConnectionReset), None] {
        let Some(Seen::Connect(conn)) = solo.expire().pop() else { panic!("no attempt after the rest") };
        solo.input(Input::Connected { conn, link: link() });
        let seen = solo.input(Input::Closed { conn, error });
        assert!(matches!(&seen[..], [Seen::Failed(why)] if why.contains("before its OPEN")), "{seen:?}");
        assert_eq!(solo.last_error(), format!("{words}; since then peer closes each connection before its OPEN"));
    }
    let Some(Seen::Connect(conn)) = solo.expire().pop() else { panic!("no attempt after the rest") };
    solo.input(Input::ConnectFailed { conn, error: ErrorKind::ConnectionRefused });
    assert_eq!(solo.last_error(), "cannot connect: connection refused", "news count");
}

#[test]
fn a_shutdown_carries_its_text_and_lasts() {
    let (mut solo, conn) = Solo::established(config(), &their_open());
    let seen = solo.input(Input::Stop(Stop::Shutdown { text: "maintenance until 5".into() }));
    let words = "we say Administrative Shutdown: \"maintenance until 5\"".to_owned();
    assert_eq!(seen, [Seen::Notification(6, 2), Seen::Close(conn), Seen::Down(words)]);
    assert_eq!(last_notification(&solo).text().as_deref(), Some("maintenance until 5"));
    assert_eq!(solo.peer.poll_timeout(), None);
    assert_eq!(solo.input(Input::Start).len(), 1);
}

#[test]
fn an_orderly_restart_says_nothing_where_the_peer_keeps_the_routes() {
    let (mut solo, conn) = Solo::established(graceful(), &their_graceful_open(true));
    assert_eq!(solo.input(Input::Stop(Stop::Restart)), [Seen::Close(conn), Seen::Down("we restart".into())]);
    let (mut solo, conn) = Solo::established(graceful(), &their_open());
    let seen = solo.input(Input::Stop(Stop::Restart));
    assert_eq!(seen[..2], [Seen::Notification(6, 4), Seen::Close(conn)], "no graceful restart, no silence");
}

#[test]
fn a_shutdown_is_a_hard_reset_for_a_peer_that_keeps_routes_over_notifications() {
    let (mut solo, conn) = Solo::established(graceful(), &their_graceful_open(true));
    let seen = solo.input(Input::Stop(Stop::Shutdown { text: "bye".into() }));
    assert_eq!(seen[..2], [Seen::Notification(6, 9), Seen::Close(conn)]);
    assert_eq!(last_notification(&solo).inner(), Notification::new(6, 2, *b"\x03bye"));
    let (mut solo, _) = Solo::established(graceful(), &their_graceful_open(false));
    assert_eq!(solo.input(Input::Stop(Stop::Deconfigured))[0], Seen::Notification(6, 3));
}

#[test]
fn the_first_session_after_a_restart_says_so_and_later_ones_do_not() {
    let restart_bit = |solo: &Solo| {
        let messages = messages(&solo.sent);
        let open = messages.iter().rev().find_map(|message| match message {
            bgp::wire::Message::Open(open) => Some(open.clone()),
            _ => None,
        });
        let restart = open.unwrap().capabilities.graceful_restart.unwrap();
        assert!(restart.notification && restart.families.values().all(|family| family.forwarding));
        (restart.restarting, restart.seconds)
    };
    let (mut solo, conn) = Solo::established(graceful(), &their_graceful_open(true));
    assert_eq!(restart_bit(&solo), (true, 120));
    solo.input(Input::Closed { conn, error: None });
    let seen = solo.expire();
    let [Seen::Connect(conn)] = seen[..] else { panic!("{seen:?}") };
    solo.input(Input::Connected { conn, link: link() });
    assert_eq!(restart_bit(&solo), (false, 120));
}

#[test]
fn a_new_connection_of_a_peer_that_restarts_gracefully_replaces_the_session() {
    let (mut solo, conn) = Solo::established(graceful(), &their_graceful_open(true));
    let newcomer = ConnId::Incoming(1);
    solo.now += SECOND;
    let seen = solo.input(Input::Accepted { conn: newcomer, link: link() });
    assert_eq!(seen, [Seen::Close(newcomer)], "so early it is the late half of a collision");
    solo.now += 10 * SECOND;
    let newcomer = ConnId::Incoming(2);
    let seen = solo.input(Input::Accepted { conn: newcomer, link: link() });
    assert_eq!(seen, [Seen::Close(conn), Seen::Down("peer has restarted".into()), Seen::Open]);
    solo.receive(newcomer, their_graceful_open(true).encode());
    assert_eq!(solo.receive(newcomer, keepalive()), [Seen::Up]);
}

#[test]
fn bfd_takes_the_session_down_at_once() {
    let (mut solo, conn) = Solo::established(config(), &their_open());
    let seen = solo.input(Input::Bfd(Bfd::Down { independent: false }));
    assert_eq!(seen[..2], [Seen::Notification(6, 10), Seen::Close(conn)]);
    assert_eq!(solo.last_error(), "we say BFD Down");
    let seen = solo.input(Input::Bfd(Bfd::Up));
    assert!(matches!(seen[..], [Seen::Connect(_)]), "a path that is back is used at once");
    assert_eq!(solo.input(Input::Bfd(Bfd::Down { independent: true })), [], "there is no session to take down");
}

#[test]
fn a_path_that_is_back_is_used_at_once_however_many_attempts_failed_meanwhile() {
    let (mut solo, _) = Solo::established(config(), &their_open());
    solo.input(Input::Bfd(Bfd::Down { independent: false }));
    for _ in 0..5 {
        let Some(Seen::Connect(conn)) = solo.expire().pop() else { panic!("no attempt after the rest") };
        solo.input(Input::ConnectFailed { conn, error: ErrorKind::HostUnreachable });
    }
    solo.input(Input::Bfd(Bfd::Up));
    assert_eq!(solo.peer.poll_timeout(), Some(solo.now));
    let Some(Seen::Connect(conn)) = solo.expire().pop() else { panic!("no attempt at once") };
    // A router that is there and refuses is a matter of patience again.
    solo.input(Input::Connected { conn, link: link() });
    solo.receive(conn, Notification::new(2, 2, []).encode());
    assert_eq!(solo.input(Input::Bfd(Bfd::Up)), []);
    assert!(solo.peer.poll_timeout().unwrap() > solo.now);
}

#[test]
fn bfd_leaves_a_graceful_restart_alone_unless_traffic_is_dead_too() {
    let (mut solo, conn) = Solo::established(graceful(), &their_graceful_open(true));
    let seen = solo.input(Input::Bfd(Bfd::Down { independent: false }));
    assert_eq!(seen, [Seen::Close(conn), Seen::Down("BFD is down".into())]);
    let (mut solo, _) = Solo::established(graceful(), &their_graceful_open(true));
    assert_eq!(solo.input(Input::Bfd(Bfd::Down { independent: true }))[0], Seen::Notification(6, 9));
}

#[test]
fn a_peer_that_reads_nothing_is_given_up_after_the_send_hold_time() {
    let (mut solo, conn) = Solo::established(config(), &their_open());
    solo.takes = false;
    let stalled = solo.now;
    solo.input(Input::Routes(routes(1, &bgp::Attributes::default())));
    // It still talks, so the hold timer never runs out, and no KEEPALIVE piles up.
    let mut seen = Vec::new();
    while solo.peer.state() == State::Established {
        seen.extend(solo.wait(20 * SECOND));
        solo.receive(conn, keepalive());
    }
    let words = "peer reads nothing: send hold timer expired".to_owned();
    assert_eq!(seen[..2], [Seen::Close(conn), Seen::Down(words)]);
    assert!((480 * SECOND..=500 * SECOND).contains(&(solo.now - stalled)));
}

#[test]
fn every_octet_the_peer_takes_restarts_the_send_hold_time() {
    let no_hold = Config { hold_time: HoldTime::try_from(Duration::ZERO).unwrap(), ..config() };
    let (mut solo, conn) = Solo::established(no_hold, &their_open());
    solo.takes = false;
    solo.input(Input::Routes(routes(1, &bgp::Attributes::default())));
    for _ in 0..10 {
        assert_eq!(solo.wait(479 * SECOND), []);
        solo.input(Input::Sent { conn, bytes: 1 });
    }
    assert_eq!(solo.wait(480 * SECOND)[0], Seen::Close(conn));
    assert_eq!(solo.last_error(), "peer reads nothing: send hold timer expired");
}

#[test]
fn keepalives_come_in_time_and_with_jitter() {
    let hold_time = HoldTime::try_from(9 * SECOND).unwrap();
    let (mut solo, conn) = Solo::established(Config { hold_time, ..config() }, &their_open());
    let mut gaps = BTreeSet::new();
    for _ in 0..50 {
        let before = solo.now;
        assert_eq!(solo.expire(), [Seen::Keepalive]);
        gaps.insert(solo.now - before);
        solo.receive(conn, keepalive());
    }
    assert!(gaps.len() > 10);
    assert!(gaps.iter().all(|gap| (2250 * SECOND / 1000..=3 * SECOND).contains(gap)));
}

#[test]
fn a_silent_peer_is_given_up_after_the_hold_time_and_not_before() {
    let (mut solo, conn) = Solo::established(config(), &their_open());
    assert!(solo.wait(89 * SECOND).iter().all(|seen| *seen == Seen::Keepalive));
    let seen = solo.wait(SECOND);
    assert!(seen.contains(&Seen::Notification(4, 0)) && seen.contains(&Seen::Close(conn)));
    assert_eq!(solo.last_error(), "we say Hold Timer Expired: nothing received for the hold time");
}

/// Times between attempts with a peer that refuses every OPEN in the same way.
fn waits(attempts: usize, refuse: impl Fn(&mut Solo, ConnId)) -> Vec<Duration> {
    let mut solo = Solo::new(config());
    let mut seen = solo.input(Input::Start);
    let mut waits = Vec::new();
    for _ in 0..attempts {
        let [Seen::Connect(conn)] = seen[..] else { panic!("{seen:?}") };
        refuse(&mut solo, conn);
        let before = solo.now;
        seen = solo.expire();
        waits.push(solo.now - before);
    }
    waits
}

#[test]
fn failures_make_us_patient_whatever_they_are() {
    let refusals: [fn(&mut Solo, ConnId); 3] = [
        |solo, conn| drop(solo.input(Input::ConnectFailed { conn, error: ErrorKind::ConnectionRefused })),
        |solo, conn| {
            solo.input(Input::Connected { conn, link: link() });
            solo.receive(conn, Notification::new(2, 2, []).encode());
        },
        |solo, conn| {
            solo.input(Input::Connected { conn, link: link() });
            solo.receive(conn, their_open().encode());
            solo.receive(conn, keepalive());
            assert_eq!(solo.peer.state(), State::Established);
            solo.now += 20 * SECOND;
            solo.receive(conn, Notification::new(6, 4, []).encode());
        },
    ];
    for refuse in refusals {
        let waits = waits(12, refuse);
        for (index, wait) in waits.iter().enumerate() {
            let longest = (SECOND * 2_u32.pow(u32::try_from(index).unwrap())).min(60 * SECOND);
            assert!((longest * 3 / 4..=longest).contains(wait), "wait {index}: {wait:?}");
        }
    }
}

#[test]
fn a_session_that_lasted_forgives_earlier_failures() {
    let mut solo = Solo::new(config());
    let mut seen = solo.input(Input::Start);
    for _ in 0..5 {
        let [Seen::Connect(conn)] = seen[..] else { panic!("{seen:?}") };
        solo.input(Input::ConnectFailed { conn, error: ErrorKind::ConnectionRefused });
        seen = solo.expire();
    }
    let [Seen::Connect(conn)] = seen[..] else { panic!("{seen:?}") };
    solo.input(Input::Connected { conn, link: link() });
    solo.receive(conn, their_open().encode());
    solo.receive(conn, keepalive());
    solo.wait(30 * SECOND);
    solo.input(Input::Closed { conn, error: None });
    assert!(solo.peer.poll_timeout().unwrap() - solo.now <= SECOND);
}

#[test]
fn an_operator_who_stops_and_starts_is_not_kept_waiting() {
    let mut solo = Solo::new(config());
    let mut seen = solo.input(Input::Start);
    for _ in 0..6 {
        let [Seen::Connect(conn)] = seen[..] else { panic!("{seen:?}") };
        solo.input(Input::ConnectFailed { conn, error: ErrorKind::ConnectionRefused });
        seen = solo.expire();
    }
    solo.input(Input::Stop(Stop::Deconfigured));
    let seen = solo.input(Input::Start);
    let [Seen::Connect(conn)] = seen[..] else { panic!("{seen:?}") };
    solo.input(Input::ConnectFailed { conn, error: ErrorKind::ConnectionRefused });
    assert!(solo.peer.poll_timeout().unwrap() - solo.now <= SECOND);
}

#[test]
fn a_new_setting_resets_only_if_the_peer_must_learn_of_it() {
    let reset = |new: Config| {
        let (mut solo, conn) = Solo::established(config(), &their_open());
        let seen = solo.input(Input::Reconfigure(Box::new(new)));
        let reset = seen.contains(&Seen::Close(conn));
        if reset {
            assert_eq!(seen[..2], [Seen::Notification(6, 6), Seen::Close(conn)]);
            assert!(matches!(seen.last(), Some(Seen::Connect(_))), "and starts anew at once");
        }
        reset
    };
    let hold_time = HoldTime::try_from(9 * SECOND).unwrap();
    let keeps = [
        config(),
        graceful(),
        Config { hold_time, ..config() },
        Config { keepalive_time: Some(SECOND), ..config() },
        Config { remote_as: RemoteAs::External, ..config() },
        Config { connecting: bgp::Connecting::Listen, ..config() },
        Config { next_hop_ipv4: Some([192, 0, 2, 7].into()), ..config() },
        Config { export: bgp::ExportFilter::default(), ..config() },
    ];
    for new in keeps {
        assert!(!reset(new.clone()), "{new:?}");
    }
    let resets = [
        Config { local_as: asn(65003), ..config() },
        Config { remote_as: RemoteAs::Internal, ..config() },
        Config { router_id: router_id(7), ..config() },
        Config { families: [bgp::Family::Ipv4].into(), ..config() },
        Config { role: Some(RoleConfig { role: Role::Customer, strict: false }), ..config() },
        Config { ttl_security: true, ..config() },
    ];
    for new in resets {
        assert!(reset(new.clone()), "{new:?}");
    }
    let impact = config().impact(&Config { hold_time, router_id: router_id(9), ..graceful() });
    assert_eq!(impact.resets, [Setting::RouterId].into());
    assert_eq!(impact.deferred, [Setting::HoldTime, Setting::GracefulRestart].into());
}

#[test]
fn ttls_follow_from_distance_and_security() {
    let ttl = |remote_as, distance, ttl_security| {
        let ttl = Solo::new(Config { remote_as, distance, ttl_security, ..config() }).peer.time_to_live();
        (ttl.send, ttl.minimum)
    };
    let far = |hops: u8| bgp::Distance::MultiHop { hops: hops.try_into().unwrap() };
    let external = RemoteAs::External;
    assert_eq!(ttl(external, bgp::Distance::Direct, false), (1, None));
    assert_eq!(ttl(external, bgp::Distance::Direct, true), (255, Some(255)));
    assert_eq!(ttl(external, far(3), false), (3, None));
    assert_eq!(ttl(external, far(3), true), (255, Some(253)));
    assert_eq!(ttl(external, far(255), true), (255, Some(1)));
    assert_eq!(ttl(RemoteAs::Internal, bgp::Distance::Direct, false), (255, None));
    assert_eq!(ttl(RemoteAs::Exactly(asn(65001)), bgp::Distance::Direct, false), (255, None));
}

#[test]
fn malformed_updates_are_counted_and_survived() {
    let (mut solo, conn) = Solo::established(config(), &their_open());
    let update = |attributes: &[u8]| {
        let routes = [24, 198, 51, 100];
        let length = |length: usize| u16::try_from(length).unwrap().to_be_bytes();
        let total = length(19 + 4 + attributes.len() + routes.len());
        let parts: [&[u8]; 7] = [&[0xff; 16], &total, &[2, 0, 0], &length(attributes.len()), attributes, &routes, &[]];
        parts.concat()
    };
    assert_eq!(solo.receive(conn, update(&[])), []);
    let sound = [0x40, 1, 1, 0, 0x40, 2, 0, 0x40, 3, 4, 192, 0, 2, 2, 0x40, 6, 1, 0];
    assert_eq!(solo.receive(conn, update(&sound)), []);
    let stats = solo.peer.stats();
    assert_eq!((stats.treated_as_withdraw, stats.attributes_discarded, stats.updates_received), (1, 1, 2));
}

#[test]
fn inputs_of_connections_that_are_gone_change_nothing() {
    let (mut solo, old) = Solo::established(config(), &their_open());
    solo.input(Input::Closed { conn: old, error: None });
    let link: Link = link();
    for input in [
        Input::Connected { conn: old, link },
        Input::ConnectFailed { conn: old, error: ErrorKind::TimedOut },
        Input::Link { conn: old, link },
        Input::Closed { conn: old, error: None },
        Input::Received { conn: old, bytes: vec![0; 100] },
        Input::Sent { conn: old, bytes: 1 },
    ] {
        assert_eq!(solo.input(input), []);
        assert_eq!(solo.peer.state(), State::Active);
    }
    assert!(matches!(solo.peer.status().last_error, Some(Why::Closed { state: State::Established, .. })));
}
