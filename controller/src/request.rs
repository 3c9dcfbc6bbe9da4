#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use crds::printable::Printable;
use ipam::{Demand, Families, Family, PoolName, Requested, RequestedError};
use thiserror::Error;

use crate::snapshot::TrafficPolicy;

/// Says why the requested addresses of a service cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RequestFault {
    /// The annotation and the field both ask.
    #[error("both {} and {} request addresses; remove the field", RequestSource::Annotation, RequestSource::Field)]
    Both,
    /// A text is no address.
    #[error("{source_of}: \"{text}\" is not an IP address; write {}", source_of.form())]
    Unreadable {
        /// Where it stands.
        source_of: RequestSource,
        /// The text.
        text: String,
    },
    /// The addresses do not go together.
    #[error("{}: {list}", RequestSource::Annotation)]
    List {
        /// What is wrong with them.
        list: RequestedError,
    },
}

/// The two places a service can request addresses in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestSource {
    /// The annotation `metallb.io/loadBalancerIPs`.
    Annotation,
    /// The deprecated field `spec.loadBalancerIP`.
    Field,
}

impl RequestSource {
    /// Says what is to be written there.
    fn form(self) -> &'static str {
        match self {
            Self::Annotation => "addresses separated by commas",
            Self::Field => {
                "one address, or one of each family into the annotation metallb.io/loadBalancerIPs and nothing here"
            }
        }
    }
}

impl fmt::Display for RequestSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Annotation => "annotation metallb.io/loadBalancerIPs",
            Self::Field => "spec.loadBalancerIP",
        })
    }
}

/// Reads what a service asks for from the values of `address-pool`, `loadBalancerIPs` and `spec.loadBalancerIP`; an empty
/// text counts as absent.
pub fn demand(
    address_pool: Option<&str>,
    annotation: Option<&str>,
    field: Option<&str>,
) -> Result<Demand, RequestFault> {
    let present = |text: Option<&'_ str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    // No pool has a name that has to be cut or escaped, so none is found by it either way.
    let pool = present(address_pool).map(|name| PoolName::from(Printable::value(name).to_string().as_str()));
    let (source_of, texts) = match (present(annotation), present(field)) {
        (None, None) => return Ok(pool.map_or(Demand::Any, Demand::Pool)),
        (Some(_), Some(_)) => return Err(RequestFault::Both),
        (Some(list), None) => (RequestSource::Annotation, list.split(',').map(|text| text.trim().to_owned()).collect()),
        (None, Some(text)) => (RequestSource::Field, vec![text]),
    };
    let read = |text: String| {
        text.parse().map_err(|_| RequestFault::Unreadable { source_of, text: Printable::value(text).to_string() })
    };
    let addresses = texts.into_iter().map(read).collect::<Result<Vec<IpAddr>, RequestFault>>()?;
    let wanted = Requested::new(&addresses).map_err(|list| RequestFault::List { list })?;
    Ok(Demand::Addresses { wanted, pool })
}

/// Returns the families of the cluster IPs: `Some(None)` without any, `None` when they cannot be told.
pub(crate) fn cluster_families(cluster_ips: &[String]) -> Option<Option<Families>> {
    let written = cluster_ips.iter().filter(|text| !text.is_empty());
    let addresses = written.map(|text| text.parse().ok()).collect::<Option<Vec<IpAddr>>>()?;
    match addresses.as_slice() {
        [] => Some(None),
        [_] => Some(Families::collect(addresses.iter().map(|address| Family::of(*address)))),
        [first, second] if Family::of(*first) != Family::of(*second) => Some(Some(Families::Dual)),
        [_, _, ..] => None,
    }
}

/// Returns the text sharers must agree on: the selector under Local, empty under Cluster.
pub(crate) fn backend_key(policy: TrafficPolicy, selector: &BTreeMap<String, String>) -> String {
    match policy {
        TrafficPolicy::Cluster => String::new(),
        TrafficPolicy::Local => {
            selector.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
        }
    }
}
