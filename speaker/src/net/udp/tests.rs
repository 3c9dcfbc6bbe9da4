use super::*;
use crate::net::links::LinkIndex;

/// Receives one datagram, waiting for it.
async fn next(receiver: &Receiver, buffer: &mut [u8]) -> Datagram {
    loop {
        std::future::poll_fn(|context| receiver.poll_readable(context)).await;
        if let Some(datagram) = receiver.receive(buffer).unwrap() {
            return datagram;
        }
    }
}

#[tokio::test]
async fn a_datagram_arrives_with_its_ttl_and_link_over_both_families() {
    for loopback in [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)] {
        let receiver = Receiver::open(loopback.is_ipv4(), 0, None, false).unwrap();
        let port = receiver.socket.local_addr().unwrap().port();
        let sender = Sender::open(loopback, Some(loopback), None, 50_000..60_000).unwrap();
        sender.send(SocketAddr::new(loopback, port), b"hello").unwrap();
        let mut buffer = [0; 64];
        let datagram = next(&receiver, &mut buffer).await;
        let expected = Datagram { length: 5, source: loopback, destination: loopback, link: LinkIndex(1), ttl: 255 };
        assert_eq!(datagram, expected);
        assert_eq!(receiver.receive(&mut buffer).unwrap(), None);
    }
}

#[tokio::test]
async fn a_port_that_is_taken_is_passed_over() {
    let loopback = IpAddr::from(Ipv4Addr::LOCALHOST);
    let first = Sender::open(loopback, Some(loopback), None, 50_000..60_000).unwrap();
    let taken = first.socket.local_addr().unwrap().as_socket().unwrap().port();
    let second = Sender::open(loopback, Some(loopback), None, [taken, 0].into_iter()).unwrap();
    assert_ne!(second.socket.local_addr().unwrap().as_socket().unwrap().port(), taken);
    let error = Sender::open(loopback, Some(loopback), None, [taken].into_iter()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
}

#[tokio::test]
async fn a_port_is_open_for_a_device_beside_all_others_and_closed_to_another_process() {
    for loopback in [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)] {
        let ipv4 = loopback.is_ipv4();
        let everywhere = Receiver::open(ipv4, 0, None, false).unwrap();
        let port = everywhere.socket.local_addr().unwrap().port();
        for device in [None, Some("lo")] {
            let error = Receiver::open(ipv4, port, device, false).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AddrInUse, "{device:?}");
        }
        let on_device = Receiver::open(ipv4, port, Some("lo"), true).unwrap();
        let sender = Sender::open(loopback, Some(loopback), None, 50_000..60_000).unwrap();
        sender.send(SocketAddr::new(loopback, port), b"hello").unwrap();
        let mut buffer = [0; 64];
        assert_eq!(next(&on_device, &mut buffer).await.length, 5);
        assert_eq!(everywhere.receive(&mut buffer).unwrap(), None);
    }
}
