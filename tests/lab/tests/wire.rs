//! The wire itself: switches that forget, strangers that claim, and interfaces that come, go and change.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr},
    thread,
    time::{Duration, Instant},
};

use clarion::demo::network::Mac;
use ipnet::IpNet;
use lab::{
    Lab, Manifests,
    cluster::{Cluster, MARGIN, SOON},
    frames::{BROADCAST, arp_announcement},
    manifests::Service,
};

const NODES: [&str; 2] = ["n1", "n2"];

#[test]
fn refreshes_keep_a_switch_from_forgetting_a_silent_owner() {
    let Some(lab) = Lab::new() else { return };
    let manifests = Manifests::new(&lab.directory().join("manifests"), &["n1"]);
    manifests.service(Service { endpoints: &["n1"], ..Service::default() });
    let mut cluster = Cluster::build(lab, &["n1"]);
    let node = &mut cluster.nodes[0];
    // What the node says otherwise would teach the switch too: neighbour discovery, and heartbeats unless they are rarer.
    node.host.set("ipv6/conf/eth0/disable_ipv6", "1").unwrap();
    cluster.lab.speaker(node, manifests.path()).arguments(&["--refresh", "1", "--heartbeat-interval", "2000"]).start();
    let node = &cluster.nodes[0];
    cluster.lab.eventually(SOON, "the Service has an address", || node.addresses("web").len() == 1);
    let vip = node.addresses("web")[0];
    cluster.lab.eventually(Duration::from_secs(20), "it is owned", || node.owns(vip));
    let client = &cluster.client;
    // The client never asks again, the switch forgets after 1.5 s, and what it does not know it does not flood to the owner.
    client.host.ip(&format!("neigh replace {vip} lladdr {} dev eth0 nud permanent\n", node.mac())).unwrap();
    node.link.set_port("flood off").unwrap();
    cluster.lan.set("ageing_time 150").unwrap();
    let tap = client.tap();
    // Repetitions of the first announcement end after 4.4 s.
    thread::sleep(Duration::from_millis(4500));
    let since = Instant::now();
    for _ in 0..3 {
        thread::sleep(Duration::from_millis(1700));
        assert!(client.reaches(vip), "the switch has forgotten the owner");
    }
    let refreshes = tap.claims(since).into_iter().filter(|claim| claim.address == vip && !claim.solicited).count();
    assert!((3..=8).contains(&refreshes), "{refreshes} refreshes in five seconds");
}

#[test]
fn a_stranger_that_claims_an_address_is_told_of_and_not_fought() {
    let Some(lab) = Lab::new() else { return };
    let manifests = Manifests::new(&lab.directory().join("manifests"), &NODES);
    manifests.service(Service::default());
    let cluster = Cluster::serve(lab, &NODES, &manifests, 1);
    let (vip, mac) = cluster.owners().pop_first().unwrap();
    let IpAddr::V4(four) = vip else { panic!("it is IPv4") };
    let node = &cluster.nodes[cluster.position(mac)];
    thread::sleep(Duration::from_secs(5));

    let stranger = Mac([0x02, 0x66, 0x66, 0x66, 0x66, 0x66]);
    let tap = cluster.client.tap();
    let since = Instant::now();
    for _ in 0..50 {
        tap.send(&arp_announcement(stranger, four));
        thread::sleep(Duration::from_millis(40));
    }
    let defences = tap.claims(since).into_iter().filter(|claim| claim.mac == mac && claim.address == vip).count();
    // RFC 5227 §2.4: one defence, in the two forms that old and new caches listen to, and no more within 10 s.
    assert!((1..=4).contains(&defences), "{defences} frames against 50 claims");
    cluster.lab.eventually(SOON, "the status names the stranger", || {
        let status = node.status().unwrap();
        status.vips.iter().any(|known| known.ip == vip && known.conflict.as_deref() == Some("02:66:66:66:66:66"))
    });
    assert_eq!(node.metric("clarion_layer2_conflict", &[&format!("ip=\"{vip}\"")]), 1.0);
    assert!(node.owns(vip), "the owner stays");
}

#[test]
fn a_link_that_flaps_or_gets_another_ethernet_address_is_announced_anew() {
    let Some(lab) = Lab::new() else { return };
    let manifests = Manifests::new(&lab.directory().join("manifests"), &["n1"]);
    manifests.service(Service { families: "[IPv4, IPv6]", endpoints: &["n1"], ..Service::default() });
    let cluster = Cluster::serve(lab, &["n1"], &manifests, 2);
    let node = &cluster.nodes[0];
    let announced_from = |sniffed: &lab::Tap, since, mac: Mac| {
        let claims = sniffed.claims(since);
        cluster
            .vips
            .iter()
            .all(|vip| claims.iter().any(|claim| claim.address == *vip && claim.mac == mac && !claim.solicited))
    };
    let tap = cluster.client.tap();

    node.pull();
    let lost = || cluster.vips.iter().all(|vip| !node.owns(*vip));
    cluster.lab.eventually(SOON, "the carrier is missed", lost);
    node.heal();
    let since = Instant::now();
    cluster.lab.eventually(SOON, "everything is announced anew", || announced_from(&tap, since, node.mac()));
    assert!(cluster.client.reaches(cluster.vips[0]) && cluster.client.reaches(cluster.vips[1]));

    let other = Mac([0x02, 0xc1, 0xa0, 0xff, 0xff, 0x01]);
    let since = Instant::now();
    node.host.ip(&format!("link set eth0 address {other}\n")).unwrap();
    cluster.lab.eventually(SOON, "everything is announced from the new address", || announced_from(&tap, since, other));
    cluster.lab.eventually(SOON, "clients with the old address in their caches reach it", || {
        cluster.client.reaches(cluster.vips[0]) && cluster.client.reaches(cluster.vips[1])
    });
    let since = Instant::now();
    let newcomer = cluster.newcomer.newcomer(&cluster.vips);
    thread::sleep(MARGIN);
    drop(newcomer);
    let stale = tap.claims(since).into_iter().filter(|claim| claim.mac == node.mac()).count();
    assert_eq!(stale, 0, "something is still said of the old address");
}

#[test]
fn a_speaker_with_a_new_ethernet_address_is_no_stranger_when_an_address_moves_to_it() {
    let Some(lab) = Lab::new() else { return };
    let manifests = Manifests::new(&lab.directory().join("manifests"), &NODES);
    // Both addresses begin on the first node, and move to the other together.
    let on = |endpoints| Service { families: "[IPv4, IPv6]", traffic_policy: "Local", endpoints, ..Service::default() };
    manifests.service(on(&["n1"]));
    let cluster = Cluster::serve(lab, &NODES, &manifests, 2);
    let (old, new) = (&cluster.nodes[0], &cluster.nodes[1]);
    let other = "02:c1:a0:ff:ff:02";
    new.host.ip(&format!("link set eth0 address {other}\n")).unwrap();
    cluster.lab.eventually(SOON, "the new address is known", || {
        let members = old.status().map(|status| status.members).unwrap_or_default();
        members.iter().any(|member| member.mac.as_deref() == Some(other))
    });
    manifests.service(on(&["n2"]));
    cluster.lab.eventually(SOON, "everything has moved", || cluster.vips.iter().all(|vip| new.owns(*vip)));
    thread::sleep(MARGIN);
    let log = fs::read_to_string(old.speaker().log()).unwrap();
    assert!(!log.contains("another station claims"), "{log}");
}

#[test]
fn an_interface_that_appears_at_run_time_is_used() {
    let Some(lab) = Lab::new() else { return };
    let manifests = Manifests::new(&lab.directory().join("manifests"), &["n1"]);
    manifests.service(Service { endpoints: &["n1"], ..Service::default() });
    manifests.pool("lan", "[203.0.113.128/25]");
    let mut cluster = Cluster::build(lab, &["n1"]);
    cluster.nodes[0].host.serve_locally(&["203.0.113.128/25".parse().unwrap()]).unwrap();
    manifests.advertisement("lan", "{ipAddressPools: [lan], interfaces: [late0]}");
    cluster.start_speakers(&manifests);
    let node = &cluster.nodes[0];
    cluster.lab.eventually(SOON, "the Service has an address", || node.addresses("web").len() == 1);
    let vip = node.addresses("web")[0];
    cluster.lab.eventually(SOON, "the missing interface is named", || {
        node.status().is_some_and(|status| format!("{:?}{:?}", status.vips, status.notes).contains("late0"))
    });

    let second = cluster.lab.bridge("second");
    let outside = cluster.lab.client("outside", &second);
    outside.host.ip("addr add 203.0.113.2/24 dev eth0\n").unwrap();
    let address: IpNet = "203.0.113.1/24".parse().unwrap();
    let link = cluster.lab.plug(&node.host, "late0", &second, &[address]);
    cluster.lab.eventually(SOON, "the page is there", || outside.reaches(vip));
    assert!(outside.neighbour(vip).contains(&link.mac.to_string()), "{}", outside.neighbour(vip));

    node.host.ip("link del late0\n").unwrap();
    cluster.lab.eventually(SOON, "it is given up with its interface", || !node.owns(vip));
    assert!(node.status().is_some());
}

#[test]
fn an_interface_that_belongs_to_a_bridge_is_silent_until_it_leaves() {
    let Some(lab) = Lab::new() else { return };
    let manifests = Manifests::new(&lab.directory().join("manifests"), &["n1"]);
    manifests.service(Service { endpoints: &["n1"], ..Service::default() });
    let cluster = Cluster::serve(lab, &["n1"], &manifests, 1);
    let node = &cluster.nodes[0];
    let vip = cluster.vips[0];
    node.host.ip("link add br0 type bridge\nlink set eth0 master br0\n").unwrap();
    cluster.lab.eventually(SOON, "a port announces nothing", || !node.owns(vip));
    node.host.ip("link set eth0 nomaster\n").unwrap();
    cluster.lab.eventually(SOON, "it owns the address again", || node.owns(vip));
    assert_eq!(node.status().unwrap().notes, Vec::<String>::new(), "the interface still has its subnet");
    cluster.owners();
}

#[test]
fn a_host_that_has_an_address_of_the_pool_already_is_found_by_the_first_probe() {
    let Some(lab) = Lab::new() else { return };
    let manifests = Manifests::new(&lab.directory().join("manifests"), &["n1"]);
    let mut cluster = Cluster::build(lab, &["n1"]);
    let squatter = cluster.lab.client("squatter", &cluster.lan);
    let wanted = ["192.0.2.140", "2001:db8:0:1::1:40"];
    squatter.host.ip(&format!("addr add {}/24 dev eth0\naddr add {}/64 dev eth0\n", wanted[0], wanted[1])).unwrap();
    cluster.start_speakers(&manifests);
    let node = &cluster.nodes[0];
    manifests.service(Service {
        families: "[IPv4, IPv6]",
        endpoints: &["n1"],
        annotations: "{metallb.io/loadBalancerIPs: '192.0.2.140,2001:db8:0:1::1:40'}",
        ..Service::default()
    });
    let mac = squatter.link.mac.to_string();
    for vip in wanted {
        let vip: IpAddr = vip.parse().unwrap();
        cluster.lab.eventually(SOON, "the squatter is named", || {
            let vips = node.status().map(|status| status.vips).unwrap_or_default();
            vips.iter().any(|known| known.ip == vip && known.conflict.as_ref() == Some(&mac))
        });
    }
}

#[test]
fn an_excluded_interface_is_silent_until_an_advertisement_names_it() {
    let Some(lab) = Lab::new() else { return };
    let manifests = Manifests::new(&lab.directory().join("manifests"), &["n1"]);
    manifests.service(Service { families: "[IPv4, IPv6]", endpoints: &["n1"], ..Service::default() });
    let mut cluster = Cluster::build(lab, &["n1"]);
    let node = &mut cluster.nodes[0];
    cluster.lab.speaker(node, manifests.path()).arguments(&["--interface-exclude", "^eth"]).start();
    let node = &cluster.nodes[0];
    cluster.lab.eventually(SOON, "the Service has addresses", || node.addresses("web").len() == 2);
    let vips = node.addresses("web");
    let newcomer = cluster.newcomer.newcomer(&vips);
    thread::sleep(2 * MARGIN);
    assert!(vips.iter().all(|vip| newcomer.so_far().macs(*vip).is_empty()));
    let reason = node.status().unwrap().vips[0].reason.clone().unwrap_or_default();
    assert!(reason.contains("interface"), "{reason:?}");

    manifests.advertisement("lan", "{ipAddressPools: [lan], interfaces: [eth0]}");
    cluster.lab.eventually(SOON, "it answers", || {
        let sightings = newcomer.so_far();
        vips.iter().all(|vip| sightings.latest(*vip) == Some(node.mac()))
    });
}

#[test]
fn two_interfaces_in_one_subnet_answer_with_one_ethernet_address() {
    let Some(lab) = Lab::new() else { return };
    let manifests = Manifests::new(&lab.directory().join("manifests"), &NODES);
    for name in ["a", "b", "c"] {
        manifests.service(Service { name, families: "[IPv4, IPv6]", ..Service::default() });
    }
    let mut cluster = Cluster::build(lab, &NODES);
    let mut second = Vec::new();
    for (number, node) in (1..).zip(&cluster.nodes) {
        let four = IpNet::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 100 + number)), 24).unwrap();
        let six: IpNet = format!("2001:db8:0:1::{}/64", 100 + number).parse().unwrap();
        second.push(cluster.lab.plug(&node.host, "eth1", &cluster.lan, &[four, six]).mac);
    }
    cluster.start_speakers(&manifests);
    cluster.settle(6);
    let before = cluster.owners();
    // Named, both interfaces may announce; still one of them does.
    manifests.advertisement("lan", "{ipAddressPools: [lan], interfaces: [eth0, eth1]}");
    let members = |node: &lab::Node| node.try_metric("clarion_members", &["state=\"live\""]);
    cluster.lab.eventually(SOON, "both interfaces of both nodes hear the others", || {
        cluster.nodes.iter().all(|node| members(node) == Some(6.0))
    });
    thread::sleep(2 * MARGIN);
    let after = cluster.owners();
    let known: Vec<Mac> = cluster.nodes.iter().map(lab::Node::mac).chain(second).collect();
    for (vip, mac) in before.iter().chain(&after) {
        assert!(known.contains(mac) && *mac != BROADCAST, "{vip} is answered by {mac}");
    }
}
