//! The drivers: each owns its machines and their sockets outright, reads the clock, and decides nothing.

mod bfd;
mod bgp;
mod company;
mod link;
mod neighbours;
pub(crate) mod observed;
pub mod routing;
mod turns;
pub(crate) mod wire;

pub use observed::{Counters, LinkObserved, MemberObserved, Split, WireObserved};
