//! Nodes, a router and a far client: what the tests of the routed mode begin with.

use std::{net::IpAddr, time::Duration};

use clarion::demo::status::Peer;
use ipnet::IpNet;

use crate::{
    Client, Lab, Manifests, Node,
    manifests::Service,
    peers::{Bird, next_hops},
};

/// How long a session may take to come up on a busy machine.
pub const SOON: Duration = Duration::from_secs(20);

/// The longest that a node waits by default between two attempts at a session.
pub const LONGEST_RETRY: Duration = Duration::from_secs(60);

/// The first IPv4 address of the pool.
pub const FOUR: &str = "192.0.2.128";

/// The first IPv6 address of the pool.
pub const SIX: &str = "2001:db8:0:1::1:1";

/// Returns how often a node may try to reach a router that turns it away, in some time: at once, and then after waits of 1 s, doubled up
/// to `longest`, of which chance takes away a quarter at most.
pub fn most_attempts(time: Duration, longest: Duration) -> usize {
    let waits = (0..).map(|failures| longest.min(Duration::from_secs(1 << failures.min(6))).mul_f64(0.75));
    let ends = waits.scan(Duration::ZERO, |end, wait| {
        *end += wait;
        Some(*end)
    });
    1 + ends.take_while(|end| *end <= time).count()
}

/// Nodes in AS 65001 and a router in AS 65000 on one switch, and manifests that tell routers of every Service.
#[derive(Debug)]
pub struct Scene {
    /// The nodes, which have the addresses from 192.0.2.11 on.
    pub nodes: Vec<Node>,
    /// The machine of the router, which has the address after the nodes'.
    pub router: Client,
    /// What the nodes read: one pool, one BGPAdvertisement for it, and the Service `web` with an endpoint on each node.
    pub manifests: Manifests,
    /// The network; dropped last, because it looks at the others when a test fails.
    pub lab: Lab,
}

impl Scene {
    /// Builds everything and starts nothing; nothing on a machine that cannot have a lab.
    pub fn build(names: &[&str]) -> Option<Self> {
        let lab = Lab::new()?;
        let lan = lab.bridge("lan");
        let nodes = names.iter().map(|name| lab.node(name, &lan)).collect();
        let router = lab.client("r1", &lan);
        let manifests = Manifests::new(&lab.directory().join("manifests"), names);
        manifests.remove("advertisement-lan.yaml");
        manifests.service(Service { endpoints: names, ..Service::default() });
        let scene = Self { nodes, router, manifests, lab };
        scene.advertisement("{ipAddressPools: [lan]}");
        Some(scene)
    }

    /// Starts the speaker of every node, in place of one that ran before.
    pub fn start(&mut self) {
        for number in 0..self.nodes.len() {
            self.start_node(number, &[]);
        }
    }

    /// Starts the speaker of one node with arguments, in place of one that ran before.
    pub fn start_node(&mut self, number: usize, arguments: &[&str]) {
        self.lab.speaker(&mut self.nodes[number], self.manifests.path()).arguments(arguments).start();
    }

    /// Writes a peer of the nodes, AS 65001; the specification is the inside of a mapping in one line.
    pub fn peer(&self, name: &str, specification: &str) {
        self.peer_of(65001, name, specification);
    }

    /// Writes a peer of the nodes, whose AS number is `asn`; the specification is the inside of a mapping in one line.
    pub fn peer_of(&self, asn: u32, name: &str, specification: &str) {
        let text = format!("spec: {{myASN: {asn}, {specification}}}");
        self.object("metallb.io/v1beta2", "BGPPeer", name, &text);
    }

    /// Writes the BGPAdvertisement; the specification is a mapping in one line.
    pub fn advertisement(&self, specification: &str) {
        self.object("metallb.io/v1beta1", "BGPAdvertisement", "lan", &format!("spec: {specification}"));
    }

    /// Writes an object of Clarion's namespace.
    pub fn object(&self, version: &str, kind: &str, name: &str, body: &str) {
        let head =
            format!("apiVersion: {version}\nkind: {kind}\nmetadata: {{name: {name}, namespace: metallb-system}}\n");
        self.manifests.write(&format!("{}-{name}.yaml", kind.to_lowercase()), &format!("{head}{body}\n"));
    }

    /// Starts BIRD on the router.
    pub fn bird(&self, protocols: &str) -> Bird {
        Bird::start(&self.router.host, self.lab.directory(), protocols)
    }

    /// Makes the router a router: it forwards, spreads connections over equal routes, and is the way of the nodes to everywhere else.
    /// Returns a client behind it.
    pub fn far_client(&self) -> Client {
        let router = &self.router.host;
        for (setting, value) in [
            ("ipv4/ip_forward", "1"),
            ("ipv6/conf/all/forwarding", "1"),
            // A connection, not a pair of addresses, chooses the way.
            ("ipv4/fib_multipath_hash_policy", "1"),
            ("ipv6/fib_multipath_hash_policy", "1"),
        ] {
            router.set(setting, value).expect("a router can be made");
        }
        let outside = self.lab.bridge("outside");
        let addresses = |list: [&str; 2]| list.map(|text| text.parse::<IpNet>().expect("written correctly"));
        self.lab.plug(router, "eth1", &outside, &addresses(["203.0.113.1/24", "2001:db8:0:9::1/64"]));
        let client = self.lab.machine("far", &outside, &addresses(["203.0.113.2/24", "2001:db8:0:9::2/64"]));
        let route = |via: &[IpNet]| -> String {
            via.iter().map(|via| format!("route add default via {}\n", via.addr())).collect()
        };
        client.host.ip(&route(&addresses(["203.0.113.1/24", "2001:db8:0:9::1/64"]))).expect("a route can be added");
        for node in &self.nodes {
            node.host.ip(&route(&self.router.link.addresses)).expect("a route can be added");
        }
        client
    }

    /// Returns what the first node says of a router.
    pub fn observed(&self, name: &str) -> Option<Peer> {
        self.nodes[0].status()?.peers.into_iter().find(|peer| peer.name == name)
    }

    /// Returns whether the first node says that a session is established.
    pub fn is_up(&self, name: &str) -> bool {
        self.observed(name).is_some_and(|peer| peer.state == "Established")
    }

    /// Returns the reason that the first node gives for a session that is not there; empty without one.
    pub fn reason(&self, name: &str) -> String {
        let peer = self.observed(name);
        peer.and_then(|peer| peer.fault.or(peer.last_error)).unwrap_or_default()
    }

    /// Returns whether the router's kernel sends packets for a prefix to exactly one next hop, this one.
    pub fn has(&self, prefix: &str, hop: &str) -> bool {
        next_hops(&self.router.host, prefix) == [hop.parse::<IpAddr>().expect("the test writes addresses correctly")]
    }

    /// Returns over how many next hops the router's kernel spreads a prefix.
    pub fn legs(&self, prefix: &str) -> usize {
        next_hops(&self.router.host, prefix).len()
    }

    /// Waits until the router has the route of the first Service from the first node alone.
    pub fn expect_route(&self) {
        self.lab.eventually(SOON, "the router's kernel has the route", || self.has(FOUR, "192.0.2.11"));
    }
}
