//! What was sent, and whether the watch has shown it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use announce::ServiceId;
use apiserver::Budget;

use super::{Action, Announced, Places, Told};

/// How long a write that was answered and not seen back keeps another one of the same Service from being sent.
const PATIENCE: Duration = Duration::from_secs(10);

/// What was written of each Service: a second object of the same Service would be one too many, and what was seen once and is no
/// more was changed by another program.
#[derive(Debug, Default)]
pub(in super::super) struct Written(BTreeMap<ServiceId, Entry>);

#[derive(Debug)]
struct Entry {
    /// The name of the object.
    name: Arc<str>,
    /// As [`Places`], which take more memory.
    places: Box<[Arc<str>]>,
    /// When the server answered; none while the write is under way, which takes long where there are many.
    answered: Option<Instant>,
    /// The watch has shown it.
    seen: bool,
}

impl Entry {
    fn says(&self, places: &Places) -> bool {
        self.places.iter().eq(places)
    }
}

impl Written {
    /// Takes in that the watch has shown an object, or that it is gone.
    pub(in super::super) fn see(&mut self, name: &str, told: &Told, gone: bool) {
        if let Some(entry) = self.0.get_mut(&told.service).filter(|entry| *entry.name == *name) {
            entry.seen |= gone || told.places.as_ref().is_some_and(|places| entry.says(places));
        }
    }

    /// Remembers what is about to be sent.
    pub(in super::super) fn send(&mut self, action: &Action) {
        let (name, service, places) = match action {
            Action::Create { name, service, places } => (name.as_str().into(), service, places),
            Action::Update { name, service, places } => (name.clone(), service, places),
            Action::Delete { .. } => return,
        };
        let places = places.iter().cloned().collect();
        self.0.insert(service.clone(), Entry { name, places, answered: None, seen: false });
    }

    /// Takes in that nothing is under way any more, be it answered or lost.
    pub(in super::super) fn answer(&mut self, now: Instant) {
        for entry in self.0.values_mut() {
            entry.answered.get_or_insert(now);
        }
    }

    /// Forgets what was waited for long enough.
    pub(in super::super) fn expire(&mut self, now: Instant) {
        self.0.retain(|_, entry| entry.seen || entry.answered.is_none_or(|at| now < at + PATIENCE));
    }

    /// Forgets the Services that are not announced any more.
    pub(in super::super) fn keep(&mut self, announced: &BTreeMap<ServiceId, Announced>) {
        self.0.retain(|service, _| announced.contains_key(service));
    }

    /// Says whether every write has been seen.
    pub(in super::super) fn is_settled(&self) -> bool {
        self.0.values().all(|entry| entry.seen)
    }

    /// Says whether a write of a Service has not been seen yet.
    pub(super) fn awaits(&self, service: &ServiceId) -> bool {
        self.0.get(service).is_some_and(|entry| !entry.seen)
    }

    /// Returns what an action counts against a fight with another program: much if it repeats what was there before, little if it
    /// removes what this process did not write, and nothing if it tells something new.
    pub(in super::super) fn cost(&self, action: &Action) -> u32 {
        let entry = self.0.get(action.service());
        match action {
            Action::Create { places, .. } | Action::Update { places, .. } => {
                let repeats = entry.is_some_and(|entry| entry.seen && entry.says(places));
                if repeats { Budget::REPAIR } else { 0 }
            }
            Action::Delete { name, .. } => match entry.is_some_and(|entry| entry.name == *name) {
                true => 0,
                false => Budget::ORDINARY,
            },
        }
    }
}
