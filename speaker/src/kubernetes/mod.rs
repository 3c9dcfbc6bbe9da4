//! The speaker's side of the API server: what it follows, what it keeps of it, and what it writes.
//!
//! Nothing here is needed to keep announcing. A server that is silent or gone changes nothing: what was told last stays the
//! best that is known, and who owns a VIP is settled on the wire.

mod cluster;
pub mod datapath;
mod objects;
mod planner;

pub use cluster::{Change, Cluster, follow};
pub use planner::{Held, Planned, Planner, Settings};
