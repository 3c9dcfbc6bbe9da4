//! Equal values as one allocation, from one plan to the next.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Values that are in use, each once.
#[derive(Debug)]
pub(super) struct Sets<T>(BTreeSet<Arc<T>>);

impl<T: Ord> Sets<T> {
    pub(super) fn of<'a>(used: impl Iterator<Item = &'a Arc<T>>) -> Self
    where
        T: 'a,
    {
        // Thousands of users share a few values, each of which may take long to compare.
        let distinct: BTreeMap<*const T, &Arc<T>> = used.map(|value| (Arc::as_ptr(value), value)).collect();
        Self(distinct.into_values().cloned().collect())
    }

    /// Replaces a value by the equal one that is in use, if there is one.
    pub(super) fn share(&mut self, value: &mut Arc<T>) {
        match self.0.get(&**value) {
            Some(known) => *value = Arc::clone(known),
            None => drop(self.0.insert(Arc::clone(value))),
        }
    }

    pub(super) fn forget_unused(&mut self) {
        self.0.retain(|value| Arc::strong_count(value) > 1);
    }
}
