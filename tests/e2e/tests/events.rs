//! What a Service is told of in its life, with controller and speakers.

use std::net::IpAddr;

use e2e::{
    controllers::{self, FIRST_PORT, Replica},
    speakers::{Cluster, QUIET, SOON},
};
use serde_json::Value;

#[test]
fn a_service_has_two_events_at_its_creation_none_at_restarts_and_one_at_a_failover() {
    let Some(mut cluster) = Cluster::start(2) else { return };
    let controller = control(&cluster);
    let pod = cluster.nodes[0].pod("shop", "web-1", &[("app", "web")]);
    cluster.pods.push(pod);
    cluster.control_plane.apply(
        "{apiVersion: v1, kind: Service, metadata: {name: web, namespace: shop}, \
         spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 7}]}}",
    );
    cluster.lab.eventually(SOON, "both tell of the Service", || told(&cluster).len() == 2);
    let owner = cluster.settled_owner(address(&cluster));
    let assigned = |number: usize| format!("nodeAssigned by clarion-speaker of n{}", number + 1);
    let created = vec!["IPAllocated by clarion-controller of one".to_owned(), assigned(owner)];
    cluster.lab.always(QUIET, "nothing is added", || told(&cluster) == created);

    drop(controller);
    let _controller = control(&cluster);
    cluster.leave(1 - owner);
    cluster.speak(1 - owner, &[]);
    cluster.wait_until_ready();
    cluster.lab.always(2 * QUIET, "a restart is no news", || told(&cluster) == created);

    cluster.kill(owner);
    let mut moved = [created, vec![assigned(1 - owner)]].concat();
    moved.sort();
    cluster.lab.eventually(SOON, "the failover is told", || told(&cluster) == moved);
    cluster.speak(owner, &[]);
    cluster.wait_until_ready();
    cluster.lab.always(2 * QUIET, "a node that comes back is no news", || told(&cluster) == moved);
}

/// Starts the controller and waits until it leads; of the same name, it need not wait for the lease of its predecessor.
fn control(cluster: &Cluster) -> Replica {
    let kubeconfig = cluster.control_plane.kubeconfig(&controllers::Cluster::identity());
    let controller = Replica::start(&cluster.lab, "one", FIRST_PORT, &kubeconfig, &[]);
    cluster.lab.eventually(SOON, "the controller leads", || controller.leads());
    controller
}

/// Returns the address that the controller gave.
fn address(cluster: &Cluster) -> IpAddr {
    let path = "jsonpath={.status.loadBalancer.ingress[0].ip}";
    let text = cluster.kubectl(&["get", "service", "web", "--namespace=shop", "--output", path]);
    text.parse().expect("the Service has an address")
}

/// Returns reason and author of every event of the Service, sorted.
fn told(cluster: &Cluster) -> Vec<String> {
    let of = "involvedObject.kind=Service,involvedObject.name=web";
    let text = cluster.kubectl(&["get", "events", "--namespace=shop", "--field-selector", of, "--output=json"]);
    let list: Value = serde_json::from_str(&text).expect("kubectl prints JSON");
    let events = list["items"].as_array().cloned().unwrap_or_default();
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let line = |event: &Value| {
        let source = &event["source"];
        format!("{} by {} of {}", word(&event["reason"]), word(&source["component"]), word(&source["host"]))
    };
    let mut lines: Vec<String> = events.iter().map(line).collect();
    lines.sort();
    lines
}
