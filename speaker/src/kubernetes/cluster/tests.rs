use super::super::fixtures::{self, deleted, node, service, slice};
use super::*;

#[test]
fn a_slice_of_a_service_without_a_load_balancer_wakes_nobody() {
    let mut cluster = fixtures::cluster();
    assert!(!cluster.take(Change::slice(slice("inner", &["a"]))));
    assert!(cluster.endpoints().is_empty());
    // What was told counts as soon as the Service becomes one.
    assert!(cluster.take(Change::service(service("inner", "192.0.2.130"))));
    assert_eq!(cluster.endpoints()[&ServiceId::new("shop", "inner")].len(), 1);
    assert!(cluster.take(Change::slice(slice("inner", &["a", "b"]))));
    assert!(!cluster.take(Change::slice(slice("inner", &["b", "a", "a"]))));
    assert!(cluster.take(Change::slice(deleted("shop", "inner-1"))));
}

#[test]
fn a_second_telling_of_the_same_wakes_nobody_and_forgets_what_is_gone() {
    let mut cluster = fixtures::cluster();
    assert!(cluster.take(Change::node(node("c"))));
    assert!(cluster.take_uncompiled());
    for event in [Event::Relisting, node("a"), node("b"), node("c"), Event::Listed] {
        assert!(!cluster.take(Change::node(event)));
    }
    assert!(!cluster.take_uncompiled());
    let told: Vec<bool> = [Event::Relisting, node("a"), node("b"), Event::Listed]
        .into_iter()
        .map(|event| cluster.take(Change::node(event)))
        .collect();
    assert_eq!(told, [false, false, false, true]);
    assert!(cluster.node("c").is_none() && cluster.take_uncompiled());
}

#[test]
fn a_server_that_is_away_changes_nothing_but_is_told() {
    let mut cluster = fixtures::cluster();
    cluster.take(Change::service(service("web", "192.0.2.130")));
    let lost = WatchError::Connection("connection refused".to_owned());
    for change in [Change::Service(Event::Lost(lost.clone())), Change::Node(Event::Lost(lost))] {
        assert!(!cluster.take(change));
    }
    assert_eq!((cluster.services().len(), cluster.nodes().len(), cluster.unlisted().len()), (1, 2, 0));
    let expected = "cannot follow services: the API server cannot be reached: connection refused";
    assert!(cluster.lost().iter().any(|lost| lost == expected), "{:?}", cluster.lost());
    cluster.take(Change::Service(Event::Connected));
    cluster.take(Change::Node(Event::Connected));
    assert_eq!(cluster.lost(), [] as [String; 0]);
}

#[test]
fn what_has_not_been_listed_is_named() {
    let mut cluster = Cluster::default();
    assert_eq!(cluster.unlisted(), ["services", "endpointslices", "nodes", "secrets", "configuration"]);
    cluster.take(Change::Service(Event::Listed));
    cluster.take(Change::Node(Event::Listed));
    assert_eq!(cluster.unlisted(), ["endpointslices", "secrets", "configuration"]);
}

#[test]
fn only_addresses_of_ours_count() {
    let mut cluster = fixtures::cluster();
    cluster.take(Change::service(service("web", "192.0.2.130")));
    cluster.take(Change::service(service("other", "198.51.100.1")));
    let ours: IpAddr = "192.0.2.130".parse().unwrap();
    let addresses: Vec<_> = cluster.addresses(|ip| ip == ours).collect();
    assert_eq!(addresses, [(ServiceId::new("shop", "web"), "uid-web".into(), vec![ours])]);
}
