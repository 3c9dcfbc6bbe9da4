//! The parts of the `clarion` binary.

pub mod client;
pub mod controller;
pub mod demo;
mod environment;
pub mod http;
pub mod manifests;
pub mod output;
pub mod plan;
mod readiness;
pub mod speaker;
pub mod standalone;
pub mod status;
mod unheard;
mod wire;
