//! Which Service has which IP before and after.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use controller::{Ingress, Plan, ServiceView, Snapshot, Terms};
use crds::core::Service;
use ipam::{Created, Released, ServiceId};
use serde::Serialize;

use super::side::Side;
use crate::standalone::allocation;

/// What happens to one Service.
#[derive(Debug, Clone, Serialize)]
pub(super) struct ServiceChange {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) before: Vec<IpAddr>,
    pub(super) ips: Vec<IpAddr>,
    /// The pools of the IPs, separated by commas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pool: Option<String>,
    pub(super) change: Change,
    /// Why it has none, or fewer than it wants, or loses some.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
}

/// How the IPs of a Service change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Change {
    /// It has what it had.
    Keeps,
    /// It gets some, and loses none.
    Gets,
    /// It gets some in place of others.
    Moves,
    /// It loses some, and gets none.
    Loses,
    /// It had none and gets none.
    Waits,
}

impl Change {
    /// Says whether clients of some IP are cut off.
    pub(super) fn disrupts(self) -> bool {
        match self {
            Self::Moves | Self::Loses => true,
            Self::Keeps | Self::Gets | Self::Waits => false,
        }
    }

    fn between(before: &[IpAddr], after: &[IpAddr]) -> Self {
        let lost = before.iter().any(|ip| !after.contains(ip));
        let gained = after.iter().any(|ip| !before.contains(ip));
        match (lost, gained) {
            (true, true) => Self::Moves,
            (true, false) => Self::Loses,
            (false, true) => Self::Gets,
            (false, false) if after.is_empty() => Self::Waits,
            (false, false) => Self::Keeps,
        }
    }
}

/// The Services of one side.
type Services = BTreeMap<ServiceId, ServiceView>;

/// Returns what happens to every Service that has an IP or wants one.
pub(super) fn changes(old: Option<&Side>, new: &Side, faults: &mut Vec<String>) -> Vec<ServiceChange> {
    let before = match old {
        Some(old) => held(old),
        None => views(new, &Services::new()),
    };
    let (plan, views) = planned(new, views(new, &before), Terms::of(before.values()), faults);
    let after = carry_out(views, &plan);
    let ids: BTreeSet<&ServiceId> = before.keys().chain(after.keys()).collect();
    ids.into_iter().filter_map(|id| change(id, before.get(id), after.get(id), &plan)).collect()
}

/// Returns the Services as they are at present: with the IPs of their status, or those that they would have been given.
fn held(side: &Side) -> Services {
    let written = views(side, &Services::new());
    let with_status: BTreeSet<ServiceId> =
        written.values().filter(|view| !view.ingress.is_empty()).map(|view| view.id.clone()).collect();
    let (mut plan, views) = planned(side, written, Terms::default(), &mut Vec::new());
    plan.changes.retain(|change| !with_status.contains(&change.service));
    carry_out(views, &plan)
}

/// Returns the Services of a side, with what is known of them from before.
fn views(side: &Side, known: &Services) -> Services {
    let view = |service: &&Service| {
        let mut view = allocation::service_view(service, &side.lb_class);
        if let Some(known) = known.get(&view.id) {
            if !known.ingress.is_empty() {
                view.ingress.clone_from(&known.ingress);
                view.pool_annotation.clone_from(&known.pool_annotation);
            }
            if view.created == Created(0) {
                view.created = known.created;
            }
            if service.spec.cluster_ips.is_empty() && service.spec.cluster_ip.is_none() {
                view.cluster_ips.clone_from(&known.cluster_ips);
            }
        }
        (view.id.clone(), view)
    };
    side.cluster().services.iter().map(view).collect()
}

fn planned(side: &Side, views: Services, terms: Terms, faults: &mut Vec<String>) -> (Plan, Services) {
    let (snapshot, wrong) = allocation::snapshot(&side.compiled, &side.cluster(), views);
    let snapshot = Snapshot { terms, ..snapshot };
    faults.extend(wrong);
    (controller::plan(&snapshot), snapshot.services)
}

fn carry_out(mut services: Services, plan: &Plan) -> Services {
    for change in &plan.changes {
        if let Some(view) = services.get_mut(&change.service) {
            view.ingress = change.write.addresses.iter().copied().map(Ingress::Ip).collect();
            view.pool_annotation.clone_from(&change.write.pool);
        }
    }
    services
}

fn change(
    id: &ServiceId,
    before: Option<&ServiceView>,
    after: Option<&ServiceView>,
    plan: &Plan,
) -> Option<ServiceChange> {
    let ours = |view: &&ServiceView| view.class_is_ours && view.is_load_balancer;
    let addresses = |view: Option<&ServiceView>| view.into_iter().flat_map(ServiceView::addresses).collect::<Vec<_>>();
    let (had, has) = (addresses(before.filter(ours)), addresses(after.filter(ours)));
    if had.is_empty() && !after.is_some_and(|view| ours(&view)) {
        return None;
    }
    let change = Change::between(&had, &has);
    let pool = after.filter(ours).and_then(|view| pool(view, plan));
    Some(ServiceChange {
        namespace: id.namespace().as_str().to_owned(),
        name: id.name().to_owned(),
        pool,
        change,
        reason: reason(id, after, plan, change),
        before: had,
        ips: has,
    })
}

/// Returns the pool of what a Service holds: by the plan, or as it is noted where the plan leaves the Service alone.
fn pool(view: &ServiceView, plan: &Plan) -> Option<String> {
    let Some(placed) = plan.allocations.get(&view.id) else { return view.pool_annotation.clone() };
    let mut pools: Vec<&str> = placed.iter().map(|placed| placed.pool.as_str()).collect();
    pools.dedup();
    Some(pools.join(","))
}

fn reason(id: &ServiceId, after: Option<&ServiceView>, plan: &Plan, change: Change) -> Option<String> {
    if let Some(refusal) = plan.refusals.get(id) {
        return Some(refusal.to_string());
    }
    match after {
        None => return Some("the manifests do not have it any more".to_owned()),
        Some(view) if !view.class_is_ours => return Some("its loadBalancerClass is for another program".to_owned()),
        Some(view) if !view.is_load_balancer => return Some("its type is not LoadBalancer".to_owned()),
        Some(_) if !change.disrupts() => return plan.held_only(id),
        Some(_) => {}
    }
    let released = plan.changes.iter().filter(|change| change.service == *id).flat_map(|change| &change.released);
    let losses = released.map(|Released { address, unfit }| format!("{address} is given up: {unfit}"));
    let losses: Vec<String> = losses.collect();
    (!losses.is_empty()).then(|| losses.join(", "))
}
