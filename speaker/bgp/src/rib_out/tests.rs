use std::{net::IpAddr, sync::Arc};

use super::{RibOut, SPARE_SETS};
use crate::{Attributes, ExportFilter, Prefix};

#[test]
fn attribute_sets_that_no_route_names_are_forgotten() {
    let mut rib = RibOut::new(ExportFilter::default());
    let prefix = |last: u8| Prefix::from(IpAddr::from([192, 0, 2, last]));
    for med in 0..10_000_u32 {
        let attributes = Arc::new(Attributes { med: Some(med), ..Attributes::default() });
        rib.change([(prefix(u8::try_from(med % 10).unwrap()), Some(attributes))]);
        assert!(rib.sets.len() <= 20 + SPARE_SETS);
    }
    assert_eq!(rib.routes.len(), 10);
    for route in rib.routes.values() {
        assert!(rib.sets.attributes(route.wanted.unwrap()).med.unwrap() >= 9990);
    }
}
