use super::*;

fn addresses(demand: &Demand) -> Vec<String> {
    match demand {
        Demand::Addresses { wanted, .. } => wanted.addresses().iter().map(ToString::to_string).collect(),
        Demand::Any | Demand::Pool(_) | Demand::Hold => Vec::new(),
    }
}

#[test]
fn annotation_and_field_are_read_as_metallb_reads_them() {
    assert_eq!(demand(None, None, None), Ok(Demand::Any));
    assert_eq!(demand(Some(""), Some(""), Some("")), Ok(Demand::Any));
    assert_eq!(demand(Some("lan"), None, None), Ok(Demand::Pool("lan".into())));
    let both = demand(Some("lan"), Some(" 2001:db8::1 , 10.0.0.1"), None).unwrap();
    assert_eq!(addresses(&both), ["10.0.0.1", "2001:db8::1"]);
    assert_eq!(both.pool(), Some(&"lan".into()));
    assert_eq!(addresses(&demand(None, None, Some("10.0.0.1")).unwrap()), ["10.0.0.1"]);
    assert_eq!(addresses(&demand(None, Some("::ffff:10.0.0.1"), None).unwrap()), ["10.0.0.1"]);
}

#[test]
fn a_request_that_cannot_be_read_says_where_and_why() {
    let rows = [
        (
            Some("10.0.0.1"),
            Some("10.0.0.1"),
            "both annotation metallb.io/loadBalancerIPs and spec.loadBalancerIP request addresses; remove the field",
        ),
        (
            Some("10.0.0.1,"),
            None,
            "annotation metallb.io/loadBalancerIPs: \"\" is not an IP address; write addresses separated by commas",
        ),
        (
            None,
            Some("192.0.2.12,2001:db8::12"),
            "spec.loadBalancerIP: \"192.0.2.12,2001:db8::12\" is not an IP address; write one address, or one of each family into the \
             annotation metallb.io/loadBalancerIPs and nothing here",
        ),
        (
            Some("10.0.0.1,10.0.0.2"),
            None,
            "annotation metallb.io/loadBalancerIPs: 10.0.0.1 and 10.0.0.2 are both IPv4; request one address of each family",
        ),
        (
            Some("10.0.0.1,::1,::2"),
            None,
            "annotation metallb.io/loadBalancerIPs: 3 addresses are requested; a service can have one of each family",
        ),
    ];
    for (annotation, field, text) in rows {
        let fault = demand(None, annotation, field).unwrap_err();
        assert_eq!(fault.to_string(), text);
    }
}

#[test]
fn cluster_ips_tell_the_families() {
    let families = |texts: &[&str]| cluster_families(&texts.iter().map(ToString::to_string).collect::<Vec<_>>());
    assert_eq!(families(&[]), Some(None));
    assert_eq!(families(&[""]), Some(None));
    assert_eq!(families(&["10.96.0.1"]), Some(Some(Families::V4)));
    assert_eq!(families(&["fd00::1"]), Some(Some(Families::V6)));
    assert_eq!(families(&["fd00::1", "10.96.0.1"]), Some(Some(Families::Dual)));
    assert_eq!(families(&["10.96.0.2", "10.96.0.1"]), None);
    assert_eq!(families(&["10.96.0.2", "fd00::1", "fd00::2"]), None);
    assert_eq!(families(&["None"]), None);
}

#[test]
fn the_backend_key_is_the_sorted_selector_under_local_alone() {
    let selector = BTreeMap::from([("tier".into(), "web".into()), ("app".into(), "shop".into())]);
    assert_eq!(backend_key(TrafficPolicy::Local, &selector), "app=shop,tier=web");
    assert_eq!(backend_key(TrafficPolicy::Cluster, &selector), "");
    assert_eq!(backend_key(TrafficPolicy::Local, &BTreeMap::new()), "");
}
