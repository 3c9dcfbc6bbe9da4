use crate::fixtures::*;
use crate::{AddressRange, View};

use super::*;

#[test]
fn a_pool_is_found_by_any_of_its_ranges_and_not_between_them() {
    let mut view = View::default();
    let middle = AddressRange { first: ip("10.0.0.20"), last: ip("10.0.0.30") };
    view.pools.insert("one".into(), vec![prefix("10.0.0.0", 28), prefix("fd00::", 120)]);
    view.pools.insert("two".into(), vec![middle]);
    let index = Index::new(&view, &[]);
    let pool = |address: &str| index.pool_of(ip(address)).map(|(_, pool)| pool.to_string());

    for (address, expected) in [
        ("9.255.255.255", None),
        ("10.0.0.0", Some("one")),
        ("10.0.0.15", Some("one")),
        ("10.0.0.16", None),
        ("10.0.0.20", Some("two")),
        ("10.0.0.30", Some("two")),
        ("10.0.0.31", None),
        ("fd00::ff", Some("one")),
        ("fd00::100", None),
        ("::", None),
    ] {
        assert_eq!(pool(address).as_deref(), expected, "{address}");
    }
}

#[test]
fn prefixes_mask_host_bits_and_survive_any_length() {
    let range = |first: &str, last: &str| AddressRange { first: ip(first), last: ip(last) };
    assert_eq!(prefix("10.1.2.3", 24), range("10.1.2.0", "10.1.2.255"));
    assert_eq!(prefix("10.1.2.3", 0), range("0.0.0.0", "255.255.255.255"));
    assert_eq!(prefix("10.1.2.3", 32), range("10.1.2.3", "10.1.2.3"));
    assert_eq!(prefix("10.1.2.3", 255), range("10.1.2.3", "10.1.2.3"));
    assert_eq!(prefix("fd00::1:2", 64), range("fd00::", "fd00::ffff:ffff:ffff:ffff"));
    assert_eq!(prefix("fd00::1", 128), range("fd00::1", "fd00::1"));
    assert_eq!(prefix("fd00::1", 200), range("fd00::1", "fd00::1"));
}

#[test]
fn a_range_holds_no_address_of_the_other_family() {
    assert!(!prefix("0.0.0.0", 0).contains(ip("::1")));
    assert!(!prefix("::", 0).contains(ip("10.0.0.1")));
    assert!(prefix("::", 0).contains(ip("::1")));
}
