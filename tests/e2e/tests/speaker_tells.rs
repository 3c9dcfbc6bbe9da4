//! What speakers write, compared with what is on the wire.

use std::{collections::BTreeSet, net::IpAddr, thread, time::Duration};

use clarion::demo::network::Mac;
use control_plane::{Faults, Identity, Mode};
use e2e::{
    controllers::{self, FIRST_PORT, Replica},
    deployment::NAMESPACE,
    speakers::{Cluster, MINUTE, QUIET, SOON},
};
use serde_json::Value;

const VIP: &str = "192.0.2.130";

/// Everything that controllers and speakers write but the lease.
const WRITTEN: [&str; 13] = [
    "services",
    "events",
    "nodes",
    "secrets",
    "configurationstates",
    "servicel2statuses",
    "servicebgpstatuses",
    "ipaddresspools",
    "l2advertisements",
    "bgpadvertisements",
    "bgppeers",
    "bfdprofiles",
    "communities",
];

/// So many Services that a slow server takes longer to tell of all than an unseen write is waited for.
const MANY: usize = 60;

#[test]
fn the_status_names_the_node_whose_hardware_address_answers() {
    let Some(mut cluster) = Cluster::start(3) else { return };
    let owner = cluster.serve(VIP);
    assert_told(&cluster, owner);
    let name = cluster.nodes[owner].name().to_owned();
    let status = statuses(&cluster).remove(0);
    assert_eq!(status["metadata"]["labels"]["metallb.io/node"], name);
    assert_eq!(status["metadata"]["labels"]["metallb.io/service-name"], "web");
    assert_eq!(status["metadata"]["labels"]["metallb.io/service-namespace"], "shop");
    assert!(status["metadata"]["name"].as_str().is_some_and(|name| name.starts_with("l2-")));
    assert_eq!(status["status"]["interfaces"], serde_json::json!([{ "name": "eth0" }]));

    // The owner dies without a word: its successor corrects what it wrote.
    cluster.kill(owner);
    cluster.lab.eventually(SOON, "another node answers", || cluster.owner(ip()).is_some_and(|other| other != owner));
    let second = cluster.settled_owner(ip());
    assert_told(&cluster, second);

    // An orderly end, and the Service's own end.
    cluster.leave(second);
    let third = cluster.settled_owner(ip());
    assert!(third != owner && third != second);
    assert_told(&cluster, third);
    cluster.kubectl(&["delete", "service", "web", "--namespace=shop"]);
    cluster.lab.eventually(SOON, "nothing is told of a Service that is gone", || statuses(&cluster).is_empty());
}

#[test]
fn a_status_that_somebody_removes_or_adds_is_set_right() {
    let Some(mut cluster) = Cluster::start(2) else { return };
    let owner = cluster.serve(VIP);
    assert_told(&cluster, owner);
    cluster.kubectl(&["delete", "servicel2statuses.metallb.io", "--all", "--namespace=metallb-system"]);
    assert_told(&cluster, owner);
    let other = cluster.nodes[1 - owner].name();
    cluster.control_plane.apply(&format!(
        "{{apiVersion: metallb.io/v1beta1, kind: ServiceL2Status, metadata: {{name: l2-stale, namespace: metallb-system, \
         labels: {{metallb.io/node: {other}, metallb.io/service-name: web, metallb.io/service-namespace: shop}}}}}}"
    ));
    cluster.lab.eventually(SOON, "the false word is removed", || statuses(&cluster).len() == 1);
    assert_told(&cluster, owner);
}

#[test]
fn many_services_are_told_once_each_by_a_server_that_takes_its_time() {
    let Some(mut cluster) = Cluster::build(1, Mode::Nftables) else { return };
    cluster.announce();
    let mut proxy = cluster.control_plane.fault_proxy();
    let identity = Identity::service_account(NAMESPACE, "clarion-speaker");
    cluster.speak_with(0, proxy.kubeconfig(&cluster.control_plane, &identity), &[]);
    cluster.wait_until_ready();
    let pod = cluster.nodes[0].pod("shop", "web-1", &[("app", "web")]);
    cluster.pods.push(pod);
    // Two writes each, four at a time: what is written first is long answered when the last is sent.
    proxy.set(Faults { latency: Duration::from_millis(600), ..Faults::default() });
    let addresses: Vec<_> = (0..MANY).map(|number| format!("192.0.2.{}", 130 + number)).collect();
    let service = |address: &String| {
        format!(
            "---\n{{apiVersion: v1, kind: Service, metadata: {{name: web-{}, namespace: shop}}, spec: {{type: LoadBalancer, \
             selector: {{app: web}}, ports: [{{port: 7}}]}}}}\n",
            address.replace('.', "-")
        )
    };
    cluster.control_plane.apply(&addresses.iter().map(service).collect::<String>());
    for address in &addresses {
        cluster.allocate(&format!("web-{}", address.replace('.', "-")), &[address]);
    }
    let told = |cluster: &Cluster| {
        let named = |it: &Value| it["status"]["serviceName"].as_str().map(str::to_owned);
        statuses(cluster).iter().filter_map(named).collect::<BTreeSet<_>>().len()
    };
    cluster.lab.eventually(Duration::from_secs(90), "every Service is told", || told(&cluster) == MANY);
    thread::sleep(QUIET);
    assert_eq!(statuses(&cluster).len(), MANY, "once each");
    let created = cluster
        .control_plane
        .requests()
        .count(|request| request.resource == "servicel2statuses" && request.verb == "POST" && request.code == 201);
    assert_eq!(created, MANY as u64);
}

#[test]
fn an_event_tells_of_each_move_once() {
    let Some(mut cluster) = Cluster::start(2) else { return };
    let owner = cluster.serve(VIP);
    cluster.lab.eventually(SOON, "the assignment is told", || events(&cluster).len() == 1);
    let event = events(&cluster).remove(0);
    let node = cluster.nodes[owner].name();
    assert_eq!(event["message"], format!("announcing from node \"{node}\" with protocol \"layer2\""));
    assert_eq!(event["source"]["component"], "clarion-speaker");
    assert_eq!(event["source"]["host"], node);
    // Changes that move nothing are not told, and a restart neither.
    cluster.kubectl(&["label", "service", "web", "--namespace=shop", "tier=front"]);
    let number = 1 - owner;
    cluster.leave(number);
    cluster.speak(number, &[]);
    cluster.wait_until_ready();
    thread::sleep(QUIET);
    assert_eq!(events(&cluster).len(), 1, "{:?}", events(&cluster));
    cluster.kill(owner);
    cluster.lab.eventually(SOON, "the move is told", || events(&cluster).len() == 2);
}

#[test]
fn a_machine_that_answers_for_a_service_too_is_named_in_one_event_of_the_service() {
    let Some(mut cluster) = Cluster::start(1) else { return };
    let squatter = &cluster.newcomer;
    squatter.host.ip(&format!("addr add {VIP}/24 dev eth0\n")).expect("an address can be added");
    let pod = cluster.nodes[0].pod("shop", "web-1", &[("app", "web")]);
    cluster.pods.push(pod);
    cluster.service("web", "", &[VIP]);
    let failed = || -> Vec<Value> {
        let of = "involvedObject.kind=Service,involvedObject.name=web,reason=announceFailed";
        let text = cluster.kubectl(&["get", "events", "--namespace=shop", "--field-selector", of, "--output=json"]);
        let list: Value = serde_json::from_str(&text).expect("kubectl prints JSON");
        list["items"].as_array().cloned().unwrap_or_default()
    };
    cluster.lab.eventually(SOON, "the other machine is named", || !failed().is_empty());
    cluster.lab.always(2 * QUIET, "once", || failed().len() == 1);
    let event = failed().remove(0);
    assert_eq!((&event["type"], &event["source"]["host"]), (&"Warning".into(), &"n1".into()));
    let message = format!(
        "{} answers for {VIP} on the network of eth0 too; take the address away from that machine, or give the Service another one",
        cluster.newcomer.link.mac
    );
    assert_eq!(event["message"], message);
}

#[test]
fn nothing_is_written_while_nothing_changes() {
    let Some(mut cluster) = Cluster::start(2) else { return };
    let owner = cluster.serve(VIP);
    let kubeconfig = cluster.control_plane.kubeconfig(&controllers::Cluster::identity());
    let controller = Replica::start(&cluster.lab, "one", FIRST_PORT, &kubeconfig, &[]);
    cluster.lab.eventually(SOON, "the controller leads", || controller.leads());
    assert_told(&cluster, owner);
    cluster.lab.eventually(SOON, "all say that the configuration is good", || {
        cluster.objects("configurationstates").iter().filter(|state| state["status"]["result"] == "Valid").count() == 3
    });
    thread::sleep(QUIET);
    let before = cluster.control_plane.requests();
    thread::sleep(MINUTE);
    let written = cluster.control_plane.requests().since(&before).writes();
    let count = written.count(|request| WRITTEN.contains(&request.resource.as_str()));
    assert_eq!(count, 0, "{written:?}");
}

#[test]
fn faults_of_the_configuration_are_in_the_status_of_a_node_with_object_and_what_to_do() {
    let Some(cluster) = Cluster::start(1) else { return };
    for (kind, version, name, specification) in [
        ("IPAddressPool", "v1beta1", "slip", "{addresses: [198.51.100.9-198.51.100.1]}"),
        ("L2Advertisement", "v1beta1", "lost", "{ipAddressPools: [nowhere]}"),
        (
            "BGPPeer",
            "v1beta2",
            "tor",
            "{myASN: 64512, peerASN: 64513, peerAddress: 192.0.2.9, passwordSecret: {name: key}}",
        ),
    ] {
        cluster.control_plane.apply(&format!(
            "{{apiVersion: metallb.io/{version}, kind: {kind}, metadata: {{name: {name}, namespace: metallb-system}}, \
             spec: {specification}}}"
        ));
    }
    let said = || {
        let status = cluster.status(0).unwrap_or_default();
        [status.faults, status.notes].concat()
    };
    for (place, step) in [
        ("IPAddressPool metallb-system/slip: spec.addresses[0]: ", "swap the two addresses"),
        ("L2Advertisement metallb-system/lost: spec.ipAddressPools[0]: ", "create the IPAddressPool"),
        ("Secret key is missing", "create it in metallb-system"),
    ] {
        cluster.lab.eventually(SOON, &format!("{place} is named"), || {
            said().iter().any(|fault| fault.contains(place) && fault.contains(step))
        });
    }
}

#[test]
fn metrics_have_the_names_of_metallb() {
    let Some(mut cluster) = Cluster::start(1) else { return };
    cluster.serve(VIP);
    let text = cluster.metrics(0);
    for sample in [
        &format!("metallb_speaker_announced{{ip=\"{VIP}\",node=\"n1\",protocol=\"layer2\",service=\"shop/web\"}} 1"),
        "metallb_k8s_client_config_loaded_bool 1",
        "metallb_k8s_client_config_stale_bool 0",
        "metallb_k8s_client_update_errors_total 0",
    ] {
        assert!(text.lines().any(|line| line == sample), "{sample} is missing in\n{text}");
    }
    let updates = text.lines().find_map(|line| line.strip_prefix("metallb_k8s_client_updates_total "));
    assert!(updates.is_some_and(|count| count.parse::<u64>().is_ok_and(|count| count > 0)), "{updates:?}");
}

/// Waits until the objects name one node, and compares with who answers on the wire.
fn assert_told(cluster: &Cluster, owner: usize) {
    let name = cluster.nodes[owner].name();
    cluster.lab.eventually(SOON, &format!("the status names {name} alone"), || {
        let told = statuses(cluster);
        told.len() == 1 && told[0]["status"]["node"] == name && told[0]["status"]["serviceName"] == "web"
    });
    let newcomer = cluster.client.newcomer(&[ip()]);
    thread::sleep(QUIET / 3);
    let macs: BTreeSet<Mac> = newcomer.stop().macs(ip());
    assert_eq!(macs, BTreeSet::from([cluster.nodes[owner].machine.link.mac]));
}

fn statuses(cluster: &Cluster) -> Vec<Value> {
    cluster.objects("servicel2statuses")
}

fn events(cluster: &Cluster) -> Vec<Value> {
    let text = cluster.kubectl(&["get", "events", "--namespace=shop", "--output=json"]);
    let list: Value = serde_json::from_str(&text).expect("kubectl prints JSON");
    let events = list["items"].as_array().cloned().unwrap_or_default();
    events.into_iter().filter(|event| event["reason"] == "nodeAssigned").collect()
}

fn ip() -> IpAddr {
    VIP.parse().expect("tests write addresses correctly")
}
