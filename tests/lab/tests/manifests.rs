//! What an edit of the manifests does to the wire, and what a mistake in them does not.

use std::{net::IpAddr, thread};

use lab::{
    Lab, Manifests,
    cluster::{Cluster, MARGIN, SOON},
    manifests::Service,
    traffic,
};

#[test]
fn one_bad_file_among_fifty_good_ones_changes_nothing_else_and_is_named_with_its_line() {
    let Some(lab) = Lab::new() else { return };
    let manifests = Manifests::new(&lab.directory().join("manifests"), &["n1", "n2"]);
    for number in 0..50 {
        manifests.service(Service { name: &format!("s{number:02}"), ..Service::default() });
    }
    manifests.write(
        "bad.yaml",
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: bad\n  namespace: shop\nspec:\n   type LoadBalancer\n",
    );
    let cluster = Cluster::serve(lab, &["n1", "n2"], &manifests, 50);
    let node = &cluster.nodes[0];
    let fault = node.fault("bad.yaml").expect("the file is reported");
    assert!(fault.contains("bad.yaml:7") || fault.contains("bad.yaml:6"), "{fault}");
    assert_eq!(node.metric("clarion_config_faults", &[]), 1.0);
    let before = cluster.owners();

    manifests.write("bad.yaml", "kind: IPAddressPool\napiVersion: metallb.io/v1beta1\nmetadata:\n  name: late\n  namespace: metallb-system\nspec:\n  addresses:\n    - 10.0.0.9-10.0.0.1\n");
    cluster.lab.eventually(SOON, "the field is named with its line", || node.fault("bad.yaml:8").is_some());
    let fault = node.fault("bad.yaml:8").unwrap();
    for part in ["IPAddressPool", "late", "spec.addresses[0]"] {
        assert!(fault.contains(part), "{part} is missing in {fault:?}");
    }
    assert_eq!(cluster.owners(), before);

    manifests.write("bad.yaml", "# Nothing.\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: good\n");
    cluster.lab.eventually(SOON, "the fault is gone", || node.try_metric("clarion_config_faults", &[]) == Some(0.0));
    assert_eq!(cluster.owners(), before);
}

#[test]
fn a_pool_that_is_edited_into_a_bad_one_keeps_its_addresses_announced() {
    let Some(lab) = Lab::new() else { return };
    let manifests = Manifests::new(&lab.directory().join("manifests"), &["n1", "n2"]);
    manifests.service(Service { families: "[IPv4, IPv6]", ..Service::default() });
    let cluster = Cluster::serve(lab, &["n1", "n2"], &manifests, 2);
    let before = cluster.owners();
    let prober = cluster.client.prober(cluster.vips[0]);
    let node = &cluster.nodes[0];
    // A list that is not closed is noticed on the line after it.
    for (addresses, line) in [("[192.0.2.128/250]", 7), ("[192.0.2.128", 8), ("nonsense", 7)] {
        manifests.pool("lan", addresses);
        cluster.lab.eventually(SOON, "the fault is told", || node.fault("pool-lan.yaml").is_some());
        assert_eq!(cluster.owners(), before, "{addresses}");
        assert!(node.fault(&format!("pool-lan.yaml:{line}: ")).is_some(), "{:?}", node.fault("pool-lan.yaml"));
        manifests.pool("lan", &format!("[{}, '{}']", lab::VIPS_V4, lab::VIPS_V6));
        cluster.lab.eventually(SOON, "the fault is gone", || node.fault("pool-lan.yaml").is_none());
    }
    assert_eq!(cluster.owners(), before);
    let report = prober.stop().unwrap();
    assert_eq!(report.lost(), 0, "{report}");
}

#[test]
fn without_a_key_nothing_is_announced_and_one_that_was_read_outlives_its_secret() {
    let Some(lab) = Lab::new() else { return };
    let manifests = Manifests::new(&lab.directory().join("manifests"), &["n1", "n2"]);
    manifests.service(Service::default());
    manifests.remove("secret.yaml");
    let mut cluster = Cluster::build(lab, &["n1", "n2"]);
    cluster.start_speakers(&manifests);
    cluster.lab.eventually(SOON, "the Service has an address", || cluster.nodes[0].addresses("web").len() == 1);
    let vip = cluster.nodes[0].addresses("web")[0];
    let newcomer = cluster.newcomer.newcomer(&[vip]);
    thread::sleep(2 * MARGIN);
    assert!(newcomer.stop().macs(vip).is_empty());
    let fault = cluster.nodes[0].fault("Secret").expect("the fault is told");
    for part in ["metallb-system/memberlist", "missing", "create it", "secretkey"] {
        assert!(fault.contains(part), "{part} is missing in {fault:?}");
    }

    manifests.secret("a key that came late, but came");
    cluster.settle(1);
    assert_eq!(cluster.nodes[0].fault("Secret"), None);
    assert_eq!(cluster.owners().len(), 1);

    // A Secret that is lost takes no key away: all nodes would fall silent at once.
    let owners = cluster.owners();
    manifests.remove("secret.yaml");
    cluster.lab.eventually(SOON, "the fault is told", || cluster.nodes.iter().all(|n| n.fault("Secret").is_some()));
    assert_eq!(cluster.owners(), owners);
}

#[test]
fn a_node_with_another_key_is_counted_and_left_to_itself() {
    let Some(lab) = Lab::new() else { return };
    let directory = lab.directory().to_owned();
    let manifests = Manifests::new(&directory.join("manifests"), &["n1", "n2", "n3"]);
    let other = Manifests::new(&directory.join("other"), &["n1", "n2", "n3"]);
    other.secret("not the key that the others have");
    for manifests in [&manifests, &other] {
        manifests.service(Service::default());
    }
    let mut cluster = Cluster::build(lab, &["n1", "n2", "n3"]);
    let Cluster { nodes, lab, .. } = &mut cluster;
    for (node, manifests) in nodes.iter_mut().zip([&manifests, &manifests, &other]) {
        lab.speaker(node, manifests.path()).start();
    }
    cluster.lab.eventually(SOON, "each side counts what it cannot read", || {
        cluster
            .nodes
            .iter()
            .all(|node| node.try_metric("clarion_heartbeats_refused_total", &["reason=\"unknown_key\""]) > Some(10.0))
    });
    let live = |number: usize| cluster.nodes[number].metric("clarion_members", &["state=\"live\""]);
    assert_eq!([live(0), live(1), live(2)], [1.0, 1.0, 0.0]);
    let vip = cluster.nodes[0].addresses("web")[0];
    cluster.lab.eventually(SOON, "those that share a key have an owner", || {
        cluster.nodes[..2].iter().filter(|node| node.owns(vip)).count() == 1
    });
    // A key is what makes a speaker one of ours, so the other one is a stranger who claims the address.
    cluster.lab.eventually(SOON, "the conflict is told", || {
        cluster.nodes.iter().any(|node| node.try_metric("clarion_layer2_conflict", &[]) > Some(0.0))
    });
    assert!(cluster.nodes.iter().all(|node| node.status().is_some()), "nobody has crashed");

    other.secret("the same sixteen bytes or more");
    cluster.lab.eventually(SOON, "the keys agree", || live(2) == 2.0 && live(0) == 2.0);
    thread::sleep(2 * MARGIN);
    cluster.vips = vec![vip];
    cluster.owners();
}

#[test]
fn addresses_are_kept_over_a_restart_also_when_an_older_service_appears_meanwhile() {
    let Some(lab) = Lab::new() else { return };
    let manifests = Manifests::new(&lab.directory().join("manifests"), &["n1", "n2"]);
    for name in ["m", "o"] {
        manifests.service(Service { name, families: "[IPv4, IPv6]", ..Service::default() });
    }
    let mut cluster = Cluster::serve(lab, &["n1", "n2"], &manifests, 4);
    let held = [cluster.nodes[0].addresses("m"), cluster.nodes[0].addresses("o")];
    for node in &mut cluster.nodes {
        node.leave();
    }
    // It sorts first and would get the first address of the pool.
    manifests.service(Service { name: "a", families: "[IPv4, IPv6]", ..Service::default() });
    cluster.start_speakers(&manifests);
    cluster.settle(6);
    for node in &cluster.nodes {
        assert_eq!([node.addresses("m"), node.addresses("o")], held);
        assert_eq!(node.addresses("a"), cluster.nodes[0].addresses("a"));
    }
}

#[test]
fn services_that_are_added_edited_and_removed_at_run_time_take_effect_at_once() {
    let Some(lab) = Lab::new() else { return };
    let manifests = Manifests::new(&lab.directory().join("manifests"), &["n1", "n2"]);
    manifests.service(Service::default());
    let mut cluster = Cluster::serve(lab, &["n1", "n2"], &manifests, 1);
    let first = cluster.vips[0];

    let wanted: IpAddr = "192.0.2.222".parse().unwrap();
    let watcher = cluster.newcomer.newcomer(&[wanted]);
    manifests.service(Service {
        name: "extra",
        annotations: "{metallb.io/loadBalancerIPs: 192.0.2.222}",
        ..Service::default()
    });
    cluster.lab.eventually(SOON, "the new address is answered", || watcher.so_far().latest(wanted).is_some());
    assert!(cluster.client.reaches(wanted));

    let moved: IpAddr = "192.0.2.223".parse().unwrap();
    manifests.service(Service {
        name: "extra",
        annotations: "{metallb.io/loadBalancerIPs: 192.0.2.223}",
        ..Service::default()
    });
    cluster.wait_for_answers(&[moved]);
    cluster.lab.eventually(SOON, "nobody owns the old one", || !cluster.nodes.iter().any(|node| node.owns(wanted)));
    assert_silent(&cluster, wanted);

    manifests.remove("service-extra.yaml");
    cluster.lab.eventually(SOON, "nobody owns it", || !cluster.nodes.iter().any(|node| node.owns(moved)));
    assert_silent(&cluster, moved);
    cluster.vips = vec![first];
    cluster.owners();
}

#[test]
fn a_service_with_local_traffic_policy_follows_its_endpoint() {
    let Some(lab) = Lab::new() else { return };
    let manifests = Manifests::new(&lab.directory().join("manifests"), &["n1", "n2", "n3"]);
    let on = |endpoints| Service { families: "[IPv4, IPv6]", traffic_policy: "Local", endpoints, ..Service::default() };
    manifests.service(on(&["n2"]));
    let cluster = Cluster::serve(lab, &["n1", "n2", "n3"], &manifests, 2);
    let probers: Vec<_> = cluster.vips.iter().map(|vip| cluster.client.prober(*vip)).collect();
    let watcher = cluster.newcomer.insistent(&cluster.vips);
    let mut serving = 1;
    // kube-proxy of a node without an endpoint drops what comes for the Service.
    for number in [0, 2] {
        traffic::refuse(&cluster.nodes[number].host);
    }
    for (endpoints, owner) in [(&["n3"][..], 2), (&["n1"], 0)] {
        // kube-proxy of the new node has heard of the endpoint before; that of the old one serves it until nobody is sent there.
        traffic::allow(&cluster.nodes[owner].host);
        manifests.service(on(endpoints));
        cluster.lab.eventually(SOON, "the old node has let go", || {
            !cluster.vips.iter().any(|vip| cluster.nodes[serving].owns(*vip))
        });
        traffic::refuse(&cluster.nodes[serving].host);
        assert_eq!(cluster.nodes[serving].handed_over(), 2, "both addresses were handed over");
        owned_by(&cluster, owner);
        serving = owner;
    }
    let sightings = watcher.stop();
    for (vip, prober) in cluster.vips.iter().zip(probers) {
        let report = prober.stop().unwrap();
        assert_eq!(report.lost(), 0, "{vip}\n{report}");
        assert_eq!(sightings.unanswered(*vip).len(), 0, "of {} questions for {vip}", sightings.asked[vip].len());
    }

    manifests.service(on(&[]));
    let vip = cluster.vips[0];
    cluster.lab.eventually(SOON, "nobody owns it", || !cluster.nodes.iter().any(|node| node.owns(vip)));
    let status = cluster.nodes[0].status().unwrap();
    let reason = status.services[0].reason.clone().unwrap_or_default();
    assert!(reason.contains("endpoint"), "{reason:?}");
    assert_silent(&cluster, vip);
}

#[test]
fn labels_of_nodes_decide_who_may_announce() {
    let Some(lab) = Lab::new() else { return };
    let manifests = Manifests::new(&lab.directory().join("manifests"), &["n1", "n2", "n3"]);
    manifests.service(Service { families: "[IPv4, IPv6]", ..Service::default() });
    let cluster = Cluster::serve(lab, &["n1", "n2", "n3"], &manifests, 2);
    let prober = cluster.client.prober(cluster.vips[0]);

    manifests.node("n3", "{edge: 'yes'}");
    manifests.advertisement("lan", "{ipAddressPools: [lan], nodeSelectors: [{matchLabels: {edge: 'yes'}}]}");
    owned_by(&cluster, 2);

    manifests.node("n1", "{edge: 'yes'}");
    manifests.node("n3", "{edge: 'yes', node.kubernetes.io/exclude-from-external-load-balancers: ''}");
    owned_by(&cluster, 0);
    let report = prober.stop().unwrap();
    assert_eq!(report.lost(), 0, "{report}");
    let status = cluster.nodes[2].status().unwrap();
    let reason = status.vips[0].reason.clone().unwrap_or_default();
    assert!(reason.contains("exclude-from-external-load-balancers"), "{reason:?}");
}

fn owned_by(cluster: &Cluster, owner: usize) {
    cluster.lab.eventually(SOON, "it owns everything", || {
        cluster.vips.iter().all(|vip| cluster.nodes[owner].owns(*vip))
            && cluster.nodes.iter().filter(|node| cluster.vips.iter().any(|vip| node.owns(*vip))).count() == 1
    });
    for (vip, mac) in cluster.owners() {
        assert_eq!(cluster.position(mac), owner, "{vip}");
    }
}

fn assert_silent(cluster: &Cluster, vip: IpAddr) {
    let newcomer = cluster.newcomer.newcomer(&[vip]);
    thread::sleep(MARGIN);
    assert!(newcomer.stop().macs(vip).is_empty(), "{vip} is still answered");
}
