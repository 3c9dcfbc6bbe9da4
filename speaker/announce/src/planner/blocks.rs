//! Which services have to be decided together.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::claims::push;
use crate::names::ServiceId;
use crate::routes::{Family, Prefix};
use crate::view::{AddressRange, View};

/// The services by the blocks that their VIPs lie in.
///
/// A block is the widest prefix that an advertisement can make of a VIP. Whatever one service has to do with another, be it a VIP or
/// a route, lies within a block that both are in.
#[derive(Debug)]
pub(super) struct Blocks {
    /// The parts of all pools in order, each with the shortest length that an advertisement asks for.
    ranges: Vec<(AddressRange, u8)>,
    of: BTreeMap<ServiceId, Box<[Prefix]>>,
    holders: BTreeMap<Prefix, Vec<ServiceId>>,
}

/// Services with everything that may depend on them, and the blocks that they are in or were in.
#[derive(Debug)]
pub(super) struct Touched {
    pub(super) services: BTreeSet<ServiceId>,
    pub(super) blocks: BTreeSet<Prefix>,
}

impl Blocks {
    pub(super) fn new(view: &View) -> Self {
        let mut ranges = Vec::new();
        for (pool, parts) in &view.pools {
            let advertisements = || view.bgp_advertisements.values().filter(|it| it.pools.contains(pool));
            for range in parts {
                let family = Family::of(range.first);
                let shortest = advertisements().map(|it| it.length(family)).min();
                ranges.push((*range, shortest.unwrap_or_else(|| family.bits())));
            }
        }
        ranges.sort_unstable();
        let mut blocks = Self { ranges, of: BTreeMap::new(), holders: BTreeMap::new() };
        view.services.keys().for_each(|id| blocks.put(view, id));
        blocks
    }

    /// Takes over what `changed` services are in `view`, and returns whatever depends on what they are and on what they were.
    pub(super) fn update(&mut self, view: &View, changed: &BTreeSet<ServiceId>) -> Touched {
        let mut touched = Touched { services: changed.clone(), blocks: BTreeSet::new() };
        self.spread(&mut touched);
        for id in changed {
            self.remove(id);
            self.put(view, id);
        }
        self.spread(&mut touched);
        touched
    }

    /// Adds everyone whom somebody touched shares a block with.
    fn spread(&self, touched: &mut Touched) {
        let mut left: Vec<ServiceId> = touched.services.iter().cloned().collect();
        while let Some(id) = left.pop() {
            for block in self.of.get(&id).into_iter().flatten() {
                if touched.blocks.insert(*block) {
                    let holders = self.holders.get(block).into_iter().flatten();
                    left.extend(holders.filter(|id| touched.services.insert((*id).clone())).cloned());
                }
            }
        }
    }

    fn put(&mut self, view: &View, id: &ServiceId) {
        let Some(service) = view.services.get(id) else { return };
        let blocks: BTreeSet<Prefix> = service.vips.iter().map(|vip| self.block_of(*vip)).collect();
        for block in &blocks {
            push(self.holders.entry(*block).or_default(), id.clone());
        }
        if !blocks.is_empty() {
            self.of.insert(id.clone(), blocks.into_iter().collect());
        }
    }

    fn remove(&mut self, id: &ServiceId) {
        for block in self.of.remove(id).into_iter().flatten() {
            let holders = self.holders.get_mut(&block).expect("who has a block is among its holders");
            holders.retain(|holder| holder != id);
            if holders.is_empty() {
                self.holders.remove(&block);
            }
        }
    }

    fn block_of(&self, vip: IpAddr) -> Prefix {
        let after = self.ranges.partition_point(|(range, _)| range.first <= vip);
        match self.ranges[..after].last() {
            Some((range, length)) if range.contains(vip) => Prefix::inside(range, vip, *length),
            Some(_) | None => Prefix::host(vip),
        }
    }
}

#[cfg(test)]
mod tests;
