//! Heartbeats and claims of the speakers on one link.
#![forbid(unsafe_code)]

mod claims;
mod config;
mod contract;
mod deadlines;
mod election;
mod mix;
mod name;
mod pace;
mod peer;
mod seal;
mod segment;
mod spans;
mod stats;
mod table;
mod wire;

pub use config::{Config, ConfigError, Timing};
pub use contract::{Acquired, Candidacy, Event, Input, LinkFacts, Mine, Output, Released, To};
pub use name::{BootId, LinkName, Mac, MemberId, NameError, NodeName};
pub use peer::Reach;
pub use seal::{KeyError, KeyId, KeyRing};
pub use segment::{MemberState, MemberView, PhaseView, Segment, View};
pub use stats::{Drop, Stats};
