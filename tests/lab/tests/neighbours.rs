//! IPv6: every way in which a neighbour asks, and the groups by which the questions arrive.

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr, UdpSocket},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use clarion::demo::{network::Mac, server::ECHO_PORT};
use lab::{
    Lab, Manifests, Tap,
    cluster::{Cluster, MARGIN, SOON},
    frames::{Advertisement, Solicitor, advertisement, multicast_solicitation, solicited, unicast_solicitation},
    manifests::Service,
};

const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

#[test]
fn every_form_of_solicitation_is_answered_with_override() {
    let Some((cluster, vip, owner)) = start() else { return };
    let client = &cluster.newcomer;
    let IpAddr::V6(address) = client.address_like(vip.into()) else { panic!("it is IPv6") };
    let tap = client.tap();
    for names_mac in [true, false] {
        let from = Solicitor { mac: client.link.mac, address, names_mac };
        let expected = Advertisement { target: vip, destination: address, solicited: true, overrides: true };
        for frame in [multicast_solicitation(from, vip), unicast_solicitation(from, vip, owner)] {
            let asked = Instant::now();
            tap.send(&frame);
            cluster.lab.eventually(SOON, "there is an answer", || told(&tap, asked).contains(&expected));
        }
    }
    // RFC 4862 §5.4.3: who probes has no address to be answered at, so the answer looks like an announcement, but is counted.
    let node = &cluster.nodes[cluster.position(owner)];
    let answered = || node.metric("metallb_layer2_responses_sent", &[&format!("ip=\"{vip}\"")]);
    let probe = Solicitor { mac: client.link.mac, address: Ipv6Addr::UNSPECIFIED, names_mac: false };
    let expected = Advertisement { target: vip, destination: ALL_NODES, solicited: false, overrides: true };
    let (asked, before) = (Instant::now(), answered());
    tap.send(&multicast_solicitation(probe, vip));
    cluster.lab.eventually(SOON, "there is an answer", || answered() > before && told(&tap, asked).contains(&expected));
}

#[test]
fn a_host_that_wants_the_address_for_itself_finds_it_taken() {
    let Some((cluster, vip, _)) = start() else { return };
    let thief = &cluster.newcomer;
    let interface = &thief.link.interface;
    thief.host.set(&format!("ipv6/conf/{interface}/accept_dad"), "1").unwrap();
    thief.host.ip(&format!("addr add {vip}/64 dev {interface}\n")).unwrap();
    let state = || {
        let output = thief.host.output(Command::new("ip").args(["-6", "address", "show", "dev", interface]));
        String::from_utf8(output.unwrap().stdout).unwrap()
    };
    cluster.lab.eventually(SOON, "the kernel gives the address up", || state().contains("dadfailed"));
    assert!(cluster.client.reaches(vip.into()));
}

#[test]
fn solicitations_pass_a_switch_that_snoops_on_multicast_also_after_the_link_flapped() {
    let Some(lab) = Lab::new() else { return };
    let manifests = Manifests::new(&lab.directory().join("manifests"), &["n1", "n2"]);
    manifests.service(Service { families: "[IPv6]", ..Service::default() });
    let mut cluster = Cluster::build(lab, &["n1", "n2"]);
    cluster.lan.speak_ipv6().unwrap();
    // With the defaults, 10 s to 125 s, a querier takes minutes to trust what it knows.
    cluster
        .lan
        .set("mcast_query_response_interval 50 mcast_startup_query_interval 100 mcast_query_interval 100")
        .unwrap();
    cluster.lan.set("mcast_snooping 1 mcast_querier 1").unwrap();
    cluster.start_speakers(&manifests);
    cluster.settle(1);
    let vip = cluster.vips[0];
    let IpAddr::V6(six) = vip else { panic!("it is IPv6") };
    let bystander = cluster.client.tap();
    let watcher = cluster.newcomer.newcomer(&[vip]);
    // A switch floods everything until it has heard itself ask; then only members of a group get its frames.
    let overheard = |since| bystander.frames(since).iter().filter(|frame| solicited(frame) == Some(six)).count();
    cluster.lab.eventually(Duration::from_secs(12), "the switch keeps questions from those who did not join", || {
        let since = Instant::now();
        thread::sleep(Duration::from_millis(200));
        overheard(since) == 0
    });
    let since = Instant::now();
    let answers = |since| watcher.so_far().claims.iter().filter(|(at, claim)| *at > since && claim.solicited).count();
    cluster.lab.eventually(SOON, "questions still reach the owner", || answers(since) > 10);
    assert_eq!(overheard(since), 0);

    for node in &cluster.nodes {
        node.pull();
    }
    thread::sleep(MARGIN);
    for node in &cluster.nodes {
        node.heal();
    }
    let since = Instant::now();
    cluster.lab.eventually(SOON, "questions reach an owner again", || answers(since) > 10);
}

#[test]
fn a_linux_client_stays_reachable_while_it_verifies_its_neighbour() {
    let Some((cluster, vip, _)) = start() else { return };
    let client = &cluster.client;
    let interface = &client.link.interface;
    // Entries grow old after half to one and a half times this; without hints from TCP each is then verified by unicast.
    for (setting, value) in
        [("base_reachable_time_ms", "500"), ("delay_first_probe_time", "1"), ("retrans_time_ms", "200")]
    {
        client.host.set(&format!("ipv6/neigh/{interface}/{setting}"), value).unwrap();
    }
    let owner = cluster.owners()[&vip.into()];
    let node = &cluster.nodes[cluster.position(owner)];
    let asked = || node.metric("metallb_layer2_requests_received", &[&format!("ip=\"{vip}\"")]);
    let before = asked();
    let echo = client.host.run(|| UdpSocket::bind("[::]:0")).unwrap();
    echo.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    cluster.lab.eventually(Duration::from_secs(15), "the neighbour was verified three times", || {
        thread::sleep(Duration::from_millis(50));
        echo.send_to(b"01234567", SocketAddr::new(vip.into(), ECHO_PORT)).unwrap();
        assert!(echo.recv(&mut [0; 64]).is_ok(), "a datagram is lost: {}", client.neighbour(vip.into()));
        assert!(client.neighbour(vip.into()).contains(&owner.to_string()), "{}", client.neighbour(vip.into()));
        asked() >= before + 3.0
    });
}

/// Returns a cluster with one IPv6 address and who owns it.
fn start() -> Option<(Cluster, Ipv6Addr, Mac)> {
    let lab = Lab::new()?;
    let manifests = Manifests::new(&lab.directory().join("manifests"), &["n1", "n2"]);
    manifests.service(Service { families: "[IPv6]", ..Service::default() });
    let cluster = Cluster::serve(lab, &["n1", "n2"], &manifests, 1);
    let (vip, owner) = cluster.owners().pop_first().expect("there is one address");
    let IpAddr::V6(vip) = vip else { panic!("it is IPv6") };
    Some((cluster, vip, owner))
}

/// Returns the advertisements that came since `since`.
fn told(tap: &Tap, since: Instant) -> Vec<Advertisement> {
    tap.frames(since).iter().filter_map(|frame| advertisement(frame)).collect()
}
