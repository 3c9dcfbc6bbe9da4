#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::IpAddr;

use crds::printable::Printable;
use ipam::{Demand, Families, Family, PoolName, Requested};

use crate::view::{RequestFault, RequestSource, TrafficPolicy};

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
