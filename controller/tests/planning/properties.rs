//! What holds for every snapshot.

use std::collections::BTreeMap;
use std::net::IpAddr;

use controller::{BrokenPool, Ingress, ServiceView, Snapshot, plan};
use ipam::{Created, FamilyPolicy, Pool};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::fixture::*;

pub(crate) fn snapshots() -> impl Strategy<Value = Snapshot> {
    (select(pool_sets()), vec(service_view(), 0..7), prop::bool::weighted(0.2)).prop_map(|(pools, views, broken)| {
        let services =
            views.into_iter().enumerate().map(|(n, view)| ServiceView { id: id(&format!("s{}", 9 - n)), ..view });
        let broken_pools = broken.then(|| ("gone".into(), BrokenPool::default())).into_iter().collect();
        Snapshot { broken_pools, ..snapshot(&pools, &services.collect::<Vec<_>>()) }
    })
}

fn pool_sets() -> Vec<Vec<Pool>> {
    vec![
        vec![],
        vec![pool("lan", &["10.0.0.1-10.0.0.3"])],
        vec![pool("lan", &["10.0.0.2-10.0.0.3", "2001:db8::1-2001:db8::2"])],
        vec![pool("six", &["2001:db8::1-2001:db8::3"]), pool("four", &["10.0.0.1-10.0.0.2"])],
    ]
}

fn service_view() -> impl Strategy<Value = ServiceView> {
    let cluster = select(vec![
        vec!["10.96.0.1"],
        vec!["fd00::1"],
        vec!["10.96.0.1", "fd00::1"],
        vec![],
        vec!["10.96.0.1", "10.96.0.2"],
    ]);
    let policy = select(vec![FamilyPolicy::SingleStack, FamilyPolicy::PreferDualStack, FamilyPolicy::RequireDualStack]);
    let annotation = select(vec!["", "", "", "10.0.0.2", "10.0.0.1,2001:db8::1", "ten", "10.0.0.1,10.0.0.2"]);
    let address =
        || select(vec!["10.0.0.1", "10.0.0.2", "10.0.0.3", "2001:db8::1", "2001:db8::2", "192.0.2.1", "lb.example"]);
    let pool = prop::option::of(select(vec!["lan", "four", "gone"]));
    let key = prop::option::of(Just("k".to_owned()));
    let kind = (prop::bool::weighted(0.85), prop::bool::weighted(0.85));
    (0..3_i64, cluster, policy, annotation, vec(address(), 0..3), pool, key, kind, 1..4_u16).prop_map(
        |(
            created,
            cluster,
            family_policy,
            annotation,
            held,
            pool,
            sharing_key,
            (is_load_balancer, class_is_ours),
            number,
        )| {
            let ingress =
                held.iter().map(|text| text.parse().map_or_else(|_| Ingress::Other((*text).into()), Ingress::Ip));
            ServiceView {
                created: Created(created),
                cluster_ips: cluster.into_iter().map(Into::into).collect(),
                family_policy,
                ingress: ingress.collect(),
                pool_annotation: pool.map(Into::into),
                sharing_key,
                is_load_balancer,
                class_is_ours,
                ports: [ipam::Port { protocol: ipam::Protocol::Tcp, number }].into(),
                ..asking(service("unnamed"), annotation)
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_plan_that_was_carried_out_and_planned_again_is_empty(world in snapshots()) {
        let next = apply(&world, &plan(&world));
        let again = plan(&next);
        prop_assert_eq!(&again.changes, &[]);
        prop_assert_eq!(&again.refusals, &plan(&apply(&next, &again)).refusals);
    }

    #[test]
    fn a_plan_whose_writes_are_in_flight_has_nothing_left_to_write(world in snapshots()) {
        let first = plan(&world);
        let mut waiting = world.clone();
        for change in &first.changes {
            let base = waiting.ledger.base(&waiting.services[&change.service]).unwrap();
            waiting.ledger.send(&change.service, &change.uid, base, change.write.clone());
        }
        prop_assert_eq!(&plan(&waiting).changes, &[]);
        let seen = apply(&world, &first);
        seen.services.values().for_each(|view| waiting.ledger.observe(view));
        prop_assert!(waiting.ledger.is_empty());
    }

    #[test]
    fn what_is_taken_is_given_up_by_an_earlier_write_or_held_by_nobody(world in snapshots()) {
        let result = plan(&world);
        let ours = || world.services.values().filter(|view| view.class_is_ours && view.sharing_key.is_none());
        for (index, change) in result.changes.iter().enumerate() {
            let givers = ours().filter(|view| view.id != change.service && view.addresses().any(|held| change.takes.contains(&held)));
            for giver in givers.filter(|view| view.is_load_balancer || view.pool_annotation.is_some()) {
                let gives = result.changes.iter().position(|other| other.service == giver.id);
                prop_assert!(gives.is_some(), "{} holds what {} takes", giver.id, change.service);
                prop_assert!(gives < Some(index) || !change.gives.is_empty());
            }
        }
    }

    #[test]
    fn foreign_services_are_never_touched(world in snapshots()) {
        let result = plan(&world);
        for view in world.services.values().filter(|view| !view.class_is_ours) {
            prop_assert!(!result.refusals.contains_key(&view.id) && !result.allocations.contains_key(&view.id));
            prop_assert!(!result.changes.iter().any(|change| change.service == view.id));
        }
    }

    #[test]
    fn no_address_has_two_holders_when_nobody_shares(world in snapshots()) {
        let mut world = world;
        world.services.values_mut().for_each(|view| view.sharing_key = None);
        let mut holders: BTreeMap<IpAddr, String> = BTreeMap::new();
        for (service, placed) in &plan(&world).allocations {
            for placed in placed {
                prop_assert_eq!(holders.insert(placed.address, service.to_string()), None);
            }
        }
    }
}
