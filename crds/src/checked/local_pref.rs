//! Advertisements that contradict each other's local preference.

use std::collections::BTreeMap;

use super::compile::Nodes;
use super::sessions::meet;
use super::{BgpAdvertisement, Family, Pool};

/// Finds a pool for which two advertisements would announce the same prefix, to the same peer, from the same node, with
/// different local preferences.
///
/// Advertisements with service selectors are compared for each Service when it is announced, not here.
pub(super) fn conflict<'a>(
    one: (&'a BgpAdvertisement, &[String]),
    other: (&'a BgpAdvertisement, &[String]),
    pools: &BTreeMap<String, Pool>,
    nodes: Option<&Nodes>,
) -> Option<&'a str> {
    let ((one, peers), (other, other_peers)) = (one, other);
    let by_service = !one.service_selectors.is_empty() || !other.service_selectors.is_empty();
    if by_service || one.local_pref == other.local_pref {
        return None;
    }
    let named = !peers.is_empty() && !other_peers.is_empty();
    if named && !peers.iter().any(|peer| other_peers.contains(peer)) {
        return None;
    }
    if !meet(&one.node_selectors, &other.node_selectors, nodes) {
        return None;
    }
    let same_prefixes = |name: &&String| {
        let pool = pools.get(*name);
        let families = [Family::V4, Family::V6].into_iter().filter(|family| pool.is_some_and(|pool| pool.has(*family)));
        families.into_iter().any(|family| one.length(family) == other.length(family))
    };
    one.pools.intersection(&other.pools).find(same_prefixes).map(String::as_str)
}
