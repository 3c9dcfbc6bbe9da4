//! Nodes with real kube-proxy, pods with real servers, and the EndpointSlices that the real controller makes of them.

use std::{
    io::Read,
    net::{IpAddr, SocketAddr, TcpStream, UdpSocket},
    process::Command,
    time::Duration,
};

use control_plane::{ControlPlane, Identity, Mode, Node, pod::POD_PORT};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::{Api, api::ListParams};
use lab::{Client, Lab};

const SOON: Duration = Duration::from_secs(30);
const FOUR: &str = "192.0.2.200";
const SIX: &str = "2001:db8:0:1::1:200";

#[test]
fn endpoint_slices_follow_the_readiness_of_a_pod() {
    let Some(lab) = Lab::new() else { return };
    let lan = lab.bridge("lan");
    let control_plane = ControlPlane::start(&lab);
    let mut n1 = control_plane.node(&lab, "n1", &lan);
    serve(&control_plane, "Cluster");
    let pod = n1.pod("shop", "web-1", &[("app", "web")]);
    let [four, six] = pod.addresses().map(|address| address.to_string());
    let is = |expected: &[(&str, bool, bool, bool)]| {
        let mut found = endpoints(&control_plane);
        found.sort();
        let mut expected: Vec<_> = expected.iter().map(|(a, r, s, t)| ((*a).to_owned(), *r, *s, *t)).collect();
        expected.sort();
        found == expected
    };
    lab.eventually(SOON, "ready", || is(&[(&four, true, true, false), (&six, true, true, false)]));
    pod.ready(false);
    lab.eventually(SOON, "not ready", || is(&[(&four, false, false, false), (&six, false, false, false)]));
    pod.ready(true);
    lab.eventually(SOON, "ready again", || is(&[(&four, true, true, false), (&six, true, true, false)]));
    pod.terminate();
    lab.eventually(SOON, "serving and terminating", || is(&[(&four, false, true, true), (&six, false, true, true)]));
    pod.delete();
    lab.eventually(SOON, "gone", || is(&[]));
}

#[test]
fn kube_proxy_carries_packets_to_a_pod_by_nftables_and_then_by_iptables() {
    let Some(lab) = Lab::new() else { return };
    let lan = lab.bridge("lan");
    let control_plane = ControlPlane::start(&lab);
    let mut nodes = ["n1", "n2"].map(|name| control_plane.node(&lab, name, &lan));
    let client = lab.client("c1", &lan);
    serve(&control_plane, "Cluster");
    let _pod = nodes[1].pod("shop", "web-1", &[("app", "web")]);
    for mode in [Mode::Nftables, Mode::Iptables] {
        for node in &mut nodes {
            node.kube_proxy(mode, &control_plane.kubeconfig(&Identity::KubeProxy));
            assert_eq!(has_tables(node), mode == Mode::Nftables, "{mode:?} on {}", node.name());
        }
        carries_packets(&lab, &control_plane, &client, &nodes);
    }
}

fn carries_packets(lab: &Lab, control_plane: &ControlPlane, client: &Client, [n1, n2]: &[Node; 2]) {
    for vip in [FOUR, SIX].map(|vip| vip.parse::<IpAddr>().expect("an address")) {
        // Through the node without the pod, which puts its own address in the place of the client's.
        route(client, vip, n1);
        reaches(lab, client, vip, &format!("web-1 {}", n1.address_like(vip)));
        // Through the pod's own node, with the policy that keeps the client's address.
        route(client, vip, n2);
        serve(control_plane, "Local");
        reaches(lab, client, vip, &format!("web-1 {}", client.address_like(vip)));
        serve(control_plane, "Cluster");
    }
}

/// Returns whether kube-proxy's own nftables tables are on the node.
fn has_tables(node: &Node) -> bool {
    let output = node.machine.host.output(Command::new("nft").args(["list", "tables"])).expect("nft runs");
    String::from_utf8_lossy(&output.stdout).contains("kube-proxy")
}

/// Waits until both kinds of packets get the answer expected at the Service.
fn reaches(lab: &Lab, client: &Client, vip: IpAddr, expected: &str) {
    let service = SocketAddr::new(vip, POD_PORT);
    let mut last = String::new();
    lab.eventually(SOON, &format!("{service} is {expected} by TCP"), || {
        last = client.host.run(|| greeting(service)).unwrap_or_else(|error| error.to_string());
        last.trim_end() == expected
    });
    lab.eventually(SOON, &format!("{service} is {expected} by UDP"), || {
        client.host.run(|| echo(service)).is_ok_and(|answer| answer == format!("?{expected}"))
    });
}

fn greeting(server: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&server, Duration::from_millis(500))?;
    stream.set_read_timeout(Some(Duration::from_millis(500)))?;
    let mut line = [0; 64];
    let length = stream.read(&mut line)?;
    Ok(String::from_utf8_lossy(&line[..length]).into_owned())
}

fn echo(server: SocketAddr) -> std::io::Result<String> {
    let socket = UdpSocket::bind(if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" })?;
    socket.set_read_timeout(Some(Duration::from_millis(500)))?;
    socket.connect(server)?;
    socket.send(b"?")?;
    let mut answer = [0; 64];
    let length = socket.recv(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer[..length]).into_owned())
}

/// Sends the client's packets for `vip` to a node, which a speaker's announcement would do otherwise.
fn route(client: &Client, vip: IpAddr, node: &Node) {
    client.host.ip(&format!("route replace {vip} via {}\n", node.address_like(vip))).expect("a route can be set");
}

fn serve(control_plane: &ControlPlane, policy: &str) {
    control_plane.apply(&format!(
        "{{apiVersion: v1, kind: Namespace, metadata: {{name: shop}}}}
---
apiVersion: v1
kind: Service
metadata: {{name: web, namespace: shop}}
spec:
  type: LoadBalancer
  allocateLoadBalancerNodePorts: false
  externalTrafficPolicy: {policy}
  ipFamilyPolicy: RequireDualStack
  selector: {{app: web}}
  ports: [{{name: tcp, port: 7}}, {{name: udp, port: 7, protocol: UDP}}]
"
    ));
    control_plane
        .try_apply_status(&format!(
            "{{apiVersion: v1, kind: Service, metadata: {{name: web, namespace: shop}}, \
             status: {{loadBalancer: {{ingress: [{{ip: {FOUR}, ipMode: VIP}}, {{ip: '{SIX}', ipMode: VIP}}]}}}}}}"
        ))
        .expect("the status is accepted");
}

/// Returns address, ready, serving and terminating of every endpoint of the namespace.
fn endpoints(control_plane: &ControlPlane) -> Vec<(String, bool, bool, bool)> {
    let slices: Api<EndpointSlice> = Api::namespaced(control_plane.admin(), "shop");
    let slices = control_plane.run(slices.list(&ListParams::default())).expect("slices can be listed");
    let endpoints = slices.items.into_iter().flat_map(|slice| slice.endpoints);
    let one = |endpoint: k8s_openapi::api::discovery::v1::Endpoint| {
        let conditions = endpoint.conditions.unwrap_or_default();
        let [ready, serving, terminating] =
            [conditions.ready, conditions.serving, conditions.terminating].map(Option::unwrap_or_default);
        endpoint.addresses.into_iter().map(move |address| (address, ready, serving, terminating))
    };
    endpoints.flat_map(one).collect()
}
