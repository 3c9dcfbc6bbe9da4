use std::collections::BTreeSet;
use std::net::IpAddr;

use thiserror::Error;

use crate::name::{Namespace, PoolName, ServiceId};
use crate::range::Range;

/// Addresses under one name, with who may use them and how.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pool {
    name: PoolName,
    ranges: Vec<Range>,
    /// Whether services that ask for nothing in particular may get an address; defaults to true.
    pub auto_assign: bool,
    /// Whether IPv4 addresses ending in .0 or .255 are never handed out; defaults to false.
    pub avoid_buggy_ips: bool,
    /// Its addresses that routers of an IPv6 subnet answer for; not handed out, and counted as reserved. Empty by default.
    pub anycast: BTreeSet<IpAddr>,
    /// Whom the pool serves; `None` (the default) serves everyone and joins the general group that is tried last.
    pub allocation: Option<ServiceAllocation>,
}

/// The resolved `serviceAllocation` of a pool.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServiceAllocation {
    /// The place among the pools a service may use.
    pub priority: Priority,
    /// The namespaces served: the listed ones and those the namespace selectors match.
    pub namespaces: Scope<Namespace>,
    /// The services served within those namespaces: those the service selectors match.
    pub services: Scope<ServiceId>,
}

/// The priority of a pool: lower goes first, and zero (the default) goes last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Priority(pub i64);

/// Who is admitted; `Only` an empty set admits nobody.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope<T: Ord> {
    /// No restriction was written.
    All,
    /// A restriction was written, and these match it at present.
    Only(BTreeSet<T>),
}

/// Names the part of a `serviceAllocation` that keeps a service out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ScopeMiss {
    /// The namespace is neither listed nor selected.
    Namespace,
    /// The service's labels match no service selector.
    Service,
}

/// Says why a list of ranges is no pool.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PoolError {
    /// There is no range at all.
    #[error("pool \"{pool}\" has no addresses; add at least one CIDR or range")]
    Empty {
        /// The pool.
        pool: PoolName,
    },
    /// Two ranges of the pool have an address in common.
    #[error("pool \"{pool}\": {first} overlaps {second}; remove one of them")]
    Overlap {
        /// The pool.
        pool: PoolName,
        /// The range written first.
        first: Range,
        /// The range written later.
        second: Range,
    },
}

impl Pool {
    /// Checks that there are ranges and that they are disjoint; everything else takes its default.
    pub fn new(name: PoolName, ranges: Vec<Range>) -> Result<Self, PoolError> {
        if ranges.is_empty() {
            return Err(PoolError::Empty { pool: name });
        }
        let mut sorted: Vec<(Range, usize)> = ranges.iter().copied().zip(0..).collect();
        sorted.sort_unstable();
        for pair in sorted.windows(2) {
            if let [a, b] = pair
                && a.0.overlaps(&b.0)
            {
                let (first, second) = if a.1 < b.1 { (a.0, b.0) } else { (b.0, a.0) };
                return Err(PoolError::Overlap { pool: name, first, second });
            }
        }
        Ok(Self { name, ranges, auto_assign: true, avoid_buggy_ips: false, anycast: BTreeSet::new(), allocation: None })
    }

    /// Returns the name.
    pub fn name(&self) -> &PoolName {
        &self.name
    }

    /// Returns the ranges in the order they were written, which is the order they are used up in.
    pub fn ranges(&self) -> &[Range] {
        &self.ranges
    }

    /// Returns what keeps the service out, if anything does.
    pub fn admits(&self, service: &ServiceId) -> Result<(), ScopeMiss> {
        let Some(allocation) = &self.allocation else { return Ok(()) };
        if !allocation.namespaces.admits(service.namespace()) {
            return Err(ScopeMiss::Namespace);
        }
        if !allocation.services.admits(service) {
            return Err(ScopeMiss::Service);
        }
        Ok(())
    }
}

impl Priority {
    /// Returns the sort key: ascending, zero after everything.
    pub fn rank(self) -> i64 {
        if self.0 == 0 { i64::MAX } else { self.0 }
    }
}

impl<T: Ord> Scope<T> {
    /// Returns whether the item is admitted.
    pub fn admits(&self, item: &T) -> bool {
        match self {
            Self::All => true,
            Self::Only(items) => items.contains(item),
        }
    }
}
