//! The annotations of Services, under the current and the legacy prefix.

use std::collections::BTreeMap;

use crate::spelling;

#[cfg(test)]
mod tests;

/// The prefix of every annotation.
pub const PREFIX: &str = "metallb.io/";
/// The prefix of MetalLB before 0.13, still read.
pub const LEGACY_PREFIX: &str = "metallb.universe.tf/";
/// Names the pool a Service wants.
pub const ADDRESS_POOL: &str = "metallb.io/address-pool";
/// Lists the addresses a Service wants.
pub const LOAD_BALANCER_IPS: &str = "metallb.io/loadBalancerIPs";
/// Names the group of Services that may share an address.
pub const ALLOW_SHARED_IP: &str = "metallb.io/allow-shared-ip";
/// Written by the controller: the pool the addresses came from.
pub const ALLOCATED_FROM: &str = "metallb.io/ip-allocated-from-pool";
/// The same under the legacy prefix, as MetalLB wrote it up to 0.14.8.
pub const LEGACY_ALLOCATED_FROM: &str = "metallb.universe.tf/ip-allocated-from-pool";

/// Returns the pool that the addresses of a Service came from; the current prefix wins over the legacy one.
pub fn allocated_from(annotations: &BTreeMap<String, String>) -> Option<&str> {
    [ALLOCATED_FROM, LEGACY_ALLOCATED_FROM].iter().find_map(|key| annotations.get(*key)).map(String::as_str)
}

/// The annotations of a Service that are read or written; under the legacy prefix the same.
const KNOWN: [&str; 4] = [ADDRESS_POOL, LOAD_BALANCER_IPS, ALLOW_SHARED_IP, ALLOCATED_FROM];

/// How many annotations that nobody reads are named; each is an event.
const UNREAD: usize = 8;

/// Says which annotations under our prefixes nobody reads, such as misspelt ones.
pub fn unread(annotations: &BTreeMap<String, String>) -> Vec<String> {
    let names = || KNOWN.into_iter().filter_map(|key| key.strip_prefix(PREFIX));
    let unread = |key: &String| {
        let name = key.strip_prefix(PREFIX).or_else(|| key.strip_prefix(LEGACY_PREFIX))?;
        if names().any(|known| known == name) {
            return None;
        }
        Some(match spelling::nearest(name, names().filter(|name| !ALLOCATED_FROM.ends_with(name))) {
            Some(meant) => format!("annotation {key} is read by nobody; did you mean {PREFIX}{meant}?"),
            None => format!("annotation {key} is read by nobody; correct its name or remove it"),
        })
    };
    annotations.keys().filter_map(unread).take(UNREAD).collect()
}

/// What a Service asks for by annotation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceAnnotations {
    /// The only pool that may supply the address.
    pub address_pool: Option<String>,
    /// The addresses wanted, as written.
    pub load_balancer_ips: Option<String>,
    /// The sharing key. An empty one is kept: it shares nothing, but the Service counts as one that may share.
    pub allow_shared_ip: Option<String>,
    /// The keys that were read under the legacy prefix.
    pub legacy: Vec<String>,
}

impl ServiceAnnotations {
    /// Reads the annotations of a Service. The current prefix wins over the legacy one.
    pub fn read(annotations: &BTreeMap<String, String>) -> Self {
        let mut legacy = Vec::new();
        let mut value = |key: &str| {
            annotations.get(key).cloned().or_else(|| {
                let old = key.replacen(PREFIX, LEGACY_PREFIX, 1);
                let value = annotations.get(&old).cloned();
                legacy.extend(value.is_some().then_some(old));
                value
            })
        };
        let (address_pool, load_balancer_ips) = (value(ADDRESS_POOL), value(LOAD_BALANCER_IPS));
        let allow_shared_ip = value(ALLOW_SHARED_IP);
        Self {
            address_pool: address_pool.filter(|name| !name.is_empty()),
            load_balancer_ips: load_balancer_ips.filter(|list| !list.is_empty()),
            allow_shared_ip,
            legacy,
        }
    }
}
