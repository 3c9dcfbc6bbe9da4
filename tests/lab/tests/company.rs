//! Whom speakers meet on a wire beside their own: another cluster, a machine of the same name, and the recorded words of a dead node.

use std::{
    collections::BTreeSet,
    net::IpAddr,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use clarion::demo::{
    network::Mac,
    watch::{Sightings, Watcher},
};
use lab::{
    Lab, Manifests, Node,
    cluster::{Cluster, MARGIN, SOON},
    frames::heartbeat,
    manifests::Service,
};

/// How long the wire is watched for what must not happen.
const WHILE: Duration = Duration::from_secs(5);

/// The longest time for which an address may go without an answer while nothing happens to its owner, on a busy machine.
const SILENCE: Duration = Duration::from_millis(900);

#[test]
fn two_clusters_with_one_key_and_the_same_node_names_leave_each_other_alone() {
    let Some(lab) = Lab::new() else { return };
    let directory = lab.directory().to_owned();
    let mut cluster = Cluster::build(lab, &["a1", "a2", "b1", "b2"]);
    let sniffer = cluster.newcomer.sniffer();
    start_east_and_west(&mut cluster, &directory);
    cluster.settle(12);

    let pairs: Vec<&[Node]> = cluster.nodes.chunks(2).collect();
    let vips: Vec<BTreeSet<IpAddr>> = pairs.iter().map(|pair| held(&pair[0])).collect();
    assert_eq!([vips[0].len(), vips[1].len()], [6, 6]);
    assert!(vips[0].is_disjoint(&vips[1]), "the pools are apart");
    let shared = "speakers of another cluster";
    let is_content = |node: &Node| {
        let ready = node.speaker().page(&node.host, "/readyz").is_ok_and(|page| page == "ok\n");
        let hears = node.try_metric("clarion_members_heard", &["link=\"eth0\""]) == Some(1.0);
        let live = node.try_metric("clarion_members", &["state=\"live\""]) == Some(1.0);
        let alone = node.try_metric("clarion_members_duplicate", &[]) == Some(0.0);
        let notes =
            |notes: &[String]| notes.iter().any(|note| note.contains(shared) && note.contains("the key of this one"));
        let said = node.status().is_some_and(|status| status.faults.is_empty() && notes(&status.notes));
        ready && hears && live && alone && said
    };
    cluster.lab.eventually(SOON, "all note the other cluster", || cluster.nodes.iter().all(is_content));
    let watcher = cluster.newcomer.newcomer(&cluster.vips);
    cluster.lab.always(WHILE, "nobody complains", || cluster.nodes.iter().all(is_content));
    let sightings = watcher.stop();
    for vip in &cluster.vips {
        let macs = sightings.macs(*vip);
        assert_eq!(macs.len(), 1, "{vip} is answered by {macs:?}");
        let silence = sightings.longest_silence(*vip).unwrap().length;
        assert!(silence < SILENCE, "{vip} was silent for {silence:?}");
    }

    // The death of a node concerns the node beside it and not the one of its name.
    let before = cluster.owners();
    cluster.nodes[0].kill();
    let watcher = cluster.newcomer.newcomer(&cluster.vips);
    let heir = cluster.nodes[1].mac();
    let east = |sightings: &Sightings| held(&cluster.nodes[1]).iter().all(|vip| sightings.latest(*vip) == Some(heir));
    cluster.lab.eventually(SOON, "the other node of its cluster takes over", || east(&watcher.so_far()));
    thread::sleep(MARGIN);
    let after = cluster.owners();
    for vip in &vips[1] {
        assert_eq!(after[vip], before[vip], "{vip} has nothing to do with it");
    }
    for (number, vips) in vips.iter().enumerate() {
        let own: BTreeSet<Mac> = cluster.nodes[2 * number..][..2].iter().map(Node::mac).collect();
        for sightings in [sniffer.so_far(), watcher.so_far()] {
            for vip in vips {
                let macs = sightings.macs(*vip);
                assert!(macs.is_subset(&own), "{vip} of {own:?} was claimed by {macs:?}");
            }
        }
    }
}

#[test]
fn of_two_hosts_of_one_name_one_stays_and_the_other_is_silent_and_both_say_so() {
    let Some(lab) = Lab::new() else { return };
    let manifests = services(lab.directory().join("manifests"));
    let mut cluster = Cluster::build(lab, &["n1", "n2", "twin"]);
    let mut twin = cluster.nodes.pop().expect("three were built");
    cluster.start_speakers(&manifests);
    cluster.settle(6);
    let before = cluster.owners();
    assert!(before.values().any(|mac| *mac == cluster.nodes[0].mac()), "the first of its name owns something");

    let watcher = cluster.newcomer.newcomer(&cluster.vips);
    cluster.lab.speaker(&mut twin, manifests.path()).named("n1").start();
    let says = |node: &Node, consequence: &str| {
        let fault = node.fault("runs under the name of this node");
        let gauge = node.try_metric("clarion_members_duplicate", &["link=\"eth0\""]);
        fault.is_some_and(|fault| fault.contains(consequence)) && gauge == Some(1.0)
    };
    let readiness = |node: &Node| match node.speaker().page(&node.host, "/readyz") {
        Ok(page) => page,
        Err(error) => format!("{error:#}"),
    };
    let is_silent = || {
        let page = readiness(&twin);
        let refused = page.contains(" 503 ") && page.contains("runs under the name of this node");
        refused && says(&twin, "this one announces nothing there until it is gone")
    };
    let stays = || readiness(&cluster.nodes[0]).starts_with("ok\n") && says(&cluster.nodes[0], "and is kept out");
    cluster.lab.eventually(SOON, "both say so", || is_silent() && stays());
    cluster.lab.always(WHILE + MARGIN, "both go on to say so", || is_silent() && stays());
    let third = &cluster.nodes[1];
    assert_eq!(third.metric("clarion_members", &["state=\"live\""]), 1.0, "the two count as one");
    let sightings = watcher.stop();
    for (vip, owner) in &before {
        assert_eq!(sightings.macs(*vip), [*owner].into(), "{vip} stays where it was");
        let silence = sightings.longest_silence(*vip).unwrap().length;
        assert!(silence < SILENCE, "{vip} was silent for {silence:?}");
    }

    cluster.nodes[0].leave();
    let is_in = || {
        let gauge = twin.try_metric("clarion_members_duplicate", &[]);
        readiness(&twin).starts_with("ok\n") && twin.fault("runs under").is_none() && gauge == Some(0.0)
    };
    cluster.lab.eventually(SOON, "the second comes in by itself", is_in);
    let live = |node: &Node| node.try_metric("clarion_members", &["state=\"live\""]) == Some(1.0);
    cluster.lab.eventually(SOON, "it is heard", || live(&twin) && live(&cluster.nodes[1]));
    thread::sleep(MARGIN);
    cluster.owners();
    cluster.nodes[1].kill();
    let watcher = cluster.newcomer.newcomer(&cluster.vips);
    cluster.lab.eventually(SOON, "it takes over", || owned_by(&watcher, &cluster.vips, &[twin.mac()]));
}

#[test]
fn heartbeats_of_a_dead_node_that_are_sent_again_change_nothing() {
    let Some(lab) = Lab::new() else { return };
    let manifests = services(lab.directory().join("manifests"));
    let mut cluster = Cluster::serve(lab, &["n1", "n2", "n3"], &manifests, 6);
    let dead = cluster.nodes[2].mac();
    let tap = cluster.client.tap();
    let length = Duration::from_secs(2);
    let recorded = Instant::now();
    thread::sleep(length);
    let frames = tap.frames(recorded).into_iter().filter(|frame| frame[6..12] == dead.0);
    let tape: Vec<Vec<u8>> = frames.filter_map(heartbeat).collect();
    assert!(tape.len() >= 10, "{} heartbeats are no recording", tape.len());

    cluster.nodes[2].kill();
    let mut gone = cluster.nodes.pop().expect("three were built");
    let heirs: Vec<Mac> = cluster.nodes.iter().map(Node::mac).collect();
    let watcher = cluster.newcomer.newcomer(&cluster.vips);
    cluster.lab.eventually(SOON, "the others take over", || owned_by(&watcher, &cluster.vips, &heirs));
    drop(watcher);

    // Once while they listen, as what they hear then decides what they take, and once while they own.
    let play = |cluster: &Cluster| {
        for frame in &tape {
            tap.send(frame);
            thread::sleep(length / u32::try_from(tape.len()).expect("a tape is short"));
            for node in &cluster.nodes {
                let members = node.status().map(|status| status.members).unwrap_or_default();
                let live = members.iter().find(|member| member.node == "n3" && member.state == "live");
                assert_eq!(live, None, "{} believes a recording", node.host.name());
            }
        }
    };
    let refused = |node: &Node| node.metric("clarion_heartbeats_refused_total", &["reason=\"unproven\""]);
    cluster.start_speakers(&manifests);
    play(&cluster);
    cluster.settle(6);
    let before = cluster.owners();
    assert!(before.values().all(|mac| heirs.contains(mac)), "{before:?}");
    let counted: Vec<f64> = cluster.nodes.iter().map(refused).collect();
    let watcher = cluster.newcomer.newcomer(&cluster.vips);
    play(&cluster);
    let sightings = watcher.stop();
    for (vip, owner) in &before {
        assert_eq!(sightings.macs(*vip), [*owner].into(), "{vip} stays where it was");
        let silence = sightings.longest_silence(*vip).unwrap().length;
        assert!(silence < SILENCE, "{vip} was silent for {silence:?}");
    }
    for (node, counted) in cluster.nodes.iter().zip(counted) {
        let more = refused(node) - counted;
        assert!(more >= 5.0, "{} refused {more} heartbeats of {}", node.host.name(), tape.len());
    }

    // To see that the recording concerns a member that would be believed: it is, once it lives.
    cluster.lab.speaker(&mut gone, manifests.path()).start();
    let live = |node: &Node| node.try_metric("clarion_members", &["state=\"live\""]) == Some(2.0);
    cluster.lab.eventually(SOON, "the node itself is believed", || cluster.nodes.iter().all(live));
}

#[test]
fn a_node_whose_port_receives_nothing_takes_nothing_over() {
    let Some(lab) = Lab::new() else { return };
    let manifests = services(lab.directory().join("manifests"));
    let cluster = Cluster::serve(lab, &["n1", "n2", "n3"], &manifests, 6);
    let node = &cluster.nodes[0];
    let others: Vec<Mac> = cluster.nodes[1..].iter().map(Node::mac).collect();
    let watcher = cluster.newcomer.newcomer(&cluster.vips);
    // What the node sends still passes; nothing is delivered to a port that is neither known nor flooded.
    node.link.set_port("learning off flood off mcast_flood off bcast_flood off fdb_flush").unwrap();
    let is_deaf = || {
        let gauge = node.try_metric("clarion_members_deaf", &["link=\"eth0\""]);
        gauge == Some(1.0) && node.fault("has received no frame since").is_some()
    };
    cluster.lab.eventually(SOON, "it says that it receives nothing", is_deaf);
    cluster.lab.eventually(SOON, "the others answer", || owned_by(&watcher, &cluster.vips, &others));
    drop(watcher);
    // After ten times the loss time it has given up what it owned itself.
    let owns = || cluster.vips.iter().any(|vip| node.owns(*vip));
    cluster.lab.eventually(SOON, "it gives up what it owned", || !owns());
    let watcher = cluster.newcomer.newcomer(&cluster.vips);
    cluster.lab.always(WHILE, "it takes nothing over", || is_deaf() && !owns());
    let sightings = watcher.stop();
    for vip in &cluster.vips {
        let macs = sightings.macs(*vip);
        assert!(macs.len() == 1 && macs.iter().all(|mac| others.contains(mac)), "{vip} is answered by {macs:?}");
    }

    node.link.set_port("learning on flood on mcast_flood on bcast_flood on").unwrap();
    cluster.lab.eventually(SOON, "it hears again", || {
        node.try_metric("clarion_members_deaf", &[]) == Some(0.0)
            && node.try_metric("clarion_members", &["state=\"live\""]) == Some(2.0)
    });
    thread::sleep(MARGIN);
    cluster.owners();
}

/// Starts the speakers of two clusters: two hosts each, named n1 and n2 in both, and pools apart.
fn start_east_and_west(cluster: &mut Cluster, directory: &Path) {
    let pools = [
        ("east", "[192.0.2.128/26, '2001:db8:0:1::1:0/120']"),
        ("west", "[192.0.2.192/26, '2001:db8:0:1::1:100/120']"),
    ];
    for (pair, (name, pool)) in cluster.nodes.chunks_mut(2).zip(pools) {
        let manifests = services(directory.join(name));
        manifests.pool("lan", pool);
        for (node, own) in pair.iter().zip(["n1", "n2"]) {
            manifests.node_at(own, &node.link.addresses);
        }
        for (node, own) in pair.iter_mut().zip(["n1", "n2"]) {
            cluster.lab.speaker(node, manifests.path()).named(own).arguments(&["--cluster-name", name]).start();
        }
    }
}

/// Writes three Services with both families on nodes n1 to n3.
fn services(directory: PathBuf) -> Manifests {
    let manifests = Manifests::new(&directory, &["n1", "n2", "n3"]);
    for name in ["a", "b", "c"] {
        manifests.service(Service { name, families: "[IPv4, IPv6]", ..Service::default() });
    }
    manifests
}

/// Returns the addresses of the Services, as a node has them.
fn held(node: &Node) -> BTreeSet<IpAddr> {
    ["a", "b", "c"].iter().flat_map(|name| node.addresses(name)).collect()
}

/// Returns whether the last answer for each address came from one of these stations.
fn owned_by(watcher: &Watcher, vips: &[IpAddr], owners: &[Mac]) -> bool {
    let sightings = watcher.so_far();
    vips.iter().all(|vip| sightings.latest(*vip).is_some_and(|mac| owners.contains(&mac)))
}
