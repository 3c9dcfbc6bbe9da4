use super::*;

/// The loopback interface, which every network namespace has under this index.
const LOOPBACK: LinkIndex = LinkIndex(1);

#[tokio::test]
async fn the_first_datagram_is_not_held_back() {
    let sockets = HeartbeatSockets::open(LOOPBACK, "lo", 0).unwrap();
    assert!(sockets.send(SocketAddr::from((Ipv4Addr::LOCALHOST, 9)), b"first"));
}

#[tokio::test]
async fn a_speaker_without_address_cannot_be_reached_alone() {
    let sockets = HeartbeatSockets::open(LOOPBACK, "lo", 0).unwrap();
    assert!(!sockets.send(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 9)), b"to nobody"));
    assert!(!sockets.send(SocketAddr::from((Ipv6Addr::UNSPECIFIED, 9)), b"to nobody"));
}
