use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use announce::RouteAttributes;
use bgp::wire;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpSocket;

use super::*;
use crate::drivers::observed::{PeerObserved, RoutingObserved};
use crate::drivers::routing::ports::Reserved;
use crate::drivers::routing::{Config, Routing};
use crate::net::links::Link;
use crate::peers::{PeerFault, PeerRefused, RouterId};

/// Generous, for a machine with other things to do.
const SOON: Duration = Duration::from_secs(30);

const HERE: Ipv4Addr = Ipv4Addr::LOCALHOST;

fn prefix(text: &str) -> Router {
    Router::Prefix(text.parse().unwrap())
}

fn address(text: &str) -> Router {
    Router::Address(text.parse().unwrap())
}

fn peer(router: Router, listen: Option<u16>, limit: usize) -> PeerDesired {
    let id = RouterId::new(Ipv4Addr::new(192, 0, 2, 11)).unwrap();
    let mut config = bgp::Config::new(bgp::Asn::new(65001).unwrap(), bgp::RemoteAs::External, id);
    config.connecting = bgp::Connecting::Listen;
    // A router that is known by its prefix alone is forgotten after the longest rest.
    config.retry = bgp::Retry { shortest: Duration::from_millis(10), longest: Duration::from_millis(100) };
    PeerDesired { config, router, port: 179, listen, limit, source: None, vrf: None, key: None, bfd: None }
}

fn without_password(router: Router) -> PeerRefused {
    let (peer, secret) = (PeerName::from("guarded"), "router".to_owned());
    PeerRefused { router, vrf: None, fault: PeerFault::SecretKey { peer, secret } }
}

fn desired<const N: usize>(peers: [(&str, Result<PeerDesired, PeerRefused>); N]) -> Desired {
    let named = peers.map(|(name, peer)| (PeerName::from(name), peer.map(Arc::new)));
    Desired { peers: named.into(), ready: true, ..Desired::default() }
}

fn closest_to(desired: &Desired, device: Option<&str>, remote: &str) -> Vec<String> {
    closest(desired, device, remote.parse().unwrap()).into_iter().map(ToString::to_string).collect()
}

#[test]
fn the_peer_that_names_a_router_goes_before_the_longest_prefix_and_that_before_the_others() {
    let desired = desired([
        ("all", Ok(peer(prefix("192.0.2.0/24"), Some(179), 9))),
        ("half", Ok(peer(prefix("192.0.2.0/25"), Some(179), 9))),
        ("own", Ok(peer(address("192.0.2.1"), None, 1))),
        ("red", Ok(PeerDesired { vrf: Some("red".to_owned()), ..peer(address("192.0.2.2"), None, 1) })),
    ]);
    assert_eq!(closest_to(&desired, None, "192.0.2.1:1"), ["own"], "even where it only connects");
    assert_eq!(closest_to(&desired, None, "192.0.2.2:1"), ["half"]);
    assert_eq!(closest_to(&desired, Some("red"), "192.0.2.2:1"), ["red"], "a VRF has addresses of its own");
    assert_eq!(closest_to(&desired, None, "192.0.2.200:1"), ["all"]);
    assert!(closest_to(&desired, None, "198.51.100.1:1").is_empty());
}

#[test]
fn a_peer_with_a_fault_is_as_close_as_it_would_be_without() {
    let desired = desired([
        ("all", Ok(peer(prefix("192.0.2.0/24"), Some(179), 9))),
        ("half", Err(without_password(prefix("192.0.2.0/25")))),
        ("own", Err(without_password(address("192.0.2.200")))),
    ]);
    assert_eq!(closest_to(&desired, None, "192.0.2.1:1"), ["half"]);
    assert_eq!(closest_to(&desired, None, "192.0.2.200:1"), ["own"]);
}

#[test]
fn the_router_of_an_unnumbered_link_belongs_to_its_peer() {
    let link = Link { name: "eth0".to_owned(), ..Link::default() };
    let desired = Desired {
        links: Arc::new([(LinkIndex(7), link)].into()),
        ..desired([
            ("all", Ok(peer(prefix("fe80::/10"), Some(179), 9))),
            ("own", Ok(peer(Router::Interface("eth0".to_owned()), None, 1))),
        ])
    };
    let on = |index| {
        let remote = std::net::SocketAddrV6::new("fe80::1".parse().unwrap(), 1, 0, index);
        closest(&desired, None, remote.into()).into_iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(on(7), ["own"]);
    assert_eq!(on(8), ["all"]);
}

/// Sessions that wait on a port of this machine.
struct House {
    routing: Routing,
    port: u16,
    _reserved: Reserved,
}

impl House {
    fn build() -> Self {
        let reserved = Reserved::new();
        let config = Config { drain_time: Duration::ZERO, leave_time: Duration::ZERO };
        Self { routing: Routing::start(config).unwrap(), port: reserved.port, _reserved: reserved }
    }

    /// Returns a connection from 127.0.0.`last`, as soon as the port is open.
    ///
    /// It is an error where the reset of one that is turned away comes before the caller has seen that it was open.
    async fn knock(&self, last: u8) -> io::Result<TcpStream> {
        let attempt = async {
            loop {
                let socket = TcpSocket::new_v4().unwrap();
                socket.bind((Ipv4Addr::new(127, 0, 0, last), 0).into()).unwrap();
                match socket.connect((HERE, self.port).into()).await {
                    Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                    knocked => return knocked,
                }
            }
        };
        tokio::time::timeout(SOON, attempt).await.expect("the port opens")
    }

    /// Waits until what is observed passes, and returns it.
    async fn eventually(&self, what: &str, passes: impl Fn(&RoutingObserved) -> bool) -> RoutingObserved {
        let observer = self.routing.observer();
        let wait = async {
            loop {
                let observed = observer.observe_all().await;
                if passes(&observed) {
                    return observed;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(SOON, wait).await.unwrap_or_else(|_| panic!("not within {SOON:?}: {what}"))
    }
}

/// Says what a router says until its session is up.
async fn greet(router: &mut TcpStream) {
    let capabilities = wire::Capabilities {
        families: bgp::Family::ALL.map(Into::into).into(),
        four_octet_as: Some(65002),
        ..wire::Capabilities::default()
    };
    let identifier = Ipv4Addr::new(192, 0, 2, 1).into();
    let open = wire::Open { my_as: 65002, hold_time: 90, identifier, capabilities };
    router.write_all(&[open.encode(), wire::keepalive()].concat()).await.unwrap();
}

fn guests(observed: &RoutingObserved, name: &str) -> Vec<String> {
    let its = |peer: &&PeerObserved| peer.name == PeerName::from(name) && peer.session.is_some();
    observed.peers.iter().filter(its).map(|peer| peer.router.clone()).collect()
}

fn turned_away(observed: &RoutingObserved, why: TurnedAway) -> u64 {
    observed.turned_away.get(&why).copied().unwrap_or_default()
}

#[tokio::test]
async fn a_prefix_lets_in_as_many_routers_as_it_may_and_gives_a_place_back() {
    let house = House::build();
    house.routing.update(desired([("rack", Ok(peer(prefix("127.0.0.0/28"), Some(house.port), 1)))]));
    let first = house.knock(2).await;
    house.eventually("the first has its session", |observed| guests(observed, "rack") == ["127.0.0.2:179"]).await;
    let _second = house.knock(3).await;
    let full = house.eventually("the second is counted", |observed| turned_away(observed, TurnedAway::Full) == 1).await;
    assert_eq!(guests(&full, "rack"), ["127.0.0.2:179"]);
    assert!(full.peers[0].fault.as_deref().unwrap_or_default().contains("127.0.0.3"), "{:?}", full.peers[0].fault);
    let _stranger = house.knock(99).await;
    house.eventually("a stranger is counted", |observed| turned_away(observed, TurnedAway::Stranger) == 1).await;

    drop(first);
    house.eventually("the first is forgotten", |observed| guests(observed, "rack").is_empty()).await;
    let _third = house.knock(3).await;
    house.eventually("its place is free", |observed| guests(observed, "rack") == ["127.0.0.3:179"]).await;
    house.routing.leave().await;
}

#[tokio::test]
async fn nobody_lets_in_the_router_of_a_peer_whose_password_is_missing() {
    let house = House::build();
    house.routing.update(desired([
        ("rack", Ok(peer(prefix("127.0.0.0/28"), Some(house.port), 9))),
        ("own", Err(without_password(address("127.0.0.2")))),
        ("narrow", Err(without_password(prefix("127.0.0.4/30")))),
    ]));
    let _guarded = [house.knock(2).await, house.knock(5).await];
    let faulty = |count| move |observed: &RoutingObserved| turned_away(observed, TurnedAway::Faulty) == count;
    let observed = house.eventually("both are counted", faulty(2)).await;
    assert!(guests(&observed, "rack").is_empty(), "{observed:?}");
    let _other = house.knock(3).await;
    house.eventually("others come in", |observed| guests(observed, "rack") == ["127.0.0.3:179"]).await;
    house.routing.leave().await;
}

#[tokio::test]
async fn a_router_that_came_in_by_a_prefix_leaves_when_it_gets_a_peer_of_its_own() {
    let house = House::build();
    let rack = || ("rack", Ok(peer(prefix("127.0.0.0/28"), Some(house.port), 9)));
    house.routing.update(desired([rack()]));
    let _streams = [house.knock(2).await, house.knock(3).await];
    house.eventually("both come in", |observed| guests(observed, "rack").len() == 2).await;
    house.routing.update(desired([rack(), ("own", Err(without_password(address("127.0.0.2"))))]));
    let observed = house.eventually("one leaves", |observed| guests(observed, "rack").len() == 1).await;
    assert_eq!(guests(&observed, "rack"), ["127.0.0.3:179"], "the other is not concerned");
    let _again = house.knock(2).await;
    house.eventually("it stays out", |observed| turned_away(observed, TurnedAway::Faulty) == 1).await;
    house.routing.leave().await;
}

#[tokio::test]
async fn the_session_of_a_peer_with_a_fault_follows_the_routes_and_leaves_with_the_others() {
    let house = House::build();
    let told = |peer, last| {
        let route = (announce::Prefix::of([198, 51, 100, last].into(), 32), Arc::new(RouteAttributes::default()));
        Desired {
            routes: [(PeerName::from("own"), Arc::new([route].into()))].into(),
            export: vec![announce::Prefix::of([198, 51, 100, 0].into(), 24)],
            ..desired([("own", peer)])
        }
    };
    let knows_only = |last| {
        move |observed: &RoutingObserved| {
            let own = &observed.peers[0];
            let announced = own.session.as_ref().map(|session| session.status.announced);
            own.was_told_of([198, 51, 100, last].into()) && announced == Some(1)
        }
    };
    house.routing.update(told(Ok(peer(address("127.0.0.2"), Some(house.port), 1)), 1));
    let mut router = house.knock(2).await.unwrap();
    greet(&mut router).await;
    house.eventually("the router knows the first route", knows_only(1)).await;
    house.routing.update(told(Err(without_password(address("127.0.0.2"))), 2));
    house.eventually("the other route replaces it", knows_only(2)).await;
    tokio::time::timeout(SOON, house.routing.leave()).await.expect("the session ends");
}

#[tokio::test]
async fn a_session_tells_routes_of_the_other_family_as_soon_as_its_link_has_an_address() {
    let house = House::build();
    let (name, network) = (PeerName::from("own"), announce::Prefix::of("2001:db8::".parse().unwrap(), 64));
    let told = |addresses: &[&str]| {
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        let link = Link { name: "eth0".to_owned(), addresses, ..Link::default() };
        Desired {
            routes: [(name.clone(), Arc::new([(network, Arc::default())].into()))].into(),
            export: vec![network],
            links: Arc::new([(LinkIndex(2), link)].into()),
            ..desired([("own", Ok(peer(address("127.0.0.2"), Some(house.port), 1)))])
        }
    };
    let knows = |observed: &RoutingObserved| observed.peers[0].was_told_of("2001:db8::1".parse().unwrap());
    house.routing.update(told(&["127.0.0.1/8"]));
    let mut router = house.knock(2).await.unwrap();
    greet(&mut router).await;
    let up = house.eventually("the session is up", |observed| observed.peers[0].is_up()).await;
    assert!(!knows(&up), "there is no next hop");
    house.routing.update(told(&["127.0.0.1/8", "2001:db8:1::b/64"]));
    house.eventually("the router knows the route", knows).await;
    house.routing.leave().await;
}
