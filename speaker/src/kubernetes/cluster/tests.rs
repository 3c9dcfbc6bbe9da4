use serde_json::json;

use super::super::fixtures::{self, NAMESPACE, broken_slice, deleted, named_slice, node, service, slice};
use super::*;

#[test]
fn a_slice_of_a_service_without_a_load_balancer_wakes_nobody() {
    let mut cluster = fixtures::cluster();
    assert!(!cluster.take(Change::slice(slice("inner", &["a"]))));
    // What was told counts as soon as the Service becomes one.
    assert!(cluster.take(Change::service(service("inner", "192.0.2.130"))));
    assert_eq!(serving(&cluster, "inner"), 1);
    assert!(cluster.take(Change::slice(slice("inner", &["a", "b"]))));
    assert!(!cluster.take(Change::slice(slice("inner", &["b", "a"]))));
    assert!(cluster.take(Change::slice(deleted("shop", "inner-1"))));
}

#[test]
fn a_second_telling_of_the_same_wakes_nobody_and_forgets_what_is_gone() {
    let mut cluster = fixtures::cluster();
    assert!(cluster.take(Change::node(node("c"))));
    assert_eq!(cluster.take_stale(), Stale::Everything);
    for event in [Event::Relisting, node("a"), node("b"), node("c"), Event::Listed] {
        assert!(!cluster.take(Change::node(event)));
    }
    assert_eq!(cluster.take_stale(), Stale::Services(BTreeSet::new()));
    let told: Vec<bool> = [Event::Relisting, node("a"), node("b"), Event::Listed]
        .into_iter()
        .map(|event| cluster.take(Change::node(event)))
        .collect();
    assert_eq!(told, [false, false, false, true]);
    assert!(cluster.node("c").is_none());
    assert_eq!(cluster.take_stale(), Stale::Everything);
}

#[test]
fn a_server_that_is_away_changes_nothing_but_is_told() {
    let mut cluster = fixtures::cluster();
    cluster.take(Change::service(service("web", "192.0.2.130")));
    let lost = WatchError::Connection("connection refused".to_owned());
    for change in [Change::service(Event::Lost(lost.clone())), Change::Node(Event::Lost(lost))] {
        assert!(!cluster.take(change));
    }
    assert_eq!((cluster.services().count(), cluster.nodes().len(), cluster.unlisted().len()), (1, 2, 0));
    let expected = "cannot follow services: the API server cannot be reached: connection refused";
    assert!(cluster.lost().iter().any(|lost| lost == expected), "{:?}", cluster.lost());
    cluster.take(Change::service(Event::Connected));
    cluster.take(Change::Node(Event::Connected));
    assert_eq!(cluster.lost(), [] as [String; 0]);
}

#[test]
fn what_has_not_been_listed_is_named() {
    let mut cluster = Cluster::default();
    assert_eq!(cluster.unlisted(), ["services", "endpointslices", "namespaces", "nodes", "secrets", "configuration"]);
    cluster.take(Change::service(Event::Listed));
    cluster.take(Change::Node(Event::Listed));
    assert_eq!(cluster.unlisted(), ["endpointslices", "namespaces", "secrets", "configuration"]);
    // A role of an older installation may not list them.
    cluster.take(Change::namespace(Event::Lost(WatchError::Connection("forbidden".to_owned()))));
    assert_eq!(cluster.unlisted(), ["endpointslices", "secrets", "configuration"]);
}

#[test]
fn a_slice_makes_the_services_stale_that_it_left_and_came_to() {
    let mut cluster = fixtures::cluster();
    for name in ["web", "other"] {
        cluster.take(Change::service(service(name, "192.0.2.130")));
    }
    cluster.take(Change::slice(slice("web", &["a"])));
    cluster.take_stale();
    let stale = |cluster: &mut Cluster, change: Change| {
        let woken = cluster.take(change);
        let names = match cluster.take_stale() {
            Stale::Everything => vec!["*".to_owned()],
            Stale::Services(services) => services.iter().map(|service| service.name.to_string()).collect(),
        };
        assert_eq!(woken, !names.is_empty());
        names
    };
    let moved = || Change::slice(named_slice("web-1", "other", &["a"]));
    assert_eq!(stale(&mut cluster, moved()), ["other", "web"]);
    assert_eq!(stale(&mut cluster, moved()), [""; 0]);
    assert_eq!(serving(&cluster, "web"), 0);
    assert_eq!(serving(&cluster, "other"), 1);
    assert_eq!(stale(&mut cluster, Change::service(deleted("shop", "web"))), ["web"]);
    assert_eq!(stale(&mut cluster, Change::slice(deleted("shop", "web-1"))), ["other"]);
    // Who is missing in a new list has no event of its own.
    assert_eq!(stale(&mut cluster, Change::slice(slice("other", &["a"]))), ["other"]);
    assert_eq!(stale(&mut cluster, Change::slice(Event::Relisting)), [""; 0]);
    assert_eq!(stale(&mut cluster, Change::slice(Event::Listed)), ["*"]);
    assert_eq!(serving(&cluster, "other"), 0);
}

#[test]
fn the_counters_of_a_pool_change_nothing() {
    let mut cluster = fixtures::cluster();
    let pool = |range: &str, assigned: u32| {
        Change::configuration(ConfigurationEvent::Pool(fixtures::applied(&json!({
            "metadata": { "name": "more", "namespace": NAMESPACE },
            "spec": { "addresses": [range] },
            "status": { "assignedIPv4": assigned, "assignedIPv6": 0, "availableIPv4": 9, "availableIPv6": 0 },
        }))))
    };
    assert!(cluster.take(pool("198.51.100.0/24", 1)));
    assert!(!cluster.take(pool("198.51.100.0/24", 2)));
    assert!(cluster.take(pool("198.51.100.0/25", 2)));
}

#[test]
fn a_slice_that_cannot_be_read_is_a_fault_only_where_there_is_something_to_announce() {
    let mut cluster = fixtures::cluster();
    cluster.take(Change::slice(broken_slice("inner-1", "inner")));
    assert_eq!(cluster.faults(), [""; 0]);
    assert!(cluster.take(Change::service(service("inner", "192.0.2.130"))));
    let expected =
        "EndpointSlice shop/inner-1 cannot be read and counts as empty: endpoints: invalid type: integer `7`";
    assert!(cluster.faults()[0].starts_with(expected), "{:?}", cluster.faults());
    assert_eq!(cluster.updates().errors, 1);
    cluster.take(Change::slice(slice("inner", &[])));
    assert_eq!(cluster.faults(), [""; 0]);
}

/// Returns the number of slices of a Service that have an endpoint.
fn serving(cluster: &Cluster, service: &str) -> usize {
    cluster.slices(&ObjectName::new("shop", service)).filter(|(_, slice)| slice.serves()).count()
}

#[test]
fn a_tenant_who_writes_slices_decides_on_no_memory() {
    let (mut cluster, mut bytes) = (fixtures::cluster(), 0);
    cluster.take(Change::service(service("web", "192.0.2.130")));
    for round in 0..600 {
        let node = |index: usize| format!("{round:0126}{index:0127}");
        let nodes: Vec<String> = (0..100).map(node).collect();
        let nodes: Vec<&str> = nodes.iter().map(String::as_str).collect();
        bytes += nodes.iter().map(|name| name.len()).sum::<usize>();
        cluster.take(Change::slice(slice("web", &nodes)));
        assert!(cluster.slices(&ObjectName::new("shop", "web")).all(|(_, slice)| slice.size() <= 1_600));
    }
    assert_eq!(bytes, 600 * 25_300);
    assert!(cluster.names.len() <= 2, "{} names are kept", cluster.names.len());
    // Namespaces come and go as well.
    for round in 0..1000 {
        let name = format!("tenant-{round}");
        let event = fixtures::applied::<core::Service>(&json!({ "metadata": { "name": "web", "namespace": name } }));
        cluster.take(Change::service(event));
        cluster.take(Change::service(deleted(&name, "web")));
    }
    assert!(cluster.names.len() <= 200, "{} names are kept", cluster.names.len());
}
