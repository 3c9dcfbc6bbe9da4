use super::*;

#[test]
fn leaves_out_the_interfaces_of_container_networks_and_keeps_physical_ones() {
    let exclusion = Exclusion::default();
    for name in ["docker0", "veth12ab", "lo", "cali0", "cni0", "lxc_health", "kube-ipvs0"] {
        assert!(exclusion.matches(name), "{name}");
    }
    for name in ["eth0", "ens3", "bond0", "br0", "enp1s0.100", "loop", "vlan7"] {
        assert!(!exclusion.matches(name), "{name}");
    }
}

#[test]
fn an_empty_list_excludes_nothing() {
    assert!(!Exclusion::new::<&str>(&[]).unwrap().matches("lo"));
}

#[test]
fn names_the_pattern_that_is_no_regular_expression() {
    let error = Exclusion::new(&["^eth", "a(b"]).unwrap_err();
    assert_eq!(error.pattern, "a(b");
    assert!(error.to_string().contains("unclosed group"), "{error}");
}
