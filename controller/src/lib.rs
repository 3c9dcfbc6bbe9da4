//! The cluster-wide half of Clarion: a [`Snapshot`] of the cluster goes in, a [`Plan`] comes out, and an applier carries it out.
//!
//! Every decision is made in [`plan()`], which is pure and plans everything every time. The status of the services is the
//! database; the memories beside it are the [`Ledger`] of writes that the watch has not shown yet and the [`Terms`] under which
//! addresses are shared. The API controller and the standalone program differ only in where snapshots come from and where
//! actions go.

#![forbid(unsafe_code)]

mod book;
pub mod convert;
mod events;
pub mod kubernetes;
pub mod leader;
mod ledger;
pub mod metrics;
mod plan;
mod pool_status;
mod refusal;
mod request;
mod snapshot;
mod terms;
mod view;

pub use book::Hold;
pub use events::ServiceEvent;
pub use ledger::{Ledger, StatusWrite};
pub use plan::{Change, Plan, plan};
pub use pool_status::PoolStatus;
pub use refusal::Refusal;
pub use request::demand;
pub use snapshot::{BrokenPool, Snapshot};
pub use terms::Terms;
pub use view::{Condition, Ingress, RequestFault, RequestSource, ResourceVersion, ServiceView, TrafficPolicy, Uid};
