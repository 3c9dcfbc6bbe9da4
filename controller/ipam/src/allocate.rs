use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::choose::{hopeless, owner, requested, search};
use crate::family::{Families, Family};
use crate::name::{PoolName, ServiceId};
use crate::pool::Pool;
use crate::refusal::{Refusal, Unfit};
use crate::request::{Demand, FamilyPolicy, Policy, Request};
use crate::reservation::Reservation;
use crate::space::{Space, Usage};

/// The answer to all requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allocation {
    /// One outcome per service.
    pub outcomes: BTreeMap<ServiceId, Outcome>,
    /// How full every pool is with all of them carried out.
    pub usage: BTreeMap<PoolName, Usage>,
}

/// The answer to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What the service has from here on.
    pub decision: Decision,
    /// Held addresses that were no longer legal, in their order.
    pub released: Vec<Released>,
}

/// What becomes of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Nothing is added; what is legal of the held addresses stays.
    Keep(Placement),
    /// At least one address is new.
    Assign(Placement),
    /// The service has no address.
    Refuse(Refusal),
}

/// The addresses of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// Kept addresses in the order they were held, then new ones, IPv4 first.
    pub addresses: Vec<Placed>,
    /// Why the service has less than it wants; `None` when it has everything.
    pub missing: Option<Refusal>,
}

/// One address of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The address.
    pub address: IpAddr,
    /// The pool that contains it and serves the service.
    pub pool: PoolName,
    /// Whether the service did not hold it before.
    pub new: bool,
    /// Why it would not be handed out again, and is kept only because it is held.
    pub reserved: Option<Reservation>,
}

/// A held address that is given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Released {
    /// The address.
    pub address: IpAddr,
    /// Why it is not legal any more.
    pub unfit: Unfit,
}

/// A request on its way through the passes.
struct Draft<'a> {
    request: &'a Request,
    kept: Vec<(IpAddr, usize)>,
    new: Vec<IpAddr>,
    released: Vec<Released>,
    stop: Option<Refusal>,
}

/// Decides every request: held legal addresses stay, those of edited services only beside the others, and what is claimed only
/// beside both; then the rest is served. Older services go first in each.
pub fn allocate(pools: &[Pool], requests: &[Request], policy: &Policy) -> Allocation {
    let mut space = Space::new(pools, policy);
    let mut order: BTreeMap<&ServiceId, &Request> = BTreeMap::new();
    for request in requests {
        let known = order.entry(&request.service).or_insert(request);
        if request.created < known.created {
            *known = request;
        }
    }
    let mut order: Vec<&Request> = order.into_values().collect();
    order.sort_by_key(|request| (request.claimed, request.edited, request.created));

    let mut drafts: Vec<Draft<'_>> = order.into_iter().map(|request| keep(&mut space, request)).collect();
    drafts.sort_by_key(|draft| (draft.request.created, &draft.request.service));
    drafts.iter_mut().for_each(|draft| serve(&mut space, draft));
    // Refusals are worded last: they describe what stands in the way once everyone has been served.
    let outcomes = drafts.into_iter().map(|draft| (draft.request.service.clone(), conclude(&space, draft))).collect();
    Allocation { outcomes, usage: space.usage() }
}

fn keep<'a>(space: &mut Space<'a>, request: &'a Request) -> Draft<'a> {
    let stop = hopeless(space, request);
    let mut draft = Draft { request, kept: Vec::new(), new: Vec::new(), released: Vec::new(), stop };
    if draft.stop.is_some() {
        return draft;
    }
    for address in request.held.iter().map(IpAddr::to_canonical) {
        if draft.kept.iter().any(|(kept, _)| *kept == address) {
            continue;
        }
        match still_fits(space, &draft, address) {
            Ok(pool) => {
                space.occupy(address, request);
                draft.kept.push((address, pool));
            }
            Err(unfit) => draft.released.push(Released { address, unfit }),
        }
    }
    draft
}

fn still_fits(space: &Space<'_>, draft: &Draft<'_>, address: IpAddr) -> Result<usize, Unfit> {
    let family = Family::of(address);
    let request = draft.request;
    if request.families.is_some_and(|families| !families.contains(family)) {
        return Err(Unfit::FamilyNotServed(family));
    }
    if let Some((kept, _)) = draft.kept.iter().find(|(kept, _)| Family::of(*kept) == family) {
        return Err(Unfit::SecondOfFamily { kept: *kept });
    }
    if let (Demand::Addresses { wanted, .. }, None) = (&request.demand, request.family_mismatch())
        && !wanted.addresses().contains(&address)
    {
        return Err(Unfit::NotRequested);
    }
    let pool = owner(space, request, address)?;
    space.conflict(address, request).map_or(Ok(pool), |conflict| Err(Unfit::InUse(conflict)))
}

fn serve<'a>(space: &mut Space<'a>, draft: &mut Draft<'a>) {
    if draft.stop.is_some() {
        return;
    }
    let (found, missing) = complete(space, draft);
    let all_or_nothing = draft.kept.is_empty() && draft.request.requires_both();
    if missing.is_some() && all_or_nothing {
        return;
    }
    found.iter().for_each(|address| space.occupy(*address, draft.request));
    draft.new = found;
}

fn conclude(space: &Space<'_>, draft: Draft<'_>) -> Outcome {
    let missing = draft.stop.clone().or_else(|| complete(space, &draft).1);
    let Draft { request, kept, new, released, .. } = draft;
    let decision = match (kept.is_empty(), new.is_empty(), &missing) {
        (true, true, Some(refusal)) => return Outcome { decision: Decision::Refuse(refusal.clone()), released },
        (_, true, Some(_) | None) => Decision::Keep,
        (_, false, Some(_) | None) => Decision::Assign,
    };
    let new = new.into_iter().map(|address| {
        let pool = owner(space, request, address).expect("a found address lies in a pool that serves the request");
        (address, pool, true)
    });
    let place = |(address, pool, new): (IpAddr, usize, bool)| Placed {
        address,
        pool: space.pool(pool).name().clone(),
        new,
        reserved: space.reservation(address),
    };
    let addresses = kept.into_iter().map(|(address, pool)| (address, pool, false)).chain(new).map(place).collect();
    Outcome { decision: decision(Placement { addresses, missing }), released }
}

/// Finds what the service still lacks, and says what cannot be found.
fn complete(space: &Space<'_>, draft: &Draft<'_>) -> (Vec<IpAddr>, Option<Refusal>) {
    let request = draft.request;
    if let Some(mismatch) = request.family_mismatch() {
        return (Vec::new(), Some(mismatch));
    }
    let addresses = draft.kept.iter().map(|(address, _)| address).chain(&draft.new);
    let has = Families::collect(addresses.map(|address| Family::of(*address)));
    let wanted = request.families.into_iter().flat_map(Families::iter);
    let Some(lacking) = Families::collect(wanted.filter(|family| !has.is_some_and(|has| has.contains(*family)))) else {
        return (Vec::new(), None);
    };
    match &request.demand {
        Demand::Hold => (Vec::new(), None),
        Demand::Any | Demand::Pool(_) => search(space, request, lacking, draft.kept.first().map(|(_, pool)| *pool)),
        Demand::Addresses { wanted, .. } => match requested(space, request, wanted, lacking) {
            Ok(found) => (found, None),
            Err(refusal) => (Vec::new(), Some(refusal)),
        },
    }
}

impl Request {
    /// Returns whether one family alone is no answer: a dual-stack service that does not merely prefer both.
    pub(crate) fn requires_both(&self) -> bool {
        match self.policy {
            FamilyPolicy::RequireDualStack => true,
            FamilyPolicy::PreferDualStack => false,
            FamilyPolicy::SingleStack => self.families == Some(Families::Dual),
        }
    }

    fn family_mismatch(&self) -> Option<Refusal> {
        let (Demand::Addresses { wanted, .. }, Some(families)) = (&self.demand, self.families) else { return None };
        let requested = wanted.families();
        (requested != families).then_some(Refusal::RequestedFamilies { requested, wanted: families })
    }
}
