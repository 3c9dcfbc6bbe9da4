use std::collections::BTreeSet;

use super::{bounded, check_names};
use crate::fault::{Fault, FieldPath, Findings, ObjectRef};
use crate::kinds;
use crate::selector::{self, Selector};

#[cfg(test)]
mod tests;

/// An advertisement on the local network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct L2Advertisement {
    /// The name.
    pub name: String,
    /// The pools it is for, by name; never a pool that was left out.
    pub pools: BTreeSet<String>,
    /// The nodes that may announce; empty means every node.
    pub node_selectors: Vec<Selector>,
    /// The interfaces to announce on; empty means every interface that is not excluded.
    pub interfaces: BTreeSet<String>,
    /// The Services to announce; empty means every Service.
    pub service_selectors: Vec<Selector>,
    /// Nodes to prefer among those that may announce.
    pub preferences: Vec<Preference>,
}

/// A soft preference for some nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preference {
    /// What a matching node gains, from 1 to 100.
    pub weight: u8,
    /// The nodes that gain it.
    pub nodes: Selector,
}

impl L2Advertisement {
    /// Checks one object by itself; the pools stay empty, for they are known only to the whole configuration.
    pub fn check(object: &kinds::L2Advertisement) -> (Option<Self>, Vec<Fault>) {
        let kinds::L2AdvertisementFields {
            ip_address_pools,
            ip_address_pool_selectors,
            node_selectors,
            interfaces,
            service_selectors,
            preferred_node_selectors,
        } = &object.spec.0;
        let mut findings = Findings::on(ObjectRef::of(object));
        let field = |name: &str| FieldPath::new("spec").child(name);
        check_names(ip_address_pools.as_deref(), &field("ipAddressPools"), &mut findings);
        let pool_selectors = ip_address_pool_selectors.as_deref();
        selector::parse_list(pool_selectors, &field("ipAddressPoolSelectors"), &mut findings);
        let node_selectors = selector::parse_list(node_selectors.as_deref(), &field("nodeSelectors"), &mut findings);
        let service_selectors =
            selector::parse_list(service_selectors.as_deref(), &field("serviceSelectors"), &mut findings);
        let preferred = preferred_node_selectors.as_deref().unwrap_or_default();
        let preferences = check_preferences(preferred, &field("preferredNodeSelectors"), &mut findings);
        findings.conclude(|| {
            Some(Self {
                name: object.metadata.name.clone()?,
                pools: BTreeSet::new(),
                node_selectors,
                interfaces: interfaces.iter().flatten().cloned().collect(),
                service_selectors,
                preferences,
            })
        })
    }
}

fn check_preferences(
    preferred: &[kinds::PreferredNodes],
    field: &FieldPath,
    findings: &mut Findings,
) -> Vec<Preference> {
    let mut preferences = Vec::with_capacity(preferred.len());
    for (index, kinds::PreferredNodes { weight, preference }) in preferred.iter().enumerate() {
        let field = field.index(index);
        let weight = bounded(i64::from(*weight), 1..=100, field.child("weight"), findings);
        let nodes = selector::parse_at(preference, &field.child("preference"), findings);
        preferences.extend(weight.zip(nodes).map(|(weight, nodes)| Preference { weight, nodes }));
    }
    preferences
}
