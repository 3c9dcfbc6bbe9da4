use super::*;

#[test]
fn requests_are_named_as_the_api_server_names_them() {
    let cases = [
        (Method::GET, "/api/v1/services", "LIST services/"),
        (Method::GET, "/api/v1/services?watch=true&resourceVersion=4", "WATCH services/"),
        (Method::GET, "/api/v1/namespaces/shop/services?labelSelector=watch%3Dtrue", "LIST services/"),
        (Method::GET, "/api/v1/namespaces/shop/services/web", "GET services/"),
        (Method::PATCH, "/api/v1/namespaces/shop/services/web/status?fieldManager=x", "PATCH services/status"),
        (Method::PUT, "/apis/coordination.k8s.io/v1/namespaces/a/leases/leader", "PUT leases/"),
        (Method::POST, "/apis/events.k8s.io/v1/namespaces/shop/events", "POST events/"),
        (Method::GET, "/api/v1/namespaces", "LIST namespaces/"),
        (Method::GET, "/api/v1/namespaces/shop", "GET namespaces/"),
        (Method::PUT, "/api/v1/namespaces/shop/status", "PUT namespaces/status"),
        (Method::DELETE, "/apis/metallb.io/v1beta1/namespaces/m/ipaddresspools", "DELETECOLLECTION ipaddresspools/"),
        (Method::GET, "/readyz", "GET /"),
    ];
    for (method, uri, expected) in cases {
        let Request { verb, resource, subresource, .. } = request(&method, &uri.parse().expect("a path is a URI"));
        assert_eq!(format!("{verb} {resource}/{subresource}"), expected, "{uri}");
    }
}

#[test]
fn a_rule_for_the_next_two_hits_two_of_those_that_match() {
    let rules = Rules::default();
    rules.replace(vec![Rule::next(2, Matching::writes("services").subresource("status"), Fault::CutAfter)]);
    let hit = [
        (Method::PATCH, "/api/v1/namespaces/a/services/b"),
        (Method::PATCH, "/api/v1/namespaces/a/services/b/status"),
        (Method::GET, "/api/v1/namespaces/a/services/b/status"),
        (Method::PUT, "/api/v1/namespaces/a/services/b/status"),
        (Method::PUT, "/api/v1/namespaces/a/services/b/status"),
    ]
    .map(|(method, uri)| rules.next(&request(&method, &uri.parse().expect("a path is a URI"))).is_some());
    assert_eq!(hit, [false, true, false, true, false]);
    assert_eq!(rules.injected(), 2);
}

#[test]
fn a_share_is_spread_evenly() {
    let rules = Rules::default();
    rules.replace(vec![Rule::share(0.4, Matching::all(), Fault::CutBefore)]);
    let any = Request::default();
    let hit: Vec<_> = (0..10).map(|_| rules.next(&any).is_some()).collect();
    assert_eq!(hit, [false, false, true, false, true, false, false, true, false, true]);
}

#[test]
fn the_first_rule_that_still_applies_counts() {
    let rules = Rules::default();
    let answer = Fault::Answer { status: 429, retry_after: Some(1) };
    rules.replace(vec![Rule::next(1, Matching::all(), answer), Rule::next(1, Matching::all(), Fault::CutBefore)]);
    let faults: Vec<_> = (0..3).map(|_| rules.next(&Request::default())).collect();
    assert_eq!(faults, [Some(answer), Some(Fault::CutBefore), None]);
}
