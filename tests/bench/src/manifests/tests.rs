use super::*;

#[test]
fn every_service_has_one_address_per_family_inside_what_nodes_serve() {
    let all = vips(10_000, Families::Both);
    assert_eq!(all.len(), 20_000);
    let served: Vec<ipnet::IpNet> = SERVED.iter().map(|range| range.parse().unwrap()).collect();
    assert!(all.iter().all(|vip| served.iter().any(|range| range.contains(vip))));
    assert!(served[0].contains(&IpAddr::from(named(0xff))));
    assert!(!all.contains(&named(0).into()));
}
