//! The controller in a cluster: watches in, one plan over everything, writes out.
//!
//! Only the leader watches and writes. Its first plan follows a list that a majority of the store agrees on, so it sees what its
//! predecessor wrote last.

mod apply;
mod clerk;
mod cluster;
mod contention;
mod errands;
#[cfg(test)]
mod fixtures;
mod heartbeat_key;
mod lease;
mod meters;
mod objects;
mod patch;
mod report;
mod run;
mod secret;

pub use lease::Standing;
pub use meters::{Meters, OWN as OWN_METRICS};
pub use run::{Observed, Options, run};

/// Under which name the API server books our writes.
const FIELD_MANAGER: &str = "clarion-controller";
