//! The parts of the `clarion` binary.

pub mod client;
pub mod demo;
pub mod manifests;
pub mod speaker;
pub mod standalone;
pub mod status;
