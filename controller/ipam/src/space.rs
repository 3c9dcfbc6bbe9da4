use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::family::{Family, PerFamily, join, split};
use crate::free::{Free, Position, is_buggy, usable};
use crate::name::PoolName;
use crate::pool::Pool;
use crate::range::Range;
use crate::request::{Policy, Port, Request, Sharing};
use crate::reservation::{Reservation, reservations};
use crate::segments::{Segments, Spot};
use crate::sharing::{Conflict, Group, Occupied};

/// How full a pool is, per family.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// IPv4.
    pub v4: FamilyUsage,
    /// IPv6.
    pub v6: FamilyUsage,
}

/// How full one family of a pool is; addresses the pool avoids as buggy, and those that no host can have, count nowhere.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FamilyUsage {
    /// Addresses in use; a shared one counts once.
    pub assigned: u128,
    /// Addresses that can still be handed out.
    pub available: u128,
    /// Reserved addresses that nobody holds.
    pub reserved: u128,
}

/// Every pool with what is free and what is taken.
pub(crate) struct Space<'a> {
    /// By name, one per name.
    pools: Vec<PoolSpace<'a>>,
    /// Indices of the pools that hand out by themselves, in the order they are tried.
    automatic: Vec<usize>,
    segments: PerFamily<Segments>,
    occupied: BTreeMap<IpAddr, Occupied<'a>>,
    reserved: BTreeMap<IpAddr, Reservation>,
    excluded: &'a [Range],
    sharing: Sharing,
}

struct PoolSpace<'a> {
    pool: &'a Pool,
    families: PerFamily<FamilySpace<'a>>,
}

#[derive(Default)]
struct FamilySpace<'a> {
    size: u128,
    free: Free,
    shared: BTreeMap<Group<'a>, Meeting>,
    assigned: u128,
    reserved: u128,
}

/// The addresses a group holds in one pool.
#[derive(Default)]
struct Meeting {
    positions: BTreeSet<Position>,
    /// On how many of the addresses a port is taken: one taken on all of them spares the search.
    ports: BTreeMap<Port, usize>,
}

impl<'a> Space<'a> {
    pub(crate) fn new(pools: &'a [Pool], policy: &'a Policy) -> Self {
        let mut sorted: Vec<&Pool> = pools.iter().collect();
        sorted.sort_unstable();
        sorted.dedup_by(|later, earlier| later.name() == earlier.name());

        let mut automatic: Vec<usize> = (0..sorted.len()).filter(|pool| sorted[*pool].auto_assign).collect();
        automatic
            .sort_by_key(|pool| sorted[*pool].allocation.as_ref().map_or((true, 0), |a| (false, a.priority.rank())));

        let mut space = Self {
            automatic,
            segments: PerFamily::new(|family| Segments::new(family, &sorted)),
            reserved: reservations(&sorted, policy),
            pools: sorted.into_iter().map(|pool| PoolSpace::new(pool, &policy.excluded)).collect(),
            occupied: BTreeMap::new(),
            excluded: &policy.excluded,
            sharing: policy.sharing,
        };
        for address in space.reserved.keys().copied().collect::<Vec<_>>() {
            space.withdraw(address, |family, _| family.reserved += 1);
        }
        space
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pools.is_empty()
    }

    pub(crate) fn pool(&self, index: usize) -> &'a Pool {
        self.pools[index].pool
    }

    pub(crate) fn pools(&self) -> impl Iterator<Item = &'a Pool> {
        self.pools.iter().map(|space| space.pool)
    }

    pub(crate) fn find(&self, name: &PoolName) -> Option<usize> {
        self.pools.binary_search_by(|space| space.pool.name().cmp(name)).ok()
    }

    /// Returns the pools that hand out by themselves and admit the service, in the order they are tried.
    pub(crate) fn candidates(&self, request: &Request) -> impl Iterator<Item = usize> {
        self.automatic.iter().copied().filter(|pool| self.pool(*pool).admits(&request.service).is_ok())
    }

    /// Returns the pools that contain the address, by name, buggy addresses included.
    pub(crate) fn containing(&self, address: IpAddr) -> impl Iterator<Item = usize> {
        let (family, value) = split(address);
        self.segments[family].spots(value).iter().map(|spot| spot.pool)
    }

    /// Returns why the address is not handed out, if it is not.
    pub(crate) fn reservation(&self, address: IpAddr) -> Option<Reservation> {
        self.reserved.get(&address).copied().or_else(|| self.excludes(address).then_some(Reservation::Excluded))
    }

    fn excludes(&self, address: IpAddr) -> bool {
        self.excluded.iter().any(|range| range.contains(address))
    }

    pub(crate) fn conflict(&self, address: IpAddr, request: &Request) -> Option<Conflict> {
        self.occupied.get(&address)?.conflict(request, Group::of(request, self.sharing))
    }

    /// Returns the first address of the pool, in written order, that is free or that the request may join.
    pub(crate) fn first_fit(&self, pool: usize, family: Family, request: &Request) -> Option<IpAddr> {
        let space = &self.pools[pool].families[family];
        let free = space.free.first();
        let shared = Group::of(request, self.sharing).and_then(|group| space.shared.get(&group)).and_then(|held| {
            if request.ports.iter().any(|port| held.ports.get(port) == Some(&held.positions.len())) {
                return None;
            }
            let before_free = held.positions.iter().take_while(|position| free.is_none_or(|free| **position < free));
            before_free.copied().find(|position| self.conflict(join(family, position.1), request).is_none())
        });
        shared.or(free).map(|(_, value)| join(family, value))
    }

    /// Returns what keeps the request from joining the address its group holds first in the pool.
    pub(crate) fn nearest_conflict(&self, pool: usize, family: Family, request: &Request) -> Option<Conflict> {
        let group = Group::of(request, self.sharing)?;
        let (_, value) = self.pools[pool].families[family].shared.get(&group)?.positions.first()?;
        self.conflict(join(family, *value), request)
    }

    /// Returns how many addresses the pool could hand out if it were empty.
    pub(crate) fn size(&self, pool: usize, family: Family) -> u128 {
        self.pools[pool].families[family].size
    }

    /// Records a holder of an address; the caller has made sure that nothing stands against it.
    pub(crate) fn occupy(&mut self, address: IpAddr, request: &'a Request) {
        let group = Group::of(request, self.sharing);
        let reserved = self.reserved.contains_key(&address);
        let founded = match self.occupied.get_mut(&address) {
            Some(occupied) => {
                occupied.join(request);
                false
            }
            None => {
                self.occupied.insert(address, Occupied::by(request, group));
                true
            }
        };
        if founded {
            self.withdraw(address, |family, position| {
                family.assigned += 1;
                family.reserved -= u128::from(reserved);
                if let (Some(group), false) = (group, reserved) {
                    family.shared.entry(group).or_default().positions.insert(position);
                }
            });
        }
        if let (Some(group), false) = (group, reserved) {
            self.at_each_spot(address, |family, _| {
                if let Some(meeting) = family.shared.get_mut(&group) {
                    request.ports.iter().for_each(|port| *meeting.ports.entry(*port).or_default() += 1);
                }
            });
        }
    }

    pub(crate) fn usage(&self) -> BTreeMap<PoolName, Usage> {
        let usage = |space: &FamilySpace<'_>| FamilyUsage {
            assigned: space.assigned,
            available: space.free.count(),
            reserved: space.reserved,
        };
        let entry = |space: &PoolSpace<'_>| {
            let families = &space.families;
            (space.pool.name().clone(), Usage { v4: usage(&families[Family::V4]), v6: usage(&families[Family::V6]) })
        };
        self.pools.iter().map(entry).collect()
    }

    /// Takes an address out of the free ones of every pool that could hand it out, and lets `note` keep the books.
    fn withdraw(&mut self, address: IpAddr, mut note: impl FnMut(&mut FamilySpace<'a>, Position)) {
        self.at_each_spot(address, |space, position| {
            space.free.remove(position);
            note(space, position);
        });
    }

    fn at_each_spot(&mut self, address: IpAddr, mut act: impl FnMut(&mut FamilySpace<'a>, Position)) {
        if self.excludes(address) {
            return;
        }
        let (family, value) = split(address);
        for Spot { pool, range } in self.segments[family].spots(value) {
            let space = &mut self.pools[*pool];
            if !avoids(space.pool, family, value) {
                act(&mut space.families[family], (*range, value));
            }
        }
    }
}

impl<'a> PoolSpace<'a> {
    fn new(pool: &'a Pool, excluded: &[Range]) -> Self {
        let families = PerFamily::new(|family| {
            let avoid = pool.avoid_buggy_ips && family == Family::V4;
            let mut space = FamilySpace { free: Free::new(avoid), ..FamilySpace::default() };
            for (index, range) in pool.ranges().iter().enumerate().filter(|(_, range)| range.family() == family) {
                for (first, last) in included(range, excluded) {
                    space.free.insert(index, first, last);
                    space.size += usable(first, last, avoid);
                }
            }
            space
        });
        Self { pool, families }
    }
}

/// Returns what is left of a range without the excluded ones.
fn included(range: &Range, excluded: &[Range]) -> Vec<(u128, u128)> {
    let mut excluded: Vec<(u128, u128)> =
        excluded.iter().filter(|other| other.overlaps(range)).map(Range::bounds).collect();
    excluded.sort_unstable();
    let (mut first, last) = range.bounds();
    let mut left = Vec::new();
    for (from, to) in excluded {
        if from > first {
            left.push((first, from - 1));
        }
        // An IPv6 range that ends at the last address of all has nothing after it.
        let Some(next) = to.checked_add(1) else { return left };
        first = first.max(next);
    }
    if first <= last {
        left.push((first, last));
    }
    left
}

/// Returns whether the pool never hands the address out although it contains it.
pub(crate) fn avoids(pool: &Pool, family: Family, value: u128) -> bool {
    pool.avoid_buggy_ips && family == Family::V4 && is_buggy(value)
}
