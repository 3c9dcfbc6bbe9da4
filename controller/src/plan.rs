use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;

use crds::reasons::EventReason;
use ipam::{Decision, Demand, Outcome, Placed, PoolName, Released, Request, ServiceId, Unfit, Usage, allocate};

use crate::events::ServiceEvent;
use crate::refusal::Refusal;
use crate::request::{backend_key, cluster_families};
use crate::snapshot::{Ingress, PoolStatus, ServiceView, Snapshot, Uid};

/// What should be, and how to get there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// What to do, in this order: statuses that give addresses up go before statuses that take them. Events follow the write
    /// they report, so when a write fails the rest of its service is left out and planned again.
    pub actions: Vec<Action>,
    /// Why services have no address or fewer than they want.
    pub refusals: BTreeMap<ServiceId, Refusal>,
    /// How full every pool is.
    pub usage: BTreeMap<PoolName, Usage>,
    /// The addresses of every service that has any, those frozen by a broken pool left out.
    pub allocations: BTreeMap<ServiceId, Vec<Placed>>,
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Write addresses and pool annotation of a service.
    SetIngress {
        /// The service.
        service: ServiceId,
        /// The uid the write is meant for.
        uid: Uid,
        /// All its addresses, in order.
        addresses: Vec<IpAddr>,
        /// The value of the pool annotation: the pool, or both pools joined by a comma when the families come from two.
        pool: String,
    },
    /// Remove all addresses and the pool annotation of a service.
    ClearIngress {
        /// The service.
        service: ServiceId,
        /// The uid the write is meant for.
        uid: Uid,
    },
    /// Write the counters of a pool.
    SetPoolStatus {
        /// The pool.
        pool: PoolName,
        /// The counters.
        status: PoolStatus,
    },
    /// Record an event.
    Emit(ServiceEvent),
}

/// What the allocation decided for one service.
struct Next<'a> {
    placed: &'a [Placed],
    refusal: Option<&'a Refusal>,
    /// Missing for services that want nothing or are left alone.
    outcome: Option<&'a Outcome>,
}

/// The steps of one service.
struct Steps {
    actions: Vec<Action>,
    /// Steps that take nothing up go first, then those that also give something up.
    rank: u8,
}

/// Plans the whole cluster; equal snapshots give equal plans, and a plan that was carried out gives an empty one.
pub fn plan(snapshot: &Snapshot) -> Plan {
    let ours = snapshot.services.iter().filter(|view| view.class_is_ours);
    let views: Vec<Cow<'_, ServiceView>> = ours.map(|view| snapshot.ledger.overlay(view)).collect();
    let (frozen, free): (Vec<_>, Vec<_>) = views.iter().partition(|view| broken_pool(snapshot, view).is_some());

    let mut policy = snapshot.policy.clone();
    policy.reserved.extend(frozen.iter().flat_map(|view| view.addresses()));
    let requests: Vec<Request> = free.iter().filter(|view| view.is_load_balancer).map(|view| request(view)).collect();
    let allocation = allocate(&snapshot.pools, &requests, &policy);

    let mut plan = Plan::default();
    let mut steps: Vec<Steps> = Vec::new();
    for view in views.iter().map(Cow::as_ref) {
        let outcome = allocation.outcomes.get(&view.id);
        let refusal = match broken_pool(snapshot, view) {
            Some(pool) => Some(Refusal::PoolBroken { pool }),
            None => outcome.and_then(|outcome| refusal(view, outcome)),
        };
        let next = Next { placed: outcome.map_or(&[], placed), refusal: refusal.as_ref(), outcome };
        steps.push(plan_service(snapshot, view, &next));
        if !next.placed.is_empty() {
            plan.allocations.insert(view.id.clone(), next.placed.to_vec());
        }
        if let Some(refusal) = refusal {
            plan.refusals.insert(view.id.clone(), refusal);
        }
    }
    steps.sort_by_key(|steps| steps.rank);
    plan.actions = steps.into_iter().flat_map(|steps| steps.actions).collect();
    plan.actions.extend(pool_statuses(snapshot, &allocation.usage));
    plan.usage = allocation.usage;
    plan
}

impl Plan {
    /// Returns the reason token of every refusal, which the next snapshot carries as `reported`.
    pub fn reasons(&self) -> BTreeMap<ServiceId, String> {
        self.refusals.iter().map(|(service, refusal)| (service.clone(), refusal.reason().to_owned())).collect()
    }
}

fn request(view: &ServiceView) -> Request {
    let families = cluster_families(&view.cluster_ips);
    let demand = match (&view.demand, families) {
        (Ok(demand), Some(_)) => demand.clone(),
        (Err(_), _) | (Ok(_), None) => Demand::Hold,
    };
    Request {
        service: view.id.clone(),
        created: view.created,
        families: families.flatten(),
        policy: view.family_policy,
        demand,
        sharing_key: view.sharing_key.clone(),
        backend_key: backend_key(view.traffic_policy, &view.selector),
        ports: view.ports.clone(),
        held: view.addresses().collect(),
    }
}

fn refusal(view: &ServiceView, outcome: &Outcome) -> Option<Refusal> {
    if cluster_families(&view.cluster_ips).is_none() {
        return Some(Refusal::ClusterFamilies { cluster_ips: view.cluster_ips.clone() });
    }
    if let Err(fault) = &view.demand {
        return Some(Refusal::Request(fault.clone()));
    }
    match &outcome.decision {
        Decision::Keep(placement) | Decision::Assign(placement) => placement.missing.clone().map(Refusal::Partial),
        Decision::Refuse(refusal) => Some(Refusal::Allocation(refusal.clone())),
    }
}

fn placed(outcome: &Outcome) -> &[Placed] {
    match &outcome.decision {
        Decision::Keep(placement) | Decision::Assign(placement) => &placement.addresses,
        Decision::Refuse(_) => &[],
    }
}

/// Returns the broken pool a service has its addresses from: as long as it cannot be read, nobody knows whether they are legal.
fn broken_pool(snapshot: &Snapshot, view: &ServiceView) -> Option<PoolName> {
    let pools = view.pool_annotation.as_deref().filter(|_| view.is_load_balancer && !view.ingress.is_empty())?;
    snapshot.broken_pools.iter().find(|broken| pools.split(',').any(|pool| pool == broken.as_str())).cloned()
}

fn plan_service(snapshot: &Snapshot, view: &ServiceView, next: &Next<'_>) -> Steps {
    let frozen = matches!(next.refusal, Some(Refusal::PoolBroken { .. }));
    let write = write(view, next.placed).filter(|_| !frozen);
    let mut notes = if write.is_some() { change_notes(view, next) } else { Vec::new() };
    let reported = snapshot.reported.get(&view.id).map(String::as_str);
    if let Some(refusal) = next.refusal.filter(|refusal| reported != Some(refusal.reason())) {
        notes.push((refusal.event(), refusal.to_string()));
    }
    let event = |(reason, message)| ServiceEvent { service: view.id.clone(), uid: view.uid.clone(), reason, message };
    let actions = write.into_iter().chain(notes.into_iter().map(event).map(Action::Emit)).collect();

    let takes = next.placed.iter().any(|placed| placed.new);
    let gives = view.addresses().any(|address| next.placed.iter().all(|placed| placed.address != address));
    let rank = match (takes, gives) {
        (false, true | false) => 0,
        (true, true) => 1,
        (true, false) => 2,
    };
    Steps { actions, rank }
}

/// Returns what to report next to a write.
fn change_notes(view: &ServiceView, next: &Next<'_>) -> Vec<(EventReason, String)> {
    let released = next.outcome.map_or(&[] as &[Released], |outcome| &outcome.released);
    let lost = |Released { address, unfit }: &Released| Some((loss(unfit)?, format!("{address} is given up: {unfit}")));
    let mut notes: Vec<(EventReason, String)> = released.iter().filter_map(lost).collect();

    let new = next.placed.iter().filter(|placed| placed.new);
    let new: Vec<String> = new.map(|placed| format!("{} from pool \"{}\"", placed.address, placed.pool)).collect();
    if !new.is_empty() {
        notes.push((EventReason::IpAllocated, format!("assigned {}", new.join(" and "))));
    }
    if !view.deprecated_annotations.is_empty() {
        let keys = view.deprecated_annotations.join(", ");
        notes.push((EventReason::DeprecatedAnnotation, format!("{keys}: the prefix is deprecated; write metallb.io/")));
    }
    notes
}

/// Returns the write that brings the status to what is planned, if it is not there yet.
fn write(view: &ServiceView, placed: &[Placed]) -> Option<Action> {
    let (service, uid) = (view.id.clone(), view.uid.clone());
    if placed.is_empty() {
        let clean = view.ingress.is_empty() && view.pool_annotation.is_none();
        return (!clean).then_some(Action::ClearIngress { service, uid });
    }
    let mut pools: Vec<&str> = placed.iter().map(|placed| placed.pool.as_str()).collect();
    pools.dedup();
    let pool = pools.join(",");
    let addresses: Vec<IpAddr> = placed.iter().map(|placed| placed.address).collect();
    let shown = addresses.iter().map(|address| Ingress::Ip(*address));
    let done = view.pool_annotation.as_ref() == Some(&pool) && view.ingress.iter().cloned().eq(shown);
    (!done).then_some(Action::SetIngress { service, uid, addresses, pool })
}

/// Returns the event for an address that is given up; a move the service itself asked for needs none.
fn loss(unfit: &Unfit) -> Option<EventReason> {
    match unfit {
        Unfit::OutsideEveryPool
        | Unfit::Avoided { .. }
        | Unfit::NotAdmitted { .. }
        | Unfit::Reserved
        | Unfit::InUse(_) => Some(EventReason::ClearAssignment),
        Unfit::SecondOfFamily { .. } => Some(EventReason::NoLbIpsFamily),
        Unfit::FamilyNotServed(_) | Unfit::NotRequested | Unfit::OtherPool { .. } => None,
    }
}

fn pool_statuses(snapshot: &Snapshot, usage: &BTreeMap<PoolName, Usage>) -> Vec<Action> {
    let status = |(pool, usage): (&PoolName, &Usage)| (pool.clone(), PoolStatus::from(*usage));
    let differs = |(pool, status): &(PoolName, PoolStatus)| snapshot.pool_status.get(pool) != Some(status);
    let set = |(pool, status)| Action::SetPoolStatus { pool, status };
    usage.iter().map(status).filter(differs).map(set).collect()
}
