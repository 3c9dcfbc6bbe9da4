use super::*;

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn one_client_cannot_take_every_place() {
    let connections = Connections::default();
    let greedy: Vec<_> = (0..100).filter_map(|_| connections.admit(address("192.0.2.1")).ok()).collect();
    assert_eq!(greedy.len(), OF_ONE);
    assert_eq!(connections.admit(address("192.0.2.1")).unwrap_err(), Drop::ClientLimit);
    assert!(connections.admit(address("192.0.2.2")).is_ok());
}

#[test]
fn many_clients_together_get_no_more_than_the_limit_and_this_machine_still_gets_in() {
    let connections = Connections::default();
    let hosts = (0..200u32).map(|host| IpAddr::from((0xC000_0200 + host).to_be_bytes()));
    let taken: Vec<_> = hosts.filter_map(|host| connections.admit(host).ok()).collect();
    assert_eq!(taken.len(), IN_ALL);
    assert_eq!(connections.admit(address("198.51.100.1")).unwrap_err(), Drop::Limit);
    assert!(connections.admit(address("127.0.0.1")).is_ok());
    assert!(connections.admit(address("::ffff:127.0.0.1")).is_ok());
}

#[test]
fn a_place_is_free_again_when_its_connection_ends() {
    let connections = Connections::default();
    for _ in 0..1_000 {
        drop(connections.admit(address("192.0.2.1")).unwrap());
    }
    assert!(connections.0.lock().unwrap().is_empty(), "nothing is remembered of clients that are gone");
}

#[test]
fn the_addresses_of_one_ipv6_subnet_are_one_client_and_a_mapped_address_is_its_ipv4_client() {
    let connections = Connections::default();
    let subnet = (0..100u128).map(|host| IpAddr::from(Ipv6Addr::from_bits((0x2001_0db8 << 96) + host)));
    let taken: Vec<_> = subnet.filter_map(|host| connections.admit(host).ok()).collect();
    assert_eq!(taken.len(), OF_ONE);
    let plain: Vec<_> = (0..OF_ONE).map(|_| connections.admit(address("192.0.2.1")).unwrap()).collect();
    assert_eq!(connections.admit(address("::ffff:192.0.2.1")).unwrap_err(), Drop::ClientLimit);
    drop(plain);
}

#[test]
fn every_reason_is_a_series_from_the_start() {
    let (registry, drops) = (Registry::new(), Drops::default());
    drops.count(Drop::ClientLimit);
    drops.collect(&registry).unwrap();
    let text = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
    for line in [r#"{reason="limit"} 0"#, r#"{reason="client_limit"} 1"#, r#"{reason="timeout"} 0"#] {
        assert!(text.contains(line), "{text}");
    }
}
