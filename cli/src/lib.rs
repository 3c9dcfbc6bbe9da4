//! The parts of the `clarion` binary.

pub mod client;
pub mod controller;
pub mod demo;
mod environment;
mod listen;
pub mod manifests;
pub mod plan;
pub mod speaker;
pub mod standalone;
pub mod status;
mod wire;
