use apiserver::ConfigurationEvent;
use serde_json::{Value, json};

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
        assert!(cluster.slices(&ObjectName::new("shop", "web")).all(|(_, slice)| slice.cost() <= 2_000));
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

/// Writes slices with endpoints on 100 nodes each, as a tenant of `shop` who has no limit.
fn crowd(cluster: &mut Cluster, slices: usize, service: impl Fn(usize) -> String) {
    let nodes: Vec<String> = (0..100).map(|index| format!("junk-{index}")).collect();
    let nodes: Vec<&str> = nodes.iter().map(String::as_str).collect();
    for number in 0..slices {
        cluster.take(Change::slice(named_slice(&format!("junk-{number}"), &service(number), &nodes)));
    }
}

#[test]
fn a_namespace_full_of_slices_takes_no_room_from_another_and_says_what_it_has_no_room_for() {
    let mut cluster = fixtures::cluster();
    cluster.take(Change::service(service("web", "192.0.2.130")));
    cluster.take(Change::slice(slice("web", &["a"])));
    // 8 MiB of slices of 2 kB, for Services that have no load balancer.
    crowd(&mut cluster, 6_000, |_| "inner".to_owned());
    assert!(cluster.slices.table.len() < 5_000, "{} slices are kept", cluster.slices.table.len());
    assert_eq!((serving(&cluster, "web"), cluster.crowded_out(&ObjectName::new("shop", "web"))), (1, None));
    cluster.take_stale();
    // A slice of a load balancer that finds no room is a gap of that Service, and no more.
    assert!(cluster.take(Change::service(service("late", "192.0.2.131"))));
    let junk: Vec<String> = (0..200).map(|index| format!("junk-{index}")).collect();
    let junk: Vec<&str> = junk.iter().map(String::as_str).collect();
    assert!(cluster.take(Change::slice(slice("late", &junk))));
    assert!(
        cluster
            .crowded_out(&ObjectName::new("shop", "late"))
            .is_some_and(|why| why.contains("namespace shop take more than 8 MiB"))
    );
    assert_eq!((serving(&cluster, "late"), serving(&cluster, "web")), (0, 1));
    let faults = cluster.faults();
    assert!(faults.len() == 1 && faults[0].contains("those of inner, late are not all taken in"), "{faults:?}");
    // Another namespace has room of its own.
    let other = json!({
        "metadata": { "name": "bank-1", "namespace": "bank", "labels": { "kubernetes.io/service-name": "bank" } },
        "addressType": "IPv4",
        "endpoints": [{ "addresses": ["10.0.0.1"], "nodeName": "a" }],
    });
    cluster.take(Change::slice(fixtures::applied(&other)));
    assert_eq!(cluster.slices(&ObjectName::new("bank", "bank")).count(), 1);
    assert_eq!(cluster.passed_over().into_keys().collect::<Vec<_>>(), [("EndpointSlice", Arc::from("shop"))]);
    // What is gone makes room, and a list tells what had none.
    cluster.take(Change::slice(Event::Relisting));
    let left = [slice("web", &["a"]), slice("late", &junk), fixtures::applied(&other)];
    for event in left {
        cluster.take(Change::slice(event));
    }
    assert!(cluster.take(Change::slice(Event::Listed)));
    // The slice of `late` came while the old ones still took the room.
    assert!(cluster.crowded_out(&ObjectName::new("shop", "late")).is_some());
    cluster.take(Change::slice(slice("late", &junk)));
    assert_eq!(serving(&cluster, "late"), 1);
    for event in [Event::Relisting, slice("web", &["a"]), slice("late", &junk), Event::Listed] {
        cluster.take(Change::slice(event));
    }
    assert_eq!((cluster.faults(), cluster.passed_over().len()), (Vec::new(), 0));
}

#[test]
fn so_many_names_without_room_that_they_are_not_kept_concern_every_service_of_the_namespace() {
    let mut cluster = fixtures::cluster();
    cluster.take(Change::service(service("web", "192.0.2.130")));
    crowd(&mut cluster, 6_000, |number| format!("inner-{number}"));
    assert!(cluster.crowded_out(&ObjectName::new("shop", "web")).is_some());
    assert!(cluster.crowded_out(&ObjectName::new("bank", "web")).is_none());
    assert_eq!(cluster.take_stale(), Stale::Everything);
    assert!(cluster.names.len() <= 2);
}

#[test]
fn services_that_hold_no_address_are_passed_over_and_those_that_do_are_kept() {
    let mut cluster = fixtures::cluster();
    let labels: BTreeMap<String, String> = (0..80).map(|index| (format!("{index:060}"), "x".repeat(63))).collect();
    let pending = |name: &str, addresses: Value| {
        Change::service(fixtures::applied(&json!({
            "metadata": { "name": name, "namespace": "shop", "uid": name, "labels": labels },
            "spec": { "type": "LoadBalancer" },
            "status": { "loadBalancer": { "ingress": addresses } },
        })))
    };
    for number in 0..1_500 {
        cluster.take(pending(&format!("junk-{number}"), json!([])));
    }
    let kept = cluster.services().count();
    assert!(kept < 1_200, "{kept} Services are kept");
    let faults = cluster.faults();
    assert!(faults.len() == 1 && faults[0].contains("in namespace shop take more than 16 MiB"), "{faults:?}");
    assert!(cluster.take(pending("web", json!([{ "ip": "192.0.2.130" }]))));
    assert!(cluster.service(&ObjectName::new("shop", "web")).is_some());
    // It is kept as well when the crowd is listed first.
    cluster.take(Change::service(Event::Relisting));
    for number in 0..1_500 {
        cluster.take(pending(&format!("junk-{number}"), json!([])));
    }
    cluster.take(pending("web", json!([{ "ip": "192.0.2.130" }])));
    cluster.take(Change::service(Event::Listed));
    assert!(cluster.service(&ObjectName::new("shop", "web")).is_some());
    assert!(cluster.service(&ObjectName::new("shop", "junk-1499")).is_none());
}

#[test]
fn labels_without_end_are_cut_and_that_is_a_fault() {
    let mut cluster = fixtures::cluster();
    let labels: BTreeMap<String, String> = (0..10_000).map(|index| (format!("{index:060}"), "x".repeat(63))).collect();
    let metadata = json!({ "name": "web", "namespace": "shop", "uid": "web", "labels": labels });
    cluster
        .take(Change::service(fixtures::applied(&json!({ "metadata": metadata, "spec": { "type": "LoadBalancer" } }))));
    assert_eq!(cluster.service(&ObjectName::new("shop", "web")).unwrap().labels.len(), (16 << 10) / 123);
    assert!(cluster.faults()[0].starts_with("Service shop/web: metadata.labels: they take more than 16 KiB"));
}
