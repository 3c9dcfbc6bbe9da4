//! Every event of RFC 4271 §8.1 in every state.
//!
//! Not offered, and therefore not here: the optional DelayOpen (events 12 and 20).
//! The automatic and damped starts (3, 5, 6, 7) are what happens when the idle hold timer (13) runs out.

use std::{io::ErrorKind, time::Duration};

use bgp::{ConnId, Connecting, Input, State, Stop, wire::keepalive};

use crate::solo::{Seen, Solo, config, link, their_open};

const OURS: ConnId = ConnId::Outgoing(1);
const THEIRS: ConnId = ConnId::Incoming(1);
const LATER: ConnId = ConnId::Incoming(2);

/// The states, with Idle once stopped and once resting after a failure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum From {
    Stopped,
    Resting,
    Connect,
    Active,
    OpenSent,
    OpenConfirm,
    Established,
}

const ALL: [From; 7] =
    [From::Stopped, From::Resting, From::Connect, From::Active, From::OpenSent, From::OpenConfirm, From::Established];

fn bring_to(from: From) -> Solo {
    let mut solo = match from {
        From::Stopped => Solo::new(config()),
        From::Connect | From::Active => {
            let mut solo = Solo::new(config());
            solo.input(Input::Start);
            solo
        }
        From::OpenSent | From::Resting => Solo::open_sent(config()).0,
        From::OpenConfirm => Solo::open_confirm(config(), &their_open()).0,
        From::Established => Solo::established(config(), &their_open()).0,
    };
    match from {
        From::Resting => drop(solo.receive(OURS, keepalive())),
        From::Active => drop(solo.input(Input::ConnectFailed { conn: OURS, error: ErrorKind::ConnectionRefused })),
        From::Stopped | From::Connect | From::OpenSent | From::OpenConfirm | From::Established => {}
    }
    solo
}

/// What is seen and the state that follows, in short.
fn outcome(solo: &Solo, seen: &[Seen]) -> String {
    let short = |seen: &Seen| match seen {
        Seen::Connect(_) => "connect".to_owned(),
        Seen::Notification(code, subcode) => format!("notify {code}/{subcode}"),
        Seen::Close(_) => "close".to_owned(),
        Seen::Open | Seen::Keepalive | Seen::Update | Seen::Refresh | Seen::Up => format!("{seen:?}").to_lowercase(),
        Seen::Down(_) => "down".to_owned(),
        Seen::Failed(_) => "failed".to_owned(),
    };
    let words: Vec<_> = seen.iter().map(short).collect();
    format!("{:?}: {}", solo.peer.state(), words.join(" "))
}

fn check(event: &str, act: impl Fn(&mut Solo) -> Vec<Seen>, expected: [&str; 7]) {
    for (from, expected) in ALL.into_iter().zip(expected) {
        let mut solo = bring_to(from);
        let seen = act(&mut solo);
        assert_eq!(outcome(&solo, &seen).trim_end(), expected.trim_end(), "{event} in {from:?}");
    }
}

fn receives(bytes: &[u8]) -> impl Fn(&mut Solo) -> Vec<Seen> {
    move |solo| solo.receive(OURS, bytes.to_vec())
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(19 + body.len()).unwrap().to_be_bytes();
    [&[0xff; 16][..], &length, &[kind], body].concat()
}

#[test]
fn start() {
    let act = |solo: &mut Solo| solo.input(Input::Start);
    check(
        "1 ManualStart",
        act,
        ["Connect: connect", "Idle:", "Connect:", "Active:", "OpenSent:", "OpenConfirm:", "Established:"],
    );
}

#[test]
fn start_of_a_passive_peer() {
    let mut solo = Solo::new(bgp::Config { connecting: Connecting::Listen, ..config() });
    let seen = solo.input(Input::Start);
    assert_eq!(outcome(&solo, &seen), "Active: ", "4 ManualStart_with_PassiveTcpEstablishment");
    assert_eq!(solo.peer.poll_timeout(), None);
}

#[test]
fn stop() {
    let act = |solo: &mut Solo| solo.input(Input::Stop(Stop::Shutdown { text: String::new() }));
    check(
        "2 ManualStop",
        act,
        [
            "Idle:",
            "Idle:",
            "Idle: close",
            "Idle:",
            "Idle: notify 6/2 close",
            "Idle: notify 6/2 close",
            "Idle: notify 6/2 close down",
        ],
    );
}

#[test]
fn stop_on_removal() {
    let act = |solo: &mut Solo| solo.input(Input::Stop(Stop::Deconfigured));
    check(
        "8 AutomaticStop",
        act,
        [
            "Idle:",
            "Idle:",
            "Idle: close",
            "Idle:",
            "Idle: notify 6/3 close",
            "Idle: notify 6/3 close",
            "Idle: notify 6/3 close down",
        ],
    );
}

#[test]
fn retry_timers() {
    let act = |solo: &mut Solo| match solo.peer.state() {
        State::Connect | State::Active => solo.expire(),
        State::Idle if solo.peer.poll_timeout().is_some() => solo.expire(),
        State::Idle | State::OpenSent | State::OpenConfirm | State::Established => solo.input(Input::Timeout),
    };
    check(
        "9 ConnectRetryTimer_Expires, 13 IdleHoldTimer_Expires",
        act,
        [
            "Idle:",
            "Connect: connect",
            "Active: close failed",
            "Connect: connect",
            "OpenSent:",
            "OpenConfirm:",
            "Established:",
        ],
    );
}

#[test]
fn hold_timer() {
    let act = |solo: &mut Solo| {
        // No timer before the last one is looked at.
        solo.now += Duration::from_secs(240);
        let seen = solo.input(Input::Timeout);
        seen.into_iter().filter(|seen| !matches!(seen, Seen::Connect(_))).collect()
    };
    check(
        "10 HoldTimer_Expires",
        act,
        [
            "Idle:",
            "Connect:",
            "Active: close failed",
            "Connect:",
            "Idle: notify 4/0 close failed",
            "Idle: notify 4/0 close failed",
            "Idle: notify 4/0 close down",
        ],
    );
}

#[test]
fn keepalive_timer() {
    let act = |solo: &mut Solo| match solo.peer.state() {
        State::OpenConfirm | State::Established => solo.expire(),
        State::Idle | State::Connect | State::Active | State::OpenSent => solo.input(Input::Timeout),
    };
    check(
        "11 KeepaliveTimer_Expires",
        act,
        ["Idle:", "Idle:", "Connect:", "Active:", "OpenSent:", "OpenConfirm: keepalive", "Established: keepalive"],
    );
}

#[test]
fn connection_of_the_peer() {
    let act = |solo: &mut Solo| solo.input(Input::Accepted { conn: THEIRS, link: link() });
    check(
        "14 TcpConnection_Valid, 17 TcpConnectionConfirmed",
        act,
        [
            "Idle: close",
            "Idle: close",
            "OpenSent: open",
            "OpenSent: open",
            "OpenSent: open",
            "OpenConfirm: open",
            "Established: close",
        ],
    );
}

#[test]
fn unwanted_connection_of_the_peer() {
    for from in ALL {
        let mut solo = bring_to(from);
        let state = solo.peer.state();
        solo.input(Input::Reconfigure(Box::new(bgp::Config { connecting: Connecting::Dial, ..config() })));
        let seen = solo.input(Input::Accepted { conn: LATER, link: link() });
        assert_eq!(seen, [Seen::Close(LATER)], "15 Tcp_CR_Invalid in {from:?}");
        assert_eq!(solo.peer.state(), state);
    }
}

#[test]
fn our_connection() {
    let act = |solo: &mut Solo| solo.input(Input::Connected { conn: OURS, link: link() });
    check(
        "16 Tcp_CR_Acked",
        act,
        ["Idle:", "Idle:", "OpenSent: open", "Active:", "OpenSent:", "OpenConfirm:", "Established:"],
    );
}

#[test]
fn loss_of_the_connection() {
    let act = |solo: &mut Solo| match solo.peer.state() {
        State::Connect => solo.input(Input::ConnectFailed { conn: OURS, error: ErrorKind::ConnectionRefused }),
        State::Idle | State::Active | State::OpenSent | State::OpenConfirm | State::Established => {
            solo.input(Input::Closed { conn: OURS, error: Some(ErrorKind::ConnectionReset) })
        }
    };
    // Established goes to Active rather than Idle, so that a neighbour that restarts is let in at once.
    check(
        "18 TcpConnectionFails",
        act,
        ["Idle:", "Idle:", "Active: failed", "Active:", "Active: failed", "Active: failed", "Active: down"],
    );
}

#[test]
fn open() {
    check(
        "19 BGPOpen",
        receives(&their_open().encode()),
        [
            "Idle:",
            "Idle:",
            "Connect:",
            "Active:",
            "OpenConfirm: keepalive",
            "Idle: notify 5/2 close failed",
            "Idle: notify 5/3 close down",
        ],
    );
}

#[test]
fn header_error() {
    check(
        "21 BGPHeaderErr",
        receives(&[0; 19]),
        [
            "Idle:",
            "Idle:",
            "Connect:",
            "Active:",
            "Idle: notify 1/1 close failed",
            "Idle: notify 1/1 close failed",
            "Idle: notify 1/1 close down",
        ],
    );
}

#[test]
fn open_error() {
    let open = bgp::wire::Open { my_as: 65003, ..their_open() };
    let open = bgp::wire::Open { capabilities: bgp::wire::Capabilities::default(), ..open };
    check(
        "22 BGPOpenMsgErr",
        receives(&open.encode()),
        [
            "Idle:",
            "Idle:",
            "Connect:",
            "Active:",
            "Idle: notify 2/2 close failed",
            "Idle: notify 5/2 close failed",
            "Idle: notify 5/3 close down",
        ],
    );
}

#[test]
fn collision() {
    // The peer's identifier is higher, so its connection stays, unless ours is established already.
    let act = |solo: &mut Solo| {
        solo.input(Input::Accepted { conn: THEIRS, link: link() });
        solo.receive(THEIRS, their_open().encode())
    };
    check(
        "23 OpenCollisionDump",
        act,
        [
            "Idle:",
            "Idle:",
            "OpenConfirm: keepalive",
            "OpenConfirm: keepalive",
            "OpenConfirm: keepalive",
            "OpenConfirm: notify 6/7 close keepalive",
            "Established:",
        ],
    );
}

#[test]
fn notification() {
    for (event, body) in [("24 NotifMsgVerErr", [2, 1]), ("25 NotifMsg", [6, 4])] {
        check(
            event,
            receives(&message(3, &body)),
            ["Idle:", "Idle:", "Connect:", "Active:", "Idle: close failed", "Idle: close failed", "Idle: close down"],
        );
    }
}

#[test]
fn keepalive_message() {
    check(
        "26 KeepAliveMsg",
        receives(&keepalive()),
        ["Idle:", "Idle:", "Connect:", "Active:", "Idle: notify 5/1 close failed", "Established: up", "Established:"],
    );
}

#[test]
fn update() {
    check(
        "27 UpdateMsg",
        receives(&message(2, &[0; 4])),
        [
            "Idle:",
            "Idle:",
            "Connect:",
            "Active:",
            "Idle: notify 5/1 close failed",
            "Idle: notify 5/2 close failed",
            "Established:",
        ],
    );
}

#[test]
fn update_error() {
    check(
        "28 UpdateMsgErr",
        receives(&message(2, &[0, 9, 0, 0])),
        [
            "Idle:",
            "Idle:",
            "Connect:",
            "Active:",
            "Idle: notify 5/1 close failed",
            "Idle: notify 5/2 close failed",
            "Idle: notify 3/1 close down",
        ],
    );
}

#[test]
fn route_refresh() {
    check(
        "ROUTE-REFRESH (RFC 2918)",
        receives(&message(5, &[0, 1, 0, 1])),
        [
            "Idle:",
            "Idle:",
            "Connect:",
            "Active:",
            "Idle: notify 5/1 close failed",
            "Idle: notify 5/2 close failed",
            "Established:",
        ],
    );
}
