//! From checked configuration and Kubernetes objects to the values that a plan depends on.
//!
//! Label selectors are evaluated here and nowhere after.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crds::annotations::{self, ServiceAnnotations};
use crds::fault::{ObjectRef, Severity};
use crds::{checked, core, kinds, load_balancer_class};
use ipam::{
    Created, FamilyPolicy, Namespace, Pool, PoolError, PoolName, Port, Priority, Protocol, Range, RangeError, Scope,
    ServiceAllocation, ServiceId,
};
use thiserror::Error;

use crate::request::demand;
use crate::snapshot::BrokenPool;
use crate::view::{Ingress, RequestFault, ResourceVersion, ServiceView, TrafficPolicy, Uid};

/// Why a checked pool is none after all.
#[derive(Debug, Error)]
pub enum BadPool {
    /// One of its ranges.
    #[error("pool \"{pool}\"")]
    Range {
        /// The pool.
        pool: String,
        /// What is wrong.
        source: RangeError,
    },
    /// The ranges together.
    #[error(transparent)]
    Pool(#[from] PoolError),
}

/// Returns the pool with its selectors resolved against the namespaces and services that exist.
///
/// # Errors
/// Refuses what only allocation minds: IPv4-mapped addresses, and ranges of one pool that overlap.
pub fn pool<'a>(
    checked: &checked::Pool,
    namespaces: impl Iterator<Item = &'a core::Namespace>,
    services: impl Iterator<Item = &'a ServiceView>,
) -> Result<Pool, BadPool> {
    let checked::Pool { name, ranges, auto_assign, avoid_buggy_ips, allocation } = checked;
    let ranges = ranges
        .iter()
        .map(|range| Range::new(range.first(), range.last()))
        .collect::<Result<_, _>>()
        .map_err(|source| BadPool::Range { pool: name.clone(), source })?;
    let anycast = checked.ranges.iter().filter_map(checked::AddressRange::anycast).collect();
    let mut pool = Pool::new(PoolName::from(name.as_str()), ranges)?;
    pool.anycast = anycast;
    pool.auto_assign = *auto_assign;
    pool.avoid_buggy_ips = *avoid_buggy_ips;
    pool.allocation = allocation.as_ref().map(|allocation| service_allocation(allocation, namespaces, services));
    Ok(pool)
}

/// Returns what can be read of a pool that is not in effect; `object` is missing if it cannot be read at all.
pub fn broken_pool(object: Option<&kinds::IpAddressPool>) -> BrokenPool {
    let entries = object.map(|object| &object.spec.addresses).filter(|entries| !entries.is_empty());
    let parse = |(index, text): (usize, &String)| checked::AddressRange::parse(text, index).ok();
    BrokenPool { ranges: entries.and_then(|entries| entries.iter().enumerate().map(parse).collect()) }
}

/// Returns the pools that are written and have never been right, with what can be read of them.
pub fn refused_pools<'a>(
    compiled: &checked::Compiled,
    written: impl Iterator<Item = &'a kinds::IpAddressPool>,
) -> BTreeMap<PoolName, BrokenPool> {
    let written: BTreeMap<ObjectRef, &kinds::IpAddressPool> = written.map(|pool| (ObjectRef::of(pool), pool)).collect();
    let errors = compiled.faults.iter().filter(|fault| fault.severity() == Severity::Error);
    let refused = errors.map(|fault| &fault.object).filter(|object| object.kind == "IPAddressPool");
    let refused = refused.filter(|object| !compiled.config.pools.contains_key(&object.name));
    refused.map(|object| (PoolName::from(object.name.as_str()), broken_pool(written.get(object).copied()))).collect()
}

/// Returns the addresses that no host can have, for [`ipam::Policy::excluded`].
pub fn excluded() -> Vec<Range> {
    checked::SPECIAL_BLOCKS.iter().filter_map(|(first, last, _)| Range::new(*first, *last).ok()).collect()
}

fn service_allocation<'a>(
    checked: &checked::ServiceAllocation,
    namespaces: impl Iterator<Item = &'a core::Namespace>,
    services: impl Iterator<Item = &'a ServiceView>,
) -> ServiceAllocation {
    let checked::ServiceAllocation { priority, namespaces: listed, namespace_selectors: _, service_selectors } =
        checked;
    let selected = namespaces
        .filter(|namespace| checked.admits_namespace(&namespace.metadata.name, &namespace.metadata.labels))
        .map(|namespace| namespace.metadata.name.as_str());
    ServiceAllocation {
        priority: Priority(*priority),
        namespaces: match checked.selects_namespaces() {
            false => Scope::All,
            true => Scope::Only(listed.iter().map(String::as_str).chain(selected).map(Namespace::from).collect()),
        },
        services: match service_selectors.is_empty() {
            true => Scope::All,
            false => Scope::Only(
                services
                    .filter(|service| checked.admits_service(&service.labels))
                    .map(|service| service.id.clone())
                    .collect(),
            ),
        },
    }
}

/// Returns the id of a Service.
pub fn id_of(service: &core::Service) -> ServiceId {
    ServiceId::new(service.metadata.namespace.as_deref().unwrap_or_default(), &service.metadata.name)
}

/// How many ports of a Service are looked at.
const PORTS: usize = 4_096;

/// How many bytes of a sharing key are looked at.
const KEY: usize = 1024;

/// Returns what allocation needs of a Service, for a program that serves the class `lb_class`.
///
/// Whoever writes a Service decides how large it is. What is beyond a limit is not looked at, and the Service keeps what it holds and
/// gets nothing new.
pub fn service_view(service: &core::Service, lb_class: &str) -> ServiceView {
    let core::Service { metadata, spec, status } = service;
    let ServiceAnnotations { address_pool, load_balancer_ips, allow_shared_ip, legacy } =
        ServiceAnnotations::read(&metadata.annotations);
    let (mut labels, mut selector) = (metadata.labels.clone(), spec.selector.clone());
    let mut sharing_key = allow_shared_ip;
    let excesses = [
        core::cut_labels(&mut labels).then_some(("metadata.labels", "16 KiB")),
        core::cut_labels(&mut selector).then_some(("spec.selector", "16 KiB")),
        (spec.ports.len() > PORTS).then_some(("spec.ports", "4096 ports")),
        sharing_key.as_mut().is_some_and(cut_key).then_some(("annotation metallb.io/allow-shared-ip", "1 KiB")),
    ];
    let demand = match excesses.into_iter().flatten().next() {
        Some((field, limit)) => Err(RequestFault::TooMuch { field, limit }),
        None => demand(address_pool.as_deref(), load_balancer_ips.as_deref(), spec.load_balancer_ip.as_deref()),
    };
    let is_load_balancer = spec.kind == core::ServiceType::LoadBalancer;
    ServiceView {
        id: id_of(service),
        uid: Uid::from(metadata.uid.as_deref().unwrap_or_default()),
        version: ResourceVersion::default(),
        created: Created(metadata.creation_timestamp.map_or(0, |time| time.as_second())),
        is_load_balancer,
        // A Service loses its class with its type, so nobody knows whose one of another type was.
        class_is_ours: !is_load_balancer || load_balancer_class::handles(lb_class, spec.load_balancer_class.as_deref()),
        cluster_ips: cluster_ips(spec),
        family_policy: match spec.ip_family_policy {
            Some(core::IpFamilyPolicy::PreferDualStack) => FamilyPolicy::PreferDualStack,
            Some(core::IpFamilyPolicy::RequireDualStack) => FamilyPolicy::RequireDualStack,
            Some(core::IpFamilyPolicy::SingleStack | core::IpFamilyPolicy::Unknown) | None => FamilyPolicy::SingleStack,
        },
        demand,
        sharing_key,
        traffic_policy: match spec.external_traffic_policy {
            core::TrafficPolicy::Cluster | core::TrafficPolicy::Unknown => TrafficPolicy::Cluster,
            core::TrafficPolicy::Local => TrafficPolicy::Local,
        },
        selector,
        ports: spec.ports.iter().take(PORTS).filter_map(port).collect(),
        ingress: status.load_balancer.ingress.iter().filter_map(ingress).collect(),
        pool_annotation: annotations::allocated_from(&metadata.annotations).map(Into::into),
        condition: None,
        deprecated_annotations: legacy,
        unread_annotations: annotations::unread(&metadata.annotations),
        labels,
    }
}

/// Cuts a sharing key to what is looked at; returns whether there is more.
fn cut_key(key: &mut String) -> bool {
    let is_longer = key.len() > KEY;
    key.truncate(key.floor_char_boundary(KEY));
    is_longer
}

/// Returns the cluster IPs; older objects have only the first of them.
fn cluster_ips(spec: &core::ServiceSpec) -> Vec<String> {
    match spec.cluster_ips.is_empty() {
        true => spec.cluster_ip.iter().cloned().collect(),
        false => spec.cluster_ips.clone(),
    }
}

/// Returns a port that another Service on the same address may not have too.
fn port(port: &core::ServicePort) -> Option<Port> {
    let protocol = match port.protocol {
        core::Protocol::Tcp => Protocol::Tcp,
        core::Protocol::Udp => Protocol::Udp,
        core::Protocol::Sctp => Protocol::Sctp,
        // No proxy of today forwards it, so it cannot clash.
        core::Protocol::Unknown => return None,
    };
    Some(Port { protocol, number: port.port.get() })
}

fn ingress(entry: &core::Ingress) -> Option<Ingress> {
    let core::Ingress { ip, ip_mode, hostname } = entry;
    let text = ip.as_deref().or(hostname.as_deref())?;
    let is_ours = hostname.is_none() && ip_mode.as_deref().is_none_or(|mode| mode == "VIP");
    Some(match text.parse::<IpAddr>() {
        Ok(address) if is_ours => Ingress::Ip(address),
        Ok(address) => Ingress::Altered(address),
        Err(_) => Ingress::Other(text.to_owned()),
    })
}

#[cfg(test)]
mod tests;
