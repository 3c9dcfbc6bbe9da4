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
