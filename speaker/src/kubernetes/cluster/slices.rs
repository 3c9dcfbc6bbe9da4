//! The EndpointSlices, by the Service that they belong to.

use std::collections::BTreeSet;
use std::sync::Arc;

use announce::Endpoint;
use apiserver::{Event, ObjectName, Table};

use super::subject;
use crate::kubernetes::objects::{Names, Slice};

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
            object.value.iter_mut().for_each(|slice| names.share_nodes(slice));
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

    /// Returns the endpoints of a Service.
    pub(super) fn endpoints(&self, service: &ObjectName) -> Vec<Endpoint> {
        let own = self.by_service.range((service.clone(), Arc::from(""))..).take_while(|(owner, _)| owner == service);
        let slices = own.filter_map(|(_, name)| self.table.get(&beside(service, name.clone()))?.value.as_ref());
        slices.flat_map(|slice| &slice.endpoints).cloned().collect()
    }
}

fn beside(object: &ObjectName, name: Arc<str>) -> ObjectName {
    ObjectName { namespace: object.namespace.clone(), name }
}
