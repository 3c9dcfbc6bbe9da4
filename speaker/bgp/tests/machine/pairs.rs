//! Two peers over a network that delays, cuts bytes anywhere, and loses connections with and without a sign.
//!
//! `CLARION_SEEDS` runs more seeds than the default.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::ErrorKind,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use bgp::{
    Attributes, Config, ConnId, Connecting, Event, GracefulRestart, HoldTime, Input, Link, Output, Peer, Prefix,
    RemoteAs, Routes, State, Stop,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

use crate::{
    router::Router,
    solo::{asn, config, prefix, router_id, start_of_time},
};

const SECOND: Duration = Duration::from_secs(1);
const LONGEST_DELAY: u64 = 200;
const DEFAULT_SEEDS: u64 = 200;

/// Something on its way to one of the peers, named by the numbers of that side.
#[derive(Clone, Debug)]
enum Delivery {
    /// A request for a connection, with the number of the side that asks.
    Arrive(ConnId),
    /// The answer, with the number of the side that answers.
    Accept(ConnId, ConnId),
    Bytes(ConnId, Vec<u8>),
    Taken(ConnId, usize),
    Finish(ConnId),
}

struct Side {
    peer: Peer,
    address: IpAddr,
    wanted: Arc<Routes>,
    dialing: BTreeSet<ConnId>,
    /// The other end's number of each open connection.
    open: BTreeMap<ConnId, ConnId>,
    /// What a router would have learned from each of them.
    learned: BTreeMap<ConnId, Router>,
    accepted: u64,
    attempts: u64,
}

struct Pair {
    sides: [Side; 2],
    now: Instant,
    random: StdRng,
    underway: BTreeMap<(Instant, u64), (usize, Delivery)>,
    /// When the latest delivery of a connection arrives, since TCP keeps the order.
    latest: BTreeMap<(usize, ConnId), Instant>,
    serial: u64,
    reachable: bool,
}

impl Pair {
    fn new(configs: [Config; 2], seed: u64) -> Self {
        let mut last = 0;
        let sides = configs.map(|config| {
            last += 1;
            Side {
                peer: Peer::new(config, seed * 2 + u64::from(last)),
                address: IpAddr::from([192, 0, 2, last]),
                wanted: Arc::default(),
                dialing: BTreeSet::new(),
                open: BTreeMap::new(),
                learned: BTreeMap::new(),
                accepted: 0,
                attempts: 0,
            }
        });
        let mut pair = Self {
            sides,
            now: start_of_time(),
            random: StdRng::seed_from_u64(seed),
            underway: BTreeMap::new(),
            latest: BTreeMap::new(),
            serial: 0,
            reachable: true,
        };
        for side in 0..2 {
            pair.edit(side);
            pair.input(side, Input::Start);
        }
        pair
    }

    fn input(&mut self, side: usize, input: Input) {
        self.sides[side].peer.handle(self.now, input);
        while let Some(output) = self.sides[side].peer.poll_output() {
            self.perform(side, output);
        }
    }

    fn perform(&mut self, side: usize, output: Output) {
        let this = &mut self.sides[side];
        match output {
            Output::Connect { conn, .. } => {
                this.attempts += 1;
                this.dialing.insert(conn);
                self.send(1 - side, conn, Delivery::Arrive(conn));
            }
            Output::Send { conn, bytes } => self.send_bytes(side, conn, &bytes),
            Output::Close { conn } => {
                this.dialing.remove(&conn);
                if let Some(theirs) = this.open.remove(&conn) {
                    self.send(1 - side, theirs, Delivery::Finish(theirs));
                }
            }
            Output::Event(Event::Up(_) | Event::Down(_) | Event::Failed(_)) => {}
        }
    }

    fn send_bytes(&mut self, side: usize, conn: ConnId, bytes: &[u8]) {
        // A connection that was cut without a sign takes nothing.
        let Some(theirs) = self.sides[side].open.get(&conn).copied() else { return };
        self.send(side, conn, Delivery::Taken(conn, bytes.len()));
        let mut rest = bytes;
        while !rest.is_empty() {
            let (piece, others) = rest.split_at(self.random.random_range(1..=rest.len()));
            self.send(1 - side, theirs, Delivery::Bytes(theirs, piece.to_vec()));
            rest = others;
        }
    }

    fn send(&mut self, to: usize, conn: ConnId, delivery: Delivery) {
        let arrival = self.now + Duration::from_millis(self.random.random_range(1..=LONGEST_DELAY));
        let latest = self.latest.entry((to, conn)).or_insert(arrival);
        *latest = arrival.max(*latest);
        self.serial += 1;
        self.underway.insert((*latest, self.serial), (to, delivery));
    }

    fn deliver(&mut self, side: usize, delivery: Delivery) {
        let link = Link::between(self.sides[side].address, self.sides[1 - side].address);
        let this = &mut self.sides[side];
        match delivery {
            Delivery::Arrive(theirs) if self.reachable => {
                this.accepted += 1;
                let conn = ConnId::Incoming(this.accepted);
                this.open.insert(conn, theirs);
                self.send(1 - side, theirs, Delivery::Accept(theirs, conn));
                self.input(side, Input::Accepted { conn, link });
            }
            Delivery::Arrive(conn) => {
                self.input(1 - side, Input::ConnectFailed { conn, error: ErrorKind::HostUnreachable });
            }
            Delivery::Accept(conn, theirs) if this.dialing.remove(&conn) => {
                this.open.insert(conn, theirs);
                self.input(side, Input::Connected { conn, link });
            }
            Delivery::Accept(_, theirs) => self.send(1 - side, theirs, Delivery::Finish(theirs)),
            Delivery::Bytes(conn, bytes) if this.open.contains_key(&conn) => {
                this.learned.entry(conn).or_default().read(&bytes);
                self.input(side, Input::Received { conn, bytes });
            }
            Delivery::Bytes(..) => {}
            Delivery::Taken(conn, bytes) => self.input(side, Input::Sent { conn, bytes }),
            Delivery::Finish(conn) => {
                if this.open.remove(&conn).is_some() {
                    self.input(side, Input::Closed { conn, error: None });
                }
            }
        }
    }

    fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let timer = |side: usize| self.sides[side].peer.poll_timeout().map(|at| (at.max(self.now), None, side));
            let delivery = self.underway.first_key_value().map(|(key, (side, _))| (key.0, Some(*key), *side));
            let Some((at, key, side)) = [timer(0), timer(1), delivery].into_iter().flatten().min() else { break };
            if at > end {
                break;
            }
            self.now = at;
            match key.and_then(|key| self.underway.remove(&key)) {
                Some((side, delivery)) => self.deliver(side, delivery),
                None => self.input(side, Input::Timeout),
            }
        }
        self.now = end;
    }

    /// Loses every connection; both ends learn of it only if there is a sign.
    fn cut(&mut self, sign: bool) {
        self.underway.retain(|_, (_, delivery)| matches!(delivery, Delivery::Arrive(_)));
        for side in 0..2 {
            let dialing = std::mem::take(&mut self.sides[side].dialing);
            for conn in std::mem::take(&mut self.sides[side].open).into_keys() {
                if sign {
                    self.input(side, Input::Closed { conn, error: Some(ErrorKind::ConnectionReset) });
                }
            }
            for conn in dialing {
                self.input(side, Input::ConnectFailed { conn, error: ErrorKind::TimedOut });
            }
        }
    }

    fn edit(&mut self, side: usize) {
        let count: u8 = self.random.random_range(0..50);
        let attributes = Arc::new(Attributes { med: Some(self.random.random_range(0..9)), ..Attributes::default() });
        let numbered = |index| Prefix::from(IpAddr::from([10, u8::try_from(side).unwrap(), 0, index]));
        let wanted: Arc<Routes> = Arc::new((0..count).map(|index| (numbered(index), attributes.clone())).collect());
        self.sides[side].wanted = wanted.clone();
        self.input(side, Input::Routes(wanted));
    }

    fn disturb(&mut self) {
        let side = self.random.random_range(0..2_usize);
        match self.random.random_range(0..8) {
            0 => self.cut(true),
            1 => self.cut(false),
            2 => self.reachable = false,
            3 => self.reachable = true,
            4 => {
                let stop = if self.random.random() { Stop::Restart } else { Stop::Shutdown { text: "bye".into() } };
                self.input(side, Input::Stop(stop));
                self.input(side, Input::Start);
            }
            _ => self.edit(side),
        }
    }

    /// Both ends have one session, on the same connection, and know everything.
    fn check(&self, seed: u64) {
        for (side, other) in [(0, 1), (1, 0)] {
            let (this, that) = (&self.sides[side], &self.sides[other]);
            assert_eq!(this.peer.state(), State::Established, "seed {seed}: {:?}", this.peer.status().last_error);
            let open: Vec<_> = this.open.iter().collect();
            let [(conn, theirs)] = open[..] else { panic!("seed {seed}: connections {open:?}") };
            assert_eq!(that.open.get(theirs), Some(conn), "seed {seed}");
            let learned = &this.learned[conn];
            let table: Vec<_> = learned.table.iter().map(|(prefix, route)| (*prefix, route.med)).collect();
            let wanted: Vec<_> = that.wanted.iter().map(|(prefix, attributes)| (*prefix, attributes.med)).collect();
            assert_eq!(table, wanted, "seed {seed}");
            assert!(learned.end_of_rib.contains(&bgp::Family::Ipv4), "seed {seed}");
            assert_eq!(this.peer.status().backlog, 0, "seed {seed}");
        }
    }
}

fn configs(connecting: [Connecting; 2], graceful: bool) -> [Config; 2] {
    let side = |local, remote, last, connecting| Config {
        local_as: asn(local),
        remote_as: RemoteAs::Exactly(asn(remote)),
        router_id: router_id(last),
        connecting,
        hold_time: HoldTime::try_from(9 * SECOND).unwrap(),
        graceful_restart: graceful.then_some(GracefulRestart { restart_time: 120 * SECOND, restarting: true }),
        export: bgp::ExportFilter::new([prefix("10.0.0.0/8")]),
        ..config()
    };
    [side(65001, 65002, 1, connecting[0]), side(65002, 65001, 2, connecting[1])]
}

fn seeds() -> u64 {
    std::env::var("CLARION_SEEDS").map_or(DEFAULT_SEEDS, |seeds| seeds.parse().unwrap())
}

#[test]
fn a_pair_comes_together_again_after_any_disturbance() {
    use Connecting::{Both, Dial, Listen};
    for seed in 0..seeds() {
        let connecting = [[Both, Both], [Dial, Listen], [Listen, Both], [Both, Dial], [Both, Both]];
        let index = usize::try_from(seed % 5).unwrap();
        let mut pair = Pair::new(configs(connecting[index], seed % 3 == 0), seed);
        for _ in 0..30 {
            let pause = Duration::from_millis(pair.random.random_range(0..6000));
            pair.run_for(pause);
            pair.disturb();
        }
        pair.reachable = true;
        let before = pair.sides.each_ref().map(|side| side.attempts);
        pair.run_for(200 * SECOND);
        pair.check(seed);
        for (side, before) in pair.sides.iter().zip(before) {
            assert!(side.attempts - before <= 10, "seed {seed}: {} attempts", side.attempts - before);
        }
    }
}

#[test]
fn peers_that_dial_each_other_at_the_same_time_settle_within_seconds() {
    for seed in 0..seeds() {
        let mut pair = Pair::new(configs([Connecting::Both, Connecting::Both], false), seed);
        pair.run_for(10 * SECOND);
        pair.check(seed);
    }
}

#[test]
fn a_session_without_disturbance_lasts() {
    let mut pair = Pair::new(configs([Connecting::Dial, Connecting::Listen], true), 1);
    pair.run_for(10 * SECOND);
    for _ in 0..500 {
        let side = pair.random.random_range(0..2_usize);
        pair.edit(side);
        pair.run_for(SECOND);
    }
    pair.run_for(SECOND);
    pair.check(1);
    assert!(pair.sides.iter().all(|side| side.peer.stats().established == 1));
}
