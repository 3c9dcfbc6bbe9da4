use std::num::NonZeroU8;

use super::*;
use crate::{Diag, Micros, State};

const ROUTER: &str = "192.0.2.1";
const US: &str = "192.0.2.2";

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn endpoint(neighbor: &str) -> Endpoint {
    Endpoint { hops: Hops::Single, neighbor: ip(neighbor), local: None, link: None, vrf: None }
}

fn arrival(source: &str) -> Arrival {
    Arrival { hops: Hops::Single, source: ip(source), destination: ip(US), link: LinkIndex(2), device: None }
}

fn packet(your_discriminator: Option<Discriminator>) -> [u8; ControlPacket::LENGTH] {
    ControlPacket {
        diag: Diag::None,
        state: State::Down,
        poll: false,
        final_: false,
        control_plane_independent: false,
        demand: false,
        detect_multiplier: NonZeroU8::new(3).unwrap(),
        my_discriminator: Discriminator::new(77).unwrap(),
        your_discriminator,
        desired_min_tx: Micros::ONE_SECOND,
        required_min_rx: Micros::ONE_SECOND,
        required_min_echo_rx: Micros::ZERO,
    }
    .encode()
}

fn routed(demux: &mut Demux, arrival: &Arrival, named: Option<Discriminator>) -> Option<Discriminator> {
    demux.route(arrival, &packet(named)).map(|(discriminator, _)| discriminator)
}

#[test]
fn a_packet_that_names_us_is_found_by_discriminator() {
    let mut demux = Demux::new(1);
    let a = demux.insert(Endpoint { link: Some(LinkIndex(2)), ..endpoint(ROUTER) }).unwrap();
    let b = demux.insert(Endpoint { local: Some(ip(US)), ..endpoint(ROUTER) }).unwrap();
    assert_eq!(routed(&mut demux, &arrival(ROUTER), Some(a)), Some(a));
    assert_eq!(routed(&mut demux, &arrival(ROUTER), Some(b)), Some(b));
}

#[test]
fn a_packet_that_names_nobody_is_found_by_its_ends() {
    let mut demux = Demux::new(1);
    let near = demux.insert(endpoint(ROUTER)).unwrap();
    let far = demux.insert(Endpoint { hops: Hops::Multi, ..endpoint(ROUTER) }).unwrap();
    let other = demux.insert(endpoint("192.0.2.9")).unwrap();
    assert_eq!(routed(&mut demux, &arrival(ROUTER), None), Some(near));
    assert_eq!(routed(&mut demux, &Arrival { hops: Hops::Multi, ..arrival(ROUTER) }, None), Some(far));
    assert_eq!(routed(&mut demux, &arrival("192.0.2.9"), None), Some(other));
}

#[test]
fn the_same_link_local_neighbour_on_two_links_is_two_sessions() {
    let mut demux = Demux::new(1);
    let on = |link| Endpoint { link: Some(LinkIndex(link)), ..endpoint("fe80::1") };
    let (first, second) = (demux.insert(on(2)).unwrap(), demux.insert(on(3)).unwrap());
    let from = |link| Arrival { link: LinkIndex(link), destination: ip("fe80::2"), ..arrival("fe80::1") };
    assert_eq!(routed(&mut demux, &from(2), None), Some(first));
    assert_eq!(routed(&mut demux, &from(3), None), Some(second));
    assert_eq!(routed(&mut demux, &from(4), None), None);
}

#[test]
fn multihop_sessions_to_two_of_our_addresses_are_told_apart() {
    let mut demux = Demux::new(1);
    let to = |local| Endpoint { hops: Hops::Multi, local: Some(ip(local)), ..endpoint(ROUTER) };
    let (first, second) = (demux.insert(to("10.0.0.1")).unwrap(), demux.insert(to("10.0.0.2")).unwrap());
    let at = |local| Arrival { hops: Hops::Multi, destination: ip(local), ..arrival(ROUTER) };
    assert_eq!(routed(&mut demux, &at("10.0.0.1"), None), Some(first));
    assert_eq!(routed(&mut demux, &at("10.0.0.2"), None), Some(second));
}

#[test]
fn the_session_that_says_most_about_its_ends_wins() {
    let mut demux = Demux::new(1);
    let any = demux.insert(endpoint(ROUTER)).unwrap();
    let exact = demux.insert(Endpoint { local: Some(ip(US)), ..endpoint(ROUTER) }).unwrap();
    assert_eq!(routed(&mut demux, &arrival(ROUTER), None), Some(exact));
    let elsewhere = Arrival { destination: ip("192.0.2.3"), ..arrival(ROUTER) };
    assert_eq!(routed(&mut demux, &elsewhere, None), Some(any));
}

#[test]
fn the_same_ends_twice_are_refused() {
    let mut demux = Demux::new(1);
    let owner = demux.insert(endpoint(ROUTER)).unwrap();
    let refused = demux.insert(endpoint(ROUTER)).unwrap_err();
    assert_eq!(refused, EndpointTaken { endpoint: endpoint(ROUTER), owner });
    assert_eq!(
        refused.to_string(),
        "neighbour 192.0.2.1 has a BFD session already; share it, or give each its own local address"
    );
}

#[test]
fn discards_an_unknown_discriminator() {
    let mut demux = Demux::new(1);
    demux.insert(endpoint(ROUTER)).unwrap();
    let stranger = Discriminator::new(5).unwrap();
    assert_eq!(routed(&mut demux, &arrival(ROUTER), Some(stranger)), None);
    assert_eq!(demux.discards().last(), Some(Discard::UnknownDiscriminator(stranger)));
}

#[test]
fn discards_our_discriminator_from_another_source() {
    let mut demux = Demux::new(1);
    let ours = demux.insert(endpoint(ROUTER)).unwrap();
    assert_eq!(routed(&mut demux, &arrival("198.51.100.1"), Some(ours)), None);
    let expected = Discard::WrongSource { discriminator: ours, source_address: ip("198.51.100.1") };
    assert_eq!(demux.discards().last(), Some(expected));
}

#[test]
fn discards_a_neighbour_that_is_not_configured() {
    let mut demux = Demux::new(1);
    assert_eq!(routed(&mut demux, &arrival(ROUTER), None), None);
    assert_eq!(demux.discards().last(), Some(Discard::UnknownNeighbor { source_address: ip(ROUTER) }));
}

#[test]
fn counts_discards_by_reason() {
    let mut demux = Demux::new(1);
    demux.route(&arrival(ROUTER), &[0; 3]);
    demux.route(&arrival(ROUTER), &[0; 4]);
    demux.route(&arrival(ROUTER), &packet(None));
    assert_eq!(demux.discards().iter().collect::<Vec<_>>(), [("truncated", 2), ("unknown_neighbor", 1)]);
}

#[test]
fn a_removed_session_receives_nothing_and_its_ends_are_free() {
    let mut demux = Demux::new(1);
    let gone = demux.insert(endpoint(ROUTER)).unwrap();
    demux.remove(gone);
    demux.remove(gone);
    assert_eq!(routed(&mut demux, &arrival(ROUTER), Some(gone)), None);
    assert_eq!(routed(&mut demux, &arrival(ROUTER), None), None);
    assert!(demux.insert(endpoint(ROUTER)).is_ok());
}

#[test]
fn an_echo_is_found_by_its_discriminator_and_others_are_left_alone() {
    let mut demux = Demux::new(1);
    let ours = demux.insert(endpoint(ROUTER)).unwrap();
    let echo = EchoPacket { discriminator: ours, sequence: 1, nonce: 2 };
    assert_eq!(demux.route_echo(&echo.encode()), Some((ours, echo)));
    let foreign = EchoPacket { discriminator: Discriminator::new(5).unwrap(), ..echo };
    assert_eq!(demux.route_echo(&foreign.encode()), None);
    assert_eq!(demux.route_echo(b"something else on port 3785"), None);
    assert_eq!(demux.discards().iter().count(), 0);
}

#[test]
fn the_same_router_address_is_another_neighbor_in_each_vrf() {
    let mut demux = Demux::new(1);
    let within = |vrf| Endpoint { vrf: Some(LinkIndex(vrf)), ..endpoint(ROUTER) };
    let outside = demux.insert(endpoint(ROUTER)).unwrap();
    let (red, blue) = (demux.insert(within(10)).unwrap(), demux.insert(within(20)).unwrap());
    let by = |device| Arrival { device, ..arrival(ROUTER) };
    assert_eq!(routed(&mut demux, &by(None), None), Some(outside));
    assert_eq!(routed(&mut demux, &by(Some(LinkIndex(2))), None), Some(outside), "a link is no VRF");
    assert_eq!(routed(&mut demux, &by(Some(LinkIndex(10))), None), Some(red));
    assert_eq!(routed(&mut demux, &by(Some(LinkIndex(20))), None), Some(blue));
    assert_eq!(routed(&mut demux, &by(Some(LinkIndex(2))), Some(blue)), Some(blue));
}
