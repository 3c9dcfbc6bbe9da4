//! The latest version of every object of a collection.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::collection::ObjectName;
use crate::error::WatchError;
use crate::watch::{Event, Object, Unreadable, Version};

/// What is known of one object.
#[derive(Clone, Debug)]
pub struct Row<T> {
    /// The version of the object, also where its value is an earlier one.
    pub version: Version,
    /// Its last readable value; none if it never was readable.
    pub value: Option<T>,
    /// Why its present value cannot be read, if so.
    pub fault: Option<Undecodable>,
    seen: u64,
}

/// An object that does not look like one of its kind.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{object} cannot be read: {reason}; correct the object")]
pub struct Undecodable {
    /// The object.
    pub object: ObjectName,
    /// The field and what is wrong with it.
    pub reason: String,
}

/// The objects of a collection, kept current by the events of its watch.
///
/// A relist marks what it mentions and removes the rest at its end, so that memory never holds two copies and nothing
/// disappears while it runs.
#[derive(Clone, Debug)]
pub struct Table<T> {
    rows: BTreeMap<ObjectName, Row<T>>,
    round: u64,
    listed: bool,
    lost: Option<WatchError>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), round: 0, listed: false, lost: None }
    }
}

impl<T: PartialEq> Table<T> {
    /// Takes an event in; returns whether anything that a reader can see has changed, which a new version alone is not.
    pub fn take(&mut self, event: Event<T>) -> bool {
        match event {
            Event::Relisting => {
                self.round += 1;
                false
            }
            Event::Applied(object) => self.apply(object),
            Event::Deleted(name, _) => self.rows.remove(&name).is_some(),
            Event::Listed => {
                let before = self.rows.len();
                self.rows.retain(|_, row| row.seen == self.round);
                !std::mem::replace(&mut self.listed, true) || self.rows.len() != before
            }
            Event::Connected => {
                self.lost = None;
                false
            }
            Event::Lost(error) => {
                self.lost = Some(error);
                false
            }
        }
    }

    fn apply(&mut self, Object { name, version, value }: Object<T>) -> bool {
        let seen = self.round;
        let row = self.rows.entry(name.clone()).or_insert(Row { version, value: None, fault: None, seen });
        (row.version, row.seen) = (version, seen);
        match value {
            Ok(value) => {
                let unchanged = row.fault.is_none() && row.value.as_ref() == Some(&value);
                (row.value, row.fault) = (Some(value), None);
                !unchanged
            }
            Err(Unreadable { reason, labels: _ }) => {
                let fault = Some(Undecodable { object: name, reason });
                let changed = row.fault != fault;
                row.fault = fault;
                changed
            }
        }
    }
}

impl<T> Table<T> {
    /// Says whether the whole collection has been seen once.
    pub fn is_listed(&self) -> bool {
        self.listed
    }

    /// Returns why changes do not arrive at present.
    pub fn lost(&self) -> Option<&WatchError> {
        self.lost.as_ref()
    }

    /// Returns what is known of an object.
    pub fn get(&self, name: &ObjectName) -> Option<&Row<T>> {
        self.rows.get(name)
    }

    /// Returns the objects by name.
    pub fn rows(&self) -> impl Iterator<Item = (&ObjectName, &Row<T>)> {
        self.rows.iter()
    }

    /// Returns the last readable values.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.rows.values().filter_map(|row| row.value.as_ref())
    }

    /// Returns the objects that cannot be read.
    pub fn faults(&self) -> impl Iterator<Item = &Undecodable> {
        self.rows.values().filter_map(|row| row.fault.as_ref())
    }

    /// Returns the number of objects.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Says whether there is no object.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

#[cfg(test)]
mod tests;
