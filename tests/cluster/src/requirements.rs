//! What a machine must have to hold a cluster.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};
use clarion::demo::sandbox;
use nix::unistd::geteuid;

use crate::cgroups;

/// The programs that a node consists of, with the Debian package that has each.
const PROGRAMS: [(&str, &str); 5] = [
    ("containerd", "containerd"),
    ("ctr", "containerd"),
    ("runc", "runc"),
    ("nft", "nftables"),
    ("iptables", "iptables"),
];

/// Where distributions put the CNI plugins.
const PLUGIN_FOLDERS: [&str; 3] = ["/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni"];

/// The CNI plugins of a pod network.
const PLUGINS: [&str; 4] = ["ptp", "host-local", "portmap", "loopback"];

/// Returns the folder of the CNI plugins, or what is missing.
pub fn check(images: &Path) -> anyhow::Result<PathBuf> {
    ensure!(
        sandbox::inside(),
        "not in a private network; run it through `make cluster`, `make test` or tests/lab/runner.sh"
    );
    ensure!(geteuid().is_root(), "nodes need cgroups of their own; run it as root");
    ensure!(
        !Path::new("/proc/self/uid_map").exists() || owns_every_user()?,
        "nodes need cgroups of their own, which a user namespace has not; run it as root"
    );
    cgroups::check()?;
    let overlay = std::fs::read_to_string("/proc/filesystems")?.lines().any(|line| line.ends_with("\toverlay"));
    ensure!(overlay, "the kernel has no overlay file system; load it with `modprobe overlay`");
    for (program, package) in PROGRAMS {
        ensure!(installed(program), "{program} is missing; install the package {package}");
    }
    for archive in ["clarion.tar", "pod.tar"] {
        let path = images.join(archive);
        ensure!(path.exists(), "{} is missing; make it with tests/cluster/images.sh", path.display());
    }
    let complete = |folder: &&Path| PLUGINS.iter().all(|plugin| folder.join(plugin).exists());
    let folder = PLUGIN_FOLDERS.iter().map(Path::new).find(complete);
    folder.map(Path::to_owned).context("the CNI plugins are missing; install the package containernetworking-plugins")
}

/// Returns whether this user namespace is the machine's own.
fn owns_every_user() -> anyhow::Result<bool> {
    let map = std::fs::read_to_string("/proc/self/uid_map")?;
    let fields: Vec<_> = map.split_whitespace().collect();
    Ok(fields == ["0", "0", "4294967295"])
}

fn installed(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
