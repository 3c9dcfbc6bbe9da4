//! Addresses that two pools would both give out.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::AddressRange;
use crate::fault::ObjectRef;

/// The ranges of the pools accepted so far, by first address. No two of them overlap.
#[derive(Debug, Default)]
pub(super) struct TakenRanges {
    by_first: BTreeMap<IpAddr, (AddressRange, ObjectRef)>,
}

impl TakenRanges {
    pub(super) fn add(&mut self, ranges: &[AddressRange], pool: &ObjectRef) {
        self.by_first.extend(ranges.iter().map(|range| (range.first(), (*range, pool.clone()))));
    }

    /// Returns the highest taken range that has an address in common with this one.
    pub(super) fn common_with(&self, range: &AddressRange) -> Option<&(AddressRange, ObjectRef)> {
        // As taken ranges are disjoint, none reaches higher than the last that starts at or below the end of this one.
        let (_, nearest) = self.by_first.range(..=range.last()).next_back()?;
        nearest.0.overlaps(range).then_some(nearest)
    }
}
