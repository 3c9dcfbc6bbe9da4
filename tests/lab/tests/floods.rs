//! One wire or port is flooded, and everything else goes on as if it were not.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    thread,
    time::{Duration, Instant},
};

use clarion::demo::network::Mac;
use ipnet::IpNet;
use lab::{
    Client, Lab, Manifests, Node,
    cluster::{Cluster, MARGIN, SOON},
    flood::{Flood, knock},
    frames::{arp_announcement, forged_heartbeat, heartbeat, router_advertisement},
    manifests::Service,
    peers::Bird,
    routed::{self, Scene},
};

const NODES: [&str; 2] = ["n1", "n2"];

/// How long a flood lasts: ten times as long as a silence by which a speaker counts as lost, and more.
const WHILE: Duration = Duration::from_secs(5);

/// The longest time for which an address on a wire that is not flooded may go without an answer, on a busy machine.
const SILENCE: Duration = Duration::from_millis(900);

/// How much more memory a speaker may have in use afterwards, in KiB.
const MEMORY: u64 = 16 * 1024;

/// Two nodes on two wires, with a host on the second that asks for the addresses there.
struct TwoWires {
    cluster: Cluster,
    far: Client,
}

impl TwoWires {
    fn start() -> Option<Self> {
        let lab = Lab::new()?;
        let manifests = Manifests::new(&lab.directory().join("manifests"), &NODES);
        manifests.service(Service { name: "a", ..Service::default() });
        manifests.service(Service { name: "b", ..Service::default() });
        let mut cluster = Cluster::build(lab, &NODES);
        let second = cluster.lab.bridge("second");
        for (number, node) in (1..).zip(&cluster.nodes) {
            let address: IpNet = format!("203.0.113.{number}/24").parse().expect("written correctly");
            cluster.lab.plug(&node.host, "eth1", &second, &[address]);
        }
        let far = cluster.lab.client("far", &second);
        // What is named is announced on, whatever the subnet.
        manifests.advertisement("lan", "{ipAddressPools: [lan], interfaces: [eth0, eth1]}");
        cluster.start_speakers(&manifests);
        let live = |node: &Node| node.try_metric("clarion_members", &["state=\"live\""]);
        cluster.lab.eventually(SOON, "the nodes hear each other on both links", || {
            cluster.nodes.iter().all(|node| live(node) == Some(2.0))
        });
        cluster.settle(2);
        Some(Self { cluster, far })
    }

    /// Floods the first wire, and sees that it stays there.
    fn withstand(&self, frames: Vec<Vec<u8>>) {
        let Self { cluster, far } = self;
        let memory = |node: &Node| node.memory();
        let before: Vec<u64> = cluster.nodes.iter().map(memory).collect();
        let (near, far) = (cluster.newcomer.newcomer(&cluster.vips), far.newcomer(&cluster.vips));
        let flood = Flood::start(&cluster.client, frames);
        let (start, mut answers) = (Instant::now(), 0);
        while start.elapsed() < WHILE {
            answers += cluster.nodes.iter().filter(|node| node.status().is_some()).count();
            thread::sleep(Duration::from_millis(100));
        }
        let sent = flood.stop();
        let (near, far) = (near.stop(), far.stop());
        assert!(sent > 50_000, "{sent} frames are no flood");
        assert!(answers > 10, "{answers} questions were answered meanwhile");
        for node in &cluster.nodes {
            let log = node.log();
            let wrong = |line: &&str| line.contains("speaker is lost") || line.contains("stood still");
            let wrong: Vec<&str> = log.lines().filter(wrong).collect();
            assert_eq!(wrong, [""; 0], "on {}", node.host.name());
        }
        for vip in &cluster.vips {
            let own = |mac: &Mac| cluster.nodes.iter().any(|node| node.mac() == *mac);
            let owners: Vec<Mac> = near.macs(*vip).into_iter().filter(own).collect();
            assert_eq!(owners.len(), 1, "{vip} is answered by {owners:?} on the flooded wire");
            assert_eq!(far.macs(*vip).len(), 1, "{vip} is answered by {:?} on the other", far.macs(*vip));
            let silence = far.longest_silence(*vip).expect("it was asked for").length;
            assert!(silence < SILENCE, "{vip} was silent for {silence:?} on the other wire");
        }
        for (node, before) in cluster.nodes.iter().zip(before) {
            let grown = memory(node).saturating_sub(before);
            assert!(grown < MEMORY, "{} has {grown} KiB more than the {before} before", node.host.name());
        }
    }
}

#[test]
fn made_up_claims_on_one_wire_disturb_nothing_on_another() {
    let Some(wires) = TwoWires::start() else { return };
    let cluster = &wires.cluster;
    let IpAddr::V4(vip) = cluster.vips[0] else { panic!("it is IPv4") };
    let claim = |number: u16| {
        let [high, low] = number.to_be_bytes();
        arp_announcement(Mac([0x02, 0xfa, 0, 0, high, low]), vip)
    };
    wires.withstand((0..8192).map(claim).collect());
    let conflict = |node: &Node| {
        let vips = node.status()?.vips.into_iter();
        vips.filter(|known| known.ip == IpAddr::from(vip) && known.state == "owner").find_map(|known| known.conflict)
    };
    let named = cluster.nodes.iter().find_map(conflict).expect("the owner names claimants");
    assert_eq!(named.split(", ").count(), 4, "four stations are told apart: {named}");
}

#[test]
fn forged_heartbeats_on_one_wire_disturb_nothing_on_another() {
    let Some(wires) = TwoWires::start() else { return };
    let cluster = &wires.cluster;
    let (tap, since) = (cluster.client.tap(), Instant::now());
    thread::sleep(MARGIN);
    let (victim, other) = (cluster.nodes[0].mac(), cluster.nodes[1].mac());
    let frames = tap.frames(since).into_iter().filter(|frame| frame[6..12] == other.0);
    let heard: Vec<u8> = frames.filter_map(heartbeat).next().expect("a speaker sends heartbeats");
    drop(tap);
    let forge = |number| forged_heartbeat(&heard, cluster.client.link.mac, victim, number);
    wires.withstand((0..8192).map(forge).collect());
    let refused = |reason: &str| {
        let reason = format!("reason=\"{reason}\"");
        cluster.nodes[0].metric("clarion_heartbeats_refused_total", &["link=\"eth0\"", &reason])
    };
    let (forged, busy) = (refused("forged"), refused("busy"));
    let most = 2000.0 * WHILE.as_secs_f64() * 2.0;
    assert!((1000.0..most).contains(&forged) && busy > forged, "{forged} were verified and {busy} were not");
    assert_eq!(cluster.nodes[1].metric("clarion_heartbeats_refused_total", &["reason=\"forged\""]), 0.0);
}

#[test]
fn made_up_routers_on_an_unnumbered_link_are_told_once_and_cost_no_session() {
    let Some(mut scene) = Scene::build(&["n1"]).filter(|_| Bird::is_available()) else { return };
    let _bird = scene.bird(BIRD);
    scene.object("metallb.io/v1beta1", "BFDProfile", "fast", "spec: {receiveInterval: 300, transmitInterval: 300}");
    scene.peer("tor", "peerASN: 65000, peerAddress: 192.0.2.12, connectTime: 1s, bfdProfile: fast");
    scene.peer("spine", "dynamicASN: external, interface: eth0, connectTime: 1s");
    scene.start();
    scene.expect_route();
    let node = &scene.nodes[0];
    let is_watched = || node.try_metric("metallb_bfd_session_up", &[]) == Some(1.0);
    scene.lab.eventually(routed::SOON, "BFD is up", is_watched);
    let (memory, downs) = (node.memory(), node.metric("metallb_bfd_session_down_events", &[]));
    let lines = node.log().lines().count();

    let advertise = |number: u16| {
        let [high, low] = number.to_be_bytes();
        let source = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0xfa, number);
        router_advertisement(Mac([0x02, 0xfa, 0, 1, high, low]), source)
    };
    let flood = Flood::start(&scene.router, (0..8192).map(advertise).collect());
    let mut reasons = BTreeSet::new();
    let start = Instant::now();
    while start.elapsed() < WHILE {
        reasons.insert(scene.reason("spine"));
        thread::sleep(Duration::from_millis(100));
    }
    let sent = flood.stop();
    assert!(sent > 50_000, "{sent} frames are no flood");
    let two: Vec<&String> = reasons.iter().filter(|reason| reason.contains("two routers answer on eth0")).collect();
    assert_eq!(two.len(), 1, "{reasons:?}");
    assert_eq!(node.metric("clarion_bgp_sessions_established_total", &[]), 1.0, "the other session stays");
    assert_eq!(node.metric("metallb_bfd_session_down_events", &[]), downs);
    assert!(node.memory().saturating_sub(memory) < MEMORY, "{} KiB and {memory} before", node.memory());
    let written = node.log().lines().count() - lines;
    assert!(written < 20, "{written} lines for one link");
}

#[test]
fn connections_and_garbage_at_the_port_of_bgp_cost_no_session() {
    let Some(mut scene) = Scene::build(&["n1"]).filter(|_| Bird::is_available()) else { return };
    let _bird = scene.bird(BIRD);
    scene.object("metallb.io/v1beta1", "BFDProfile", "fast", "spec: {receiveInterval: 300, transmitInterval: 300}");
    scene.peer("tor", "peerASN: 65000, peerAddress: 192.0.2.12, connectTime: 1s, bfdProfile: fast");
    let rack = "dynamicASN: external, peerPrefix: 192.0.2.0/28, peerPrefixLimit: 2, listenPort: 1790, connectTime: 1s";
    scene.peer("rack", rack);
    scene.start();
    scene.expect_route();
    let node = &scene.nodes[0];
    let is_watched = || node.try_metric("metallb_bfd_session_up", &[]) == Some(1.0);
    scene.lab.eventually(routed::SOON, "BFD is up", is_watched);
    let (memory, downs) = (node.memory(), node.metric("metallb_bfd_session_down_events", &[]));
    let (files, lines) = (node.descriptors(), node.log().lines().count());

    // From inside the prefix come bytes that are no OPEN, and from outside connections alone.
    let port = SocketAddr::from((Ipv4Addr::new(192, 0, 2, 11), 1790));
    let garbage: Vec<u8> = [&[0xff; 16][..], &[0, 60, 1, 4], &[0xaa; 40]].concat();
    let host = &scene.router.host;
    host.ip("addr add 192.0.2.13/24 dev eth0\naddr add 192.0.2.14/24 dev eth0\naddr add 192.0.2.99/24 dev eth0\n")
        .unwrap();
    let start = Instant::now();
    let (tried, most_files) = thread::scope(|scope| {
        let sources = [[192, 0, 2, 13], [192, 0, 2, 14], [192, 0, 2, 99]].map(IpAddr::from);
        let attack = |source: IpAddr| {
            let garbage = &garbage;
            let knocks = move || {
                let going_on = (0..).take_while(|_| start.elapsed() < WHILE);
                going_on.filter(|_| knock(source, port, garbage).is_ok()).count()
            };
            scope.spawn(move || host.run(knocks))
        };
        let attacks = sources.map(attack);
        let mut most_files = 0;
        while start.elapsed() < WHILE {
            assert!(node.status().is_some(), "the speaker answers");
            most_files = most_files.max(node.descriptors());
            thread::sleep(Duration::from_millis(50));
        }
        (attacks.map(|attack| attack.join().unwrap()), most_files)
    });
    assert!(tried.iter().all(|tried| *tried > 50), "{tried:?} connections");
    assert!(most_files < files + 64, "{most_files} files and sockets, and {files} before");
    assert!(node.metric("clarion_bgp_connections_refused_total", &["reason=\"stranger\""]) > 50.0);
    assert_eq!(node.metric("metallb_bfd_session_down_events", &[]), downs);
    let established = node.metric("clarion_bgp_sessions_established_total", &["peer=\"192.0.2.12\""]);
    assert!(scene.is_up("tor") && established <= 1.0, "the session stays; {established} were established");
    assert!(node.memory().saturating_sub(memory) < MEMORY, "{} KiB and {memory} before", node.memory());
    let written = node.log().lines().count() - lines;
    assert!(written < 50, "{written} lines");
}

const BIRD: &str = "router id 192.0.2.12;\nprotocol bfd { interface \"eth0\" { interval 300 ms; multiplier 3; }; }\n\
                    protocol bgp n1 from node { bfd on; local 192.0.2.12 as 65000; neighbor 192.0.2.11 as 65001; \
                    passive on; ipv4 { import all; export none; }; }\n";
