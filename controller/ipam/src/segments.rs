use std::collections::{BTreeMap, BTreeSet};

use crate::family::Family;
use crate::pool::Pool;

/// Where a pool contains an address: the index of the pool and of its range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Spot {
    pub(crate) pool: usize,
    pub(crate) range: usize,
}

/// Finds the pools that contain an address of one family.
///
/// Pools of a checked configuration never overlap, but an allocator must not double-book when they do, so the line of
/// addresses is cut into pieces on which the set of owners is constant.
#[derive(Debug, Default)]
pub(crate) struct Segments(BTreeMap<u128, Vec<Spot>>);

impl Segments {
    pub(crate) fn new(family: Family, pools: &[&Pool]) -> Self {
        let mut edges: BTreeMap<u128, Vec<(bool, Spot)>> = BTreeMap::new();
        for (pool, value) in pools.iter().enumerate() {
            for (range, bounds) in value.ranges().iter().enumerate().filter(|(_, range)| range.family() == family) {
                let (first, last) = bounds.bounds();
                let spot = Spot { pool, range };
                edges.entry(first).or_default().push((true, spot));
                if let Some(after) = last.checked_add(1) {
                    edges.entry(after).or_default().push((false, spot));
                }
            }
        }
        let mut open = BTreeSet::new();
        let cut = edges.into_iter().map(|(start, changes)| {
            for (opens, spot) in changes {
                if opens {
                    open.insert(spot)
                } else {
                    open.remove(&spot)
                };
            }
            (start, open.iter().copied().collect())
        });
        Self(cut.collect())
    }

    /// Returns where the address lies, pools in index order.
    pub(crate) fn spots(&self, value: u128) -> &[Spot] {
        self.0.range(..=value).next_back().map_or(&[], |(_, spots)| spots.as_slice())
    }
}
