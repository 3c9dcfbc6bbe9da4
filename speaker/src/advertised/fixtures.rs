//! Peers as sessions describe them.

use std::sync::Arc;

use crate::drivers::observed::{PeerObserved, SessionObserved};

/// A peer that shall have `routes` and has not been told of `unsent`.
pub(crate) fn peer(name: &str, state: bgp::State, routes: &[&str], unsent: &[&str]) -> PeerObserved {
    let config = bgp::Config::new(
        bgp::Asn::new(64512).unwrap(),
        bgp::RemoteAs::External,
        bgp::RouterId::new("192.0.2.9".parse().unwrap()).unwrap(),
    );
    let prefix = |text: &&str| text.parse::<bgp::Prefix>().unwrap();
    let session = SessionObserved {
        remote: "192.0.2.3:179".parse().unwrap(),
        device: None,
        local: None,
        status: bgp::Status { state, ..bgp::Peer::new(config, 1).status() },
        stats: bgp::Stats::default(),
        last_error: None,
        synced: unsent.is_empty(),
        filtered: 0,
        routes: Arc::new(routes.iter().map(|route| (prefix(route), Arc::default())).collect()),
        unsent: unsent.iter().map(prefix).collect(),
    };
    PeerObserved {
        name: name.into(),
        router: "192.0.2.3:179".to_owned(),
        vrf: String::new(),
        fault: None,
        session: Some(session),
        path: None,
    }
}
