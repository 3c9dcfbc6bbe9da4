//! The parts of the `clarion` binary.

pub mod client;
pub mod demo;
pub mod manifests;
pub mod standalone;
pub mod status;
