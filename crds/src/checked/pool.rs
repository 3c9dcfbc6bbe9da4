use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::{AddressRange, Family, check_names};
use crate::fault::{Fault, FieldPath, Findings, ObjectRef, Problem};
use crate::kinds;
use crate::selector::{self, Selector};

#[cfg(test)]
mod tests;

/// A pool of addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// The name.
    pub name: String,
    /// The addresses, in the order written; no two ranges overlap, in this pool or between pools.
    pub ranges: Vec<AddressRange>,
    /// Whether Services get its addresses without asking for them.
    pub auto_assign: bool,
    /// Whether IPv4 addresses ending in 0 or 255 are kept back.
    pub avoid_buggy_ips: bool,
    /// The Services the pool is kept for; without it, it serves everybody.
    pub allocation: Option<ServiceAllocation>,
}

/// The Services a pool is kept for. Without namespaces, namespace selectors and service selectors: all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceAllocation {
    /// The order among pools that fit: the lower number first, and 0 last.
    pub priority: i64,
    /// The namespaces, by name.
    pub namespaces: BTreeSet<String>,
    /// The namespaces, by label; one matching selector is enough.
    pub namespace_selectors: Vec<Selector>,
    /// The Services, by label; one matching selector is enough.
    pub service_selectors: Vec<Selector>,
}

impl ServiceAllocation {
    /// Returns whether the pool is for Services of some namespaces alone.
    pub fn selects_namespaces(&self) -> bool {
        !self.namespaces.is_empty() || !self.namespace_selectors.is_empty()
    }

    /// Returns whether the pool is for Services of this namespace.
    pub fn admits_namespace(&self, name: &str, labels: &BTreeMap<String, String>) -> bool {
        !self.selects_namespaces()
            || self.namespaces.contains(name)
            || self.namespace_selectors.iter().any(|selector| selector.matches(labels))
    }

    /// Returns whether the pool is for Services with these labels, as far as their namespace allows.
    pub fn admits_service(&self, labels: &BTreeMap<String, String>) -> bool {
        self.service_selectors.is_empty() || self.service_selectors.iter().any(|selector| selector.matches(labels))
    }
}

impl Pool {
    /// Checks one object by itself.
    pub fn check(object: &kinds::IpAddressPool) -> (Option<Self>, Vec<Fault>) {
        let kinds::IpAddressPoolSpec { addresses, auto_assign, avoid_buggy_ips, service_allocation } = &object.spec;
        let mut findings = Findings::on(ObjectRef::of(object));
        let spec = FieldPath::new("spec");
        let ranges = check_addresses(addresses, &spec.child("addresses"), &mut findings);
        let allocation = service_allocation
            .as_ref()
            .map(|allocation| check_allocation(allocation, &spec.child("serviceAllocation"), &mut findings));
        findings.conclude(|| {
            Some(Self {
                name: object.metadata.name.clone()?,
                ranges,
                auto_assign: auto_assign.unwrap_or(true),
                avoid_buggy_ips: avoid_buggy_ips.unwrap_or(false),
                allocation,
            })
        })
    }

    /// Says whether an address lies in the pool.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.ranges.iter().any(|range| range.contains(address))
    }

    /// Says whether the pool has addresses of a family.
    pub fn has(&self, family: Family) -> bool {
        self.ranges.iter().any(|range| range.family() == family)
    }
}

fn check_addresses(addresses: &[String], field: &FieldPath, findings: &mut Findings) -> Vec<AddressRange> {
    if addresses.is_empty() {
        findings.add(field.clone(), Problem::NoAddresses);
    }
    let mut ranges: Vec<AddressRange> = Vec::with_capacity(addresses.len());
    for (index, text) in addresses.iter().enumerate() {
        match AddressRange::parse(text, index) {
            Ok(range) => {
                if let Some(other) = ranges.iter().find(|other| other.overlaps(&range)) {
                    let problem = Problem::OverlapInside { own: range.to_string(), other: other.to_string() };
                    findings.add(field.index(index), problem);
                }
                note_special(&range, text, &field.index(index), findings);
                ranges.push(range);
            }
            Err(problem) => findings.add(field.index(index), problem),
        }
    }
    ranges
}

/// Says which addresses of an entry are never handed out because no host can have them.
fn note_special(range: &AddressRange, text: &str, field: &FieldPath, findings: &mut Findings) {
    let text = text.to_owned();
    if let Some(special) = range.wholly_special() {
        findings.add(field.clone(), Problem::NotForHosts { text, special });
        return;
    }
    for special in range.special() {
        findings.add(field.clone(), Problem::PartlyNotForHosts { text: text.clone(), special });
    }
}

fn check_allocation(
    allocation: &kinds::ServiceAllocation,
    field: &FieldPath,
    findings: &mut Findings,
) -> ServiceAllocation {
    let kinds::ServiceAllocation { priority, namespaces, namespace_selectors, service_selectors } = allocation;
    check_names(namespaces.as_deref(), &field.child("namespaces"), findings);
    ServiceAllocation {
        priority: priority.unwrap_or(0),
        namespaces: namespaces.iter().flatten().cloned().collect(),
        namespace_selectors: selector::parse_list(
            namespace_selectors.as_deref(),
            &field.child("namespaceSelectors"),
            findings,
        ),
        service_selectors: selector::parse_list(
            service_selectors.as_deref(),
            &field.child("serviceSelectors"),
            findings,
        ),
    }
}
