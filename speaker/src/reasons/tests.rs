use std::sync::Arc;

use announce::{BgpVerdict, DrainTrigger, L2Verdict, Protocol, ServiceId};

use super::*;

fn service() -> ServiceId {
    ServiceId::new("default", "web")
}

fn other(protocol: Protocol) -> NotAnnounced {
    NotAnnounced::OtherProtocol { service: service(), vip: [192, 0, 2, 1].into(), pool: "lan".into(), protocol }
}

fn excluded(why: Exclusion) -> NotAnnounced {
    NotAnnounced::Excluded { node: "n1".into(), why }
}

fn word(l2: Result<(), NotAnnounced>, bgp: Mine) -> Option<AnnouncedReason> {
    let l2 = L2Verdict { mine: l2, refused: Vec::new() };
    let bgp = BgpVerdict { mine: bgp, peers: Arc::default(), refused: Vec::new() };
    announced_reason(&Verdict { l2, bgp })
}

#[test]
fn a_service_is_announced_if_either_protocol_announces_it() {
    let drain = || Mine::Draining(DrainTrigger::Cordoned);
    let no_peer = || Mine::Ineligible(other(Protocol::Bgp));
    assert_eq!(word(Ok(()), no_peer()), Some(AnnouncedReason::Announced));
    assert_eq!(word(Err(other(Protocol::L2)), Mine::Eligible), Some(AnnouncedReason::Announced));
    assert_eq!(word(Ok(()), drain()), Some(AnnouncedReason::Announced));
    assert_eq!(word(Err(other(Protocol::L2)), drain()), Some(AnnouncedReason::NodeDraining));
}

#[test]
fn the_protocol_that_the_pool_is_advertised_by_gives_the_word() {
    let by_bgp = Mine::Ineligible(excluded(Exclusion::ExcludeLabel));
    assert_eq!(word(Err(other(Protocol::L2)), by_bgp), Some(AnnouncedReason::NodeExcluded));
    let by_l2 = excluded(Exclusion::NoLocalEndpoint);
    assert_eq!(word(Err(by_l2), Mine::Ineligible(other(Protocol::Bgp))), Some(AnnouncedReason::NoLocalEndpoints));
}

#[test]
fn a_service_that_is_not_ours_has_no_word() {
    let why = NotAnnounced::NotLoadBalancer { service: service() };
    assert_eq!(word(Err(why.clone()), Mine::Ineligible(why)), None);
}

#[test]
fn the_words_of_conditions_say_what_the_tokens_of_metrics_say() {
    let service = service();
    for (why, reason) in [
        (NotAnnounced::NoAddress { service: service.clone() }, "NoAddress"),
        (NotAnnounced::NoEndpoints { service: service.clone() }, "NoEndpoints"),
        (NotAnnounced::NoLocalEndpoints { service: service.clone() }, "NoLocalEndpoints"),
        (NotAnnounced::NoInterface { node: "n1".into() }, "NoInterface"),
        (excluded(Exclusion::NoLocalEndpoint), "NoLocalEndpoints"),
        (excluded(Exclusion::NotSelected(Protocol::Bgp)), "NoMatchingAdvertisement"),
    ] {
        let token = why.reason();
        let word = reason_of(&why).unwrap().as_str();
        assert_eq!(word, reason);
        assert_eq!(word.to_lowercase(), token.to_lowercase());
    }
}
