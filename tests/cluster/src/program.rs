//! One program that the cluster consists of: where it is, how it is started, and what it said last.

use std::{
    fs::{self, File},
    io,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// How much of a log a failure shows.
const TAIL_LINES: usize = 25;

/// How long a program may take to become ready on a machine that does much else.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// How often a program is asked whether it is ready.
const ASK_EVERY: Duration = Duration::from_millis(50);

/// A running program; dropping it kills it.
#[derive(Debug)]
pub struct Program {
    name: String,
    log: PathBuf,
    child: Child,
}

impl Program {
    /// Starts `command` with its output added to the file `log`, wherever `spawn` starts it.
    pub fn start(
        mut command: Command,
        log: &Path,
        spawn: impl FnOnce(&mut Command) -> io::Result<Child>,
    ) -> anyhow::Result<Self> {
        let name = Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned();
        let output = File::options().create(true).append(true).open(log)?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        // Ctrl-C is for the program that ends the others in their order.
        command.process_group(0);
        let child = spawn(&mut command).with_context(|| format!("cannot start {name}"))?;
        Ok(Self { name, log: log.to_owned(), child })
    }

    /// Waits until `ready` says so, and gives up when the program ends or [`PATIENCE`] is over.
    pub fn wait(&mut self, what: &str, mut ready: impl FnMut() -> bool) -> anyhow::Result<()> {
        let start = Instant::now();
        while !ready() {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended with {status} before {what}; it said last:\n{}", self.name, self.tail());
            }
            let patient = start.elapsed() < PATIENCE;
            ensure!(patient, "{}: not within {PATIENCE:?}: {what}; it said last:\n{}", self.name, self.tail());
            thread::sleep(ASK_EVERY);
        }
        Ok(())
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        Ok(kill(self.process()?, signal)?)
    }

    /// Waits until the program has ended by itself.
    pub fn join(&mut self) -> anyhow::Result<()> {
        self.child.wait().map(drop).with_context(|| format!("cannot wait for {}", self.name))
    }

    /// Returns the number of the process.
    pub fn process(&self) -> anyhow::Result<Pid> {
        Ok(Pid::from_raw(self.child.id().try_into()?))
    }

    /// Returns the last lines of the log.
    pub fn tail(&self) -> String {
        tail(&self.log)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Only a program that has ended by itself cannot be killed, and then nothing is left to do.
        drop(self.child.kill().and_then(|()| self.child.wait()));
    }
}

/// Returns the last lines of a log.
pub fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_else(|error| format!("(its log cannot be read: {error})"));
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

/// Returns the folder of the programs that `tests/kubernetes/build.sh` builds.
pub fn folder() -> anyhow::Result<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../kubernetes/build.sh");
    let output = Command::new(&script).arg("--print").output().with_context(|| format!("cannot run {script:?}"))?;
    Ok(String::from_utf8(output.stdout).map_err(io::Error::other)?.trim().into())
}
