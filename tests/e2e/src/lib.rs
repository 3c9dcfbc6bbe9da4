//! Clarion's programs on a real control plane: real API server, real kube-proxy, real packets.
//!
//! Programs run with exactly the rights that `deploy/clarion.yaml` gives them, so a missing one fails a test.

pub mod controllers;
pub mod deployment;
pub mod routers;
pub mod speakers;
