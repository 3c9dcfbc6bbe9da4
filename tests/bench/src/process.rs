//! What the kernel says about a process.

use std::{fs, time::Duration};

use anyhow::Context;

/// The memory of a process in MiB.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Memory {
    /// What it has in memory, shared pages included.
    pub(crate) resident: f64,
    /// What it had at most.
    pub(crate) peak: f64,
    /// The same as resident, with each shared page divided among its users.
    pub(crate) proportional: f64,
}

/// What all threads of a process did so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Activity {
    /// Time on a processor.
    pub(crate) busy: Duration,
    /// How often a thread went to sleep by itself, which is how often one woke.
    pub(crate) wakeups: u64,
}

impl Memory {
    /// Returns the memory of a process.
    pub(crate) fn of(id: u32) -> anyhow::Result<Self> {
        let status = read(&format!("/proc/{id}/status"))?;
        let rollup = read(&format!("/proc/{id}/smaps_rollup"))?;
        let mebibytes = |text, name| field(text, name).map(|kibibytes| kibibytes as f64 / 1024.0);
        Ok(Self {
            resident: mebibytes(&status, "VmRSS:")?,
            peak: mebibytes(&status, "VmHWM:")?,
            proportional: mebibytes(&rollup, "Pss:")?,
        })
    }
}

impl Activity {
    /// Returns what the threads that live at this moment did.
    pub(crate) fn of(id: u32) -> anyhow::Result<Self> {
        let mut activity = Self::default();
        for task in fs::read_dir(format!("/proc/{id}/task")).with_context(|| format!("process {id} is gone"))? {
            let task = task?.path();
            let path = |file: &str| task.join(file).display().to_string();
            // A thread that has ended meanwhile counts as little as one that ended before.
            let (Ok(schedstat), Ok(status)) = (read(&path("schedstat")), read(&path("status"))) else { continue };
            // The first number is the time on a processor in nanoseconds.
            let busy = schedstat.split(' ').next().and_then(|number| number.parse().ok());
            activity.busy += Duration::from_nanos(busy.context("schedstat begins with a number")?);
            activity.wakeups += field(&status, "voluntary_ctxt_switches:")?;
        }
        Ok(activity)
    }

    /// Returns what was done since an earlier moment.
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self { busy: self.busy.saturating_sub(earlier.busy), wakeups: self.wakeups.saturating_sub(earlier.wakeups) }
    }
}

fn read(path: &str) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {path}"))
}

fn field(text: &str, name: &str) -> anyhow::Result<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("no {name}"))?;
    rest.split_whitespace().next().unwrap_or_default().parse().with_context(|| format!("{name} is no number: {rest}"))
}

#[cfg(test)]
mod tests;
