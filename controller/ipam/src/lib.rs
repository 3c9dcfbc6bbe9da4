//! Address allocation as a value: pools and requests in, one outcome per request out.
//!
//! [`allocate`] is total and deterministic. It keeps no memory between calls: what services hold is part of the requests,
//! so a plan that was carried out and computed again changes nothing. Two passes give the guarantee operators ask for:
//!
//! 1. every request keeps the held addresses that are still legal, oldest service first;
//! 2. what is missing is served in the same order.
//!
//! An address once given in a call is never taken back in it, so whoever finds nothing at its turn finds nothing at the end.
//! Refusals are worded then, when it is known who holds what.
//!
//! # Deviations from MetalLB
//!
//! * Pools of equal priority, and pools without a `serviceAllocation`, are tried by name; MetalLB's order is random there.
//! * A selector that matches nobody closes its pool to everyone; MetalLB opens it to explicit requests.
//! * `PreferDualStack` on a service with one cluster IP wants one address, so nothing is added only to be cleared again.
//! * A second family comes from the pool of the first address when it can, from another pool when it must; MetalLB knows
//!   only one pool per service. One pool with both families still goes before two pools. A pool without `autoAssign` adds
//!   a family only when it was asked for by name; MetalLB adds it unasked.
//! * A held address outlives a missing sibling, also under `RequireDualStack`; only a service that holds nothing is
//!   refused as a whole. MetalLB clears both and starts again.
//! * Of more than one held address per family the first legal one is kept; MetalLB clears all of them.
//! * A list of requested addresses whose families differ from the service's takes nothing away; MetalLB clears first.
//! * An address that a subnet keeps for itself, such as the first one of an IPv6 subnet, is not handed out; MetalLB does. One that
//!   is held already stays, and says so.
//! * When two holders of one shared address come into conflict the older service keeps it. MetalLB moves the one that
//!   changed, which takes a memory that a restart loses.
//!
//! # Not here
//!
//! Label selectors (resolved into [`Scope`]s by the caller), `loadBalancerClass`, the text of ranges and annotations,
//! events and writes.

#![forbid(unsafe_code)]

mod allocate;
mod choose;
mod family;
mod free;
mod name;
mod pool;
mod range;
mod refusal;
mod request;
mod reservation;
mod segments;
mod sharing;
mod space;

pub use allocate::{Allocation, Decision, Outcome, Placed, Placement, Released, allocate};
pub use family::{Families, Family};
pub use name::{Namespace, PoolName, ServiceId};
pub use pool::{Pool, PoolError, Priority, Scope, ScopeMiss, ServiceAllocation};
pub use range::{Range, RangeError};
pub use refusal::{Candidate, PoolRefusal, Refusal, Unfit};
pub use request::{Created, Demand, FamilyPolicy, Policy, Port, Protocol, Request, Requested, RequestedError, Sharing};
pub use reservation::Reservation;
pub use sharing::{Conflict, ConflictKind};
pub use space::{FamilyUsage, Usage};
