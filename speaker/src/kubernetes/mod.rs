//! The speaker's side of the API server: what it follows, what it keeps of it, and what it writes.
//!
//! Nothing here is needed to keep announcing. A server that is silent or gone changes nothing: what was told last stays the
//! best that is known, and who owns a VIP is settled on the wire.

mod assignments;
mod book;
mod cluster;
mod complaints;
pub mod datapath;
#[cfg(test)]
mod fixtures;
mod identity;
mod node_events;
mod objects;
mod pace;
mod planner;
mod reporter;
mod slices;
mod speakers;
mod statuses;
mod surroundings;

pub use cluster::{Change, Cluster, Updates, follow};
pub use identity::identify;
pub use pace::Pace;
pub use planner::{Held, Orders, Planned, Planner, Settings};
pub use reporter::{Identity, Reporter, Sources};
