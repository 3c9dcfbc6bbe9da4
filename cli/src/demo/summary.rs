//! The result of the demo for programs.

use std::{
    collections::BTreeMap,
    fs,
    net::IpAddr,
    path::{Path, PathBuf},
};

use anyhow::Context;
use serde::Serialize;

/// What the demo found, written as JSON.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Every Service.
    pub services: Vec<ServiceSummary>,
    /// How long the client was without an answer when the owner died, in milliseconds.
    pub failover_gap_ms: f64,
    /// How long a newcomer asked in vain when the owner died, in milliseconds.
    pub failover_unanswered_ms: f64,
    /// How many probes were lost when a node was drained.
    pub drain_lost_probes: usize,
    /// What the router saw; absent on a machine without one.
    pub bgp: Option<BgpSummary>,
}

/// What happened behind a router that spreads connections over the nodes.
#[derive(Clone, Debug, Serialize)]
pub struct BgpSummary {
    /// How many connections each node got.
    pub connections: BTreeMap<String, usize>,
    /// How long the router sent packets to a node that had died, in milliseconds.
    pub legs_gone_ms: f64,
    /// The longest time that a flow was without an answer when the node died, in milliseconds.
    pub failover_gap_ms: f64,
    /// How many probes were lost when the node died.
    pub failover_lost_probes: usize,
    /// How many probes were lost when a node was drained.
    pub drain_lost_probes: usize,
}

/// One Service as it was before anything was broken.
#[derive(Clone, Debug, Serialize)]
pub struct ServiceSummary {
    /// `namespace/name`.
    pub name: String,
    /// Its addresses.
    pub ips: Vec<IpAddr>,
    /// The node that answered for the first address.
    pub owner: String,
    /// The node that answered for each address.
    pub owners: Vec<String>,
}

impl Summary {
    /// Writes the summary, making the directory if it is absent.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        directory
            .map_or(Ok(()), fs::create_dir_all)
            .with_context(|| format!("cannot make the directory of {}", path.display()))?;
        let text = serde_json::to_string_pretty(self)? + "\n";
        fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
    }
}

/// Returns where the summary goes by default: below `target` in the repository, and in the current directory elsewhere.
pub fn default_path(current: &Path) -> PathBuf {
    if current.join("Cargo.toml").exists() && current.join("deploy/examples").exists() {
        current.join("target/demo/summary.json")
    } else {
        current.join("summary.json")
    }
}

#[cfg(test)]
mod tests;
