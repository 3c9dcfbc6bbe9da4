//! The objects of one kind, as the server has them, and what is to be done about them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use announce::ServiceId;
use apiserver::{Event, Object, Repairs, Table};

use super::assignments::Assignments;
use super::statuses::{Action, Author, Kind, Situation, Strangers, Told, Written, reconcile};
use crate::drivers::LinkObserved;

/// How many objects are changed before they are compared again: in the two seconds that this takes, what has changed meanwhile may
/// wait.
const ROUND: usize = 100;

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

    /// Returns what makes the objects say what is so, which counts as sent, and the Services whose objects are fought over, once.
    ///
    /// What another program undoes every time is done again after a rest only, and of very many actions the rest comes next time.
    pub(super) fn actions(
        &mut self,
        me: Author<'_>,
        situation: &Situation,
        now: Instant,
    ) -> (Vec<Action>, Vec<ServiceId>) {
        self.written.expire(now);
        let existing = self.told.rows().filter_map(|(name, row)| Some((name, row.value.as_ref()?)));
        let name = || self.kind.random_name();
        let mut actions = reconcile(me, situation, &self.strangers, existing, &self.written, name);
        let wanted = actions.len();
        actions.retain(|action| !self.repairs.is_resting(now, action.service()));
        actions.truncate(ROUND);
        self.changed = actions.len() < wanted;
        let mut fights = Vec::new();
        for action in &actions {
            let cost = self.written.cost(action);
            if cost > 0 && self.repairs.book(now, action.service().clone(), cost) {
                fights.push(action.service().clone());
            }
            self.written.send(action);
        }
        self.written.keep(&situation.announced);
        (actions, fights)
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
