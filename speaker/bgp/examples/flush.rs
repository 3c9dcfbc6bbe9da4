//! Prints how long a peer takes to turn routes into messages: `cargo run --release -p bgp --example flush`.

#![expect(clippy::disallowed_methods, reason = "this measures time")]
#![expect(clippy::print_stdout, reason = "this prints")]

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::{Duration, Instant},
};

use bgp::{
    Asn, Attributes, Community, Config, ConnId, ExportFilter, Input, Link, Output, Peer, Prefix, RemoteAs, RouterId,
    Routes,
    wire::{Capabilities, Open, keepalive},
};

const ROUNDS: u32 = 20;

fn main() {
    for count in [10_000, 100_000] {
        for sets in [1, 50, count] {
            let routes = routes(count, sets);
            let (mut dump, mut same, mut change) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
            let mut sent = Sent::default();
            for _ in 0..ROUNDS {
                let mut peer = established();
                sent = Sent::default();
                dump += measure(&mut peer, &mut sent, Input::Routes(Arc::clone(&routes)));
                same += measure(&mut peer, &mut Sent::default(), Input::Routes(Arc::clone(&routes)));
                let one = Input::Change(vec![(prefix(count), Some(Arc::default()))]);
                change += measure(&mut peer, &mut Sent::default(), one);
            }
            println!(
                "{count:>6} routes, {sets:>6} attribute sets: {:>6} messages, {:>8} bytes, all {:>9.1?}, unchanged {:>8.1?}, one change {:>7.1?}",
                sent.messages,
                sent.bytes,
                dump / ROUNDS,
                same / ROUNDS,
                change / ROUNDS,
            );
        }
    }
}

#[derive(Default)]
struct Sent {
    messages: u64,
    bytes: usize,
}

/// Hands the input over and takes everything that comes out.
fn measure(peer: &mut Peer, sent: &mut Sent, input: Input) -> Duration {
    let before = peer.stats().updates_sent;
    let start = Instant::now();
    peer.handle(start, input);
    while let Some(output) = peer.poll_output() {
        let Output::Send { conn, bytes } = output else { continue };
        sent.bytes += bytes.len();
        peer.handle(start, Input::Sent { conn, bytes: bytes.len() });
    }
    sent.messages = peer.stats().updates_sent - before;
    start.elapsed()
}

fn prefix(index: u32) -> Prefix {
    IpAddr::from(Ipv4Addr::from(0x0a00_0000 + index)).into()
}

fn routes(count: u32, sets: u32) -> Arc<Routes> {
    let communities = (0..6).map(Community).collect();
    let common = Attributes { communities, ..Attributes::default() };
    let sets: Vec<_> = (0..sets).map(|set| Arc::new(Attributes { med: Some(set), ..common.clone() })).collect();
    let attributes = |index: u32| Arc::clone(&sets[index as usize % sets.len()]);
    Arc::new((0..count).map(|index| (prefix(index), attributes(index))).collect())
}

fn established() -> Peer {
    let number = Asn::new(65001).expect("65001 is not zero");
    let router_id = RouterId::new(Ipv4Addr::LOCALHOST).expect("the loopback address is not zero");
    let export = ExportFilter::new([Prefix::new(Ipv4Addr::UNSPECIFIED.into(), 0).expect("0 bits fit")]);
    let config = Config { export, ..Config::new(number, RemoteAs::External, router_id) };
    let open = Open { my_as: 65002, hold_time: 90, identifier: 1, capabilities: capabilities() };
    let mut peer = Peer::new(config, 1);
    let now = Instant::now();
    let conn = ConnId::Outgoing(1);
    let link = Link::between(Ipv4Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into());
    for input in [
        Input::Start,
        Input::Connected { conn, link },
        Input::Received { conn, bytes: open.encode() },
        Input::Received { conn, bytes: keepalive() },
        Input::Sent { conn, bytes: usize::MAX },
    ] {
        peer.handle(now, input);
    }
    while peer.poll_output().is_some() {}
    peer
}

fn capabilities() -> Capabilities {
    Capabilities { four_octet_as: Some(65002), ..Capabilities::default() }
}
