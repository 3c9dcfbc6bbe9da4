use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU64;

use super::{AddressRange, CommunityValue, Family, Pool, bounded, check_names};
use crate::fault::{Fault, FieldPath, Findings, ObjectRef, Problem};
use crate::kinds;
use crate::selector::{self, Selector};

#[cfg(test)]
mod tests;

const BYTES_PER_MEGABIT: u64 = 125_000;

/// An advertisement to routers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BgpAdvertisement {
    /// The name.
    pub name: String,
    /// The pools it is for, by name; never a pool that was left out or that the aggregation lengths do not fit.
    pub pools: BTreeSet<String>,
    /// The prefix length of IPv4 announcements, from 1 to 32.
    pub aggregation_length: u8,
    /// The prefix length of IPv6 announcements, from 0 to 128.
    pub aggregation_length_v6: u8,
    /// The LOCAL_PREF for internal peers; without it the router's default holds.
    pub local_pref: Option<u32>,
    /// The MULTI_EXIT_DISC; without it none is sent.
    pub med: Option<u32>,
    /// How often the AS number is repeated for external peers, from 0 to 16.
    pub prepend: u8,
    /// The bytes per second that each local endpoint stands for; without it no bandwidth is sent.
    pub bandwidth_per_endpoint: Option<NonZeroU64>,
    /// The communities, aliases resolved.
    pub communities: BTreeSet<CommunityValue>,
    /// The nodes that announce; empty means every node.
    pub node_selectors: Vec<Selector>,
    /// The peers to announce to, by name; never a peer that was left out.
    pub peers: BTreeSet<String>,
    /// The Services to announce; empty means every Service.
    pub service_selectors: Vec<Selector>,
}

impl BgpAdvertisement {
    /// Checks one object by itself.
    ///
    /// Pools, peers and communities that are aliases are left to the whole configuration, which alone knows them.
    pub fn check(object: &kinds::BgpAdvertisement) -> (Option<Self>, Vec<Fault>) {
        let kinds::BgpAdvertisementFields {
            aggregation_length,
            aggregation_length_v6,
            local_pref,
            med,
            as_path_prepend,
            bandwidth_per_endpoint,
            communities,
            ip_address_pools,
            ip_address_pool_selectors,
            node_selectors,
            peers,
            service_selectors,
        } = &object.spec.0;
        let mut findings = Findings::on(ObjectRef::of(object));
        check_names(ip_address_pools.as_deref(), &field("ipAddressPools"), &mut findings);
        check_names(peers.as_deref(), &field("peers"), &mut findings);
        let pool_selectors = ip_address_pool_selectors.as_deref();
        selector::parse_list(pool_selectors, &field("ipAddressPoolSelectors"), &mut findings);
        let node_selectors = selector::parse_list(node_selectors.as_deref(), &field("nodeSelectors"), &mut findings);
        let service_selectors =
            selector::parse_list(service_selectors.as_deref(), &field("serviceSelectors"), &mut findings);
        let length = i64::from(aggregation_length.unwrap_or(32));
        let length = bounded(length, 1..=32, field("aggregationLength"), &mut findings);
        let length_v6 = i64::from(aggregation_length_v6.unwrap_or(128));
        let length_v6 = bounded(length_v6, 0..=128, field("aggregationLengthV6"), &mut findings);
        if !service_selectors.is_empty() {
            refuse_aggregation("aggregationLength", length, 32, &mut findings);
            refuse_aggregation("aggregationLengthV6", length_v6, 128, &mut findings);
        }
        let prepend = i64::from(as_path_prepend.unwrap_or(0));
        let prepend = bounded(prepend, 0..=16, field("asPathPrepend"), &mut findings);
        let bandwidth = check_bandwidth(*bandwidth_per_endpoint, &mut findings);
        let communities = check_communities(communities.as_deref().unwrap_or_default(), &mut findings);
        findings.conclude(|| {
            Some(Self {
                name: object.metadata.name.clone()?,
                pools: BTreeSet::new(),
                aggregation_length: length?,
                aggregation_length_v6: length_v6?,
                local_pref: local_pref.filter(|preference| *preference != 0),
                med: *med,
                prepend: prepend?,
                bandwidth_per_endpoint: bandwidth,
                communities,
                node_selectors,
                peers: BTreeSet::new(),
                service_selectors,
            })
        })
    }

    /// Returns the aggregation length for a family.
    pub fn length(&self, family: Family) -> u8 {
        match family {
            Family::V4 => self.aggregation_length,
            Family::V6 => self.aggregation_length_v6,
        }
    }

    /// Adds the communities that are given by alias.
    pub(super) fn resolve_aliases(
        &mut self,
        written: &[String],
        aliases: &BTreeMap<String, CommunityValue>,
        findings: &mut Findings,
    ) {
        for (index, text) in written.iter().enumerate() {
            match aliases.get(text) {
                Some(value) => {
                    self.communities.insert(*value);
                }
                None if is_alias(text) => {
                    findings.add(field("communities").index(index), Problem::UnknownAlias { alias: text.clone() });
                }
                None => {}
            }
        }
    }

    /// Finds the first part of a pool that would be announced together with addresses outside the pool.
    pub(super) fn too_wide_for<'a>(&self, pool: &'a Pool) -> Option<(&'static str, &'a AddressRange)> {
        let range = pool.ranges.iter().find(|range| self.length(range.family()) < range.widest_length())?;
        let name = match range.family() {
            Family::V4 => "aggregationLength",
            Family::V6 => "aggregationLengthV6",
        };
        Some((name, range))
    }
}

fn field(name: &str) -> FieldPath {
    FieldPath::new("spec").child(name)
}

fn refuse_aggregation(name: &str, length: Option<u8>, host: u8, findings: &mut Findings) {
    if let Some(length) = length.filter(|length| *length != host) {
        findings.add(field(name), Problem::AggregationWithSelectors { length });
    }
}

/// Returns bytes per second, which is what routers are told.
fn check_bandwidth(megabits: Option<u32>, findings: &mut Findings) -> Option<NonZeroU64> {
    let field = field("bandwidthPerEndpoint");
    let megabits: u64 = bounded(i64::from(megabits?), 1..=1_000_000, field, findings)?;
    NonZeroU64::new(megabits * BYTES_PER_MEGABIT)
}

fn check_communities(written: &[String], findings: &mut Findings) -> BTreeSet<CommunityValue> {
    let mut communities = BTreeSet::new();
    for (index, text) in written.iter().enumerate() {
        let field = field("communities").index(index);
        if text.is_empty() {
            findings.add(field, Problem::Empty);
            continue;
        }
        if written[..index].contains(text) {
            findings.add(field.clone(), Problem::Repeated { value: text.clone() });
        }
        if is_alias(text) {
            continue;
        }
        match CommunityValue::parse(text) {
            Ok(value) => {
                communities.insert(value);
            }
            Err(problem) => findings.add(field, problem),
        }
    }
    communities
}

fn is_alias(text: &str) -> bool {
    !text.contains(':')
}
