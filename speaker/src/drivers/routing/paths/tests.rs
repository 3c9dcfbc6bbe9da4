use std::net::Ipv4Addr;
use std::time::Duration;

use crds::checked::{BfdProfile, Router};

use super::*;
use crate::net::links::Link;
use crate::peers::RouterId;

const ROUTER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// Returns the path to the router of a peer in a VRF, on a node whose VRFs are red and blue.
fn path_in(vrf: Option<&str>) -> Option<bfd::Endpoint> {
    let id = RouterId::new(Ipv4Addr::new(192, 0, 2, 11)).unwrap();
    let profile = BfdProfile {
        name: "fast".to_owned(),
        receive_interval: Duration::from_millis(300),
        transmit_interval: Duration::from_millis(300),
        detect_multiplier: 3,
        echo_interval: None,
        passive: false,
        minimum_ttl: 254,
    };
    let peer = PeerDesired {
        config: bgp::Config::new(bgp::Asn::new(65001).unwrap(), bgp::RemoteAs::External, id),
        router: Router::Address(ROUTER),
        port: 179,
        listen: None,
        limit: 1,
        source: None,
        vrf: vrf.map(ToOwned::to_owned),
        key: None,
        bfd: Some(profile),
    };
    let endpoint = Endpoint { remote: SocketAddr::new(ROUTER, 179), source: None, device: peer.vrf.clone() };
    let link = |name: &str| Link { name: name.to_owned(), ..Link::default() };
    path_of(&peer, &endpoint, &[(LinkIndex(10), link("red")), (LinkIndex(20), link("blue"))].into())
}

#[test]
fn the_same_router_address_is_another_path_in_each_vrf_and_none_in_one_that_is_missing() {
    let vrfs = [None, Some("red"), Some("blue")].map(|vrf| path_in(vrf).unwrap().vrf);
    assert_eq!(vrfs, [None, Some(bfd::LinkIndex(10)), Some(bfd::LinkIndex(20))]);
    assert_eq!(path_in(Some("green")), None);
}
