//! Services in the view.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use announce::{AddressRange, Endpoint, Gap, ServiceId};
use apiserver::ObjectName;
use crds::checked::ServiceAllocation;

use super::{Held, Planner};
use crate::kubernetes::cluster::Cluster;
use crate::kubernetes::objects::{self, Service};
use crate::kubernetes::slices::{self, Slice};
use crate::view;

/// How many EndpointSlices of a Service that cannot be read are named.
const GAPS: usize = 8;

impl Planner {
    /// Makes the view show a Service as it is, or not at all; returns whether it was shown otherwise.
    pub(super) fn show(&mut self, cluster: &Cluster, name: &ObjectName) -> bool {
        let id = id_of(name);
        let service = cluster.service(name);
        let held = service.and_then(|service| self.held(service));
        let changed = match service {
            Some(service) => {
                let vips = held.iter().flat_map(|held| &held.ips).copied().collect();
                let not_admitted = self.not_admitted(cluster, name, service, &vips);
                let (endpoints, gaps) = self.backing(cluster, name, service);
                let planned = service.planned(vips, not_admitted, endpoints, gaps, &self.settings.lb_class);
                view::put(&mut self.view, &self.compiled.config, id.clone(), &service.labels, planned)
            }
            None => match cluster.service_fault(name) {
                Some(fault) => {
                    let planned = objects::unreadable(fault.reason.clone());
                    view::put(&mut self.view, &self.compiled.config, id.clone(), &BTreeMap::new(), planned)
                }
                None => view::remove(&mut self.view, &self.compiled.config, &id),
            },
        };
        if self.addresses.get(&id).map(Arc::as_ref) != held.as_ref() {
            // Whoever reads the plan before keeps the addresses of then.
            let addresses = Arc::make_mut(&mut self.addresses);
            match held {
                Some(held) => drop(addresses.insert(id, Arc::new(held))),
                None => drop(addresses.remove(&id)),
            }
        }
        changed
    }

    /// Returns the endpoints of a Service as far as its traffic policy cares, and what is not known of it.
    fn backing(&self, cluster: &Cluster, name: &ObjectName, service: &Service) -> (Vec<Endpoint>, BTreeSet<Gap>) {
        let slices = || cluster.slices(name);
        let endpoints = match service.is_local() {
            true => slices::apart(slices().map(|(_, slice)| slice), &self.nodes),
            // Every node reaches every endpoint, so that there is one is all that counts.
            false if slices().any(|(_, slice)| slice.serves()) => vec![slices::SOMEWHERE],
            false => Vec::new(),
        };
        let hidden = slices().filter_map(|(slice, Slice { unreadable, .. })| {
            Some(Gap::Slice { slice: slice.to_owned(), reason: unreadable.as_deref()?.to_owned() })
        });
        let stale = cluster.service_fault(name).map(|fault| Gap::Service { reason: fault.reason.clone() });
        let crowded = cluster.crowded_out(name).map(|reason| Gap::Crowded { reason });
        (endpoints, hidden.take(GAPS).chain(stale).chain(crowded).collect())
    }

    /// Returns the addresses whose pool is not for this Service. The controller takes them back by the same rule, but anybody who may
    /// write a Service's status can put them there again.
    fn not_admitted(
        &self,
        cluster: &Cluster,
        name: &ObjectName,
        service: &Service,
        vips: &BTreeSet<IpAddr>,
    ) -> BTreeSet<IpAddr> {
        let admits = |allocation: &ServiceAllocation| {
            let labels = cluster.namespace_labels(&name.namespace);
            labels.is_none_or(|labels| allocation.admits_namespace(&name.namespace, &labels))
                && allocation.admits_service(&service.labels)
        };
        let allocation = |ip: IpAddr| {
            let pool =
                self.compiled.config.pools.values().find(|pool| pool.ranges.iter().any(|range| range.contains(ip)));
            pool?.allocation.as_ref()
        };
        vips.iter().copied().filter(|ip| allocation(*ip).is_some_and(|allocation| !admits(allocation))).collect()
    }

    /// Returns what a Service holds of our pools.
    fn held(&self, service: &Service) -> Option<Held> {
        let pool_of = |ip: IpAddr| {
            let holds = |(_, ranges): &(_, &Vec<AddressRange>)| ranges.iter().any(|range| range.contains(ip));
            self.view.pools.iter().find(holds).map(|(name, _)| name)
        };
        let ips: Vec<IpAddr> = service.addresses.iter().copied().filter(|ip| pool_of(*ip).is_some()).collect();
        let pool = pool_of(*ips.first()?)?.0.clone();
        Some(Held { ips, pool, uid: service.uid.clone() })
    }
}

pub(super) fn id_of(name: &ObjectName) -> ServiceId {
    ServiceId { namespace: name.namespace.clone(), name: name.name.clone() }
}
