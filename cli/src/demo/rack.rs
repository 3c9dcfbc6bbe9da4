//! The second stage of the demo: a router beside the nodes, and a client behind it.

use std::{
    fmt::Write as _,
    io::Read,
    net::{IpAddr, SocketAddr, TcpStream},
    path::Path,
    time::Duration,
};

use anyhow::Context;
use ipnet::IpNet;

use super::{
    bird::{Bird, next_hops},
    network::Host,
    scene::{Client, Scene, four, network, six},
    server::ECHO_PORT,
};

/// The last part of the router's addresses on the nodes' switch, as `example/router.yaml` names it.
const ROUTER: u8 = 1;

/// The router and who is behind it.
#[derive(Debug)]
pub struct Rack {
    /// The client behind the router.
    pub far: Client,
    router: Host,
    bird: Bird,
}

impl Rack {
    /// Plugs in a router that spreads connections over equal routes, and makes it the nodes' way to everywhere else.
    pub fn build(scene: &Scene, directory: &Path) -> anyhow::Result<Self> {
        let router = scene.network.host("router")?;
        let inside = [four(ROUTER), six(ROUTER)];
        let outside = [network("203.0.113.1", 24)?, network("2001:db8:0:9::1", 64)?];
        scene.network.plug(&router, "eth0", &scene.lan, &inside)?;
        let far = scene.network.bridge("outside")?;
        scene.network.plug(&router, "eth1", &far, &outside)?;
        for (setting, value) in [
            ("ipv4/ip_forward", "1"),
            ("ipv6/conf/all/forwarding", "1"),
            // A connection, not a pair of addresses, chooses the way.
            ("ipv4/fib_multipath_hash_policy", "1"),
            ("ipv6/fib_multipath_hash_policy", "1"),
        ] {
            router.set(setting, value)?;
        }
        let addresses = [network("203.0.113.2", 24)?, network("2001:db8:0:9::2", 64)?];
        let far = Client::build(&scene.network, &far, "far", &addresses)?;
        far.host.ip(&default_routes(&outside))?;
        for node in &scene.nodes {
            node.host.ip(&default_routes(&inside))?;
        }
        let bird = Bird::start(&router, directory, &protocols(scene)?)?;
        Ok(Self { far, router, bird })
    }

    /// Returns the nodes to which the router's kernel sends packets for an address.
    pub fn legs<'a>(&self, scene: &'a Scene, ip: IpAddr) -> Vec<&'a str> {
        let hops = next_hops(&self.router, &ip.to_string());
        let at = |hop: &IpAddr| scene.nodes.iter().find(|node| node.has(*hop)).map(|node| node.host.name());
        hops.iter().filter_map(at).collect()
    }

    /// Returns whether the router keeps a session with a node.
    pub fn is_up(&self, node: &str) -> bool {
        self.bird.is_up(node)
    }

    /// Makes one connection from behind the router and returns the name of the node that took it.
    pub fn connect(&self, ip: IpAddr) -> anyhow::Result<String> {
        let (server, patience) = (SocketAddr::new(ip, ECHO_PORT), Duration::from_secs(1));
        let mut stream =
            TcpStream::connect_timeout(&server, patience).with_context(|| format!("nothing answers at {server}"))?;
        stream.set_read_timeout(Some(patience))?;
        let mut line = [0; 64];
        let length = stream.read(&mut line).with_context(|| format!("{server} says nothing"))?;
        Ok(String::from_utf8_lossy(&line[..length]).trim_end().to_owned())
    }
}

fn default_routes(via: &[IpNet]) -> String {
    via.iter().map(|via| format!("route add default via {}\n", via.addr())).collect()
}

fn protocols(scene: &Scene) -> anyhow::Result<String> {
    let router = four(ROUTER).addr();
    // RFC 8326: a route that is about to go is the last choice.
    let mut text = format!(
        "router id {router};\nprotocol bfd {{ interface \"eth0\" {{ interval 100 ms; multiplier 3; }}; }}\n\
         filter prudent {{ if (65535, 0) ~ bgp_community then bgp_local_pref = 0; accept; }}\n"
    );
    for node in &scene.nodes {
        let (name, address) = (node.host.name(), node.address_like(router).context("every node has both families")?);
        writeln!(
            text,
            "protocol bgp {name} from node {{ local {router} as 64512; neighbor {address} as 64513; bfd on; \
             ipv4 {{ import filter prudent; export none; }}; ipv6 {{ import filter prudent; export none; }}; }}"
        )?;
    }
    Ok(text)
}
