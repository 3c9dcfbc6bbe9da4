use std::collections::BTreeSet;

use prometheus::TextEncoder;

use super::*;
use crate::advertised::fixtures::peer;
use crate::drivers::observed::PathObserved;

/// Returns the samples of a scrape, name and labels as they are written.
fn scrape(peers: &[PeerObserved]) -> BTreeSet<String> {
    let registry = Registry::new();
    let turned_away = [(TurnedAway::Full, 3)].into();
    collect(&registry, &RoutingObserved { peers: peers.to_vec(), turned_away }).unwrap();
    let text = TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
    text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

/// Two routers, one of which has two of its three routes and is watched by BFD; the other cannot be reached.
fn peers() -> [PeerObserved; 2] {
    let routes = &["192.0.2.1/32", "192.0.2.2/32", "192.0.2.3/32"];
    let mut up = peer("tor-a", bgp::State::Established, routes, &["192.0.2.3/32"]);
    if let Some(session) = &mut up.session {
        (session.status.announced, session.status.backlog) = (2, 1);
        (session.stats.opens_sent, session.stats.updates_sent, session.stats.keepalives_sent) = (1, 2, 4);
    }
    up.path = Some(PathObserved {
        endpoint: bfd::Endpoint {
            hops: bfd::Hops::Single,
            neighbor: "192.0.2.3".parse().unwrap(),
            local: None,
            link: None,
            vrf: None,
        },
        state: bfd::State::Up,
        diagnostic: bfd::Diag::None,
        up_for: None,
        transmit_interval: Some(Duration::from_millis(150)),
        detection_time: Some(Duration::from_millis(1250)),
        echo: false,
        stats: bfd::Stats { session_up_events: 2, session_down_events: 1, ..bfd::Stats::default() },
        fault: None,
    });
    let mut down = peer("tor-b", bgp::State::Active, routes, routes);
    (down.router, down.vrf) = ("[2001:db8::1]:1790".to_owned(), "red".to_owned());
    [up, down]
}

#[test]
fn sessions_have_the_names_and_labels_of_metallb_in_each_of_its_modes() {
    let samples = scrape(&peers());
    for sample in [
        "metallb_bgp_session_up{peer=\"192.0.2.3:179\",vrf=\"default\"} 1",
        "metallb_bgp_session_up{peer=\"2001:db8::1:1790\",vrf=\"red\"} 0",
        "metallb_bgp_announced_prefixes_total{peer=\"192.0.2.3:179\",vrf=\"default\"} 2",
        "metallb_bgp_pending_prefixes_total{peer=\"192.0.2.3:179\",vrf=\"default\"} 1",
        "metallb_bgp_updates_total{peer=\"192.0.2.3:179\",vrf=\"default\"} 2",
        "metallb_bgp_total_sent{peer=\"192.0.2.3:179\",vrf=\"default\"} 7",
        "metallb_bfd_session_up{peer=\"192.0.2.3\",vrf=\"default\"} 1",
        "metallb_bfd_session_down_events{peer=\"192.0.2.3\",vrf=\"default\"} 1",
        "clarion_bfd_transmit_interval_seconds{peer=\"192.0.2.3\",vrf=\"default\"} 0.15",
        "clarion_bfd_detection_time_seconds{peer=\"192.0.2.3\",vrf=\"default\"} 1.25",
        "frrk8s_bgp_session_up{peer=\"192.0.2.3\",vrf=\"default\"} 1",
        "frrk8s_bgp_session_up{peer=\"2001:db8::1\",vrf=\"red\"} 0",
        "frrk8s_bgp_received_prefixes_total{peer=\"192.0.2.3\",vrf=\"default\"} 0",
        "frrk8s_bgp_total_sent{peer=\"192.0.2.3\",vrf=\"default\"} 7",
        "frrk8s_bfd_session_up_events{peer=\"192.0.2.3\",vrf=\"default\"} 2",
    ] {
        assert!(samples.contains(sample), "{sample} is missing in {samples:#?}");
    }
    assert!(!samples.iter().any(|sample| sample.starts_with("frrk8s_") && sample.contains("connects")));
}

#[test]
fn a_router_that_is_not_watched_has_no_series_of_bfd() {
    let samples = scrape(&peers());
    assert!(!samples.iter().any(|sample| sample.contains("_bfd_") && sample.contains("2001:db8::1")), "{samples:#?}");
}

#[test]
fn nothing_stays_of_a_peer_that_is_gone() {
    let [up, down] = peers();
    assert!(scrape(&[up.clone(), down]).iter().any(|sample| sample.contains("vrf=\"red\"")));
    let samples = scrape(&[up]);
    assert!(!samples.is_empty() && !samples.iter().any(|sample| sample.contains("vrf=\"red\"")), "{samples:#?}");
    assert!(scrape(&[]).iter().all(|sample| sample.contains("connections_refused")));
}

#[test]
fn connections_that_were_turned_away_are_counted_by_reason_from_the_start() {
    let samples = scrape(&[]);
    for (reason, count) in [("stranger", 0), ("faulty_peer", 0), ("prefix_limit", 3), ("busy", 0)] {
        let sample = format!("clarion_bgp_connections_refused_total{{reason=\"{reason}\"}} {count}");
        assert!(samples.contains(&sample), "{sample} is missing in {samples:#?}");
    }
}

#[test]
fn peers_without_an_address_are_told_apart_by_name() {
    let nowhere =
        |name| PeerObserved { router: String::new(), session: None, ..peer(name, bgp::State::Idle, &[], &[]) };
    let samples = scrape(&[nowhere("tor-a"), nowhere("tor-b")]);
    for name in ["tor-a", "tor-b"] {
        assert!(
            samples.contains(&format!("metallb_bgp_session_up{{peer=\"{name}\",vrf=\"default\"}} 0")),
            "{samples:#?}"
        );
    }
}
