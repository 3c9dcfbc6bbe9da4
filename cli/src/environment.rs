//! What the pod's environment says.

use std::env;

/// Reads a variable under our prefix or MetalLB's.
pub(crate) fn from_environment(name: &str) -> Option<String> {
    let read = |prefix: &str| env::var(format!("{prefix}_{name}")).ok().filter(|value| !value.is_empty());
    read("CLARION").or_else(|| read("METALLB"))
}
