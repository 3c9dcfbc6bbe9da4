//! A program on a host that ends with whoever started it.

use std::{
    fs::File,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::Context;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::network::Host;

/// A running program; dropping it kills it.
#[derive(Debug)]
pub struct Process {
    /// What is said of it in errors, such as `clarion on n1`.
    name: String,
    child: Child,
}

impl Process {
    /// Starts a program on a host; what it prints is added to `log`.
    pub fn start(host: &Host, command: &mut Command, log: &Path) -> anyhow::Result<Self> {
        let program = Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned();
        let name = format!("{program} on {}", host.name());
        let output = File::options().create(true).append(true).open(log);
        let output = output.with_context(|| format!("cannot write {}", log.display()))?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let child = host.spawn(command).with_context(|| format!("cannot start {name}"))?;
        Ok(Self { name, child })
    }

    /// Sends a signal, as `kill` does.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let id = i32::try_from(self.id()).expect("process numbers fit 22 bits");
        kill(Pid::from_raw(id), signal).with_context(|| format!("cannot send {signal} to {}", self.name))
    }

    /// Ends the process at once, as a crash does.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.signal(Signal::SIGKILL)?;
        self.child.wait()?;
        Ok(())
    }

    /// Stops the process in its tracks, as a machine that hangs.
    pub fn hang(&self) -> anyhow::Result<()> {
        self.signal(Signal::SIGSTOP)
    }

    /// Lets a process that hangs go on.
    pub fn resume(&self) -> anyhow::Result<()> {
        self.signal(Signal::SIGCONT)
    }

    /// Asks the program to end in order and waits until it has, or kills it after `patience`.
    pub fn leave(&mut self, patience: Duration) -> anyhow::Result<ExitStatus> {
        self.signal(Signal::SIGTERM)?;
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            thread::sleep(Duration::from_millis(5));
        }
        self.kill()?;
        anyhow::bail!("{} did not end within {patience:?} of SIGTERM", self.name)
    }

    /// Returns whether the process still runs or hangs.
    pub fn running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Returns the process's number, for measurements of memory and processor time.
    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Fails only where the process has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
