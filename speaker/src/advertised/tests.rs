use std::sync::Arc;

use announce::{BgpVerdict, L2Verdict, Mine, NotAnnounced, Verdict};

use super::fixtures::peer;
use super::*;
use crate::drivers::observed::SessionObserved;

const ONE: &str = "192.0.2.1";
const TWO: &str = "192.0.2.2";

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn web() -> ServiceId {
    ServiceId::new("shop", "web")
}

/// A plan by which both peers are told of `web`, but for its addresses in `refused`.
fn desired(refused: &[&str]) -> Desired {
    let why = NotAnnounced::UnknownService { service: web() };
    let bgp = BgpVerdict {
        mine: Mine::Eligible,
        peers: Arc::new(["a", "b"].map(PeerName::from).into()),
        refused: refused.iter().map(|address| (ip(address), why.clone())).collect(),
    };
    let l2 = L2Verdict { mine: Err(why), refused: Vec::new() };
    Desired { services: [(web(), Verdict { l2, bgp }.into())].into(), ..Desired::default() }
}

/// Returns which peers were told of each address of `web`.
fn told(refused: &[&str], peers: &[PeerObserved]) -> Vec<(String, Vec<String>)> {
    let addresses = [ip(ONE), ip(TWO)];
    let services = [(&web(), &addresses[..])];
    let told = advertised(&desired(refused), services, peers).remove(&web()).unwrap_or_default();
    let text =
        |(ip, peers): (IpAddr, BTreeSet<PeerName>)| (ip.to_string(), peers.iter().map(ToString::to_string).collect());
    told.into_iter().map(text).collect()
}

fn row(address: &str, peers: &[&str]) -> (String, Vec<String>) {
    (address.to_owned(), peers.iter().map(|peer| (*peer).to_owned()).collect())
}

#[test]
fn a_route_counts_once_it_was_sent_in_a_session_that_is_up() {
    let both = &["192.0.2.1/32", "192.0.2.2/32"];
    let up = bgp::State::Established;
    let peers = [peer("a", up, both, &["192.0.2.2/32"]), peer("b", bgp::State::OpenConfirm, both, &[])];
    assert_eq!(told(&[], &peers), [row(ONE, &["a"])]);
    assert_eq!(
        told(&[], &[peer("a", up, both, &[]), peer("b", up, both, &[])]),
        [row(ONE, &["a", "b"]), row(TWO, &["a", "b"])]
    );
}

#[test]
fn a_route_that_the_session_was_not_told_of_yet_does_not_count() {
    assert_eq!(told(&[], &[peer("a", bgp::State::Established, &[], &[])]), []);
}

#[test]
fn a_wider_route_counts_for_the_addresses_that_are_announced_by_it() {
    let wide = [peer("a", bgp::State::Established, &["192.0.2.0/24"], &[])];
    assert_eq!(told(&[], &wide), [row(ONE, &["a"]), row(TWO, &["a"])]);
    assert_eq!(told(&[TWO], &wide), [row(ONE, &["a"])], "another Service's route is none of this one's");
}

#[test]
fn a_peer_that_the_plan_has_nothing_for_does_not_count() {
    assert_eq!(told(&[], &[peer("c", bgp::State::Established, &["192.0.2.0/24"], &[])]), []);
}

#[test]
fn a_session_is_heard_anew_when_it_goes_up_sends_a_route_or_gets_another_table() {
    let routes = &["192.0.2.1/32"];
    let up = peer("a", bgp::State::Established, routes, &[]);
    let before = Heard::of(std::slice::from_ref(&up));
    assert_eq!(before, Heard::of(std::slice::from_ref(&up)));
    for other in [
        peer("a", bgp::State::Active, routes, &[]),
        peer("a", bgp::State::Established, routes, &[]),
        PeerObserved {
            session: up
                .session
                .clone()
                .map(|session| SessionObserved { unsent: [prefix(routes[0])].into(), ..session }),
            ..up.clone()
        },
    ] {
        assert_ne!(before, Heard::of(&[other]));
    }
}

fn prefix(text: &str) -> bgp::Prefix {
    text.parse().unwrap()
}
