//! The write that brings the status of one service to what is planned.

use std::net::IpAddr;

use crds::reasons::{AllocatedReason, EventReason};
use ipam::{Outcome, Placed, Released, Unfit};

use super::{Change, Standing};
use crate::events::ServiceEvent;
use crate::ledger::StatusWrite;
use crate::refusal::Refusal;
use crate::view::{Condition, Ingress, ServiceView};

/// What the allocation decided for one service.
pub(super) struct Next<'a> {
    pub placed: &'a [Placed],
    pub refusal: Option<&'a Refusal>,
    /// Missing for services that want nothing or are left alone.
    pub outcome: Option<&'a Outcome>,
}

/// Returns the write that brings the status to what is planned, if it is not there yet.
pub(super) fn change(standing: &Standing<'_>, next: &Next<'_>) -> Option<Change> {
    let Standing { view, hold, frozen, rival } = standing;
    let write = match frozen {
        // It stays as it is, and so it is repaired when somebody else has changed it.
        Some(_) => StatusWrite {
            addresses: hold.addresses.clone(),
            pool: hold.pool.map(Into::into),
            condition: view.condition.clone(),
        },
        None => StatusWrite {
            addresses: next.placed.iter().map(|placed| placed.address).collect(),
            pool: pool_annotation(next.placed),
            condition: view.is_load_balancer.then(|| condition(next)),
        },
    };
    let is_done = match frozen {
        Some(_) => has_addresses(view, &hold.addresses),
        None => is_done(view, &write),
    };
    if is_done {
        return None;
    }
    let mut notes = change_notes(view, next);
    let told = view.condition.as_ref().map(|condition| condition.reason.as_str());
    if let Some(refusal) = next.refusal.filter(|refusal| frozen.is_none() && told != Some(refusal.reason().as_str())) {
        notes.push((refusal.event(), refusal.to_string()));
    }
    // Nobody waits for an address that a service shows in a fight and does not hold.
    let gives = |address: IpAddr| rival.is_none() || hold.addresses.contains(&address);
    let event = |(reason, message)| ServiceEvent { service: view.id.clone(), uid: view.uid.clone(), reason, message };
    Some(Change {
        service: view.id.clone(),
        uid: view.uid.clone(),
        takes: next.placed.iter().filter(|placed| placed.new).map(|placed| placed.address).collect(),
        gives: view.addresses().filter(|address| !write.addresses.contains(address) && gives(*address)).collect(),
        released: next.outcome.map(|outcome| outcome.released.clone()).unwrap_or_default(),
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
    let told = match (shown, wanted.met) {
        // A service that is well needs no word from us, so that taking a cluster over writes nothing.
        (None, met) => met,
        (Some(shown), true) => shown.met && shown.reason == wanted.reason,
        (Some(shown), false) => shown == wanted,
    };
    // A service that another program has given its addresses says nothing of pools, and is not written to have it said.
    let pool = write.pool.is_some() && view.pool_annotation.is_none() || view.pool_annotation == write.pool;
    told && pool && has_addresses(view, &write.addresses)
}

/// Says whether a status has these addresses and nothing else.
fn has_addresses(view: &ServiceView, addresses: &[IpAddr]) -> bool {
    view.ingress.iter().cloned().eq(addresses.iter().copied().map(Ingress::Ip))
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
            message: [Some(sources(next.placed.iter())), held_only(next.placed)]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join("; "),
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

/// Says which addresses stay only because they are held.
pub(super) fn held_only(placed: &[Placed]) -> Option<String> {
    let note = |Placed { address, reserved, .. }: &Placed| {
        let reservation = (*reserved)?;
        Some(format!("{address} is kept because the service holds it, and is given to nobody else: {reservation}"))
    };
    let notes: Vec<String> = placed.iter().filter_map(note).collect();
    (!notes.is_empty())
        .then(|| format!("{}; request another address when a change of address is convenient", notes.join("; ")))
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
    notes.extend(view.unread_annotations.iter().map(|note| (EventReason::UnknownAnnotation, note.clone())));
    notes
}

/// Returns the event for an address that is given up; a move the service itself asked for needs none.
fn loss(unfit: &Unfit) -> Option<EventReason> {
    match unfit {
        Unfit::OutsideEveryPool
        | Unfit::Avoided { .. }
        | Unfit::NotAdmitted { .. }
        | Unfit::Reserved(_)
        | Unfit::InUse(_) => Some(EventReason::ClearAssignment),
        Unfit::SecondOfFamily { .. } => Some(EventReason::NoLbIpsFamily),
        Unfit::FamilyNotServed(_) | Unfit::NotRequested | Unfit::OtherPool { .. } => None,
    }
}
