//! How speakers hear each other on links that carry only part of what they say, and what else wakes them.

use std::{
    fs::{self, DirEntry},
    io,
    net::{IpAddr, SocketAddr, UdpSocket},
    thread,
    time::{Duration, Instant},
};

use lab::{
    Lab, Manifests, Node,
    cluster::{Cluster, MARGIN, SOON},
    frames::{Solicitor, datagram, multicast_solicitation},
    manifests::Service,
};

/// Twice what the death of an owner costs.
const OUTAGE: Duration = Duration::from_millis(700);

const NODES: [&str; 3] = ["n1", "n2", "n3"];

#[test]
fn speakers_hear_each_other_over_whichever_family_both_have() {
    let Some(lab) = Lab::new() else { return };
    let manifests = Manifests::new(&lab.directory().join("manifests"), &NODES);
    manifests.service(Service::default());
    let mut cluster = Cluster::build(lab, &NODES);
    cluster.nodes[0].host.set("ipv6/conf/eth0/disable_ipv6", "1").unwrap();
    // The last one has no address at all in the family of the VIP, which is no obstacle to ARP.
    cluster.nodes[2].host.ip("addr flush dev eth0\n").unwrap();
    cluster.nodes[2].host.set("ipv6/conf/eth0/disable_ipv6", "1").unwrap();
    cluster.nodes[2].host.set("ipv6/conf/eth0/disable_ipv6", "0").unwrap();
    cluster.start_speakers(&manifests);
    let live = |number: usize| cluster.nodes[number].try_metric("clarion_members", &["state=\"live\""]);
    // A node without any IPv4 address still sends multicast, so even the two that share no family meet.
    cluster.lab.eventually(SOON, "everybody hears everybody", || (0..3).all(|number| live(number) == Some(2.0)));
    cluster.settle(1);
    cluster.owners();

    // After a pause each of the others must answer a question, also those that no datagram can be sent to alone.
    for node in &cluster.nodes {
        node.hang_speaker();
        thread::sleep(Duration::from_millis(700));
        node.resume();
        cluster.lab.eventually(SOON, "it is ready again", || node.speaker().page(&node.host, "/readyz").is_ok());
        cluster.lab.eventually(SOON, "it trusts itself again", || {
            node.status().is_some_and(|status| status.vips.iter().all(|vip| vip.state != "listening"))
        });
    }
    thread::sleep(MARGIN);
    cluster.owners();
}

#[test]
fn a_healthy_wire_counts_no_refusals_and_no_errors() {
    let Some(cluster) = Cluster::start() else { return };
    for node in &cluster.nodes {
        for name in ["heartbeats_send_errors", "members_conflicts"] {
            assert_eq!(node.metric(&format!("clarion_{name}_total"), &[]), 0.0, "{name} of {}", node.host.name());
        }
        // What a member sends before it has answered does not count, and every start begins so.
        let refused = |labels: &[&str]| node.metric("clarion_heartbeats_refused_total", labels);
        assert_eq!(refused(&[]), refused(&["reason=\"unproven\""]), "refused by {}", node.host.name());
        assert!(node.metric("clarion_heartbeats_duplicates_total", &[]) > 0.0, "both families carry heartbeats");
    }
    // A busy machine may stop a speaker now and then, which is no fault of the wire; a wire that makes speakers pause does it always.
    let pauses = || -> f64 { cluster.nodes.iter().map(|node| node.metric("clarion_members_pauses_total", &[])).sum() };
    let disturbed = (0..5).filter(|_| {
        let before = pauses();
        thread::sleep(Duration::from_secs(1));
        pauses() > before
    });
    let disturbed = disturbed.count();
    assert!(disturbed <= 1, "speakers paused in {disturbed} of 5 seconds");
}

#[test]
fn a_cable_with_loose_contact_leaves_no_two_lasting_owners() {
    let Some(lab) = Lab::new() else { return };
    let manifests = Manifests::new(&lab.directory().join("manifests"), &NODES);
    for name in ["a", "b", "c"] {
        manifests.service(Service { name, families: "[IPv4, IPv6]", ..Service::default() });
    }
    let cluster = Cluster::serve(lab, &NODES, &manifests, 6);
    let watcher = cluster.newcomer.newcomer(&cluster.vips);
    let end = Instant::now() + Duration::from_secs(6);
    // A quarter of the time nothing passes at one of the nodes, in stretches that hit its heartbeats at changing phases.
    for (number, node) in (0_u64..).zip(cluster.nodes.iter().cycle()) {
        if Instant::now() >= end {
            break;
        }
        node.cut();
        thread::sleep(Duration::from_millis(20 + number * 7 % 30));
        node.heal();
        thread::sleep(Duration::from_millis(60 + number * 13 % 50));
    }
    let sightings = watcher.stop();
    for vip in &cluster.vips {
        let windows = sightings.windows(*vip, Duration::from_millis(100));
        let silence = sightings.longest_silence(*vip).unwrap().length;
        assert!(silence < OUTAGE, "{vip} was silent for {silence:?}");
        let longest = windows.split(|window| window.macs.len() == 1).map(<[_]>::len).max().unwrap_or_default();
        assert!(longest <= 5, "two nodes answered for {vip} during {longest} stretches of 100 ms");
    }
    thread::sleep(MARGIN);
    cluster.owners();
}

#[test]
fn traffic_for_others_does_not_wake_the_wire_thread() {
    let Some(lab) = Lab::new() else { return };
    let manifests = Manifests::new(&lab.directory().join("manifests"), &["n1"]);
    for name in ["a", "b", "c"] {
        manifests.service(Service { name, families: "[IPv4, IPv6]", endpoints: &["n1"], ..Service::default() });
    }
    let cluster = Cluster::serve(lab, &["n1"], &manifests, 6);
    // Repetitions of the first announcement end after 4.4 s.
    thread::sleep(Duration::from_secs(4));
    let node = &cluster.nodes[0];
    let quiet = wakings(node, Duration::from_secs(2), || thread::sleep(Duration::from_millis(1)));

    let tap = cluster.client.tap();
    let IpAddr::V6(own) = cluster.client.address_like("::".parse().unwrap()) else { panic!("it is IPv6") };
    let there = node.link.addresses.iter().map(ipnet::IpNet::addr).find(IpAddr::is_ipv6).unwrap();
    let IpAddr::V6(there) = there else { panic!("it is IPv6") };
    let socket = cluster.client.host.run(|| UdpSocket::bind("0.0.0.0:0")).unwrap();
    let four = SocketAddr::new(node.link.addresses[0].addr(), 9);
    let frame = datagram(cluster.client.link.mac, node.mac(), own, there);
    let flooded = wakings(node, Duration::from_secs(2), || {
        tap.send(&frame);
        // Nobody listens on the discard port; the refusal that comes back is of no interest.
        drop(socket.send_to(b"unrelated", four));
        thread::sleep(Duration::from_millis(1));
    });
    assert!(flooded <= quiet + quiet / 2 + 10, "woken {quiet} times in quiet and {flooded} times by foreign traffic");

    // To see that the measure can fail: questions for others must be looked at.
    let solicitor = Solicitor { mac: cluster.client.link.mac, address: own, names_mac: true };
    let question = multicast_solicitation(solicitor, "2001:db8:0:1::1:1".parse().unwrap());
    let asked = wakings(node, Duration::from_secs(2), || {
        tap.send(&question);
        thread::sleep(Duration::from_millis(1));
    });
    assert!(asked > quiet * 3, "woken {asked} times by questions and {quiet} times in quiet");
}

/// Returns how often the node's wire thread went to sleep while `work` was repeated for some time.
fn wakings(node: &Node, time: Duration, mut work: impl FnMut()) -> u64 {
    let before = sleeps(node);
    let end = Instant::now() + time;
    while Instant::now() < end {
        work();
    }
    sleeps(node) - before
}

/// Returns the voluntary context switches of the thread called `wire`.
fn sleeps(node: &Node) -> u64 {
    let tasks = format!("/proc/{}/task", node.speaker().id());
    let status = |task: io::Result<DirEntry>| fs::read_to_string(task.ok()?.path().join("status")).ok();
    let mut statuses = fs::read_dir(tasks).expect("the speaker runs").filter_map(status);
    let wire = statuses.find(|status| status.starts_with("Name:\twire\n")).expect("the speaker has a wire thread");
    let count = wire.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    count.and_then(|count| count.trim().parse().ok()).expect("the kernel counts how often a thread sleeps")
}
