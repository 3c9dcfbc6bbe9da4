mod change;
mod remember;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use ipam::{Decision, Demand, Outcome, Placed, PoolName, Released, Request, ServiceId, Usage, allocate};

use self::change::{Next, change, held_only};
use crate::book::Hold;
use crate::events::ServiceEvent;
use crate::ledger::StatusWrite;
use crate::refusal::Refusal;
use crate::request::{backend_key, cluster_families};
use crate::snapshot::Snapshot;
use crate::view::{ServiceView, Uid};

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

impl Plan {
    /// Says which addresses of a service would not be given to it again, and why.
    pub fn held_only(&self, service: &ServiceId) -> Option<String> {
        held_only(self.allocations.get(service)?)
    }
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
    /// Why it may not go on holding addresses that it holds.
    pub released: Vec<Released>,
    /// What to report afterwards.
    pub events: Vec<ServiceEvent>,
}

/// A service as it is with all writes carried out.
struct Standing<'a> {
    view: Cow<'a, ServiceView>,
    hold: Hold<'a>,
    /// The broken pool that its addresses may be from: as long as that cannot be read, nobody knows whether they are legal.
    frozen: Option<PoolName>,
    /// The program that keeps changing it.
    rival: Option<&'a Arc<str>>,
}

/// Plans the whole cluster; equal snapshots give equal plans, and a plan that was carried out gives an empty one.
pub fn plan(snapshot: &Snapshot) -> Plan {
    let ours = snapshot.services.values().filter(|view| view.class_is_ours);
    let standings: Vec<Standing<'_>> = ours.map(|view| Standing::of(snapshot, view)).collect();
    let (frozen, free): (Vec<_>, Vec<_>) = standings.iter().partition(|standing| standing.frozen.is_some());

    let mut policy = snapshot.policy.clone();
    policy.reserved.extend(frozen.iter().flat_map(|standing| &standing.hold.addresses));
    let requests: Vec<Request> = free
        .iter()
        .filter(|standing| standing.view.is_load_balancer)
        .map(|standing| request(standing, snapshot))
        .collect();
    let mut allocation = allocate(&snapshot.pools, &requests, &policy);

    let mut plan = Plan { usage: std::mem::take(&mut allocation.usage), ..Plan::default() };
    for standing in &standings {
        let view = &*standing.view;
        let outcome = allocation.outcomes.remove(&view.id);
        let refusal = match standing.frozen.clone() {
            Some(pool) => Some(Refusal::PoolBroken { pool }),
            None => outcome.as_ref().and_then(|outcome| refusal(view, outcome)),
        };
        let contended = || standing.rival.map(|by| Refusal::Contended { by: by.clone() });
        let refusal = match refusal {
            Some(refusal) if !refusal.is_content() => Some(refusal),
            content => outcome.as_ref().and_then(|_| contended()).or(content),
        };
        let placed = outcome.as_ref().map_or(&[] as &[_], placed);
        let next = Next { placed, refusal: refusal.as_ref(), outcome: outcome.as_ref() };
        plan.changes.extend(change(standing, &next));
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

impl<'a> Standing<'a> {
    fn of(snapshot: &'a Snapshot, view: &'a ServiceView) -> Self {
        let hold = snapshot.ledger.held(view);
        let frozen = snapshot.broken_pool_of(view, &hold).cloned();
        let rival = snapshot.contended.get(&view.id);
        Self { view: snapshot.ledger.overlay(view), hold, frozen, rival }
    }
}

fn request(standing: &Standing<'_>, snapshot: &Snapshot) -> Request {
    let Standing { view, hold, .. } = standing;
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
        held: hold.addresses.clone(),
        claimed: hold.claimed,
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
