//! The EndpointSlices, by the Service that they belong to.

use std::collections::BTreeSet;
use std::sync::Arc;

use apiserver::{Event, ObjectName, Table};

use super::subject;
use crate::kubernetes::objects::Names;
use crate::kubernetes::slices::Slice;

/// All EndpointSlices; most of a cluster's belong to Services that have no load balancer.
#[derive(Debug, Default)]
pub(super) struct Slices {
    pub(super) table: Table<Slice>,
    /// Each Service with the name of a slice of its own.
    by_service: BTreeSet<(ObjectName, Arc<str>)>,
}

impl Slices {
    /// Takes an event in; returns whether anything but a version has changed.
    pub(super) fn take(&mut self, mut event: Event<Slice>, names: &mut Names) -> bool {
        if let Event::Applied(object) = &mut event {
            names.share(&mut object.name.namespace);
        }
        let Some(slice) = subject(&event).cloned() else {
            let changed = self.table.take(event);
            // A new list may have ended, without what is gone.
            let Self { table, by_service } = self;
            by_service.retain(|(service, name)| table.get(&beside(service, name.clone())).is_some());
            return changed;
        };
        let former = self.service_of(&slice);
        let changed = self.table.take(event);
        let service = self.service_of(&slice);
        if former != service {
            former.map(|former| self.by_service.remove(&(former, slice.name.clone())));
            self.by_service.extend(service.map(|service| (service, slice.name)));
        }
        changed
    }

    /// Returns the Service that a slice belongs to.
    pub(super) fn service_of(&self, slice: &ObjectName) -> Option<ObjectName> {
        let service = self.table.get(slice)?.value.as_ref()?.service.clone();
        Some(beside(slice, service))
    }

    /// Returns the slices that cannot be read, with the Services that they belong to and the reasons.
    pub(super) fn unreadable(&self) -> impl Iterator<Item = (&ObjectName, ObjectName, &str)> {
        self.table.rows().filter_map(|(name, row)| {
            let slice = row.value.as_ref()?;
            Some((name, beside(name, slice.service.clone()), slice.unreadable.as_deref()?))
        })
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

fn beside(object: &ObjectName, name: Arc<str>) -> ObjectName {
    ObjectName { namespace: object.namespace.clone(), name }
}
