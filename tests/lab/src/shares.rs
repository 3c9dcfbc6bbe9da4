//! Processor time as a kubelet divides it: a cgroup for each pod, with a weight that follows from its request.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::Context;

/// Where the controller of processor time is, with version 1 of cgroups.
const FIRST: &str = "/sys/fs/cgroup/cpu";

/// Where all controllers are, with version 2.
const SECOND: &str = "/sys/fs/cgroup";

/// The shares of one program among others, so that tests which run beside this one get their part.
pub const ALIKE: u64 = 1024;

/// The shares that leave as good as nothing for the rest of the machine, which would be measured too otherwise.
pub const ALONE: u64 = 262_144;

/// Microseconds of each second that the threads of one group with realtime priority get, where that is divided too.
const REALTIME: u64 = 50_000;

/// How many groups may have so much: the kernel has 950,000 for all.
const GROUPS: u64 = 12;

/// The cgroups of one test or measurement; dropping it removes them and moves what still runs in them out.
#[derive(Debug)]
pub struct Shares {
    version: Version,
    root: PathBuf,
    groups: Vec<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    First,
    Second,
}

impl Version {
    fn of_this_machine() -> anyhow::Result<Self> {
        if Path::new(FIRST).join("cpu.shares").exists() || Path::new(FIRST).join("tasks").exists() {
            return Ok(Self::First);
        }
        let controllers = fs::read_to_string(Path::new(SECOND).join("cgroup.controllers"));
        let controllers = controllers.with_context(|| format!("no cgroups at {SECOND}"))?;
        anyhow::ensure!(controllers.split_whitespace().any(|name| name == "cpu"), "{SECOND} divides no processor time");
        Ok(Self::Second)
    }

    const fn place(self) -> &'static str {
        match self {
            Self::First => FIRST,
            Self::Second => SECOND,
        }
    }

    /// Sets how a group counts beside its siblings: what the kubelet writes, 1024 shares for a whole processor and 2 at least.
    fn weigh(self, group: &Path, shares: u64) -> anyhow::Result<()> {
        let (file, value) = match self {
            Self::First => ("cpu.shares", shares.max(2)),
            // As runc converts it: 2..=262144 shares are 1..=10000 of weight.
            Self::Second => ("cpu.weight", 1 + (shares.max(2) - 2) * 9999 / 262_142),
        };
        fs::write(group.join(file), value.to_string()).with_context(|| format!("set {file}"))
    }
}

impl Shares {
    /// Makes a place for cgroups of its own, which together count as [`ALIKE`] or [`ALONE`] beside the rest of the machine; an error
    /// says why this machine lets nobody make one.
    pub fn new(together: u64) -> anyhow::Result<Self> {
        let version = Version::of_this_machine()?;
        let root = Path::new(version.place()).join(format!("clarion-lab-{}", unique()));
        fs::create_dir(&root).with_context(|| format!("{} lets nobody make a cgroup; run as root", version.place()))?;
        let shares = Self { version, root, groups: Vec::new() };
        version.weigh(&shares.root, together)?;
        shares.allow_realtime(&shares.root, REALTIME * GROUPS)?;
        if version == Version::Second {
            for place in [Path::new(SECOND), &shares.root] {
                fs::write(place.join("cgroup.subtree_control"), "+cpu").context("divide processor time")?;
            }
        }
        Ok(shares)
    }

    /// Makes the cgroup of a pod that requests so many thousandths of a processor, and puts a process into it.
    pub fn add(&mut self, name: &str, millicpu: u64, process: u32) -> anyhow::Result<()> {
        let group = self.root.join(name);
        fs::create_dir(&group).with_context(|| format!("make the cgroup {name}"))?;
        self.groups.push(group.clone());
        self.version.weigh(&group, millicpu * 1024 / 1000)?;
        self.allow_realtime(&group, REALTIME)?;
        fs::write(group.join("cgroup.procs"), process.to_string()).with_context(|| format!("move {process} to {name}"))
    }
}

impl Shares {
    /// Lets threads have realtime priority, which the kernels of most distributions do in every cgroup.
    ///
    /// One with scheduling of realtime groups lets no such thread into a cgroup of version 1 that has no time for it.
    fn allow_realtime(&self, group: &Path, microseconds: u64) -> anyhow::Result<()> {
        let file = group.join("cpu.rt_runtime_us");
        if !file.exists() {
            return Ok(());
        }
        fs::write(file, microseconds.to_string()).context("set cpu.rt_runtime_us")
    }
}

impl Drop for Shares {
    fn drop(&mut self) {
        for group in &self.groups {
            drop(evacuate(group, self.version.place()));
            drop(fs::remove_dir(group));
        }
        drop(fs::remove_dir(&self.root));
    }
}

/// Moves what still runs in a cgroup to the root.
fn evacuate(group: &Path, place: &str) -> io::Result<()> {
    for process in fs::read_to_string(group.join("cgroup.procs"))?.lines() {
        fs::write(Path::new(place).join("cgroup.procs"), process)?;
    }
    Ok(())
}

/// Returns what no other test has: process numbers are those of a private world, which every test begins anew.
fn unique() -> String {
    let world = fs::read_link("/proc/self/ns/pid").map(|path| path.to_string_lossy().into_owned()).unwrap_or_default();
    let digits: String = world.chars().filter(char::is_ascii_digit).collect();
    format!("{digits}-{}", std::process::id())
}

/// A process that never rests, at the priority of an ordinary program; dropping it ends it.
#[derive(Debug)]
pub struct Busy(Child);

impl Busy {
    /// Starts it.
    pub fn start() -> anyhow::Result<Self> {
        let mut command = Command::new("sh");
        command.args(["-c", "while :; do :; done"]).stdin(Stdio::null()).stdout(Stdio::null());
        Ok(Self(command.spawn().context("cannot start a busy loop")?))
    }

    /// Returns its process number.
    pub fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
