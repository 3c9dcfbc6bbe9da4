//! The per-node program: what the cluster wants of this node, the machines that do it, and what they report.

pub mod net;
