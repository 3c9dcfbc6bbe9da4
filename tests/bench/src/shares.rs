//! Processor time as a kubelet divides it: a cgroup for each pod, with a weight that follows from its request.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::Context;

/// Where the controller of processor time is, with version 1 of cgroups.
const CONTROLLER: &str = "/sys/fs/cgroup/cpu";

/// The cgroups of one measurement; dropping it removes them, which needs that their processes have ended or been moved out.
#[derive(Debug)]
pub(crate) struct Shares {
    root: PathBuf,
    groups: Vec<PathBuf>,
}

impl Shares {
    /// Makes a place for cgroups of its own.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let root = Path::new(CONTROLLER).join(format!("clarion-bench-{}", std::process::id()));
        fs::create_dir(&root).with_context(|| format!("{CONTROLLER} lets nobody make a cgroup; run as root"))?;
        // As much as everything outside together, or the rest of the machine would be measured too.
        fs::write(root.join("cpu.shares"), "262144").context("set cpu.shares")?;
        Ok(Self { root, groups: Vec::new() })
    }

    /// Makes the cgroup of a pod that requests so many thousandths of a processor, and puts a process into it.
    pub(crate) fn add(&mut self, name: &str, millicpu: u64, process: u32) -> anyhow::Result<()> {
        let group = self.root.join(name);
        fs::create_dir(&group).with_context(|| format!("make the cgroup {name}"))?;
        self.groups.push(group.clone());
        // What the kubelet writes: 1024 for a whole processor, and 2 at least.
        let shares = (millicpu * 1024 / 1000).max(2);
        fs::write(group.join("cpu.shares"), shares.to_string()).context("set cpu.shares")?;
        fs::write(group.join("cgroup.procs"), process.to_string()).with_context(|| format!("move {process} to {name}"))
    }
}

impl Drop for Shares {
    fn drop(&mut self) {
        for group in &self.groups {
            drop(evacuate(group));
            drop(fs::remove_dir(group));
        }
        drop(fs::remove_dir(&self.root));
    }
}

/// Moves what still runs in a cgroup to the root.
fn evacuate(group: &Path) -> io::Result<()> {
    for process in fs::read_to_string(group.join("cgroup.procs"))?.lines() {
        fs::write(Path::new(CONTROLLER).join("cgroup.procs"), process)?;
    }
    Ok(())
}
