use std::sync::Arc;

use announce::{BgpVerdict, L2Verdict, Protocol, ServiceId};

use super::*;
use crate::advertised::fixtures::peer;

fn service() -> ServiceId {
    ServiceId::new("shop", "web")
}

fn ip() -> IpAddr {
    "192.0.2.1".parse().unwrap()
}

fn other_protocol(protocol: Protocol) -> NotAnnounced {
    NotAnnounced::OtherProtocol { service: service(), vip: ip(), pool: "lan".into(), protocol }
}

/// A Service that routers are to be told of, and nobody answers for.
fn routed() -> Verdict {
    Verdict {
        l2: L2Verdict { mine: Err(other_protocol(Protocol::L2)), refused: Vec::new() },
        bgp: BgpVerdict { mine: Mine::Eligible, peers: Arc::new([PeerName::from("tor")].into()), refused: Vec::new() },
    }
}

/// A Service that is answered for.
fn on_links() -> Verdict {
    Verdict {
        l2: L2Verdict { mine: Ok(()), refused: Vec::new() },
        bgp: BgpVerdict {
            mine: Mine::Ineligible(other_protocol(Protocol::Bgp)),
            peers: Arc::default(),
            refused: Vec::new(),
        },
    }
}

/// A Service that neither protocol may announce.
fn refused(why: &NotAnnounced) -> Verdict {
    Verdict {
        l2: L2Verdict { mine: Err(why.clone()), refused: Vec::new() },
        bgp: BgpVerdict { mine: Mine::Ineligible(why.clone()), peers: Arc::default(), refused: Vec::new() },
    }
}

fn reason(verdict: &Verdict, peers: &[PeerObserved], is_advertised: bool) -> Option<&'static str> {
    unannounced(verdict, &[ip()], &[], peers, is_advertised).map(|why| why.reason())
}

#[test]
fn a_service_that_is_not_ours_or_has_no_ip_has_no_reason() {
    for why in [
        NotAnnounced::UnknownService { service: service() },
        NotAnnounced::NotLoadBalancer { service: service() },
        NotAnnounced::OtherClass { service: service(), class: Some("other".to_owned()) },
        NotAnnounced::NoAddress { service: service() },
    ] {
        assert_eq!(reason(&refused(&why), &[], false), None, "{why}");
    }
}

#[test]
fn a_service_of_ours_with_an_ip_has_the_reason_of_the_plan() {
    for why in [
        NotAnnounced::NoEndpoints { service: service() },
        NotAnnounced::NotInPool { service: service(), vip: ip() },
        NotAnnounced::UnknownNode { node: "n1".into() },
    ] {
        assert_eq!(reason(&refused(&why), &[], false), Some(why.reason()));
    }
}

#[test]
fn a_service_for_routers_alone_has_a_reason_while_no_session_is_up() {
    let (routes, verdict) = (&["192.0.2.1/32"], routed());
    let mut down = peer("tor", bgp::State::Active, routes, routes);
    let stranger = peer("stranger", bgp::State::Established, routes, &[]);
    let peers = [down.clone(), stranger.clone()];
    assert_eq!(reason(&verdict, &peers, false), Some("noSession"));
    assert_eq!(reason(&verdict, &[], false), Some("noSession"), "the session has not been tried yet");
    if let Some(session) = &mut down.session {
        session.last_error = Some("connection refused".to_owned());
    }
    let peers = [down, stranger];
    let why = unannounced(&verdict, &[ip()], &[], &peers, false).unwrap();
    assert_eq!(why.to_string(), "no BGP session is up with tor: connection refused");
    assert_eq!(reason(&verdict, &[peer("tor", bgp::State::Established, routes, &[])], true), None);
    let on_its_way = [peer("tor", bgp::State::Established, routes, routes)];
    assert_eq!(reason(&verdict, &on_its_way, false), None);
}

#[test]
fn a_service_for_links_has_a_reason_while_nobody_answers_for_it() {
    assert_eq!(reason(&on_links(), &[], false), Some("noOwner"));
    assert_eq!(reason(&on_links(), &[], true), None, "a router was told");
}
