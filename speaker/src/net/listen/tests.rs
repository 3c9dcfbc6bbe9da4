use std::net::Ipv4Addr;

use tokio::io::AsyncReadExt as _;

use super::tcp::{Dial, dial};
use super::*;

/// Longer than a connection over the loopback takes on a busy machine, and shorter than the kernel's patience.
const PATIENCE: Duration = Duration::from_millis(700);

fn plain(ipv4: bool) -> Listen<'static> {
    Listen { ipv4, port: 0, device: None, ttl: 255, minimum_ttl: None, keys: Vec::new() }
}

fn loopback(ipv4: bool) -> IpAddr {
    if ipv4 { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() }
}

fn prefix(address: IpAddr, length: u8) -> IpNet {
    IpNet::new(address, length).unwrap().trunc()
}

/// Connects to a listener and returns its end of the connection, if it comes to one.
async fn connect(listener: &TcpListener, ipv4: bool, key: Option<&Md5Key>, ttl: u8) -> Option<(TcpStream, TcpStream)> {
    let remote = SocketAddr::new(loopback(ipv4), listener.local_addr().unwrap().port());
    let stream =
        dial(&Dial { remote, source: None, device: None, key, ttl, minimum_ttl: None, patience: None }).unwrap();
    let accepted = tokio::time::timeout(PATIENCE, listener.accept()).await.ok()?.ok()?;
    Some((stream, accepted.0))
}

#[tokio::test]
async fn only_the_right_password_is_answered_over_both_families() {
    let (key, other) = (Md5Key::new(b"secret").unwrap(), Md5Key::new(b"Secret").unwrap());
    for ipv4 in [true, false] {
        for length in [8, if ipv4 { 32 } else { 128 }] {
            let keys = vec![(prefix(loopback(ipv4), length), &key)];
            let guarded = listen(&Listen { keys, ..plain(ipv4) }).unwrap();
            assert!(connect(&guarded, ipv4, Some(&key), 64).await.is_some(), "/{length}");
            assert!(connect(&guarded, ipv4, Some(&other), 64).await.is_none(), "/{length}");
            assert!(connect(&guarded, ipv4, None, 64).await.is_none(), "/{length}");
        }
    }
}

#[tokio::test]
async fn what_came_from_too_far_away_is_not_answered() {
    for ipv4 in [true, false] {
        let near = listen(&Listen { minimum_ttl: Some(255), ..plain(ipv4) }).unwrap();
        assert!(connect(&near, ipv4, None, 255).await.is_some());
        assert!(connect(&near, ipv4, None, 254).await.is_none());
    }
}

#[tokio::test]
async fn an_adopted_connection_may_be_stricter_than_the_socket_it_came_by() {
    let listener = listen(&plain(true)).unwrap();
    let (mut dialer, mut accepted) = connect(&listener, true, None, 64).await.unwrap();
    adopt(&accepted, dialer.local_addr().unwrap(), 255, Some(255), None).unwrap();
    dialer.writable().await.unwrap();
    assert_eq!(dialer.try_write(b"from too far away").unwrap(), 17);
    let mut buffer = [0; 32];
    assert!(tokio::time::timeout(PATIENCE, accepted.read(&mut buffer)).await.is_err(), "nothing of it arrives");
    refuse(accepted);
    let error = dialer.read(&mut buffer).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn what_keeps_routers_from_connecting_is_named() {
    // The port of the other family may belong to somebody else.
    let both = |_| {
        let first = listen(&plain(true)).unwrap();
        let port = first.local_addr().unwrap().port();
        Some((port, listen(&Listen { port, ..plain(false) }).ok()?, first))
    };
    let (port, _six, _four) = (0..3).find_map(both).expect("each family has a port of its own");
    let error = listen(&Listen { port, ..plain(true) }).unwrap_err();
    assert!(error.to_string().contains(&format!("listens on TCP port {port}")), "{error}");
    let error = listen(&Listen { device: Some("nowhere0"), ..plain(true) }).unwrap_err();
    assert!(error.to_string().starts_with("cannot listen on the interface nowhere0"), "{error}");
}
