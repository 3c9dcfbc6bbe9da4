//! Which of the planned writes may go out now.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use apiserver::{StatusError, Version};
use ipam::ServiceId;

use super::contention::{Contention, Spent};
use crate::events::ServiceEvent;
use crate::ledger::{Ledger, StatusWrite};
use crate::plan::Change;
use crate::view::{ResourceVersion, ServiceView, Uid};

/// How long a Service rests after the API server refused a write to it or another program undid too many; doubles up to the longest.
const FIRST_REST: Duration = Duration::from_secs(1);
const LONGEST_REST: Duration = Duration::from_secs(60);

/// The writes of the latest plan, those under way, and those that have to wait.
#[derive(Default)]
pub(super) struct Applier {
    queue: VecDeque<Change>,
    /// The addresses that Services give up by the plan, sent or not.
    planned: BTreeSet<(IpAddr, ServiceId)>,
    under_way: BTreeMap<ServiceId, UnderWay>,
    /// The addresses that Services give up by writes whose outcome is open.
    leaving: BTreeMap<ServiceId, Vec<IpAddr>>,
    resting: BTreeMap<ServiceId, Rest>,
    /// Who writes the same Services.
    pub contention: Contention,
    /// Services that could not be written because an earlier write is open; they want a new plan when it is settled.
    awaited: BTreeSet<ServiceId>,
}

struct UnderWay {
    uid: Uid,
    /// Whether the latest plan holds it. A later one is made as if the write were carried out.
    planned: bool,
    /// Whether it has failed, and is sent again until it is settled.
    failed: bool,
}

struct Rest {
    /// None once it is over; it is remembered because what is refused again rests for longer.
    until: Option<Instant>,
    last: Duration,
}

/// A write that is to go out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Job {
    /// The Service as it is without the write.
    pub view: ServiceView,
    /// The version it is for.
    pub base: ResourceVersion,
    /// What its status should hold.
    pub write: StatusWrite,
    /// What to report when it is carried out.
    pub events: Vec<ServiceEvent>,
}

/// What became of a write. That nobody knows is none of them: such a write is sent again until it is settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was carried out.
    Accepted(Version),
    /// The Service is no longer what it was for, perhaps because an earlier attempt was carried out.
    Conflict,
    /// The Service is gone.
    Gone,
    /// The API server does not want it.
    Refused(StatusError),
}

/// What follows from the outcome of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Settled {
    /// Whether a new plan is needed.
    pub replan: bool,
    /// Whether it is to be told that another program keeps changing what we write.
    pub contended: bool,
}

impl Applier {
    /// Replaces what is queued by a new plan.
    pub(super) fn replace(&mut self, changes: Vec<Change>) {
        let gives = |change: &'_ Change| {
            let service = change.service.clone();
            change.gives.clone().into_iter().map(move |address| (address, service.clone()))
        };
        self.planned = changes.iter().flat_map(gives).collect();
        self.queue = changes.into();
        self.under_way.values_mut().for_each(|write| write.planned = false);
        self.awaited.clear();
    }

    /// Returns the next write that may go out, and records it in the ledger.
    pub(super) fn next(
        &mut self,
        now: Instant,
        services: &BTreeMap<ServiceId, ServiceView>,
        ledger: &mut Ledger,
    ) -> Option<Job> {
        self.leaving.retain(|id, _| services.get(id).is_some_and(|view| ledger.base(view).is_none()));
        let mut index = 0;
        while let Some(change) = self.queue.get(index) {
            let Some(view) = services.get(&change.service).filter(|view| view.uid == change.uid) else {
                self.queue.remove(index);
                continue;
            };
            if self.resting.get(&change.service).is_some_and(|rest| rest.until.is_some_and(|until| now < until)) {
                self.queue.remove(index);
                continue;
            }
            let Some(base) = ledger.base(view).filter(|_| !self.under_way.contains_key(&change.service)) else {
                self.awaited.insert(change.service.clone());
                self.queue.remove(index);
                continue;
            };
            if self.must_wait(change) {
                index += 1;
                continue;
            }
            let change = self.queue.remove(index)?;
            return Some(self.send(change, base, view, ledger));
        }
        self.untie(services, ledger)
    }

    /// Says whether an address that the change takes is still another Service's.
    fn must_wait(&self, change: &Change) -> bool {
        let held = |address: &IpAddr| {
            self.givers(*address).any(|service| *service != change.service)
                || self.leaving.values().any(|leaving| leaving.contains(address))
        };
        change.takes.iter().any(held)
    }

    /// Lets one Service give up what it has when Services wait for each other in a circle, as when two swap addresses.
    fn untie(&mut self, services: &BTreeMap<ServiceId, ServiceView>, ledger: &mut Ledger) -> Option<Job> {
        let failed = |service: &ServiceId| self.under_way.get(service).is_some_and(|write| write.failed);
        if self.under_way() > 0 || !self.leaving.keys().all(failed) {
            return None;
        }
        let index = self.in_circle()?;
        let mut change = self.queue.remove(index)?;
        let view = services.get(&change.service)?;
        let base = ledger.base(view)?;
        change.write.addresses.retain(|address| !change.takes.contains(address));
        change.write.condition = view.condition.clone();
        if change.write.addresses.is_empty() {
            change.write.pool = None;
        }
        change.events.clear();
        self.awaited.insert(change.service.clone());
        Some(self.send(change, base, view, ledger))
    }

    /// Returns a queued change that waits for itself by way of others. Those that wait for a Service that rests are in no circle.
    fn in_circle(&self) -> Option<usize> {
        let places: BTreeMap<&ServiceId, usize> =
            self.queue.iter().enumerate().map(|(index, change)| (&change.service, index)).collect();
        let waits_for = |index: usize| {
            let change = &self.queue[index];
            let mut givers = change.takes.iter().flat_map(|address| self.givers(*address));
            places.get(givers.find(|giver| **giver != change.service)?).copied()
        };
        (0..self.queue.len()).find_map(|start| {
            let mut passed = BTreeSet::new();
            let mut here = start;
            while passed.insert(here) {
                here = waits_for(here)?;
            }
            Some(here)
        })
    }

    /// Returns the Services that give up an address by the plan.
    fn givers(&self, address: IpAddr) -> impl Iterator<Item = &ServiceId> {
        let planned = self.planned.range((address, ServiceId::new("", ""))..);
        planned.take_while(move |(given, _)| *given == address).map(|(_, service)| service)
    }

    fn send(&mut self, change: Change, base: ResourceVersion, view: &ServiceView, ledger: &mut Ledger) -> Job {
        let Change { service, uid, write, gives, mut events, takes: _, released: _ } = change;
        if self.contention.rival(&service).is_some() {
            // It was told once, and the same again after every repair says nothing.
            events.clear();
        }
        let current = ledger.overlay(view).into_owned();
        ledger.send(&service, &uid, base, write.clone());
        if !gives.is_empty() {
            self.leaving.insert(service.clone(), gives);
        }
        self.under_way.insert(service, UnderWay { uid, planned: true, failed: false });
        Job { view: current, base, write, events }
    }

    /// Takes the outcome of a write in.
    pub(super) fn settle(
        &mut self,
        now: Instant,
        service: &ServiceId,
        outcome: &Outcome,
        ledger: &mut Ledger,
    ) -> Settled {
        let write = self.under_way.remove(service);
        let planned = write.as_ref().is_some_and(|write| write.planned);
        let uid = write.as_ref().map(|write| &write.uid);
        let awaited = self.awaited.remove(service);
        match outcome {
            Outcome::Accepted(version) => {
                ledger.accepted(service, ResourceVersion(version.0));
                self.given(service, planned);
                let contended = self.spend(now, service, uid, true);
                Settled { replan: awaited, contended }
            }
            // The watch will show what it has become, and only then is it safe to plan without this write.
            Outcome::Conflict => {
                self.awaited.insert(service.clone());
                let contended = self.spend(now, service, uid, false);
                Settled { replan: awaited, contended }
            }
            Outcome::Gone => {
                ledger.forget(service);
                self.given(service, true);
                Settled { replan: true, contended: false }
            }
            Outcome::Refused(_) => {
                ledger.refused(service);
                self.leaving.remove(service);
                self.rest(now, service);
                Settled { replan: true, contended: false }
            }
        }
    }

    /// Books a write; returns whether it is to be told that it was one too many.
    fn spend(&mut self, now: Instant, service: &ServiceId, uid: Option<&Uid>, carried_out: bool) -> bool {
        let Some(uid) = uid else { return false };
        match self.contention.spend(now, service, uid, carried_out) {
            Spent::Within if carried_out => {
                self.resting.remove(service);
                false
            }
            Spent::Within => false,
            Spent::Beyond { first } => {
                self.rest(now, service);
                first
            }
        }
    }

    fn rest(&mut self, now: Instant, service: &ServiceId) {
        let last = self.resting.get(service).map_or(FIRST_REST, |rest| (rest.last * 2).min(LONGEST_REST));
        self.resting.insert(service.clone(), Rest { until: Some(now + last), last });
    }

    /// Says whether a Service that was just seen had to be waited for.
    pub(super) fn was_awaited(&mut self, view: &ServiceView, ledger: &Ledger) -> bool {
        !self.under_way.contains_key(&view.id) && ledger.base(view).is_some() && self.awaited.remove(&view.id)
    }

    /// Returns when a Service has rested long enough.
    pub(super) fn next_wake(&self) -> Option<Instant> {
        self.resting.values().filter_map(|rest| rest.until).min()
    }

    /// Ends the rests that are over; returns whether there were any, so that a new plan is needed.
    pub(super) fn wake(&mut self, now: Instant) -> bool {
        let over = self.resting.values_mut().filter_map(|rest| rest.until.take_if(|until| now >= *until));
        over.count() > 0
    }

    /// Records that what a Service gave up is free, and whether that is all that it gives up by the latest plan.
    fn given(&mut self, service: &ServiceId, planned: bool) {
        self.leaving.remove(service);
        if planned {
            self.planned.retain(|(_, giver)| giver != service);
        }
    }

    /// Returns how many planned writes have not gone out.
    pub(super) fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Records that a write has failed for reasons of the server, and that it may have been carried out all the same.
    pub(super) fn failed(&mut self, service: &ServiceId) {
        if let Some(write) = self.under_way.get_mut(service) {
            write.failed = true;
        }
    }

    /// Returns how many writes are under way that have not failed: those that have may go on failing, and must not take the places
    /// of others.
    pub(super) fn under_way(&self) -> usize {
        self.under_way.values().filter(|write| !write.failed).count()
    }
}

#[cfg(test)]
mod tests;
