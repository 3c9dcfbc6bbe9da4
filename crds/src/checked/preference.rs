//! Advertisements that contradict each other in what routers prefer routes by.

use std::collections::BTreeMap;

use super::Nodes;
use super::sessions::meet;
use super::{BgpAdvertisement, Family, Pool};
use crate::fault::Preference;

/// What two advertisements say differently about one prefix.
pub(super) struct Conflict<'a> {
    pub(super) preference: Preference,
    pub(super) own: Option<u32>,
    pub(super) theirs: Option<u32>,
    pub(super) pool: &'a str,
}

/// Finds a pool for which two advertisements would announce the same prefix, to the same peer, from the same node, with
/// different preferences.
///
/// Advertisements with service selectors are compared for each Service when it is announced, not here.
pub(super) fn conflict<'a>(
    one: (&'a BgpAdvertisement, &[String]),
    other: (&'a BgpAdvertisement, &[String]),
    pools: &BTreeMap<String, Pool>,
    nodes: Option<&Nodes>,
) -> Option<Conflict<'a>> {
    let ((one, peers), (other, other_peers)) = (one, other);
    let by_service = !one.service_selectors.is_empty() || !other.service_selectors.is_empty();
    if by_service {
        return None;
    }
    let (preference, own, theirs) = difference(one, other)?;
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
    let pool = one.pools.intersection(&other.pools).find(same_prefixes)?;
    Some(Conflict { preference, own, theirs, pool })
}

/// Returns the first preference in which the two differ.
fn difference(one: &BgpAdvertisement, other: &BgpAdvertisement) -> Option<(Preference, Option<u32>, Option<u32>)> {
    let differs = |preference, own, theirs| (own != theirs).then_some((preference, own, theirs));
    differs(Preference::LocalPref, one.local_pref, other.local_pref)
        .or_else(|| differs(Preference::Med, one.med, other.med))
        .or_else(|| differs(Preference::Prepend, Some(one.prepend.into()), Some(other.prepend.into())))
}
