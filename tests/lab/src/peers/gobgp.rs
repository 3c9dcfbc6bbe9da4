//! GoBGP, which keeps routes to itself: good for what a router reads out of our messages.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use clarion::demo::{network::Host, process::Process};
use serde_json::Value;

use super::{Learned, available, numbers, start};

/// Where its own client finds it, on the loopback interface of its host.
const API: &str = "127.0.0.1:50051";

/// A running GoBGP.
#[derive(Debug)]
pub struct Gobgp {
    _daemon: Process,
    namespace: PathBuf,
}

impl Gobgp {
    /// Returns whether GoBGP has been built.
    pub fn is_available() -> bool {
        let programs = ["gobgpd", "gobgp"].map(|name| program(name).display().to_string());
        available(&programs.each_ref().map(String::as_str))
    }

    /// Starts GoBGP on a host with a configuration in TOML, to which it adds nothing.
    pub fn start(host: &Host, directory: &Path, configuration: &str) -> Self {
        let file = directory.join(format!("{}.toml", host.name()));
        fs::write(&file, configuration).expect("the lab's directory can be written");
        let mut command = Command::new(program("gobgpd"));
        command.arg("-f").arg(file).args(["--pprof-disable", "--api-hosts", API]);
        let daemon = start(host, &mut command, &directory.join(format!("{}.log", host.name())));
        Self { _daemon: daemon, namespace: host.namespace().to_owned() }
    }

    /// Returns what GoBGP answers to a question of its client, as JSON; null while it does not answer.
    pub fn ask(&self, question: &str) -> Value {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", self.namespace.display())).arg(program("gobgp"));
        let output = command.args(question.split(' ')).arg("-j").output().expect("nsenter runs");
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    /// Returns whether the session with a neighbour is established.
    pub fn is_up(&self, neighbor: &str) -> bool {
        const ESTABLISHED: u64 = 6;
        self.ask(&format!("neighbor {neighbor}"))["state"]["session_state"] == ESTABLISHED
    }

    /// Returns the best route to exactly `prefix`.
    pub fn route(&self, prefix: &str) -> Option<Learned> {
        let family = if prefix.contains(':') { "ipv6" } else { "ipv4" };
        let table = self.ask(&format!("global rib -a {family}"));
        let path = table[prefix].as_array()?.iter().find(|path| path["best"] == true)?;
        let mut learned = Learned::default();
        for attribute in path["attrs"].as_array()? {
            match attribute["type"].as_u64()? {
                2 => {
                    let segments = attribute["as_paths"].as_array()?;
                    learned.as_path = segments.iter().flat_map(|segment| numbers(&segment["asns"])).collect();
                }
                3 | 14 => learned.next_hop = attribute["nexthop"].as_str().and_then(|text| text.parse().ok()),
                4 => learned.med = attribute["metric"].as_u64(),
                5 => learned.local_pref = attribute["value"].as_u64(),
                8 => {
                    let communities = numbers(&attribute["communities"]);
                    learned.communities =
                        communities.iter().map(|value| format!("{}:{}", value >> 16, value & 0xffff)).collect();
                }
                32 => {
                    let communities = attribute["value"].as_array()?.iter();
                    let text = |one: &Value| format!("{}:{}:{}", one["ASN"], one["LocalData1"], one["LocalData2"]);
                    learned.large_communities = communities.map(text).collect();
                }
                _ => {}
            }
        }
        Some(learned)
    }
}

/// Returns where `tests/lab/gobgp/build.sh` puts a program.
pub fn program(name: &str) -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("gobgp/build.sh");
    let output = Command::new(&script).arg("--print").output().expect("the script of this folder runs");
    Path::new(String::from_utf8_lossy(&output.stdout).trim()).join(name)
}
