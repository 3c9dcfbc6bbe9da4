//! The cgroups of one cluster: what the machine offers, and a place of our own in it.
//!
//! Cgroups are the one thing that the kernel does not remove together with a private world, so each cluster sweeps up what dead ones left.

use std::{
    fs, io,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use nix::errno::Errno;

const MOUNT: &str = "/sys/fs/cgroup";

/// How the cgroups of all clusters begin, on the whole machine.
const PREFIX: &str = "clarion-cluster-";

/// The cgroup that the starter of a cluster is in for as long as the cluster lives.
const ALIVE: &str = "alive";

/// The controllers without which containers do not start.
const NEEDED: [&str; 4] = ["cpu", "cpuset", "memory", "pids"];

/// How long the kernel may take to let go of a cgroup whose processes were killed.
const PATIENCE: Duration = Duration::from_secs(20);

/// The place of one cluster in every hierarchy of cgroups; dropping it removes the place.
#[derive(Debug)]
pub struct Cgroups {
    hierarchies: Vec<Hierarchy>,
    name: String,
    /// Where the starter was before.
    origin: PathBuf,
}

/// One tree of cgroups.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Hierarchy {
    /// Its folder below `/sys/fs/cgroup`, which is also the list of its controllers; empty with cgroup v2.
    name: String,
    /// Where in the tree this program was started.
    own: PathBuf,
}

impl Cgroups {
    /// Takes a place in every hierarchy, and removes what clusters left whose starter was killed.
    pub fn create() -> anyhow::Result<Self> {
        let hierarchies = available()?;
        let cgroups = Self { name: own_name()?, origin: hierarchies[0].own.clone(), hierarchies };
        sweep(&cgroups.hierarchies);
        let place = Path::new(&cgroups.name);
        let (first, alive) = (&cgroups.hierarchies[0], place.join(ALIVE));
        first.make(place).context("cannot make a cgroup; run as root")?;
        first.make(&alive)?;
        fs::write(first.path(&alive).join("cgroup.procs"), "0").context("cannot enter a cgroup")?;
        for hierarchy in &cgroups.hierarchies[1..] {
            hierarchy.make(place)?;
        }
        Ok(cgroups)
    }

    /// Returns what removes the cgroups of clusters whose starter was killed, even after `/proc` has become that of a private world.
    pub fn sweeper() -> anyhow::Result<impl Fn()> {
        let hierarchies = available()?;
        Ok(move || sweep(&hierarchies))
    }

    /// Makes the cgroup of a node in every hierarchy and returns its path.
    pub fn node(&self, node: &str) -> anyhow::Result<PathBuf> {
        let group = Path::new(&self.name).join(node);
        for hierarchy in &self.hierarchies {
            hierarchy.make(&group)?;
        }
        Ok(group)
    }

    /// Removes the cgroups of a node whose processes are dead.
    pub fn remove_node(&self, node: &str) -> anyhow::Result<()> {
        self.remove(&Path::new(&self.name).join(node))
    }

    /// Returns the names of the hierarchies, separated by blanks; nothing where there is only cgroup v2.
    pub fn names(&self) -> String {
        let names: Vec<_> = self.hierarchies.iter().map(|hierarchy| hierarchy.name.as_str()).collect();
        names.join(" ")
    }

    fn remove(&self, group: &Path) -> anyhow::Result<()> {
        for hierarchy in &self.hierarchies {
            let path = hierarchy.path(group);
            let start = Instant::now();
            while let Err(error) = remove(&path) {
                ensure!(start.elapsed() < PATIENCE, "cannot remove {}: {error}", path.display());
                thread::sleep(Duration::from_millis(20));
            }
        }
        Ok(())
    }
}

impl Drop for Cgroups {
    fn drop(&mut self) {
        let origin = self.hierarchies[0].path(&self.origin);
        // What cannot be removed here is removed by the next cluster.
        drop(fs::write(origin.join("cgroup.procs"), "0"));
        drop(self.remove(Path::new(&self.name)));
    }
}

impl Hierarchy {
    fn path(&self, group: &Path) -> PathBuf {
        Path::new(MOUNT).join(&self.name).join(group)
    }

    fn make(&self, group: &Path) -> anyhow::Result<()> {
        let path = self.path(group);
        fs::create_dir_all(&path)?;
        if self.name.is_empty() {
            return self.pass_on(group);
        }
        // A new group of cpuset has neither processors nor memory, and takes no process before it has both.
        if self.name.split(',').any(|controller| controller == "cpuset") {
            let parent = path.parent().context("a group has a parent")?;
            for file in ["cpuset.cpus", "cpuset.mems"] {
                fs::write(path.join(file), fs::read(parent.join(file))?)?;
            }
            fs::write(path.join("cgroup.clone_children"), "1")?;
        }
        Ok(())
    }

    /// Lets the group hand its controllers to the groups in it (cgroup v2).
    fn pass_on(&self, group: &Path) -> anyhow::Result<()> {
        // A node does that itself, once its first process has made room.
        if group.parent().is_some_and(|parent| parent != Path::new("")) {
            return Ok(());
        }
        let controllers = fs::read_to_string(self.path(group).join("cgroup.controllers"))?;
        let all: Vec<_> = controllers.split_whitespace().map(|controller| format!("+{controller}")).collect();
        Ok(fs::write(self.path(group).join("cgroup.subtree_control"), all.join(" "))?)
    }
}

fn sweep(hierarchies: &[Hierarchy]) {
    let Ok(entries) = fs::read_dir(hierarchies[0].path(Path::new(""))) else { return };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    for name in names.filter(|name| name.starts_with(PREFIX)) {
        let group = Path::new(&name);
        // The kernel refuses to remove a cgroup that a process is in: then this cluster lives.
        let dead = remove(&hierarchies[0].path(&group.join(ALIVE))).is_ok();
        if dead {
            // Processes that are still dying keep a cgroup; the next cluster tries again.
            drop(hierarchies.iter().try_for_each(|hierarchy| remove(&hierarchy.path(group))));
        }
    }
}

/// Returns whether this machine has what nodes need of cgroups, and if not, what is missing.
pub fn check() -> anyhow::Result<()> {
    available().map(drop)
}

fn available() -> anyhow::Result<Vec<Hierarchy>> {
    // The file is there with cgroup v2 alone.
    let passed_on = fs::read_to_string(Path::new(MOUNT).join("cgroup.subtree_control")).unwrap_or_default();
    let is_mounted = |hierarchy: &Hierarchy| hierarchy.path(Path::new("")).is_dir();
    choose(&fs::read_to_string("/proc/self/cgroup")?, &passed_on, is_mounted)
}

/// Returns the hierarchies that the nodes use.
///
/// `text` is `/proc/self/cgroup`, and `passed_on` the controllers that the root of cgroup v2 hands out.
fn choose(text: &str, passed_on: &str, is_mounted: impl Fn(&Hierarchy) -> bool) -> anyhow::Result<Vec<Hierarchy>> {
    let mut all = Vec::new();
    for line in text.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(own)) = (fields.next(), fields.next()) else { continue };
        // A hierarchy without controllers has its name in front of it, and its folder has the name alone.
        let name = controllers.trim_start_matches("name=").to_owned();
        let own = own.trim_start_matches('/').into();
        all.push(Hierarchy { name, own });
    }
    let (unified, mut separate): (Vec<_>, Vec<_>) = all.into_iter().partition(|hierarchy| hierarchy.name.is_empty());
    separate.retain(is_mounted);
    let has = |needed: &&str| separate.iter().flat_map(|hierarchy| hierarchy.name.split(',')).any(|own| own == *needed);
    if NEEDED.iter().all(has) {
        return Ok(separate);
    }
    let missing: Vec<_> =
        NEEDED.into_iter().filter(|needed| passed_on.split_whitespace().all(|own| own != *needed)).collect();
    ensure!(
        missing.is_empty(),
        "the cgroup controllers {} are not handed out; write them, each with a + before it, to {MOUNT}/cgroup.subtree_control",
        missing.join(", ")
    );
    Ok(unified)
}

/// Returns a name that no other living cluster has: that of the private world's process namespace.
fn own_name() -> anyhow::Result<String> {
    let namespace = fs::read_link("/proc/self/ns/pid")?;
    let number: String = namespace.to_string_lossy().chars().filter(char::is_ascii_digit).collect();
    Ok(format!("{PREFIX}{number}"))
}

/// Removes a cgroup and all below; it is no error if there is none.
fn remove(path: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove(&entry.path())?;
        }
    }
    match fs::remove_dir(path) {
        Err(error) if error.raw_os_error() == Some(Errno::ENOENT as i32) => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests;
