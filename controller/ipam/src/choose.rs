use std::net::IpAddr;

use crate::family::{Families, Family, split};
use crate::refusal::{Candidate, PoolRefusal, Refusal, Unfit};
use crate::request::{Demand, Request, Requested};
use crate::space::{Space, avoids};

/// Returns the first pool by name that makes the address legal for the request, conflicts and reservations aside.
pub(crate) fn owner(space: &Space<'_>, request: &Request, address: IpAddr) -> Result<usize, Unfit> {
    let (family, value) = split(address);
    let mut unfit = Unfit::OutsideEveryPool;
    for index in space.containing(address) {
        let pool = space.pool(index);
        let name = pool.name().clone();
        unfit = if avoids(pool, family, value) {
            Unfit::Avoided { pool: name }
        } else if let Err(miss) = pool.admits(&request.service) {
            Unfit::NotAdmitted { pool: name, miss }
        } else if let Some(requested) = request.demand.pool().filter(|requested| *requested != pool.name()) {
            Unfit::OtherPool { pool: name, requested: requested.clone() }
        } else {
            return Ok(index);
        };
    }
    Err(unfit)
}

/// Finds the requested addresses of the given families; all of them or none.
pub(crate) fn requested(
    space: &Space<'_>,
    request: &Request,
    wanted: &Requested,
    missing: Families,
) -> Result<Vec<IpAddr>, Refusal> {
    let fits = |address: IpAddr| {
        owner(space, request, address)?;
        if let Some(reservation) = space.reservation(address) {
            return Err(Unfit::Reserved(reservation));
        }
        space.conflict(address, request).map_or(Ok(address), |conflict| Err(Unfit::InUse(conflict)))
    };
    let addresses = wanted.addresses().iter().filter(|address| missing.contains(Family::of(**address)));
    addresses.map(|&address| fits(address).map_err(|unfit| Refusal::RequestedAddress { address, unfit })).collect()
}

/// Finds addresses of the given families and says which could not be found.
///
/// The pool of an address that is kept goes first, provided that it hands out by itself or was named. Then one pool with everything goes before several, so that both families
/// are announced alike; only then each family comes from the first pool that has it.
pub(crate) fn search(
    space: &Space<'_>,
    request: &Request,
    missing: Families,
    home: Option<usize>,
) -> (Vec<IpAddr>, Option<Refusal>) {
    let named = request.demand.pool().and_then(|name| space.find(name));
    let pools = || {
        let automatic = space.candidates(request).filter(|_| request.demand.pool().is_none());
        named.into_iter().chain(automatic)
    };
    let first_fit = |pool: usize, family: Family| space.first_fit(pool, family, request);
    let whole = |pool: usize| missing.iter().map(|family| first_fit(pool, family)).collect::<Option<Vec<IpAddr>>>();

    let home = home.filter(|home| pools().any(|pool| pool == *home));
    if let Some(picks) = home.into_iter().chain(pools()).find_map(whole) {
        return (picks, None);
    }
    let picks: Vec<IpAddr> =
        missing.iter().filter_map(|family| pools().find_map(|pool| first_fit(pool, family))).collect();
    let found = Families::collect(picks.iter().map(|address| Family::of(*address)));
    let absent = Families::collect(missing.iter().filter(|family| !found.is_some_and(|found| found.contains(*family))));
    (picks, absent.map(|families| Refusal::NoAddress { families, candidates: explain(space, request, families) }))
}

/// Lists every pool the request could have come to, with what was missing there.
fn explain(space: &Space<'_>, request: &Request, families: Families) -> Vec<Candidate> {
    let named = request.demand.pool();
    let mut candidates = Vec::new();
    for (index, pool) in space.pools().enumerate().filter(|(_, pool)| named.is_none_or(|name| name == pool.name())) {
        let mut note = |why| candidates.push(Candidate { pool: pool.name().clone(), why });
        if let Err(miss) = pool.admits(&request.service) {
            note(PoolRefusal::NotAdmitted(miss));
        } else if !pool.auto_assign && named.is_none() {
            note(PoolRefusal::OnRequestOnly);
        } else {
            families.iter().for_each(|family| note(emptiness(space, request, index, family)));
        }
    }
    candidates
}

fn emptiness(space: &Space<'_>, request: &Request, pool: usize, family: Family) -> PoolRefusal {
    match space.size(pool, family) {
        0 => PoolRefusal::FamilyAbsent(family),
        size => PoolRefusal::Exhausted { family, size, sharing: space.nearest_conflict(pool, family, request) },
    }
}

/// Returns the refusal that holds whatever is free, for which nothing that is held can stay.
pub(crate) fn hopeless(space: &Space<'_>, request: &Request) -> Option<Refusal> {
    if request.demand == Demand::Hold {
        return None;
    }
    if space.is_empty() {
        return Some(Refusal::NoPools);
    }
    let Some(have) = request.families else { return Some(Refusal::NoClusterIp) };
    if request.requires_both() && have != Families::Dual {
        return Some(Refusal::NotDualStack { have });
    }
    let name = request.demand.pool()?;
    let Some(pool) = space.find(name) else {
        return Some(Refusal::UnknownPool {
            pool: name.clone(),
            known: space.pools().map(|pool| pool.name().clone()).collect(),
        });
    };
    let miss = space.pool(pool).admits(&request.service).err()?;
    Some(Refusal::NoAddress {
        families: have,
        candidates: vec![Candidate { pool: name.clone(), why: PoolRefusal::NotAdmitted(miss) }],
    })
}
