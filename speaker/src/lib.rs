//! The per-node program: what the cluster wants of this node, the machines that do it, and what they report.

pub mod advertised;
pub mod drivers;
pub mod exclusion;
pub mod keys;
pub mod kubernetes;
pub mod metrics;
pub mod net;
pub mod orders;
pub mod peers;
pub mod reasons;
pub mod roster;
pub mod unannounced;
pub mod view;

pub use drivers::observed::{PathObserved, PeerObserved, RoutingObserved, SessionObserved, TurnedAway};
pub use drivers::routing::{Routing, RoutingObserver};
pub use drivers::wire::{Config, DEFAULT_HEARTBEAT_PORT, Desired, LinkDesired, Observer, Wire};
pub use drivers::{Counters, LinkObserved, MemberObserved, Split, WireObserved};
