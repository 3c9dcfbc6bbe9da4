//! The objects of one kind, as the server has them, and what is to be done about them.

use std::collections::BTreeSet;
use std::time::Instant;

use announce::ServiceId;
use apiserver::{Event, Table};

use super::assignments::Assignments;
use super::statuses::{Action, Author, Kind, Situation, Told, Unseen, reconcile};

/// What was told of one protocol.
#[derive(Debug)]
pub(super) struct Book {
    kind: Kind,
    /// What they say.
    pub(super) told: Table<Told>,
    /// Those that were sent and not seen back.
    unseen: Unseen,
    assigned: Assignments,
    /// The objects are not what they were when they were last compared.
    changed: bool,
}

impl Book {
    /// Returns a book in which nothing is written.
    pub(super) fn new(kind: Kind) -> Self {
        let (told, unseen, assigned) = (Table::default(), Unseen::default(), Assignments::default());
        Self { kind, told, unseen, assigned, changed: false }
    }

    /// Takes over what the server tells of the objects.
    pub(super) fn take(&mut self, event: Event<Told>) {
        self.changed |= self.told.take(event);
    }

    /// Says whether nothing has changed since the last comparison, and nothing is waited for.
    pub(super) fn is_quiet(&self) -> bool {
        !self.changed && self.unseen.deadline().is_none()
    }

    /// Returns what makes the objects say what is so; it counts as sent.
    pub(super) fn actions(&mut self, me: Author<'_>, situation: &Situation, now: Instant) -> Vec<Action> {
        let names: BTreeSet<&str> = self.told.rows().map(|(name, _)| &*name.name).collect();
        self.unseen.settle(now, |name| names.contains(name));
        let existing = self.told.rows().filter_map(|(name, row)| Some((name, row.value.as_ref()?)));
        let actions = reconcile(me, situation, existing, &self.unseen, || self.kind.random_name());
        self.unseen.send(now, &actions);
        self.changed = false;
        actions
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
