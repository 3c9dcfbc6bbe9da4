use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use controller::{Action, Ingress, Plan, ResourceVersion, ServiceView, Snapshot, TrafficPolicy, Uid, demand};
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
        deprecated_annotations: Vec::new(),
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
    Snapshot { pools: pools.to_vec(), services: services.to_vec(), ..Snapshot::default() }
}

/// Writes a plan as one line per action, pool counters left out.
pub(crate) fn lines(plan: &Plan) -> Vec<String> {
    let line = |action: &Action| match action {
        Action::SetIngress { service, addresses, pool, .. } => {
            let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            Some(format!("set {} {} from {pool}", service.name(), addresses.join(",")))
        }
        Action::ClearIngress { service, .. } => Some(format!("clear {}", service.name())),
        Action::SetPoolStatus { .. } => None,
        Action::Emit(event) => Some(format!("event {} {}", event.service.name(), event.reason.as_str())),
    };
    plan.actions.iter().filter_map(line).collect()
}

/// Returns the snapshot as it is when every action of the plan has been carried out and seen.
pub(crate) fn apply(snapshot: &Snapshot, plan: &Plan) -> Snapshot {
    let mut next = Snapshot { reported: plan.reasons(), ..snapshot.clone() };
    let write = |services: &mut Vec<ServiceView>, service: &ServiceId, ingress: Vec<Ingress>, pool: Option<String>| {
        for view in services.iter_mut().filter(|view| view.id == *service) {
            (view.ingress, view.pool_annotation) = (ingress.clone(), pool.clone());
        }
    };
    for action in &plan.actions {
        match action {
            Action::SetIngress { service, addresses, pool, .. } => {
                let ingress = addresses.iter().map(|address| Ingress::Ip(*address)).collect();
                write(&mut next.services, service, ingress, Some(pool.clone()));
            }
            Action::ClearIngress { service, .. } => write(&mut next.services, service, Vec::new(), None),
            Action::SetPoolStatus { pool, status } => {
                next.pool_status.insert(pool.clone(), *status);
            }
            Action::Emit(_) => {}
        }
    }
    next
}
