use std::net::{Ipv4Addr, Ipv6Addr};

use tokio::net::TcpListener;

use super::*;

fn plain(remote: SocketAddr) -> Dial<'static> {
    Dial { remote, source: None, device: None, key: None, ttl: 1, minimum_ttl: None, patience: None }
}

async fn outcome(dialed: &Dial<'_>) -> Result<(), io::ErrorKind> {
    let stream = dial(dialed).map_err(|error| error.kind())?;
    let opened = async {
        stream.writable().await.expect("the event loop runs");
        stream.take_error().expect("a socket has an error or none").map_or(Ok(()), |error| Err(error.kind()))
    };
    // A wrong password is dropped in silence, so the end of patience is an answer too.
    tokio::time::timeout(Duration::from_millis(700), opened).await.unwrap_or(Err(io::ErrorKind::TimedOut))
}

/// Listens on the loopback address of a family, with a password for clients from there.
fn listener(address: IpAddr, key: Option<&Md5Key>) -> TcpListener {
    let local = SocketAddr::new(address, 0);
    let socket = Socket::new(Domain::for_address(local), Type::STREAM.nonblocking(), None).unwrap();
    if let Some(key) = key {
        set_key(&socket, local, key).unwrap();
    }
    socket.bind(&local.into()).unwrap();
    socket.listen(8).unwrap();
    TcpListener::from_std(socket.into()).unwrap()
}

#[test]
fn a_key_has_1_to_80_bytes_and_is_never_printed() {
    assert_eq!(Md5Key::new(b"").unwrap_err().length, 0);
    assert_eq!(Md5Key::new(&[b'x'; 81]).unwrap_err().length, 81);
    let key = Md5Key::new(b"canary").unwrap();
    assert!(!format!("{key:?}").contains("canary"));
    assert_eq!(Md5Key::new(&[b'x'; 80]).unwrap().length, 80);
}

#[tokio::test]
async fn equal_keys_connect_and_others_are_never_answered_over_both_families() {
    let (key, other) = (Md5Key::new(b"secret").unwrap(), Md5Key::new(b"Secret").unwrap());
    for loopback in [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)] {
        let router = listener(loopback, Some(&key));
        let remote = router.local_addr().unwrap();
        assert_eq!(outcome(&Dial { key: Some(&key), ..plain(remote) }).await, Ok(()));
        assert_eq!(outcome(&Dial { key: Some(&other), ..plain(remote) }).await, Err(io::ErrorKind::TimedOut));
        assert_eq!(outcome(&plain(remote)).await, Err(io::ErrorKind::TimedOut));
        let open = listener(loopback, None);
        let remote = open.local_addr().unwrap();
        assert_eq!(outcome(&Dial { key: Some(&key), ..plain(remote) }).await, Err(io::ErrorKind::TimedOut));
    }
}

#[tokio::test]
async fn a_minimum_ttl_keeps_out_what_came_from_farther_away() {
    for loopback in [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)] {
        // The listener answers with the kernel's default TTL of 64.
        let router = listener(loopback, None);
        let remote = router.local_addr().unwrap();
        assert_eq!(outcome(&Dial { minimum_ttl: Some(64), ..plain(remote) }).await, Ok(()));
        assert_eq!(outcome(&Dial { minimum_ttl: Some(65), ..plain(remote) }).await, Err(io::ErrorKind::TimedOut));
    }
}

#[tokio::test]
async fn what_cannot_be_used_is_named() {
    let router = listener(Ipv4Addr::LOCALHOST.into(), None);
    let remote = router.local_addr().unwrap();
    let source = Some(Ipv4Addr::new(192, 0, 2, 1).into());
    let error = dial(&Dial { source, ..plain(remote) }).unwrap_err();
    assert_eq!(error.to_string(), "cannot connect from 192.0.2.1; give this node the address or correct sourceAddress");
    let error = dial(&Dial { device: Some("nowhere0"), ..plain(remote) }).unwrap_err();
    assert!(error.to_string().starts_with("cannot use the interface nowhere0"), "{error}");
    assert_eq!(outcome(&Dial { source: Some(Ipv4Addr::new(127, 0, 0, 9).into()), ..plain(remote) }).await, Ok(()));
}
