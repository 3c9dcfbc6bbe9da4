//! The Secrets of our namespace: all of them, or each by its name.

use std::collections::BTreeMap;
use std::sync::Arc;

use apiserver::{Event, Table, Undecodable, WatchError};
use crds::core::Secret;

/// The Secrets that may hold the key of the heartbeats or the password of a router.
#[derive(Debug, Default)]
pub(super) struct Secrets {
    all: Table<Secret>,
    /// By name, one row at most in each; if there are any, only these are followed.
    named: BTreeMap<Arc<str>, Table<Secret>>,
}

impl Secrets {
    /// Returns Secrets of these names alone.
    pub(super) fn named(names: impl IntoIterator<Item = Arc<str>>) -> Self {
        let named = names.into_iter().map(|name| (name, Table::default())).collect();
        Self { all: Table::default(), named }
    }

    /// Returns the names that are followed; none where all Secrets are.
    pub(super) fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.named.keys()
    }

    /// Takes in an event of the watch of all Secrets, or of that of the one with this name.
    pub(super) fn take(&mut self, name: Option<&str>, event: Event<Secret>) -> bool {
        match name {
            None => self.all.take(event),
            Some(name) => self.named.get_mut(name).is_some_and(|table| table.take(event)),
        }
    }

    fn tables(&self) -> impl Iterator<Item = &Table<Secret>> {
        let all = self.named.is_empty().then_some(&self.all);
        all.into_iter().chain(self.named.values())
    }

    /// Says whether everything that is followed has been seen once.
    pub(super) fn is_listed(&self) -> bool {
        self.tables().all(Table::is_listed)
    }

    /// Returns why changes do not arrive at present.
    pub(super) fn lost(&self) -> Option<&WatchError> {
        self.tables().find_map(Table::lost)
    }

    /// Returns the Secrets that cannot be read.
    pub(super) fn faults(&self) -> impl Iterator<Item = &Undecodable> {
        self.tables().flat_map(Table::faults)
    }

    /// Returns the last readable values.
    pub(super) fn values(&self) -> impl Iterator<Item = &Secret> {
        self.tables().flat_map(Table::values)
    }
}
