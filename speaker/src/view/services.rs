//! Services in a view: put in and taken out one by one, so that a change costs no more than it says.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use announce::{Created, Endpoint, NodeName, Scope, Service, ServiceId, ServiceKind, TrafficPolicy, View};
use crds::annotations::ServiceAnnotations;
use crds::selector::Selector;
use crds::{checked, core, load_balancer_class};

/// Puts a Service with these labels into a view that was made of `config`, in place of what it was before; returns whether it is
/// another one.
pub fn put(
    view: &mut View,
    config: &checked::Config,
    id: ServiceId,
    labels: &BTreeMap<String, String>,
    service: Service,
) -> bool {
    let mut changed = false;
    for (selectors, selected) in selections(view, config) {
        changed |= match selectors.iter().any(|selector| selector.matches(labels)) {
            true => selected.insert(id.clone()),
            false => selected.remove(&id),
        };
    }
    changed |= view.services.get(&id) != Some(&service);
    view.services.insert(id, service);
    changed
}

/// Takes a Service out of a view that was made of `config`; returns whether it was there.
pub fn remove(view: &mut View, config: &checked::Config, id: &ServiceId) -> bool {
    for (_, selected) in selections(view, config) {
        selected.remove(id);
    }
    view.services.remove(id).is_some()
}

/// Returns the selectors of each advertisement that has some, with the Services that they select.
fn selections<'a>(
    view: &'a mut View,
    config: &'a checked::Config,
) -> impl Iterator<Item = (&'a [Selector], &'a mut BTreeSet<ServiceId>)> {
    let View { l2_advertisements: l2, bgp_advertisements: bgp, .. } = view;
    // Both sides are ordered by name.
    let l2 = l2.values_mut().map(|it| &mut it.services).zip(config.l2_advertisements.values());
    let bgp = bgp.values_mut().map(|it| &mut it.services).zip(config.bgp_advertisements.values());
    let l2 = l2.map(|(scope, it)| (scope, it.service_selectors.as_slice()));
    let bgp = bgp.map(|(scope, it)| (scope, it.service_selectors.as_slice()));
    l2.chain(bgp).filter_map(|(scope, selectors)| match scope {
        Scope::All => None,
        Scope::Only(selected) => Some((selectors, selected)),
    })
}

/// Services and EndpointSlices as they are written.
#[derive(Debug)]
pub struct Services<'a> {
    /// All Services.
    pub services: &'a [&'a core::Service],
    /// All EndpointSlices.
    pub slices: &'a [&'a core::EndpointSlice],
    /// The addresses that our controller gave; whatever else stands in a Service's status is not announced.
    pub allocated: &'a BTreeMap<ServiceId, Vec<IpAddr>>,
    /// The class of Services that is served; empty for those without one.
    pub lb_class: &'a str,
}

impl Services<'_> {
    /// Puts all of them into a view that was made of `config`.
    pub fn put(&self, view: &mut View, config: &checked::Config) {
        let mut endpoints = self.endpoints(view);
        for service in self.services {
            let core::Service { metadata, spec, status: _ } = service;
            let id = ServiceId::new(metadata.namespace.as_deref().unwrap_or_default(), &metadata.name);
            let converted = Service {
                created: created(metadata),
                kind: kind(spec.kind, spec.load_balancer_class.as_deref(), self.lb_class),
                vips: self.allocated.get(&id).into_iter().flatten().copied().collect(),
                allow_shared_ip: allows_shared_ip(metadata),
                traffic_policy: traffic_policy(spec.external_traffic_policy),
                endpoints: endpoints.remove(&id).unwrap_or_default(),
                gaps: BTreeSet::new(),
                // The same program has just given them.
                not_admitted: BTreeSet::new(),
            };
            put(view, config, id, &metadata.labels, converted);
        }
    }

    fn endpoints(&self, view: &View) -> BTreeMap<ServiceId, Vec<Endpoint>> {
        let mut endpoints: BTreeMap<ServiceId, Vec<Endpoint>> = BTreeMap::new();
        for slice in self.slices {
            let (Some(namespace), Some(service)) = (slice.metadata.namespace.as_deref(), slice.service()) else {
                continue;
            };
            let known = endpoints.entry(ServiceId::new(namespace, service)).or_default();
            known.extend(slice.endpoints().iter().map(|endpoint| endpoint_of(endpoint, view)));
        }
        endpoints
    }
}

fn endpoint_of(endpoint: &core::Endpoint, view: &View) -> Endpoint {
    let core::EndpointConditions { ready, serving, terminating } = endpoint.conditions;
    let node = |name: &str| {
        let name = NodeName::from(name);
        // One allocation per name, however many endpoints the node has.
        view.nodes.get_key_value(&name).map_or(name, |(known, _)| known.clone())
    };
    Endpoint { node: endpoint.node_name.as_deref().map(node), ready, serving, terminating }
}

/// Returns the age of an object.
pub(crate) fn created(metadata: &core::Metadata) -> Created {
    Created(metadata.creation_timestamp.map_or(0, |time| time.as_second()))
}

/// Returns whether a Service has the allow-shared-ip annotation.
pub(crate) fn allows_shared_ip(metadata: &core::Metadata) -> bool {
    ServiceAnnotations::read(&metadata.annotations).allow_shared_ip.is_some()
}

/// Returns whether a Service of this type and class is ours to serve.
pub(crate) fn kind(kind: core::ServiceType, class: Option<&str>, lb_class: &str) -> ServiceKind {
    match kind {
        core::ServiceType::LoadBalancer if load_balancer_class::handles(lb_class, class) => ServiceKind::Ours,
        core::ServiceType::LoadBalancer => ServiceKind::OtherClass { class: class.map(str::to_owned) },
        core::ServiceType::ClusterIp
        | core::ServiceType::NodePort
        | core::ServiceType::ExternalName
        | core::ServiceType::Unknown => ServiceKind::NotLoadBalancer,
    }
}

/// Returns the traffic policy as a plan takes it.
pub(crate) const fn traffic_policy(policy: core::TrafficPolicy) -> TrafficPolicy {
    match policy {
        core::TrafficPolicy::Cluster | core::TrafficPolicy::Unknown => TrafficPolicy::Cluster,
        core::TrafficPolicy::Local => TrafficPolicy::Local,
    }
}
