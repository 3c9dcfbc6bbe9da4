//! BIRD as the router of a network: one process on a host, asked by its own client.

use std::{
    fs,
    ops::Deref,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context;

use super::{network::Host, process::Process};

/// The programs that the package `bird2` brings.
pub const PROGRAMS: [&str; 2] = ["/usr/sbin/bird", "/usr/sbin/birdc"];

/// Where the control sockets are. The kernel takes at most 107 bytes for a socket's path, which another directory may exceed; the
/// sandbox has a `/run` of its own.
const SOCKETS: &str = "/run/bird";

/// What every configuration begins with: the kernel gets all routes, and new tries come soon.
const HEAD: &str = "protocol device { scan time 1; }\n\
    protocol direct { ipv4; ipv6; }\n\
    protocol kernel { ipv4 { export where source = RTS_BGP; }; merge paths on; }\n\
    protocol kernel { ipv6 { export where source = RTS_BGP; }; merge paths on; }\n\
    template bgp node { connect retry time 1; error wait time 1, 2; connect delay time 1; }\n";

/// A running BIRD; dropping it kills it.
#[derive(Debug)]
pub struct Bird {
    process: Process,
    socket: PathBuf,
}

impl Bird {
    /// Returns whether BIRD is installed.
    pub fn is_installed() -> bool {
        PROGRAMS.iter().all(|program| Path::new(program).exists())
    }

    /// Starts BIRD on a host with protocols that may be derived `from node`; its files go into `directory`, which must exist.
    pub fn start(host: &Host, directory: &Path, protocols: &str) -> anyhow::Result<Self> {
        Self::configured(host, directory, &format!("{HEAD}{protocols}"))
    }

    /// Starts BIRD on a host with a whole configuration; its files go into `directory`, which must exist.
    pub fn configured(host: &Host, directory: &Path, configuration: &str) -> anyhow::Result<Self> {
        let file = |kind: &str| directory.join(format!("{}.{kind}", host.name()));
        let (path, socket) = (file("conf"), Path::new(SOCKETS).join(format!("{}.ctl", host.name())));
        fs::create_dir_all(SOCKETS).with_context(|| format!("cannot make {SOCKETS}"))?;
        let text = format!("log \"{}\" all;\n{configuration}", file("log").display());
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        let mut command = Command::new(PROGRAMS[0]);
        command.arg("-f").arg("-c").arg(&path).arg("-s").arg(&socket).arg("-P").arg(file("pid"));
        let process = Process::start(host, &mut command, &file("out")).context("install the package bird2")?;
        Ok(Self { process, socket })
    }

    /// Returns what BIRD answers to a command of `birdc`; empty while it cannot be asked.
    pub fn ask(&self, command: &str) -> String {
        let output = Command::new(PROGRAMS[1]).arg("-s").arg(&self.socket).args(command.split(' ')).output();
        output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
    }

    /// Returns whether a protocol is established.
    pub fn is_up(&self, protocol: &str) -> bool {
        self.ask(&format!("show protocols {protocol}")).contains("Established")
    }
}

impl Deref for Bird {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

/// Returns the next hops of the route to exactly `prefix` in a host's kernel; empty without such a route.
pub fn next_hops(host: &Host, prefix: &str) -> Vec<std::net::IpAddr> {
    let family = if prefix.contains(':') { "-6" } else { "-4" };
    let output = host.output(Command::new("ip").args([family, "route", "show", prefix]));
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let mut words = text.split_whitespace();
    let mut hops = Vec::new();
    while let Some(word) = words.next() {
        if word == "via" {
            // `via inet6 ADDRESS` is an IPv4 route over an IPv6 neighbour.
            let next = words.next().filter(|next| *next != "inet6").or_else(|| words.next());
            hops.extend(next.and_then(|address| address.parse::<std::net::IpAddr>().ok()));
        }
    }
    hops
}
