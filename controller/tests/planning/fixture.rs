use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use controller::{Change, Ingress, Plan, ResourceVersion, ServiceView, Snapshot, TrafficPolicy, Uid, demand, plan};
use ipam::{Created, Demand, FamilyPolicy, Pool, Port, Protocol, Range, ServiceId};

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

pub(crate) fn id(name: &str) -> ServiceId {
    ServiceId::new("default", name)
}

pub(crate) fn pool(name: &str, ranges: &[&str]) -> Pool {
    let range = |text: &&str| {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        Range::new(ip(first), ip(last)).expect("a range")
    };
    Pool::new(name.into(), ranges.iter().map(range).collect()).expect("a pool")
}

/// A single-stack LoadBalancer service of our class that has nothing.
pub(crate) fn service(name: &str) -> ServiceView {
    ServiceView {
        id: id(name),
        uid: Uid::from(format!("uid-{name}").as_str()),
        version: ResourceVersion(0),
        created: Created(0),
        is_load_balancer: true,
        class_is_ours: true,
        cluster_ips: vec!["10.96.0.1".into()],
        family_policy: FamilyPolicy::SingleStack,
        demand: Ok(Demand::Any),
        sharing_key: None,
        traffic_policy: TrafficPolicy::Cluster,
        selector: BTreeMap::new(),
        ports: BTreeSet::from([Port { protocol: Protocol::Tcp, number: 80 }]),
        ingress: Vec::new(),
        pool_annotation: None,
        condition: None,
        deprecated_annotations: Vec::new(),
        unread_annotations: Vec::new(),
        labels: BTreeMap::new(),
    }
}

pub(crate) fn dual(name: &str, family_policy: FamilyPolicy) -> ServiceView {
    ServiceView { cluster_ips: vec!["10.96.0.1".into(), "fd00::1".into()], family_policy, ..service(name) }
}

pub(crate) fn holding(view: ServiceView, addresses: &[&str], pool: &str) -> ServiceView {
    let ingress = addresses.iter().map(|text| Ingress::Ip(ip(text))).collect();
    ServiceView { ingress, pool_annotation: Some(pool.into()), ..view }
}

pub(crate) fn asking(view: ServiceView, annotation: &str) -> ServiceView {
    ServiceView { demand: demand(None, Some(annotation), None), ..view }
}

pub(crate) fn snapshot(pools: &[Pool], services: &[ServiceView]) -> Snapshot {
    let services = services.iter().map(|view| (view.id.clone(), view.clone())).collect();
    Snapshot { pools: pools.to_vec(), services, ..Snapshot::default() }
}

/// Writes a plan as one line per write, with the reason of the condition where it is not met, and one per event.
pub(crate) fn lines(plan: &Plan) -> Vec<String> {
    let lines = |change: &Change| {
        let Change { service, write, events, .. } = change;
        let name = service.name();
        let addresses: Vec<String> = write.addresses.iter().map(ToString::to_string).collect();
        let what = match &write.pool {
            Some(pool) => format!("set {name} {} from {pool}", addresses.join(",")),
            None => format!("clear {name}"),
        };
        let unmet = write.condition.as_ref().filter(|condition| !condition.met);
        let why = unmet.map(|condition| format!(": {}", condition.reason)).unwrap_or_default();
        let events = events.iter().map(|event| format!("event {name} {}", event.reason.as_str()));
        [format!("{what}{why}")].into_iter().chain(events).collect::<Vec<_>>()
    };
    plan.changes.iter().flat_map(lines).collect()
}

/// Returns the snapshot as it is when every write of the plan has been carried out and seen.
pub(crate) fn apply(snapshot: &Snapshot, plan: &Plan) -> Snapshot {
    let mut next = snapshot.clone();
    for Change { service, uid, write, .. } in &plan.changes {
        if let Some(view) = next.services.get_mut(service) {
            next.ledger.send(service, uid, view.version, write.clone());
            *view = write.clone().laid_over(view);
            view.version.0 += 1;
            next.ledger.accepted(service, view.version);
            next.ledger.observe(view);
        }
    }
    next
}

/// Plans and carries out until nothing is left to do, as a leader does.
pub(crate) fn settle(snapshot: &mut Snapshot) {
    for _ in 0..5 {
        let planned = plan(snapshot);
        snapshot.remember(&planned);
        if planned.changes.is_empty() {
            return;
        }
        *snapshot = apply(snapshot, &planned);
    }
    panic!("it does not come to rest: {:?}", plan(snapshot).changes);
}

/// Lets another program change what a service shows.
pub(crate) fn write_as_another(snapshot: &mut Snapshot, name: &str, edit: impl FnOnce(&mut ServiceView)) {
    let view = snapshot.services.get_mut(&id(name)).expect("it is there");
    edit(view);
    view.version.0 += 1;
    snapshot.ledger.observe(view);
}
