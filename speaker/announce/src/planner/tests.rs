use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::fixtures::*;
use crate::properties::{NODES, SERVICES, any_service, any_view};
use crate::{BgpPeer, Scope, Service};

/// What happens to a cluster between two plans.
#[derive(Clone, Debug)]
enum Change {
    /// Some services are written, or are gone, and are selected by these of the advertisements that select some.
    Services(Vec<(&'static str, Option<Service>, [bool; 3])>),
    /// Everything but the services is another one.
    Rest(Box<View>),
}

fn any_change() -> impl Strategy<Value = Change> {
    let one = (prop::sample::select(&SERVICES[..]), option::weighted(0.8, any_service()), any::<[bool; 3]>());
    prop_oneof![
        6 => vec(one, 1..4).prop_map(Change::Services),
        1 => any_view().prop_map(|view| Change::Rest(Box::new(view))),
    ]
}

/// Makes the change, and returns which services it concerns, if not all.
fn apply(view: &mut View, change: Change) -> Option<BTreeSet<ServiceId>> {
    let written = match change {
        Change::Rest(rest) => {
            *view = View { services: std::mem::take(&mut view.services), ..*rest };
            return None;
        }
        Change::Services(written) => written,
    };
    for (name, service, selected) in &written {
        let l2 = view.l2_advertisements.values_mut().map(|it| &mut it.services);
        let bgp = view.bgp_advertisements.values_mut().map(|it| &mut it.services);
        for (scope, selected) in l2.chain(bgp).zip(selected.iter().cycle()) {
            match (scope, service.is_some() && *selected) {
                (Scope::All, _) => {}
                (Scope::Only(services), true) => drop(services.insert(id(name))),
                (Scope::Only(services), false) => drop(services.remove(&id(name))),
            }
        }
        match service {
            Some(service) => drop(view.services.insert(id(name), service.clone())),
            None => drop(view.services.remove(&id(name))),
        }
    }
    Some(written.iter().map(|(name, ..)| id(name)).collect())
}

/// Returns which of the values are one allocation, as the place of the first of each.
fn allocations<'a, T: 'a>(values: impl Iterator<Item = &'a Arc<T>>) -> Vec<usize> {
    let values: Vec<_> = values.map(Arc::as_ptr).collect();
    values.iter().map(|value| values.iter().position(|first| first == value).expect("it is there")).collect()
}

/// Returns what is shared within a plan.
fn sharing(desired: &Desired) -> [Vec<usize>; 4] {
    let Desired { l2, routes, .. } = desired;
    [
        allocations(l2.values().map(|vip| &vip.candidates)),
        allocations(l2.values().map(|vip| &vip.links.names)),
        allocations(routes.values()),
        allocations(routes.values().flat_map(|table| table.values())),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_kept_plan_is_the_one_that_would_be_made_anew(
        mut view in any_view(),
        me in prop::sample::select(&NODES[..]),
        changes in vec(any_change(), 1..8),
    ) {
        let mut planner = Planner::new(&view, me.into());
        for change in changes {
            let kept = match apply(&mut view, change) {
                Some(changed) => planner.replan(&view, &changed),
                None => planner.plan(&view),
            };
            let anew = plan(&view, &me.into());
            prop_assert_eq!(&**kept, &anew);
            prop_assert_eq!(sharing(kept), sharing(&anew));
        }
    }
}

#[test]
fn what_a_change_does_not_touch_stays_where_it_is() {
    let mut view = routed();
    view.l2_advertisements.insert("lan".into(), crate::L2Advertisement::default());
    view.bgp_peers.insert("second".into(), BgpPeer::default());
    let mut planner = Planner::new(&view, "a".into());
    let before = planner.desired().clone();

    view.services.insert(id("new"), service(2, &["10.0.0.77"], &["a"]));
    let after = planner.replan(&view, &[id("new")].into()).clone();

    assert_eq!(before.l2.len() + 1, after.l2.len());
    assert!(Arc::ptr_eq(&before.l2[&ip(VIP)], &after.l2[&ip(VIP)]));
    assert!(Arc::ptr_eq(&before.services[&id("web")], &after.services[&id("web")]));
    assert!(Arc::ptr_eq(&after.l2[&ip(VIP)].candidates, &after.l2[&ip("10.0.0.77")].candidates));
    assert_eq!((before.routes[&"tor".into()].len(), after.routes[&"tor".into()].len()), (1, 2));
    assert!(Arc::ptr_eq(&after.routes[&"tor".into()], &after.routes[&"second".into()]));

    view.services.get_mut(&id("new")).unwrap().created = crate::Created(3);
    let later = planner.replan(&view, &[id("new")].into());
    assert!(Arc::ptr_eq(&after.routes[&"tor".into()], &later.routes[&"tor".into()]));
}

#[test]
fn values_that_no_plan_uses_are_forgotten() {
    let mut view = web();
    view.services.insert(id("here"), local(2, &["10.0.0.77"], &["a"]));
    let mut planner = Planner::new(&view, "a".into());
    let sets = |planner: &Planner| format!("{:?}", planner.shared.candidates).matches("Preference").count();
    assert_eq!(sets(&planner), 4);
    view.services.remove(&id("here"));
    planner.replan(&view, &[id("here")].into());
    assert_eq!(sets(&planner), 3);
}
