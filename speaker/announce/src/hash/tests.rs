use std::collections::BTreeSet;

use super::*;
use crate::fixtures::{cluster, id, ip, plan_on, service};

#[test]
fn values_never_change() {
    assert_eq!(group(ip("10.0.0.1")), 0xeedf_df08_9802_a5b2);
    assert_eq!(group(ip("fd00::1")), 0x000e_d857_a0f2_c72d);
}

#[test]
fn addresses_of_a_subnet_get_distinct_keys_in_every_part_of_the_range() {
    let keys: BTreeSet<u64> = (0..=255u8).map(|last| group(IpAddr::from([10, 0, 0, last]))).collect();
    assert_eq!(keys.len(), 256);
    for quarter in 0..4u64 {
        let share = keys.iter().filter(|key| *key >> 62 == quarter).count();
        assert!((40..=90).contains(&share), "{share} of 256 keys in quarter {quarter}");
    }
}

#[test]
fn an_ipv4_address_differs_from_the_ipv6_address_that_embeds_it() {
    assert_ne!(group(ip("10.0.0.1")), group(ip("::10.0.0.1")));
    assert_ne!(group(ip("10.0.0.1")), group(ip("::ffff:10.0.0.1")));
}

#[test]
fn both_families_of_a_service_get_one_group() {
    let mut view = cluster();
    view.services.insert(id("web"), service(1, &["10.0.0.1", "fd00::1"], &["a"]));

    let desired = plan_on(&view, "a");

    assert_eq!(desired.l2[&ip("10.0.0.1")].group, group(ip("10.0.0.1")));
    assert_eq!(desired.l2[&ip("fd00::1")].group, group(ip("10.0.0.1")));
}

#[test]
fn the_oldest_holder_gives_the_group_even_while_it_has_no_endpoint() {
    let mut view = cluster();
    view.services.insert(id("old"), service(1, &["10.0.0.1", "10.0.0.2"], &[]));
    view.services.insert(id("young"), service(2, &["10.0.0.2"], &["a"]));

    let vip = &plan_on(&view, "a").l2[&ip("10.0.0.2")];

    assert_eq!(vip.services, [id("young")]);
    assert_eq!(vip.group, group(ip("10.0.0.1")));
}
