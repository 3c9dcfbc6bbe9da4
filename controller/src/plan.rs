use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;

use crds::reasons::{AllocatedReason, EventReason};
use ipam::{Decision, Demand, Outcome, Placed, PoolName, Released, Request, ServiceId, Unfit, Usage, allocate};

use crate::events::ServiceEvent;
use crate::ledger::StatusWrite;
use crate::refusal::Refusal;
use crate::request::{backend_key, cluster_families};
use crate::snapshot::{Condition, Ingress, ServiceView, Snapshot, Uid};

/// What should be, and how to get there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// What to write, at most once per service: those that give addresses up go before those that take them.
    pub changes: Vec<Change>,
    /// Why services have no address or fewer than they want.
    pub refusals: BTreeMap<ServiceId, Refusal>,
    /// How full every pool is.
    pub usage: BTreeMap<PoolName, Usage>,
    /// The addresses of every service that has any, those frozen by a broken pool left out.
    pub allocations: BTreeMap<ServiceId, Vec<Placed>>,
}

/// One write to the status of a service, and what to say about it once it is carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The service.
    pub service: ServiceId,
    /// The uid the write is meant for.
    pub uid: Uid,
    /// What the status should hold.
    pub write: StatusWrite,
    /// The addresses that are new to the service. They must not be written before others have given them up.
    pub takes: Vec<IpAddr>,
    /// The addresses it has at present and will have no more.
    pub gives: Vec<IpAddr>,
    /// What to report afterwards.
    pub events: Vec<ServiceEvent>,
}

/// What the allocation decided for one service.
struct Next<'a> {
    placed: &'a [Placed],
    refusal: Option<&'a Refusal>,
    /// Missing for services that want nothing or are left alone.
    outcome: Option<&'a Outcome>,
}

/// Plans the whole cluster; equal snapshots give equal plans, and a plan that was carried out gives an empty one.
pub fn plan(snapshot: &Snapshot) -> Plan {
    let ours = snapshot.services.values().filter(|view| view.class_is_ours);
    let views: Vec<Cow<'_, ServiceView>> = ours.map(|view| snapshot.ledger.overlay(view)).collect();
    let (frozen, free): (Vec<_>, Vec<_>) = views.iter().partition(|view| broken_pool(snapshot, view).is_some());

    let mut policy = snapshot.policy.clone();
    policy.reserved.extend(frozen.iter().flat_map(|view| view.addresses()));
    let requests: Vec<Request> =
        free.iter().filter(|view| view.is_load_balancer).map(|view| request(view, snapshot)).collect();
    let mut allocation = allocate(&snapshot.pools, &requests, &policy);

    let mut plan = Plan { usage: std::mem::take(&mut allocation.usage), ..Plan::default() };
    for view in views.iter().map(Cow::as_ref) {
        let outcome = allocation.outcomes.remove(&view.id);
        let refusal = match broken_pool(snapshot, view) {
            Some(pool) => Some(Refusal::PoolBroken { pool }),
            None => outcome.as_ref().and_then(|outcome| refusal(view, outcome)),
        };
        let contended = || snapshot.contended.get(&view.id).map(|by| Refusal::Contended { by: by.clone() });
        let refusal = match refusal {
            Some(refusal) if !refusal.is_content() => Some(refusal),
            content => outcome.as_ref().and_then(|_| contended()).or(content),
        };
        let placed = outcome.as_ref().map_or(&[] as &[_], placed);
        let next = Next { placed, refusal: refusal.as_ref(), outcome: outcome.as_ref() };
        plan.changes.extend(change(view, &next));
        if let Some(refusal) = refusal {
            plan.refusals.insert(view.id.clone(), refusal);
        }
        if let Some(Outcome { decision: Decision::Keep(placement) | Decision::Assign(placement), .. }) = outcome
            && !placement.addresses.is_empty()
        {
            plan.allocations.insert(view.id.clone(), placement.addresses);
        }
    }
    // What takes nothing goes first, then what also gives something up.
    plan.changes.sort_by_key(|change| match (change.takes.is_empty(), change.gives.is_empty()) {
        (true, true | false) => 0,
        (false, false) => 1,
        (false, true) => 2,
    });
    plan
}

fn request(view: &ServiceView, snapshot: &Snapshot) -> Request {
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
        edited: snapshot.terms.differ(view),
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

/// Returns the write that brings the status to what is planned, if it is not there yet.
fn change(view: &ServiceView, next: &Next<'_>) -> Option<Change> {
    if let Some(Refusal::PoolBroken { .. }) = next.refusal {
        return None;
    }
    let write = StatusWrite {
        addresses: next.placed.iter().map(|placed| placed.address).collect(),
        pool: pool_annotation(next.placed),
        condition: view.is_load_balancer.then(|| condition(next)),
    };
    if is_done(view, &write) {
        return None;
    }
    let mut notes = change_notes(view, next);
    let told = view.condition.as_ref().map(|condition| condition.reason.as_str());
    if let Some(refusal) = next.refusal.filter(|refusal| told != Some(refusal.reason().as_str())) {
        notes.push((refusal.event(), refusal.to_string()));
    }
    let event = |(reason, message)| ServiceEvent { service: view.id.clone(), uid: view.uid.clone(), reason, message };
    Some(Change {
        service: view.id.clone(),
        uid: view.uid.clone(),
        takes: next.placed.iter().filter(|placed| placed.new).map(|placed| placed.address).collect(),
        gives: view.addresses().filter(|address| !write.addresses.contains(address)).collect(),
        write,
        events: notes.into_iter().map(event).collect(),
    })
}

/// Says whether a service needs no write: its addresses are right, and nothing about it has to be said or taken back.
fn is_done(view: &ServiceView, write: &StatusWrite) -> bool {
    let shown = view.condition.as_ref();
    let Some(wanted) = &write.condition else {
        // A service of another type may hold what somebody else wrote.
        return view.pool_annotation.is_none() && shown.is_none();
    };
    let addresses = write.addresses.iter().copied().map(Ingress::Ip);
    let told = match (shown, wanted.met) {
        // A service that is well needs no word from us, so that taking a cluster over writes nothing.
        (None, met) => met,
        (Some(shown), true) => shown.met && shown.reason == wanted.reason,
        (Some(shown), false) => shown == wanted,
    };
    told && view.pool_annotation == write.pool && view.ingress.iter().cloned().eq(addresses)
}

fn condition(next: &Next<'_>) -> Condition {
    match next.refusal {
        Some(refusal) => Condition {
            met: refusal.is_content(),
            reason: refusal.reason().as_str().to_owned(),
            message: refusal.to_string(),
        },
        None => Condition {
            met: true,
            reason: AllocatedReason::Allocated.as_str().to_owned(),
            message: sources(next.placed.iter()),
        },
    }
}

/// Returns the value of the pool annotation.
fn pool_annotation(placed: &[Placed]) -> Option<String> {
    let mut pools: Vec<&str> = placed.iter().map(|placed| placed.pool.as_str()).collect();
    pools.dedup();
    (!pools.is_empty()).then(|| pools.join(","))
}

/// Names addresses with their pools.
fn sources<'a>(placed: impl Iterator<Item = &'a Placed>) -> String {
    let named: Vec<String> = placed.map(|placed| format!("{} from pool \"{}\"", placed.address, placed.pool)).collect();
    named.join(" and ")
}

/// Returns what to report next to a write.
fn change_notes(view: &ServiceView, next: &Next<'_>) -> Vec<(EventReason, String)> {
    let released = next.outcome.map_or(&[] as &[Released], |outcome| &outcome.released);
    let lost = |Released { address, unfit }: &Released| Some((loss(unfit)?, format!("{address} is given up: {unfit}")));
    let mut notes: Vec<(EventReason, String)> = released.iter().filter_map(lost).collect();

    if next.placed.iter().any(|placed| placed.new) {
        let new = sources(next.placed.iter().filter(|placed| placed.new));
        notes.push((EventReason::IpAllocated, format!("assigned {new}")));
    }
    if !view.deprecated_annotations.is_empty() {
        let keys = view.deprecated_annotations.join(", ");
        notes.push((EventReason::DeprecatedAnnotation, format!("{keys}: the prefix is deprecated; write metallb.io/")));
    }
    notes
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
