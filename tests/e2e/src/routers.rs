//! A cluster whose nodes tell a router of Services, and a client behind that router.

use std::{collections::BTreeSet, net::IpAddr};

use clarion::demo::{prober::Prober, status::Peer};
use control_plane::Mode;
use lab::{
    Client,
    peers::{Bird, next_hops},
};
use serde_json::Value;

use crate::{
    deployment::NAMESPACE,
    speakers::{Cluster, SOON},
};

/// The far end of the router, and the client there.
const OUTSIDE: [&str; 2] = ["203.0.113.1/24", "203.0.113.2/24"];

/// A cluster in AS 65001, and BIRD in AS 65000 on the host that is elsewhere the client.
#[derive(Debug)]
pub struct Routed {
    /// The router.
    pub bird: Bird,
    /// A client that reaches the nodes through the router alone.
    pub far: Client,
    /// The cluster; its client is the router's machine.
    pub cluster: Cluster,
}

impl Routed {
    /// Builds a cluster of `count` nodes and a router that knows them all, with `options` for each of its sessions; no speaker runs.
    ///
    /// The pool is there with its advertisement, and no peer.
    pub fn build(count: usize, options: &str) -> Option<Self> {
        if !Bird::is_available() {
            return None;
        }
        let cluster = Cluster::build(count, Mode::Nftables)?;
        cluster.control_plane.apply(&format!(
            "{{apiVersion: metallb.io/v1beta1, kind: IPAddressPool, metadata: {{name: lan, namespace: {NAMESPACE}}}, \
             spec: {{addresses: [{}]}}}}\n---\n\
             {{apiVersion: metallb.io/v1beta1, kind: BGPAdvertisement, metadata: {{name: lan, namespace: {NAMESPACE}}}, \
             spec: {{ipAddressPools: [lan]}}}}\n",
            lab::VIPS_V4
        ));
        let far = far_client(&cluster);
        let own = address(&cluster.client);
        let sessions = cluster.nodes.iter().map(|node| {
            format!(
                "protocol bgp {} from node {{ {options} local {own} as 65000; neighbor {} as 65001; \
                 ipv4 {{ import all; export none; }}; }}\n",
                node.name(),
                address(&node.machine)
            )
        });
        let configuration = format!("router id {own};\n{}", sessions.collect::<String>());
        let bird = Bird::start(&cluster.client.host, cluster.lab.directory(), &configuration);
        Some(Self { bird, far, cluster })
    }

    /// Writes the peer `tor`, the router, with more of its specification, such as `enableGracefulRestart: true`.
    pub fn peer(&self, more: &str) {
        self.cluster.control_plane.apply(&format!(
            "{{apiVersion: metallb.io/v1beta2, kind: BGPPeer, metadata: {{name: tor, namespace: {NAMESPACE}}}, \
             spec: {{myASN: 65001, peerASN: 65000, peerAddress: {}, connectTime: 1s, {more}}}}}\n",
            address(&self.cluster.client)
        ));
    }

    /// Starts the speakers of all nodes and waits until they are ready.
    pub fn speak(&mut self) {
        for number in 0..self.cluster.nodes.len() {
            self.cluster.speak(number, &[]);
        }
        self.cluster.wait_until_ready();
    }

    /// Returns the nodes that the router's kernel sends packets for an address to, by name.
    pub fn hops(&self, vip: &str) -> BTreeSet<String> {
        let hops = next_hops(&self.cluster.client.host, vip);
        let name = |hop: &IpAddr| self.cluster.nodes.iter().find(|node| address(&node.machine) == *hop);
        hops.iter().map(|hop| name(hop).map_or_else(|| hop.to_string(), |node| node.name().to_owned())).collect()
    }

    /// Waits until the router's kernel sends packets for an address to exactly these nodes.
    pub fn expect_hops(&self, vip: &str, names: &[&str]) {
        let names: BTreeSet<String> = names.iter().map(|name| (*name).to_owned()).collect();
        self.cluster.lab.eventually(SOON, &format!("{vip} is routed to {names:?}"), || self.hops(vip) == names);
    }

    /// Returns which nodes say that they announce the Service `web`, each with the peers it names.
    pub fn told(&self) -> BTreeSet<(String, Vec<String>)> {
        let statuses = self.cluster.objects("servicebgpstatuses");
        let web = statuses.iter().filter(|status| status["status"]["serviceName"] == "web");
        web.map(|status| {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let peers = status["status"]["peers"].as_array().into_iter().flatten().map(text);
            (text(&status["status"]["node"]), peers.collect())
        })
        .collect()
    }

    /// Waits until exactly these nodes say that they have told the router of `web`, and compares with the router itself.
    pub fn expect_told(&self, vip: &str, names: &[&str]) {
        let expected = names.iter().map(|name| ((*name).to_owned(), vec!["tor".to_owned()])).collect();
        self.cluster.lab.eventually(SOON, &format!("the statuses name {names:?}"), || self.told() == expected);
        self.expect_hops(vip, names);
    }

    /// Returns what the speaker of a node says of the router.
    pub fn observed(&self, number: usize) -> Option<Peer> {
        self.cluster.status(number)?.peers.into_iter().find(|peer| peer.name == "tor")
    }

    /// Starts to ask the Service behind `vip` every 10 ms from behind the router.
    pub fn prober(&self, vip: &str) -> Prober {
        self.far.prober(vip.parse().expect("tests write addresses correctly"))
    }

    /// Returns the events of a Service by their reason.
    pub fn events(&self, reason: &str) -> Vec<Value> {
        let text = self.cluster.kubectl(&["get", "events", "--namespace=shop", "--output=json"]);
        let list: Value = serde_json::from_str(&text).expect("kubectl prints JSON");
        let events = list["items"].as_array().cloned().unwrap_or_default();
        events.into_iter().filter(|event| event["reason"] == reason).collect()
    }
}

/// Makes the cluster's client a router with a network behind it, which is the nodes' way to everywhere else.
fn far_client(cluster: &Cluster) -> Client {
    let router = &cluster.client.host;
    // A connection, not a pair of addresses, chooses among equal routes.
    for (setting, value) in [("ipv4/ip_forward", "1"), ("ipv4/fib_multipath_hash_policy", "1")] {
        router.set(setting, value).expect("a router can be made");
    }
    let outside = cluster.lab.bridge("outside");
    let [gateway, host] = OUTSIDE.map(|text| text.parse().expect("written correctly"));
    let link = cluster.lab.plug(router, "eth1", &outside, &[gateway]);
    let far = cluster.lab.machine("far", &outside, &[host]);
    let route = |via: IpAddr| format!("route add default via {via}\n");
    far.host.ip(&route(link.addresses[0].addr())).expect("a route can be added");
    for node in &cluster.nodes {
        node.machine.host.ip(&route(address(&cluster.client))).expect("a route can be added");
    }
    far
}

/// Returns a machine's IPv4 address on the network of the nodes.
fn address(machine: &Client) -> IpAddr {
    machine.address_like(IpAddr::from([0, 0, 0, 0]))
}
