//! Sockets: the only module of the speaker that talks to the kernel, and the only one that may contain `unsafe`.
//!
//! Nothing here decides anything: a socket sends what it is given and returns what arrived.

#![expect(unsafe_code, reason = "the kernel's interfaces that have no safe wrapper; each use says why it is sound")]

pub mod counters;
pub mod datagram;
pub mod groups;
pub mod heartbeat;
pub mod icmpv6;
pub mod links;
pub mod listen;
pub mod packet;
pub mod priority;
pub mod tcp;
pub mod udp;
