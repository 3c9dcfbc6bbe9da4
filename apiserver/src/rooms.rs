//! What the objects of one namespace may take.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Names that are kept of what was passed over in a namespace; whoever writes there decides how many there would be.
const NAMES: usize = 16;

/// How long it takes at least from one list to the next. The server renews a watch every 4 to 6 minutes, and may do so more often.
const SECOND_LOOK: Duration = Duration::from_secs(120);

/// Keeps account of the memory that the objects of a collection take, by namespace.
///
/// Whoever may write in one namespace decides how many objects there are and how large, and takes no room from another namespace.
/// What finds no room is passed over, and looked at again when the watch is renewed, which is every few minutes.
#[derive(Debug)]
pub struct Rooms {
    /// In bytes, for one namespace.
    limit: usize,
    used: BTreeMap<Arc<str>, usize>,
    passed: BTreeMap<Arc<str>, PassedOver>,
    /// What a list that has not ended has passed over so far.
    listing: Option<BTreeMap<Arc<str>, PassedOver>>,
    incomplete: Incomplete,
}

/// What was passed over in one namespace since the collection was listed last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PassedOver {
    /// How many versions of objects; of one object there may be several.
    pub versions: u64,
    /// Whose they were; at most 16.
    pub names: BTreeSet<Arc<str>>,
    /// Whether there were others, whose names are not kept.
    pub others: bool,
}

/// An object found no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoRoom {
    /// Some of this name was passed over before.
    Known,
    /// Nothing of this name was.
    New,
    /// Nothing of this name was, and there are so many names that from now on each of the namespace counts as passed over.
    Everyone,
}

/// Says that some of a collection was passed over, so that its watch begins with a list when it is renewed.
#[derive(Clone, Debug)]
pub struct Incomplete {
    pub(crate) is_missing: Arc<AtomicBool>,
    /// How long it takes at least from one list to the next.
    pub(crate) pause: Duration,
}

impl Default for Incomplete {
    fn default() -> Self {
        Self { is_missing: Arc::default(), pause: SECOND_LOOK }
    }
}

impl Rooms {
    /// Returns empty rooms of `limit` bytes for each namespace.
    pub fn new(limit: usize) -> Self {
        Self { limit, used: BTreeMap::new(), passed: BTreeMap::new(), listing: None, incomplete: Incomplete::default() }
    }

    /// Books an object that took `before` bytes and takes `after`. It fits if there is room, or if it takes no more than before.
    ///
    /// # Errors
    /// Where it does not fit it takes nothing, `name` is remembered, and the error says what [`Self::has_passed_over`] tells since.
    pub fn book(&mut self, namespace: &str, name: &str, before: usize, after: usize) -> Result<(), NoRoom> {
        let rest = self.used.get(namespace).copied().unwrap_or_default().saturating_sub(before);
        let fits = after <= before || rest.saturating_add(after) <= self.limit;
        self.put(namespace, if fits { rest + after } else { rest });
        if fits {
            return Ok(());
        }
        self.incomplete.is_missing.store(true, Ordering::Relaxed);
        if let Some(listing) = &mut self.listing {
            listing.entry(namespace.into()).or_default().add(name);
        }
        Err(self.passed.entry(namespace.into()).or_default().add(name))
    }

    /// Books an object that has to be kept, whatever it takes; what others take then finds no room earlier.
    pub fn insist(&mut self, namespace: &str, before: usize, after: usize) {
        let rest = self.used.get(namespace).copied().unwrap_or_default().saturating_sub(before);
        self.put(namespace, rest.saturating_add(after));
    }

    /// Takes in that everything is told anew.
    pub fn relisting(&mut self) {
        self.listing = Some(BTreeMap::new());
    }

    /// Takes in that everything was told, and what each object takes; returns whether something else was passed over than before.
    pub fn listed<'a>(&mut self, objects: impl Iterator<Item = (&'a str, usize)>) -> bool {
        self.used.clear();
        for (namespace, bytes) in objects {
            self.insist(namespace, 0, bytes);
        }
        let Some(passed) = self.listing.take() else { return false };
        self.incomplete.is_missing.store(!passed.is_empty(), Ordering::Relaxed);
        std::mem::replace(&mut self.passed, passed) != self.passed
    }

    /// Says whether something of this name was passed over, or may have been.
    pub fn has_passed_over(&self, namespace: &str, name: &str) -> bool {
        self.passed.get(namespace).is_some_and(|passed| passed.others || passed.names.contains(name))
    }

    /// Returns the namespaces in which something was passed over.
    pub fn crowded(&self) -> impl Iterator<Item = (&Arc<str>, &PassedOver)> {
        self.passed.iter()
    }

    /// Returns what a watch has to know.
    pub fn incomplete(&self) -> Incomplete {
        self.incomplete.clone()
    }

    fn put(&mut self, namespace: &str, bytes: usize) {
        match bytes {
            0 => drop(self.used.remove(namespace)),
            bytes => match self.used.get_mut(namespace) {
                Some(used) => *used = bytes,
                None => drop(self.used.insert(namespace.into(), bytes)),
            },
        }
    }
}

impl PassedOver {
    fn add(&mut self, name: &str) -> NoRoom {
        self.versions += 1;
        if self.others || self.names.contains(name) {
            return NoRoom::Known;
        }
        if self.names.len() < NAMES {
            self.names.insert(name.into());
            return NoRoom::New;
        }
        self.others = true;
        NoRoom::Everyone
    }

    /// Returns the names for a sentence, such as `a, b and others`.
    pub fn text(&self) -> String {
        let names = self.names.iter().map(|name| &**name).collect::<Vec<_>>().join(", ");
        if self.others { format!("{names} and others") } else { names }
    }
}

impl Incomplete {
    /// Says whether everything should be listed anew, given how long the last list is ago.
    pub(crate) fn wants_list(&self, since: Duration) -> bool {
        self.is_missing.load(Ordering::Relaxed) && since >= self.pause
    }
}

#[cfg(test)]
mod tests;
