use std::net::Ipv4Addr;

use super::*;
use crate::drivers::routing::ports::Reserved;
use crate::net::links::Link;
use crate::net::tcp::{Dial, dial};

fn guest(last: u8, key: Option<&str>, ttl: bgp::TimeToLive) -> Guest {
    let sources = IpNet::from(IpAddr::from([192, 0, 2, last]));
    Guest { sources, key: key.map(|key| Md5Key::new(key.as_bytes()).unwrap()), ttl }
}

fn ttl(send: u8, minimum: Option<u8>) -> bgp::TimeToLive {
    bgp::TimeToLive { send, minimum }
}

fn door(port: u16) -> Door {
    Door { ipv4: true, port, device: None }
}

fn wanted(port: u16, guests: &[Guest]) -> BTreeMap<Door, Vec<Guest>> {
    [(door(port), guests.to_vec())].into()
}

fn knock(port: u16) -> TcpStream {
    let remote = (Ipv4Addr::LOCALHOST, port).into();
    dial(&Dial { remote, source: None, device: None, key: None, ttl: 64, minimum_ttl: None, patience: None }).unwrap()
}

#[test]
fn a_socket_is_as_strict_as_its_most_lenient_guest_and_knows_every_password() {
    let near = guest(1, Some("one"), ttl(255, Some(255)));
    let far = guest(2, Some("two"), ttl(64, Some(250)));
    let anywhere = guest(3, None, ttl(1, None));
    let lock = Lock::of(&[near.clone(), far.clone()], None);
    assert_eq!((lock.keys.len(), lock.ttl, lock.minimum_ttl), (2, 255, Some(250)));
    let lock = Lock::of(&[near, far, anywhere], None);
    assert_eq!((lock.keys.len(), lock.ttl, lock.minimum_ttl), (2, 255, None));
}

#[tokio::test]
async fn a_door_is_open_only_while_somebody_is_expected() {
    let reserved = Reserved::new();
    let port = reserved.port;
    let (mut doors, now) = (Doors::default(), Instant::now());
    doors.update(&wanted(port, &[guest(1, None, ttl(64, None))]), &Links::new(), now);
    assert_eq!(doors.fault(&door(port)), None);
    let _stream = knock(port);
    let (its, stream, remote) = doors.accept().await.unwrap();
    assert_eq!((its, remote.ip()), (door(port), Ipv4Addr::LOCALHOST.into()));
    doors.refuse(stream, remote.ip(), TurnedAway::Stranger);
    assert_eq!(doors.turned_away().get(&TurnedAway::Stranger), Some(&1));
    doors.update(&BTreeMap::new(), &Links::new(), now);
    let refused = knock(port);
    refused.writable().await.unwrap();
    assert_eq!(refused.take_error().unwrap().map(|error| error.kind()), Some(io::ErrorKind::ConnectionRefused));
}

#[tokio::test]
async fn a_door_that_somebody_else_holds_is_named_and_tried_again() {
    let reserved = Reserved::new();
    let port = reserved.port;
    let held = std::net::TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).unwrap();
    let (mut doors, now) = (Doors::default(), Instant::now());
    let guests = wanted(port, &[guest(1, None, ttl(64, None))]);
    doors.update(&guests, &Links::new(), now);
    assert!(doors.fault(&door(port)).unwrap().contains("another program"));
    drop(held);
    doors.update(&guests, &Links::new(), now);
    assert!(doors.fault(&door(port)).is_some(), "it is not tried all the time");
    assert_eq!(doors.retry(), Some(now + RETRY));
    doors.update(&guests, &Links::new(), now + RETRY);
    assert_eq!((doors.fault(&door(port)), doors.retry()), (None, None));
}

#[tokio::test]
async fn a_new_password_replaces_the_socket_at_once() {
    let reserved = Reserved::new();
    let port = reserved.port;
    let (mut doors, now) = (Doors::default(), Instant::now());
    let loopback =
        |key| Guest { sources: IpNet::from(IpAddr::from(Ipv4Addr::LOCALHOST)), ..guest(1, key, ttl(64, None)) };
    doors.update(&wanted(port, &[loopback(Some("one"))]), &Links::new(), now);
    doors.update(&wanted(port, &[loopback(Some("two"))]), &Links::new(), now);
    let key = Md5Key::new(b"two").unwrap();
    let remote = (Ipv4Addr::LOCALHOST, port).into();
    let dialed =
        Dial { remote, source: None, device: None, key: Some(&key), ttl: 64, minimum_ttl: None, patience: None };
    let _stream = dial(&dialed).unwrap();
    assert!(tokio::time::timeout(Duration::from_secs(10), doors.accept()).await.unwrap().is_some());
}

#[tokio::test]
async fn a_device_that_was_made_anew_replaces_the_socket() {
    let reserved = Reserved::new();
    let port = reserved.port;
    let links = |index| Links::from([(LinkIndex(index), Link { name: "lo".to_owned(), ..Link::default() })]);
    let door = Door { device: Some("lo".to_owned()), ..door(port) };
    let wanted = [(door.clone(), vec![guest(1, None, ttl(64, None))])].into();
    let (mut doors, now) = (Doors::default(), Instant::now());
    doors.update(&wanted, &links(1), now);
    let kept = knock(port);
    kept.writable().await.unwrap();
    doors.update(&wanted, &links(1), now);
    assert!(doors.accept().await.is_some(), "the same device keeps it");
    let lost = knock(port);
    lost.writable().await.unwrap();
    doors.update(&wanted, &links(2), now);
    tokio::time::timeout(Duration::from_secs(10), lost.readable()).await.expect("the socket is closed").unwrap();
    assert_eq!(lost.try_read(&mut [0]).unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    assert_eq!(doors.fault(&door), None);
}
