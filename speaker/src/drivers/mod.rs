//! The drivers: each owns its machines and their sockets outright, reads the clock, and decides nothing.

mod link;
mod observed;
pub(crate) mod wire;

pub use observed::{Counters, LinkObserved, MemberObserved};
