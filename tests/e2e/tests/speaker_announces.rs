//! From a Service on the API server to traffic that reaches its pods.

use std::{
    io::Read,
    net::{IpAddr, SocketAddr, TcpStream},
    time::Duration,
};

use control_plane::pod::POD_PORT;
use e2e::speakers::{Cluster, SOON};

#[test]
fn traffic_for_a_service_reaches_its_pods() {
    let Some(mut cluster) = Cluster::start(2) else { return };
    let _pod = cluster.nodes[0].pod("shop", "web-1", &[("app", "web")]);
    let vip: IpAddr = "192.0.2.130".parse().unwrap();
    cluster.service("web", "", &["192.0.2.130"]);
    cluster.lab.eventually(SOON, "the pod answers", || greeting(&cluster, vip).is_some());
    let owner = cluster.settled_owner(vip);
    let told = greeting(&cluster, vip).unwrap();
    assert!(told.starts_with("web-1 "), "{told} by way of n{}", owner + 1);
}

/// Returns the pod's greeting, which names the pod and the client that it sees.
fn greeting(cluster: &Cluster, vip: IpAddr) -> Option<String> {
    cluster.client.host.run(|| {
        let address = SocketAddr::new(vip, POD_PORT);
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_millis(500)).ok()?;
        stream.set_read_timeout(Some(Duration::from_millis(500))).ok()?;
        let mut buffer = [0; 128];
        let length = stream.read(&mut buffer).ok()?;
        Some(String::from_utf8_lossy(&buffer[..length]).trim().to_owned())
    })
}
