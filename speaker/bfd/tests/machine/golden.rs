//! Packets of FRR and BIRD, recorded as `tests/golden/bfd/README.md` says.

use std::{
    net::IpAddr,
    num::NonZeroU8,
    path::Path as FilePath,
    time::{Duration, Instant},
};

use bfd::{
    Config, ControlPacket, Diag, Discriminator, DownCause, ECHO_PORT, EchoPacket, Event, Input, Output, Path, Session,
};

use crate::{config, epoch};

struct Record {
    at: Duration,
    source: IpAddr,
    ttl: u8,
    port: u16,
    payload: Vec<u8>,
}

impl Record {
    fn control(&self) -> Option<ControlPacket> {
        (self.port != ECHO_PORT).then(|| ControlPacket::decode(&self.payload).unwrap())
    }
}

const FRR: &str = "192.0.2.1";
const BIRD: &str = "192.0.2.2";
const CONVERSATIONS: [&str; 4] =
    ["frr-bird-single-hop", "frr-bird-single-hop-ipv6", "frr-bird-multihop", "frr-frr-echo"];
const EXPIRED: DownCause = DownCause::DetectionTimeExpired;
const TOLD_EXPIRED: DownCause = DownCause::NeighborDown { diag: Diag::DetectionTimeExpired };

fn conversation(name: &str) -> Vec<Record> {
    let path = FilePath::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../tests/golden/bfd/{name}.hex"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().filter(|line| !line.starts_with('#')).map(record).collect()
}

fn record(line: &str) -> Record {
    let [at, source, ttl, port, payload] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("bad line {line}") };
    let bytes = payload.as_bytes().chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap());
    Record {
        at: Duration::from_micros(at.parse().unwrap()),
        source: source.parse().unwrap(),
        ttl: ttl.parse().unwrap(),
        port: port.parse().unwrap(),
        payload: bytes.collect(),
    }
}

/// Puts a session in the place of `neighbor`'s partner and returns what it makes of the neighbour's packets.
fn replay(name: &str, neighbor: &str, config: Config) -> (Session, Vec<Event>) {
    let records = conversation(name);
    let neighbor: IpAddr = neighbor.parse().unwrap();
    let ours = records.iter().filter(|record| record.source != neighbor).find_map(Record::control).unwrap();
    let start = epoch();
    let mut session = Session::new(ours.my_discriminator, config, 1, start);
    let mut events = Vec::new();
    for record in records.iter().filter(|record| record.source == neighbor) {
        let Some(packet) = record.control() else { continue };
        run_until(&mut session, start + record.at, &mut events);
        session.handle(start + record.at, Input::Packet { packet, ttl: record.ttl });
    }
    let end = start + records.last().unwrap().at + Duration::from_secs(5);
    run_until(&mut session, end, &mut events);
    (session, events)
}

fn run_until(session: &mut Session, end: Instant, events: &mut Vec<Event>) {
    loop {
        while let Some(output) = session.poll_output() {
            match output {
                Output::Event(event) => events.push(event),
                Output::Send(_) | Output::Echo(_) => {}
            }
        }
        let Some(next) = session.poll_timeout().filter(|next| *next <= end) else { return };
        session.handle(next, Input::Timeout);
    }
}

fn down(cause: DownCause) -> Event {
    Event::Down { cause, neighbor_independent: false }
}

#[test]
fn every_recorded_control_packet_decodes_and_encodes_to_the_same_bytes() {
    for name in CONVERSATIONS {
        let mut count = 0;
        for record in conversation(name) {
            let Some(packet) = record.control() else { continue };
            assert_eq!(packet.encode()[..], record.payload[..], "{name} at {:?}", record.at);
            count += 1;
        }
        assert!(count > 50, "{name} has only {count} packets");
    }
}

#[test]
fn the_recordings_hold_each_state_and_both_flags() {
    let packets: Vec<_> =
        CONVERSATIONS.into_iter().flat_map(conversation).filter_map(|record| record.control()).collect();
    for state in [bfd::State::AdminDown, bfd::State::Down, bfd::State::Init, bfd::State::Up] {
        assert!(packets.iter().any(|packet| packet.state == state), "{state:?}");
    }
    assert!(packets.iter().any(|packet| packet.poll) && packets.iter().any(|packet| packet.final_));
    let names_its_peer = |packet: &&ControlPacket| packet.your_discriminator.map_or(0, Discriminator::get) != 0;
    assert!(
        packets.iter().any(|packet| names_its_peer(&packet)) && !packets.iter().all(|packet| names_its_peer(&packet))
    );
}

#[test]
fn a_session_follows_frr_through_edits_a_shutdown_and_its_death() {
    let (session, events) = replay("frr-bird-single-hop", FRR, config(100, 250, 4));
    assert_eq!(events, [Event::Up, down(DownCause::NeighborAdminDown), Event::Up, down(EXPIRED)]);
    assert_eq!(session.stats().discards.last(), None);
}

#[test]
fn a_session_follows_bird_through_edits_and_the_loss_of_its_partner() {
    let (session, events) = replay("frr-bird-single-hop", BIRD, config(100, 250, 3));
    let told_signaled = DownCause::NeighborDown { diag: Diag::NeighborSignaledDown };
    assert_eq!(events, [Event::Up, down(told_signaled), Event::Up, down(TOLD_EXPIRED)]);
    assert_eq!(session.stats().discards.last(), None);
}

#[test]
fn a_session_follows_both_over_ipv6() {
    let (_, frr) = replay("frr-bird-single-hop-ipv6", "2001:db8::1", config(100, 100, 4));
    assert_eq!(frr, [Event::Up, down(TOLD_EXPIRED)]);
    let (_, bird) = replay("frr-bird-single-hop-ipv6", "2001:db8::2", config(100, 100, 3));
    assert_eq!(bird, [Event::Up, down(EXPIRED)]);
}

#[test]
fn a_multihop_session_accepts_birds_ttl_of_64_only_when_told_to() {
    let far = |minimum| Config {
        path: Path::MultiHop { minimum_ttl: NonZeroU8::new(minimum).unwrap() },
        ..config(100, 150, 3)
    };
    let (_, events) = replay("frr-bird-multihop", BIRD, far(64));
    assert_eq!(events, [Event::Up, down(EXPIRED)]);
    let (strict, events) = replay("frr-bird-multihop", BIRD, far(65));
    assert_eq!(events, []);
    let discarded: Vec<_> = strict.stats().discards.iter().collect();
    assert!(matches!(discarded[..], [("ttl", 10..)]), "{discarded:?}");
}

#[test]
fn echoes_of_a_neighbour_are_not_taken_for_ours() {
    let echoes: Vec<_> = conversation("frr-frr-echo").into_iter().filter(|record| record.port == ECHO_PORT).collect();
    assert!(echoes.len() > 100);
    assert!(echoes.iter().all(|record| EchoPacket::decode(&record.payload).is_none()));
    let (_, events) = replay("frr-frr-echo", FRR, config(100, 100, 3));
    assert_eq!(events, [Event::Up, down(TOLD_EXPIRED)]);
}
