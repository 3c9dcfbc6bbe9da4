//! Routers of the lab: implementations of others as plain processes on a host of their own.
//!
//! Each kind has a file here with the same shape: `start` from a configuration, questions in the program's own words, and an end on
//! drop. What all of them share is a [`Daemon`]; what reached the kernel is asked of the host.

pub mod bird;
pub mod exabgp;
pub mod frr;
pub mod gobgp;

use std::{
    fs::File,
    net::IpAddr,
    path::Path,
    process::{Child, Command, Stdio},
};

pub use bird::Bird;
pub use clarion::demo::bird::next_hops;
use clarion::demo::network::Host;
pub use exabgp::Exabgp;
pub use frr::Frr;
pub use gobgp::Gobgp;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
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

/// One process of a router; dropping it kills it.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
}

impl Daemon {
    /// Starts a program on a host with its output in `log`.
    fn start(host: &Host, command: &mut Command, log: &Path) -> Self {
        let output = File::options().create(true).append(true).open(log).expect("the lab's directory can be written");
        let copy = output.try_clone().expect("a file can be shared");
        let program = command.get_program().to_string_lossy().into_owned();
        let child = host.spawn(command.stdin(Stdio::null()).stdout(copy).stderr(output));
        Self { child: child.unwrap_or_else(|error| panic!("{program} cannot be started ({error}); run `make test`")) }
    }

    /// Sends a signal, as `kill` does.
    pub fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).expect("process numbers fit 22 bits");
        kill(Pid::from_raw(id), signal).expect("a running daemon takes signals");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Fails only where the process has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
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
