//! The EndpointSlices, by the Service that they belong to.

use std::collections::BTreeSet;
use std::sync::Arc;

use apiserver::{Event, NoRoom, Object, ObjectName, Rooms, Table};

use super::subject;
use crate::kubernetes::objects::Names;
use crate::kubernetes::slices::Slice;

/// What the EndpointSlices of one namespace may take, in bytes: some 16,000 slices with endpoints on ten nodes each, where Kubernetes
/// is made for 5,000 Services in a namespace. They are kept for every Service, for each may become a load balancer.
const ROOM: usize = 8 << 20;

/// All EndpointSlices; most of a cluster's belong to Services that have no load balancer.
#[derive(Debug)]
pub(super) struct Slices {
    pub(super) table: Table<Slice>,
    /// Each Service with the name of a slice of its own.
    by_service: BTreeSet<(ObjectName, Arc<str>)>,
    rooms: Rooms,
}

/// Whose slices an event has changed.
pub(super) enum Touched {
    Nothing,
    Anything,
    Services(BTreeSet<ObjectName>),
    /// For a slice of one of these there is no room, whether it is a load balancer or not.
    Crowded(BTreeSet<ObjectName>),
}

impl Default for Slices {
    fn default() -> Self {
        Self { table: Table::default(), by_service: BTreeSet::new(), rooms: Rooms::new(ROOM) }
    }
}

impl Slices {
    /// Takes an event in; returns for whom anything but a version has changed.
    pub(super) fn take(&mut self, mut event: Event<Slice>, names: &mut Names) -> Touched {
        if let Event::Applied(object) = &mut event {
            names.share(&mut object.name.namespace);
        }
        match subject(&event).cloned() {
            Some(slice) => self.take_slice(event, slice),
            None => self.take_mark(event),
        }
    }

    fn take_slice(&mut self, event: Event<Slice>, slice: ObjectName) -> Touched {
        let former = self.service_of(&slice);
        let (event, crowded) = self.admit(event);
        let changed = self.table.take(event);
        let service = self.service_of(&slice);
        if former != service {
            former.as_ref().map(|former| self.by_service.remove(&(former.clone(), slice.name.clone())));
            self.by_service.extend(service.clone().map(|service| (service, slice.name.clone())));
        }
        let services = [former, service].into_iter().flatten();
        match crowded {
            Some((_, NoRoom::Everyone)) => Touched::Anything,
            Some((service, NoRoom::New)) => Touched::Crowded(services.chain([beside(&slice, service)]).collect()),
            Some((_, NoRoom::Known)) | None if changed => Touched::Services(services.collect()),
            Some((_, NoRoom::Known)) | None => Touched::Nothing,
        }
    }

    /// Books a slice. One that finds no room is taken out, for the endpoints that it had may be gone; whose it is is returned.
    fn admit(&mut self, event: Event<Slice>) -> (Event<Slice>, Option<(Arc<str>, NoRoom)>) {
        let before = |name: &ObjectName| {
            let slice = self.table.get(name).and_then(|row| row.value.as_ref());
            slice.map_or(0, |slice| cost(name, slice))
        };
        match &event {
            Event::Applied(Object { name, version, value: Ok(slice) }) => {
                let (before, service) = (before(name), slice.service.clone());
                match self.rooms.book(&name.namespace, &service, before, cost(name, slice)) {
                    Ok(()) => (event, None),
                    Err(crowded) => (Event::Deleted(name.clone(), *version), Some((service, crowded))),
                }
            }
            Event::Deleted(name, _) => {
                let before = before(name);
                self.rooms.insist(&name.namespace, before, 0);
                (event, None)
            }
            Event::Applied(_) | Event::Relisting | Event::Listed | Event::Connected | Event::Lost(_) => (event, None),
        }
    }

    fn take_mark(&mut self, event: Event<Slice>) -> Touched {
        let (begins, ends) = (matches!(event, Event::Relisting), matches!(event, Event::Listed));
        let mut changed = self.table.take(event);
        let Self { table, by_service, rooms } = self;
        if begins {
            rooms.relisting();
        }
        if ends {
            // What is gone has no event of its own.
            by_service.retain(|(service, name)| table.get(&beside(service, name.clone())).is_some());
            let rows = table.rows().filter_map(|(name, row)| Some((name, row.value.as_ref()?)));
            changed |= rooms.listed(rows.map(|(name, slice)| (&*name.namespace, cost(name, slice))));
        }
        if changed { Touched::Anything } else { Touched::Nothing }
    }

    /// Returns the Service that a slice belongs to.
    fn service_of(&self, slice: &ObjectName) -> Option<ObjectName> {
        let service = self.table.get(slice)?.value.as_ref()?.service.clone();
        Some(beside(slice, service))
    }

    /// Returns what is wrong with the slices of Services that `matter`, in words.
    pub(super) fn faults(&self, matter: impl Fn(&ObjectName) -> bool) -> Vec<String> {
        let unreadable = self.table.rows().filter_map(|(name, row)| {
            let slice = row.value.as_ref()?;
            let reason = slice.unreadable.as_deref().filter(|_| matter(&beside(name, slice.service.clone())))?;
            Some(format!("EndpointSlice {name} cannot be read and counts as empty: {reason}; correct the object"))
        });
        let crowded = self.rooms.crowded().map(|(namespace, passed)| {
            format!(
                "the EndpointSlices of namespace {namespace} take more than {} MiB, so those of {} are not all taken in, and Services \
                 count without the endpoints in there; delete EndpointSlices that no Service needs",
                ROOM >> 20,
                passed.text()
            )
        });
        unreadable.chain(crowded).collect()
    }

    /// Returns why some slices of a Service may have been passed over, if so.
    pub(super) fn crowded_out(&self, service: &ObjectName) -> Option<String> {
        let ObjectName { namespace, name } = service;
        let why = || {
            format!(
                "the EndpointSlices of namespace {namespace} take more than {} MiB, and some of them are not taken in; delete those \
                 that no Service needs",
                ROOM >> 20
            )
        };
        self.rooms.has_passed_over(namespace, name).then(why)
    }

    pub(super) fn rooms(&self) -> &Rooms {
        &self.rooms
    }

    /// Returns the slices of a Service, with their names.
    pub(super) fn of<'a>(&'a self, service: &'a ObjectName) -> impl Iterator<Item = (&'a str, &'a Slice)> {
        let own =
            self.by_service.range((service.clone(), Arc::from(""))..).take_while(move |(owner, _)| owner == service);
        own.filter_map(move |(_, name)| {
            let slice = self.table.get(&beside(service, name.clone()))?.value.as_ref()?;
            Some((&**name, slice))
        })
    }
}

/// Returns what a slice takes with everything that is kept beside it, in bytes.
fn cost(name: &ObjectName, slice: &Slice) -> usize {
    name.name.len() + slice.cost()
}

fn beside(object: &ObjectName, name: Arc<str>) -> ObjectName {
    ObjectName { namespace: object.namespace.clone(), name }
}
