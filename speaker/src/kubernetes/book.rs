//! The objects of one kind, as the server has them, and what is to be done about them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use announce::ServiceId;
use apiserver::{Event, Object, Repairs, Table};

use super::assignments::Assignments;
use super::statuses::{Action, Author, Kind, Situation, Strangers, Told, Written, reconcile};
use crate::drivers::LinkObserved;

/// How many objects are changed before they are compared again: in the two seconds that this takes, what has changed meanwhile may
/// wait.
const ROUND: usize = 100;

/// How long a node whose object was removed counts as one that may write it again.
const RIVALRY: Duration = Duration::from_secs(60);

/// A Service whose object somebody keeps changing.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fight {
    /// The Service.
    pub(super) service: ServiceId,
    /// The nodes in whose name other objects of it were written lately.
    pub(super) rivals: BTreeSet<Arc<str>>,
}

/// What was told of one protocol.
#[derive(Debug)]
pub(super) struct Book {
    kind: Kind,
    /// What they say.
    pub(super) told: Table<Told>,
    written: Written,
    strangers: Strangers,
    repairs: Repairs<ServiceId>,
    assigned: Assignments,
    /// The nodes whose objects were removed because this node announces the Service, with when that was.
    rivals: BTreeMap<ServiceId, BTreeMap<Arc<str>, Instant>>,
    /// The objects are not what they were when they were last compared.
    changed: bool,
}

impl Book {
    /// Returns a book in which nothing is written.
    pub(super) fn new(kind: Kind) -> Self {
        Self {
            kind,
            told: Table::default(),
            written: Written::default(),
            strangers: Strangers::default(),
            repairs: Repairs::default(),
            assigned: Assignments::default(),
            rivals: BTreeMap::new(),
            changed: false,
        }
    }

    /// Takes in who is Ready, and who is heard on the links now.
    pub(super) fn meet(&mut self, ready: &Arc<BTreeSet<Arc<str>>>, links: &[LinkObserved]) {
        self.strangers.update(ready, links);
    }

    /// Takes over what the server tells of the objects.
    pub(super) fn take(&mut self, event: Event<Told>) {
        match &event {
            Event::Applied(Object { name, value: Ok(told), .. }) => self.written.see(&name.name, told, false),
            Event::Deleted(name, _) => {
                if let Some(told) = self.told.get(name).and_then(|row| row.value.as_ref()) {
                    self.written.see(&name.name, told, true);
                }
            }
            Event::Applied(Object { value: Err(_), .. }) => {}
            Event::Relisting | Event::Listed | Event::Connected | Event::Lost(_) => {}
        }
        self.changed |= self.told.take(event);
    }

    /// Says whether nothing has changed since the last comparison, and nothing is waited for.
    pub(super) fn is_quiet(&self) -> bool {
        !self.changed && self.written.is_settled()
    }

    /// Returns what makes the objects say what is so, which counts as sent, and the Services whose objects are fought over, once, each
    /// with the nodes in whose name the others were written.
    ///
    /// What another program undoes every time is done again after a rest only, and of very many actions the rest comes next time.
    pub(super) fn actions(&mut self, me: Author<'_>, situation: &Situation, now: Instant) -> (Vec<Action>, Vec<Fight>) {
        self.written.expire(now);
        let existing = self.told.rows().filter_map(|(name, row)| Some((name, row.value.as_ref()?)));
        let name = || self.kind.random_name();
        let mut actions = reconcile(me, situation, &self.strangers, existing, &self.written, name);
        let wanted = actions.len();
        actions.retain(|action| !self.repairs.is_resting(now, action.service()));
        actions.truncate(ROUND);
        self.changed = actions.len() < wanted;
        self.note_rivals(me.node, &actions, now);
        let mut fights = Vec::new();
        for action in &actions {
            let cost = self.written.cost(action);
            if cost > 0 && self.repairs.book(now, action.service().clone(), cost) {
                let service = action.service().clone();
                let rivals = self.rivals.get(&service).into_iter().flat_map(BTreeMap::keys).cloned().collect();
                fights.push(Fight { service, rivals });
            }
            self.written.send(action);
        }
        self.written.keep(&situation.announced);
        (actions, fights)
    }

    /// Remembers for a while whose objects are removed.
    fn note_rivals(&mut self, me: &str, actions: &[Action], now: Instant) {
        self.rivals.retain(|_, nodes| {
            nodes.retain(|_, at| now < *at + RIVALRY);
            !nodes.is_empty()
        });
        let removed = actions.iter().filter_map(|action| match action {
            Action::Delete { name, .. } => Some(&**name),
            Action::Create { .. } | Action::Update { .. } => None,
        });
        let removed: BTreeSet<&str> = removed.collect();
        if removed.is_empty() {
            return;
        }
        for (name, row) in self.told.rows() {
            let told = row.value.as_ref().filter(|told| *told.node != *me && removed.contains(&*name.name));
            if let Some(told) = told {
                self.rivals.entry(told.service.clone()).or_default().insert(told.node.clone(), now);
            }
        }
    }

    /// Takes in that the server has answered the last actions, or that they are lost.
    pub(super) fn answered(&mut self, now: Instant) {
        self.written.answer(now);
    }

    /// Returns the Services that this node has taken on since the last time; after a restart the objects say what it had before.
    pub(super) fn taken_on(&mut self, node: &str, situation: &Situation) -> Vec<ServiceId> {
        let told = &self.told;
        let before = || {
            let mine = told.values().filter(|told| &*told.node == node);
            mine.map(|told| told.service.clone()).collect()
        };
        self.assigned.update(situation, before)
    }
}

#[cfg(test)]
mod tests;
