//! ExaBGP, which tells of every message it reads.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use clarion::demo::{network::Host, process::Process};
use serde_json::Value;

use super::{Learned, available, numbers, start};

const PROGRAM: &str = "/usr/sbin/exabgp";

/// A running ExaBGP.
#[derive(Debug)]
pub struct Exabgp {
    _daemon: Process,
    diary: PathBuf,
}

impl Exabgp {
    /// Returns whether ExaBGP is installed.
    pub fn is_available() -> bool {
        available(&[PROGRAM])
    }

    /// Starts ExaBGP on a host, waiting at `local` for the neighbour with the specification given.
    pub fn start(host: &Host, directory: &Path, local: &str, neighbor: &str, specification: &str) -> Self {
        let name = host.name();
        let file = |kind: &str| directory.join(format!("{name}.{kind}"));
        let (configuration, script, diary) = (file("conf"), file("sh"), file("json"));
        // ExaBGP takes a program for dead when its standard output is closed.
        let text = format!("#!/bin/sh\nexec cat 3>&1 >>{}\n", diary.display());
        fs::write(&script, text).expect("the lab's directory can be written");
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("the test owns its files");
        let text = format!(
            "process diary {{ run {}; encoder json; }}\nneighbor {neighbor} {{\n  local-address {local};\n  passive;\n  \
             {specification}\n  api {{ processes [ diary ]; neighbor-changes; receive {{ parsed; update; notification; }} }}\n}}\n",
            script.display()
        );
        fs::write(&configuration, text).expect("the lab's directory can be written");
        let mut command = Command::new(PROGRAM);
        command.arg(&configuration).env("exabgp.daemon.user", "root").env("exabgp.api.cli", "false");
        command.env("exabgp.tcp.bind", local).env("exabgp.log.destination", "stdout");
        Self { _daemon: start(host, &mut command, &file("log")), diary }
    }

    /// Returns everything it has told so far, in order; each entry is what it calls a message.
    pub fn diary(&self) -> Vec<Value> {
        let text = fs::read_to_string(&self.diary).unwrap_or_default();
        // The last line may still be in the making.
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Returns whether the session is established.
    pub fn is_up(&self) -> bool {
        let mut states = self.diary().into_iter().filter(|entry| entry["type"] == "state");
        states.next_back().is_some_and(|entry| entry["neighbor"]["state"] == "up")
    }

    /// Returns every route that was announced and not withdrawn since, by its prefix.
    pub fn routes(&self) -> BTreeMap<String, Learned> {
        let mut routes = BTreeMap::new();
        for entry in self.diary() {
            let update = &entry["neighbor"]["message"]["update"];
            for family in ["ipv4 unicast", "ipv6 unicast"] {
                for gone in update["withdraw"][family].as_array().into_iter().flatten() {
                    routes.remove(gone["nlri"].as_str().unwrap_or_default());
                }
                let hops = update["announce"][family].as_object();
                // RFC 2545 §3: a link-local next hop may come beside the global one, which is the one to look at.
                let several = hops.is_some_and(|hops| hops.len() > 1);
                let looked_at = |hop: &str| !(several && hop.starts_with("fe80:"));
                for (next_hop, prefixes) in hops.into_iter().flatten().filter(|(hop, _)| looked_at(hop)) {
                    let mut learned = learned(&update["attribute"]);
                    learned.next_hop = next_hop.parse().ok();
                    for prefix in prefixes.as_array().into_iter().flatten() {
                        routes.insert(prefix["nlri"].as_str().unwrap_or_default().to_owned(), learned.clone());
                    }
                }
            }
        }
        routes
    }
}

fn learned(attributes: &Value) -> Learned {
    let communities = |name: &str| {
        let list = attributes[name].as_array().into_iter().flatten();
        list.map(|one| numbers(one).iter().map(u64::to_string).collect::<Vec<_>>().join(":")).collect()
    };
    Learned {
        next_hop: None,
        as_path: numbers(&attributes["as-path"]),
        local_pref: attributes["local-preference"].as_u64(),
        med: attributes["med"].as_u64(),
        communities: communities("community"),
        large_communities: communities("large-community"),
    }
}
