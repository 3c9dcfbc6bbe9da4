use super::*;
use crate::fixtures::*;
use crate::{L2Advertisement, View};

#[test]
fn advertisements_match_by_pool_and_service_in_name_order() {
    let mut view = web();
    view.pools.insert("wan".into(), vec![]);
    let add = |view: &mut View, name: &str, pools, services| {
        view.l2_advertisements.insert(name.into(), L2Advertisement { pools, services, ..L2Advertisement::default() });
    };
    view.l2_advertisements.clear();
    add(&mut view, "1", only(&["lan"]), only_services(&["web"]));
    add(&mut view, "2", Scope::All, Scope::All);
    add(&mut view, "3", only(&["wan"]), only_services(&["web"]));
    add(&mut view, "4", only(&["absent"]), Scope::All);
    let part: Vec<_> = view.services.iter().collect();
    let coverage =
        Coverage::new(&part, view.pools.keys(), view.l2_advertisements.values().map(|it| (&it.pools, &it.services)));
    let names: Vec<_> = view.l2_advertisements.keys().collect();
    let matching = |service: &str, pool: &str| {
        let ids = coverage.matching(&id(service), &pool.into());
        ids.iter().map(|id| names[id.0].to_string()).collect::<Vec<_>>()
    };

    assert_eq!(matching("web", "lan"), ["1", "2"]);
    assert_eq!(matching("web", "wan"), ["2", "3"]);
    assert_eq!(matching("api", "lan"), ["2"]);
    assert!(!coverage.is_advertised(&"absent".into()));
}
