use super::*;

fn read(pairs: &[(&str, &str)]) -> ServiceAnnotations {
    ServiceAnnotations::read(&pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())
}

#[test]
fn both_prefixes_are_read_and_the_legacy_one_is_reported() {
    let current = read(&[(ADDRESS_POOL, "lan"), (LOAD_BALANCER_IPS, "192.0.2.1"), (ALLOW_SHARED_IP, "key")]);
    let legacy = read(&[
        ("metallb.universe.tf/address-pool", "lan"),
        ("metallb.universe.tf/loadBalancerIPs", "192.0.2.1"),
        ("metallb.universe.tf/allow-shared-ip", "key"),
    ]);
    assert!(current.legacy.is_empty());
    assert_eq!(
        legacy.legacy,
        [
            "metallb.universe.tf/address-pool",
            "metallb.universe.tf/loadBalancerIPs",
            "metallb.universe.tf/allow-shared-ip"
        ]
    );
    assert_eq!(ServiceAnnotations { legacy: Vec::new(), ..legacy }, current);
}

#[test]
fn the_current_prefix_wins_over_the_legacy_one() {
    let both = read(&[(ADDRESS_POOL, "new"), ("metallb.universe.tf/address-pool", "old")]);
    assert_eq!(both.address_pool.as_deref(), Some("new"));
    assert!(both.legacy.is_empty());
}

#[test]
fn an_empty_sharing_key_is_kept_and_other_empty_values_are_not() {
    let empty = read(&[(ADDRESS_POOL, ""), (LOAD_BALANCER_IPS, ""), (ALLOW_SHARED_IP, "")]);
    assert_eq!(empty, ServiceAnnotations { allow_shared_ip: Some(String::new()), ..ServiceAnnotations::default() });
    assert_eq!(read(&[]).allow_shared_ip, None);
}

#[test]
fn an_annotation_that_nobody_reads_is_named_with_the_one_that_was_meant() {
    let of = |keys: &[&str]| unread(&keys.iter().map(|key| ((*key).to_owned(), String::new())).collect());
    for (key, meant) in [
        ("metallb.universe.tf/allow-shared", "did you mean metallb.io/allow-shared-ip?"),
        ("metallb.universe.tf/loadBalancerIP", "did you mean metallb.io/loadBalancerIPs?"),
        ("metallb.io/load-balancer-ips", "did you mean metallb.io/loadBalancerIPs?"),
        ("metallb.io/adress-pool", "did you mean metallb.io/address-pool?"),
        ("metallb.universe.tf/pool-name", "correct its name or remove it"),
    ] {
        assert_eq!(of(&[key]), [format!("annotation {key} is read by nobody; {meant}")]);
    }
    let known = ["address-pool", "loadBalancerIPs", "allow-shared-ip", "ip-allocated-from-pool"];
    for prefix in [PREFIX, LEGACY_PREFIX, "example.org/"] {
        assert_eq!(of(&known.map(|name| format!("{prefix}{name}")).each_ref().map(String::as_str)), [""; 0]);
    }
    assert_eq!(of(&["example.org/allow-shared", "metallb"]), [""; 0]);
}
