//! The annotations of Services, under the current and the legacy prefix.

use std::collections::BTreeMap;
use std::net::IpAddr;

use thiserror::Error;

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

/// What a Service asks for by annotation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceAnnotations {
    /// The only pool that may supply the address.
    pub address_pool: Option<String>,
    /// The addresses wanted, as written; [`requested_addresses`] parses them.
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

/// Why the requested addresses of a Service cannot be served.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Error)]
#[expect(missing_docs, reason = "the message of each variant is its documentation, and its fields are named in it")]
pub enum RequestError {
    #[error("{text:?} is not an IP address; write one like 192.0.2.1")]
    NotAnAddress { text: String },
    #[error("{count} addresses are requested; ask for at most one of each family")]
    TooMany { count: usize },
    #[error("{first} and {second} are of the same family; ask for one of each")]
    SameFamily { first: IpAddr, second: IpAddr },
    #[error("spec.loadBalancerIP and the annotation {LOAD_BALANCER_IPS} are both set; remove one")]
    Twice,
}

/// Returns the addresses a Service asks for, in the order written: at most one of each family.
///
/// `load_balancer_ip` is the deprecated field of the Service's specification; setting both is an error.
pub fn requested_addresses(
    annotation: Option<&str>,
    load_balancer_ip: Option<&str>,
) -> Result<Vec<IpAddr>, RequestError> {
    let field = load_balancer_ip.filter(|text| !text.is_empty());
    let list = match (annotation, field) {
        (Some(_), Some(_)) => return Err(RequestError::Twice),
        (Some(list), None) | (None, Some(list)) => list,
        (None, None) => return Ok(Vec::new()),
    };
    let parse = |text: &str| match text.trim().parse::<IpAddr>() {
        Ok(address) => Ok(address.to_canonical()),
        Err(_) => Err(RequestError::NotAnAddress { text: text.trim().to_owned() }),
    };
    let addresses = list.split(',').map(parse).collect::<Result<Vec<_>, _>>()?;
    match addresses[..] {
        [first, second] if first.is_ipv4() == second.is_ipv4() => Err(RequestError::SameFamily { first, second }),
        [_] | [_, _] => Ok(addresses),
        _ => Err(RequestError::TooMany { count: addresses.len() }),
    }
}
