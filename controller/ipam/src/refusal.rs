use std::fmt;
use std::net::IpAddr;

use crate::family::{Families, Family};
use crate::name::PoolName;
use crate::pool::ScopeMiss;
use crate::reservation::Reservation;
use crate::sharing::Conflict;

/// An event has room for 1024 bytes, which is about this many pools with their reasons.
const POOLS_SHOWN: usize = 5;

/// Says why a service gets no address, or not all it wants. `Display` names reason and next step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// There is no pool at all.
    NoPools,
    /// The service has no cluster IP, so no family is known.
    NoClusterIp,
    /// `RequireDualStack`, and the cluster IPs are of one family.
    NotDualStack {
        /// The family it has.
        have: Families,
    },
    /// The requested pool does not exist.
    UnknownPool {
        /// The name that was asked for.
        pool: PoolName,
        /// The pools there are.
        known: Vec<PoolName>,
    },
    /// The families of the requested addresses are not those of the service.
    RequestedFamilies {
        /// Of the requested addresses.
        requested: Families,
        /// Of the service.
        wanted: Families,
    },
    /// A requested address cannot be had.
    RequestedAddress {
        /// The address.
        address: IpAddr,
        /// Why.
        unfit: Unfit,
    },
    /// No pool has an address left for the service.
    NoAddress {
        /// What could not be found anywhere.
        families: Families,
        /// Every pool that was looked at and why it is out, by name.
        candidates: Vec<Candidate>,
    },
}

/// One pool that could not serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The pool.
    pub pool: PoolName,
    /// Why not.
    pub why: PoolRefusal,
}

/// Says why a pool cannot serve a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PoolRefusal {
    /// Its `serviceAllocation` keeps the service out.
    NotAdmitted(ScopeMiss),
    /// It hands out on explicit request only.
    OnRequestOnly,
    /// It has no address of the family.
    FamilyAbsent(Family),
    /// Every address of the family is taken or reserved.
    Exhausted {
        /// The family.
        family: Family,
        /// How many addresses there are in all.
        size: u128,
        /// Why the service cannot join the address its sharing key holds there, if there is one.
        sharing: Option<Conflict>,
    },
}

/// Says why one address does not fit a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unfit {
    /// The service has no cluster IP of its family.
    FamilyNotServed(Family),
    /// The service keeps another address of the family.
    SecondOfFamily {
        /// The one that is kept.
        kept: IpAddr,
    },
    /// The service requests other addresses.
    NotRequested,
    /// No pool contains it.
    OutsideEveryPool,
    /// Its pool never hands out addresses ending in .0 or .255.
    Avoided {
        /// The pool.
        pool: PoolName,
    },
    /// Its pool does not serve this service.
    NotAdmitted {
        /// The pool.
        pool: PoolName,
        /// The part that keeps the service out.
        miss: ScopeMiss,
    },
    /// Its pool is not the requested one.
    OtherPool {
        /// The pool that contains it.
        pool: PoolName,
        /// The pool that was asked for.
        requested: PoolName,
    },
    /// It is not handed out to anybody.
    Reserved(Reservation),
    /// It is in use and cannot be shared.
    InUse(Conflict),
}

impl Refusal {
    /// Returns why the pool that came closest to serving could not, if pools were looked at; it tells most.
    pub fn closest(&self) -> Option<&PoolRefusal> {
        match self {
            Self::NoAddress { candidates, .. } => {
                candidates.iter().map(|candidate| &candidate.why).max_by_key(|why| why.closeness())
            }
            Self::NoPools
            | Self::NoClusterIp
            | Self::NotDualStack { .. }
            | Self::UnknownPool { .. }
            | Self::RequestedFamilies { .. }
            | Self::RequestedAddress { .. } => None,
        }
    }
}

impl PoolRefusal {
    fn closeness(&self) -> u8 {
        match self {
            Self::NotAdmitted(ScopeMiss::Namespace) => 0,
            Self::NotAdmitted(ScopeMiss::Service) => 1,
            Self::OnRequestOnly => 2,
            Self::FamilyAbsent(_) => 3,
            Self::Exhausted { sharing: None, .. } => 4,
            Self::Exhausted { sharing: Some(_), .. } => 5,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPools => f.write_str("no address pool is configured; create an IPAddressPool"),
            Self::NoClusterIp => {
                f.write_str("the service has no cluster IP; set spec.clusterIP or leave it to the cluster")
            }
            Self::NotDualStack { have } => write!(
                f,
                "ipFamilyPolicy RequireDualStack needs cluster IPs of both families and there is only {have}; enable dual stack in the cluster or choose PreferDualStack"
            ),
            Self::UnknownPool { pool, known } => {
                write!(f, "pool \"{pool}\" does not exist; use one of: ")?;
                list(f, known, |f, pool| write!(f, "{pool}"))
            }
            Self::RequestedFamilies { requested, wanted } => write!(
                f,
                "the requested addresses are {requested} and the service is {wanted}; request one address per family of the service"
            ),
            Self::RequestedAddress { address, unfit } => {
                write!(f, "requested address {address}: {unfit}; {}", unfit.next_step())
            }
            Self::NoAddress { families, candidates } => {
                write!(f, "no {families} address can be had: ")?;
                list(f, candidates, |f, candidate| write!(f, "pool \"{}\" {}", candidate.pool, candidate.why))?;
                f.write_str("; free or add addresses, or open a pool to this service")
            }
        }
    }
}

impl fmt::Display for PoolRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAdmitted(miss) => write!(f, "{miss}"),
            Self::OnRequestOnly => f.write_str("has autoAssign off and must be asked for by name"),
            Self::FamilyAbsent(family) => write!(f, "has no {family} address"),
            Self::Exhausted { family, size, sharing } => {
                write!(f, "has none of its {size} {family} addresses left")?;
                sharing.as_ref().map_or(Ok(()), |conflict| write!(f, " and the shared one does not fit: {conflict}"))
            }
        }
    }
}

impl fmt::Display for ScopeMiss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Namespace => "does not serve this namespace",
            Self::Service => "does not serve services with these labels",
        })
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FamilyNotServed(family) => write!(f, "the service has no {family} cluster IP"),
            Self::SecondOfFamily { kept } => write!(f, "the service keeps {kept} of the same family"),
            Self::NotRequested => f.write_str("the service requests another address"),
            Self::OutsideEveryPool => f.write_str("no pool contains it"),
            Self::Avoided { pool } => write!(f, "pool \"{pool}\" avoids addresses ending in .0 and .255"),
            Self::NotAdmitted { pool, miss } => write!(f, "pool \"{pool}\" {miss}"),
            Self::OtherPool { pool, requested } => write!(f, "it lies in pool \"{pool}\", not in \"{requested}\""),
            Self::Reserved(reservation) => write!(f, "{reservation}"),
            Self::InUse(conflict) => write!(f, "{conflict}"),
        }
    }
}

impl Unfit {
    fn next_step(&self) -> &'static str {
        match self {
            Self::FamilyNotServed(_) | Self::SecondOfFamily { .. } | Self::NotRequested => {
                "request one address per family of the service"
            }
            Self::OutsideEveryPool => "add it to a pool or request another one",
            Self::Avoided { .. } => "request another one or turn avoidBuggyIPs off",
            Self::NotAdmitted { .. } => "request another one or widen the pool's serviceAllocation",
            Self::OtherPool { .. } => "make the two requests agree",
            Self::Reserved(_) => "request another one",
            Self::InUse(_) => {
                "request another one, or give both services one sharing key, disjoint ports and the same backends"
            }
        }
    }
}

fn list<T>(
    f: &mut fmt::Formatter<'_>,
    items: &[T],
    mut write: impl FnMut(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    for (index, item) in items.iter().take(POOLS_SHOWN).enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        write(f, item)?;
    }
    if items.len() > POOLS_SHOWN { write!(f, " and {} more", items.len() - POOLS_SHOWN) } else { Ok(()) }
}
