//! Placeholder.

pub mod demo;
pub mod manifests;
