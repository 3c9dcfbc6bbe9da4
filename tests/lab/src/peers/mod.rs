//! Routers of the lab: implementations of others as plain processes on a host of their own.
//!
//! Each kind has a file here with the same shape: `start` from a configuration, questions in the program's own words, and an end on
//! drop. Each program is a [`Process`]; what reached the kernel is asked of the host.

pub mod bird;
pub mod exabgp;
pub mod frr;
pub mod gobgp;

use std::{net::IpAddr, path::Path, process::Command};

pub use bird::Bird;
pub use clarion::demo::bird::next_hops;
use clarion::demo::{network::Host, process::Process};
pub use exabgp::Exabgp;
pub use frr::Frr;
pub use gobgp::Gobgp;
use serde_json::Value;

/// A route as a router read it out of our messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Learned {
    /// Where packets go.
    pub next_hop: Option<IpAddr>,
    /// The AS numbers, ours last.
    pub as_path: Vec<u64>,
    /// The local preference, which only a router of the same AS is told.
    pub local_pref: Option<u64>,
    /// The multi-exit discriminator.
    pub med: Option<u64>,
    /// Communities as `65000:1`.
    pub communities: Vec<String>,
    /// Large communities as `65000:1:2`.
    pub large_communities: Vec<String>,
}

/// Starts a program of a router on a host with its output in `log`.
fn start(host: &Host, command: &mut Command, log: &Path) -> Process {
    Process::start(host, command, log).expect("routers start; run `make test` to install them")
}

/// Returns the numbers of a list.
fn numbers(list: &Value) -> Vec<u64> {
    list.as_array().into_iter().flatten().filter_map(Value::as_u64).collect()
}

/// Returns whether all programs are there; a machine without them skips with a printed reason unless the lab is required.
#[expect(clippy::print_stderr, reason = "a skipped test must say so in its output")]
fn available(programs: &[&str]) -> bool {
    let required = std::env::var_os("CLARION_LAB").is_some_and(|value| value == "required");
    let missing: Vec<_> = programs.iter().filter(|program| !Path::new(program).exists()).collect();
    assert!(missing.is_empty() || !required, "the lab is required and {missing:?} are missing");
    if !missing.is_empty() {
        eprintln!("skipped: {missing:?} are missing; tests/lab/install.sh bird2 frr exabgp; tests/lab/gobgp/build.sh");
    }
    missing.is_empty()
}
