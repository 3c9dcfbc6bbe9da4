//! Any inputs in any order: no panic, no spinning timer, and never more than the driver can handle.

use std::{collections::BTreeSet, io::ErrorKind, sync::Arc, time::Duration};

use bgp::{Bfd, Config, ConnId, Connecting, GracefulRestart, Input, Output, Peer, State, Stop, wire::keepalive};
use proptest::{collection::vec, prelude::*};

use crate::solo::{config, link, routes, start_of_time, their_open};

#[derive(Clone, Debug)]
enum Step {
    Start,
    Stop(u8),
    /// Answers the latest request for a connection.
    Connected(bool),
    Accepted,
    Closed(prop::sample::Index),
    Received(prop::sample::Index, Vec<u8>),
    /// Everything a sound peer says until Established.
    Greets(prop::sample::Index),
    Taken(prop::sample::Index, usize),
    Routes(u32),
    Bfd(bool),
    GracefulShutdown(bool),
    Link(prop::sample::Index, bool),
    Connecting(Connecting),
    Wait(u64),
}

fn message() -> impl Strategy<Value = Vec<u8>> {
    (1_u8..=6, vec(any::<u8>(), 0..40)).prop_map(|(kind, body)| {
        let length = u16::try_from(19 + body.len()).unwrap().to_be_bytes();
        [&[0xff; 16][..], &length, &[kind], &body].concat()
    })
}

fn step() -> impl Strategy<Value = Step> {
    let index = any::<prop::sample::Index>;
    let bytes = prop_oneof![message(), Just(keepalive()), Just(their_open().encode()), vec(any::<u8>(), 0..40)];
    prop_oneof![
        2 => Just(Step::Start),
        1 => (0..3_u8).prop_map(Step::Stop),
        6 => any::<bool>().prop_map(Step::Connected),
        3 => Just(Step::Accepted),
        1 => index().prop_map(Step::Closed),
        4 => (index(), bytes).prop_map(|(index, bytes)| Step::Received(index, bytes)),
        6 => index().prop_map(Step::Greets),
        4 => (index(), 0..5000_usize).prop_map(|(index, bytes)| Step::Taken(index, bytes)),
        2 => (0..2000_u32).prop_map(Step::Routes),
        1 => any::<bool>().prop_map(Step::Bfd),
        1 => any::<bool>().prop_map(Step::GracefulShutdown),
        1 => (index(), any::<bool>()).prop_map(|(index, ipv6)| Step::Link(index, ipv6)),
        1 => prop_oneof![Just(Connecting::Dial), Just(Connecting::Listen), Just(Connecting::Both)].prop_map(Step::Connecting),
        4 => (0..100_000_u64).prop_map(Step::Wait),
    ]
}

/// A driver that believes whatever it is told.
struct Driver {
    peer: Peer,
    now: std::time::Instant,
    dialing: Option<ConnId>,
    open: BTreeSet<ConnId>,
    accepted: u64,
}

impl Driver {
    fn input(&mut self, input: Input) {
        self.peer.handle(self.now, input);
        while let Some(output) = self.peer.poll_output() {
            match output {
                Output::Connect { conn, .. } => {
                    assert_eq!(self.dialing.replace(conn), None, "one attempt at a time");
                }
                Output::Send { conn, bytes } => {
                    assert!(self.open.contains(&conn), "only open connections are written to");
                    assert!(!bytes.is_empty());
                }
                Output::Close { conn } => {
                    let was_open = self.open.remove(&conn);
                    assert!(was_open || self.dialing.take() == Some(conn), "only what exists is closed");
                }
                Output::Event(_) => {}
            }
        }
        assert!(self.open.len() <= 2, "two connections are enough for a collision");
        if self.peer.state() == State::Established {
            assert_eq!((self.open.len(), self.dialing), (1, None));
        }
        assert!(self.peer.state() != State::Idle || self.open.is_empty());
    }

    fn pick(&self, index: prop::sample::Index) -> Option<ConnId> {
        (!self.open.is_empty()).then(|| *self.open.iter().nth(index.index(self.open.len())).unwrap())
    }

    fn apply(&mut self, step: Step) {
        match step {
            Step::Start => self.input(Input::Start),
            Step::Stop(0) => self.input(Input::Stop(Stop::Restart)),
            Step::Stop(1) => self.input(Input::Stop(Stop::Deconfigured)),
            Step::Stop(_) => self.input(Input::Stop(Stop::Shutdown { text: "x".repeat(300) })),
            Step::Connected(works) => {
                let Some(conn) = self.dialing.take() else { return };
                if works {
                    self.open.insert(conn);
                    self.input(Input::Connected { conn, link: link() });
                } else {
                    self.input(Input::ConnectFailed { conn, error: ErrorKind::ConnectionRefused });
                }
            }
            Step::Accepted => {
                self.accepted += 1;
                let conn = ConnId::Incoming(self.accepted);
                self.open.insert(conn);
                self.input(Input::Accepted { conn, link: link() });
            }
            Step::Closed(index) => {
                let Some(conn) = self.pick(index) else { return };
                self.open.remove(&conn);
                self.input(Input::Closed { conn, error: Some(ErrorKind::ConnectionReset) });
            }
            Step::Received(index, bytes) => {
                let Some(conn) = self.pick(index) else { return };
                self.input(Input::Received { conn, bytes });
            }
            Step::Greets(index) => {
                let Some(conn) = self.pick(index) else { return };
                self.input(Input::Received { conn, bytes: [their_open().encode(), keepalive()].concat() });
            }
            Step::Taken(index, bytes) => {
                let Some(conn) = self.pick(index) else { return };
                self.input(Input::Sent { conn, bytes });
            }
            Step::Routes(count) => self.input(Input::Routes(routes(count, &bgp::Attributes::default()))),
            Step::Bfd(up) => self.input(Input::Bfd(if up { Bfd::Up } else { Bfd::Down { independent: true } })),
            Step::GracefulShutdown(on) => self.input(Input::GracefulShutdown(on)),
            Step::Link(index, ipv6) => {
                let Some(conn) = self.pick(index) else { return };
                let link = bgp::Link { ipv6: link().ipv6.filter(|_| ipv6), ..link() };
                self.input(Input::Link { conn, link });
            }
            Step::Connecting(connecting) => {
                let config = Config { connecting, ..self.peer.config().clone() };
                self.input(Input::Reconfigure(Box::new(config)));
            }
            Step::Wait(milliseconds) => self.wait(Duration::from_millis(milliseconds)),
        }
    }

    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        let mut timeouts = 0;
        while let Some(next) = self.peer.poll_timeout().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            self.input(Input::Timeout);
            timeouts += 1;
            assert!(timeouts < 1000, "a timer spins");
        }
        self.now = end;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_inputs_in_any_order_are_survived(steps in vec(step(), 1..60), graceful: bool) {
        let restart = GracefulRestart { restart_time: Duration::from_secs(120), restarting: true };
        let config = Config { graceful_restart: graceful.then_some(restart), ..config() };
        let mut driver = Driver {
            peer: Peer::new(config, 7),
            now: start_of_time(),
            dialing: None,
            open: BTreeSet::new(),
            accepted: 0,
        };
        driver.input(Input::Routes(Arc::default()));
        for step in steps {
            driver.apply(step);
        }
    }
}
