//! Who answers for what: exactly one node for each address, whatever befalls the speakers and the wire between them.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    thread,
    time::{Duration, Instant},
};

use clarion::demo::{frame::arp_request, network::Mac, watch::Sightings};
use lab::{
    Lab, Manifests,
    cluster::{Cluster, MARGIN, SOON},
    flood::Flood,
    manifests::Service,
};

/// How often an owner is stopped while it answers: once it may happen to be between two requests.
const ROUNDS: usize = 5;

#[test]
fn nodes_never_answer_for_what_they_do_not_own() {
    let Some(lab) = Lab::new() else { return };
    let manifests = Manifests::new(&lab.directory().join("manifests"), &["n1", "n2", "n3"]);
    manifests.service(Service { name: "web", families: "[IPv4, IPv6]", ..Service::default() });
    manifests.service(Service { name: "idle", families: "[IPv4, IPv6]", endpoints: &[], ..Service::default() });
    let mut cluster = Cluster::build(lab, &["n1", "n2", "n3"]);
    cluster.start_speakers(&manifests);
    cluster.lab.eventually(SOON, "both Services have addresses", || cluster.nodes[0].addresses("idle").len() == 2);
    let (served, idle) = (cluster.nodes[0].addresses("web"), cluster.nodes[0].addresses("idle"));
    cluster.wait_for_answers(&served);

    let free: [IpAddr; 2] = ["192.0.2.250".parse().unwrap(), "2001:db8:0:1::1:f0".parse().unwrap()];
    let own: BTreeMap<IpAddr, Mac> =
        cluster.nodes.iter().flat_map(|node| node.link.addresses.iter().map(|net| (net.addr(), node.mac()))).collect();
    let asked: Vec<IpAddr> = idle.iter().chain(&free).chain(own.keys()).chain(&served).copied().collect();
    let newcomer = cluster.newcomer.newcomer(&asked);
    thread::sleep(2 * MARGIN);
    let sightings = newcomer.stop();
    for address in idle.iter().chain(&free) {
        assert!(sightings.macs(*address).is_empty(), "{address} is answered by {:?}", sightings.macs(*address));
    }
    for (address, mac) in own {
        assert_eq!(sightings.macs(address), [mac].into(), "{address} belongs to one machine");
    }
    for address in served {
        assert_eq!(sightings.macs(address).len(), 1, "{address}");
    }
    let status = cluster.nodes[0].status().unwrap();
    let reason = status.services.iter().find(|service| service.name == "idle").unwrap().reason.clone().unwrap();
    assert!(reason.contains("no endpoint"), "{reason}");
}

#[test]
fn an_owner_that_was_stopped_for_seconds_answers_nothing_until_it_has_asked_the_others() {
    let Some(mut cluster) = Cluster::start() else { return };
    let outcome = cluster.strike(|node| node.hang_speaker());
    let stopped = &cluster.nodes[outcome.struck];
    // The newcomer's questions pile up in the sockets of the stopped process meanwhile.
    let newcomer = cluster.newcomer.newcomer(&cluster.vips);
    thread::sleep(Duration::from_secs(3));
    let resumed = Instant::now();
    stopped.resume();
    cluster.lab.eventually(SOON, "the pause is noticed", || {
        stopped.try_metric("clarion_members_pauses_total", &[]) > Some(0.0)
    });
    thread::sleep(2 * MARGIN);
    let sightings = newcomer.stop();
    let since_then = sightings.claims.iter().filter(|(at, _)| *at >= resumed);
    let wrong: Vec<_> = since_then.filter(|(_, claim)| claim.mac == outcome.old).collect();
    assert!(wrong.is_empty(), "the stopped owner still claims: {wrong:?}");
    for vip in &cluster.vips {
        assert!(sightings.latest(*vip).is_some_and(|mac| mac != outcome.old), "{vip} is answered by the others");
    }
    cluster.owners();
}

#[test]
fn an_owner_that_was_stopped_in_the_middle_of_many_requests_leaves_the_rest_of_them_unanswered() {
    let Some(cluster) = Cluster::start() else { return };
    let (vip, client) = (cluster.vips[0], &cluster.client);
    let (IpAddr::V4(four), IpAddr::V4(own)) = (vip, client.address_like(vip)) else { panic!("both are IPv4") };
    for round in 0..ROUNDS {
        let owner = &cluster.nodes[cluster.position(cluster.owners()[&vip])];
        let mut request = arp_request(client.link.mac, own, four);
        // To the owner alone: the others shall take over without looking at the flood.
        request[..6].copy_from_slice(&owner.mac().0);
        let sniffer = client.sniffer();
        let flood = Flood::start(client, vec![request; 64]);
        thread::sleep(MARGIN);
        // So many requests wait after a short stop that the next one comes while they are read.
        owner.hang_speaker();
        thread::sleep(Duration::from_millis(100));
        owner.resume();
        thread::sleep(Duration::from_micros(500));
        owner.hang_speaker();
        let newcomer = cluster.newcomer.newcomer(&[vip]);
        cluster.lab.eventually(SOON, "another node answers", || {
            newcomer.so_far().latest(vip).is_some_and(|mac| mac != owner.mac())
        });
        drop(newcomer);
        let resumed = Instant::now();
        owner.resume();
        cluster.lab.eventually(SOON, "the pause is noticed", || {
            owner.try_metric("clarion_members_pauses_total", &[]) > Some(0.0)
        });
        thread::sleep(MARGIN);
        let sent = flood.stop();
        let sightings = sniffer.stop();
        let answers = || sightings.claims.iter().filter(|(_, claim)| claim.mac == owner.mac());
        let (all, wrong) = (answers().count(), answers().filter(|(at, _)| *at >= resumed).count());
        assert!(all > 1000, "{all} answers to {sent} requests are not many");
        // One answer may have been on its way out of the process when it was stopped.
        assert!(wrong <= 1, "round {round}: {wrong} of the requests were answered, of {sent} in all");
    }
}

#[test]
fn speakers_that_all_stood_still_agree_again() {
    let Some(cluster) = Cluster::start() else { return };
    let before = cluster.owners();
    for node in &cluster.nodes {
        node.hang_speaker();
    }
    thread::sleep(Duration::from_secs(2));
    for node in &cluster.nodes {
        node.resume();
    }
    let newcomer = cluster.newcomer.newcomer(&cluster.vips);
    cluster.lab.eventually(SOON, "every address is answered again", || {
        let sightings = newcomer.so_far();
        before.keys().all(|vip| sightings.latest(*vip).is_some())
    });
    drop(newcomer);
    thread::sleep(MARGIN);
    cluster.owners();
}

#[test]
fn halves_of_a_switch_serve_their_own_clients_and_one_owner_speaks_up_after_the_repair() {
    let Some(cluster) = Cluster::start() else { return };
    let island = cluster.lab.bridge("island");
    let before = cluster.owners();
    // The node that owns most goes away, with the newcomer as its only client.
    let lost = cluster.position(most(&before));
    for link in [&cluster.nodes[lost].link, &cluster.newcomer.link] {
        link.move_to(&island).unwrap();
    }
    let exile = cluster.nodes[lost].mac();
    let abandoned: Vec<IpAddr> = before.iter().filter(|(_, mac)| **mac == exile).map(|(vip, _)| *vip).collect();
    let mainland = cluster.client.newcomer(&abandoned);
    cluster.lab.eventually(SOON, "the others take over", || {
        let sightings = mainland.so_far();
        abandoned.iter().all(|vip| sightings.latest(*vip).is_some_and(|mac| mac != exile))
    });
    drop(mainland);
    for vip in &abandoned {
        assert!(cluster.newcomer.reaches(*vip), "the island reaches {vip} at its own node");
        assert!(cluster.client.reaches(*vip), "the mainland reaches {vip} at another");
    }

    let (near, far) = (cluster.client.sniffer(), cluster.newcomer.sniffer());
    for link in [&cluster.nodes[lost].link, &cluster.newcomer.link] {
        link.heal().unwrap();
    }
    let announced = |sightings: &Sightings, vip: &IpAddr| {
        sightings.claims.iter().rev().find(|(_, claim)| claim.address == *vip && !claim.solicited).map(|(_, c)| c.mac)
    };
    cluster.lab.eventually(SOON, "the owner speaks up on both sides", || {
        let (near, far) = (near.so_far(), far.so_far());
        abandoned.iter().all(|vip| announced(&near, vip).is_some() && announced(&far, vip).is_some())
    });
    thread::sleep(MARGIN);
    let after = cluster.owners();
    let (near, far) = (near.stop(), far.stop());
    for vip in &abandoned {
        assert_eq!(announced(&near, vip), Some(after[vip]), "{vip} was announced last by its owner");
        assert_eq!(announced(&far, vip), Some(after[vip]), "{vip} was announced last by its owner");
        let node = &cluster.nodes[cluster.position(after[vip])];
        for client in [&cluster.client, &cluster.newcomer] {
            // Nothing was forgotten: the cache of one of them still named the loser.
            let page = client.page(*vip).unwrap_or_default();
            assert!(page.starts_with(node.host.name()), "{} got {page:?} from {vip}", client.host.name());
        }
    }
}

#[test]
fn a_node_that_joins_moves_nothing() {
    let Some(lab) = Lab::new() else { return };
    let names = ["n1", "n2", "n3"];
    let manifests = Manifests::new(&lab.directory().join("manifests"), &names);
    for service in ["a", "b", "c", "d", "e", "f"] {
        manifests.service(Service { name: service, families: "[IPv4, IPv6]", ..Service::default() });
    }
    let mut cluster = Cluster::build(lab, &names);
    let mut late = cluster.nodes.pop().unwrap();
    cluster.start_speakers(&manifests);
    cluster.settle(12);
    let before = cluster.owners();
    let prober = cluster.client.prober(cluster.vips[0]);
    cluster.lab.speaker(&mut late, manifests.path()).start();
    cluster.lab.eventually(SOON, "the newcomer is heard", || {
        cluster.nodes.iter().all(|node| node.try_metric("clarion_members", &["state=\"live\""]) == Some(2.0))
    });
    thread::sleep(2 * MARGIN);
    assert_eq!(cluster.owners(), before);
    assert_eq!(late.metric("metallb_speaker_announced", &[]), 0.0);
    let report = prober.stop().unwrap();
    assert_eq!(report.lost(), 0, "{report}");
}

#[test]
fn addresses_are_answered_again_after_all_speakers_died_at_once() {
    let Some(lab) = Lab::new() else { return };
    let names = ["n1", "n2", "n3"];
    let manifests = Manifests::new(&lab.directory().join("manifests"), &names);
    for service in ["a", "b", "c"] {
        manifests.service(Service { name: service, families: "[IPv4, IPv6]", ..Service::default() });
    }
    let mut cluster = Cluster::serve(lab, &names, &manifests, 6);
    let before = cluster.vips.clone();
    for node in &mut cluster.nodes {
        node.kill();
    }
    cluster.start_speakers(&manifests);
    let watcher = cluster.newcomer.newcomer(&before);
    let time = cluster.lab.eventually(SOON, "every address is answered again", || {
        let sightings = watcher.so_far();
        before.iter().all(|vip| sightings.latest(*vip).is_some())
    });
    assert!(time < Duration::from_secs(4), "it took {time:?}");
    drop(watcher);
    thread::sleep(MARGIN);
    cluster.owners();
    let held: BTreeSet<IpAddr> = ["a", "b", "c"].iter().flat_map(|name| cluster.nodes[0].addresses(name)).collect();
    assert_eq!(held, before.into_iter().collect(), "no address has changed");
}

#[test]
fn a_rolling_restart_loses_no_probe() {
    let Some(lab) = Lab::new() else { return };
    let names = ["n1", "n2", "n3"];
    let manifests = Manifests::new(&lab.directory().join("manifests"), &names);
    manifests.service(Service { families: "[IPv4, IPv6]", ..Service::default() });
    let mut cluster = Cluster::serve(lab, &names, &manifests, 2);
    let vips = cluster.vips.clone();
    let probers: Vec<_> = vips.iter().map(|vip| cluster.client.prober(*vip)).collect();
    let watcher = cluster.newcomer.insistent(&vips);
    let mut moves = 0;
    for number in 0..cluster.nodes.len() {
        let node = &mut cluster.nodes[number];
        node.leave();
        // Whatever were still sent here would be lost.
        node.cut();
        moves += node.handed_over();
        thread::sleep(MARGIN);
        node.heal();
        cluster.lab.speaker(node, manifests.path()).start();
        let node = &cluster.nodes[number];
        cluster.lab.eventually(SOON, "the speaker is ready again", || {
            node.speaker().page(&node.host, "/readyz").is_ok()
                && node.try_metric("clarion_members", &["state=\"live\""]) == Some(2.0)
        });
    }
    let sightings = watcher.stop();
    for (vip, prober) in vips.iter().zip(probers) {
        let report = prober.stop().unwrap();
        assert_eq!(report.lost(), 0, "{vip}\n{report}");
        let unanswered = sightings.unanswered(*vip).len();
        assert_eq!(unanswered, 0, "of {} questions for {vip}", sightings.asked[vip].len());
        assert!(sightings.macs(*vip).len() > 1, "{vip} has moved");
    }
    assert!(moves >= vips.len(), "{moves} moves");
}

fn most(owners: &BTreeMap<IpAddr, Mac>) -> Mac {
    let count = |mac: &Mac| owners.values().filter(|owner| *owner == mac).count();
    *owners.values().max_by_key(|mac| count(mac)).expect("there are owners")
}
