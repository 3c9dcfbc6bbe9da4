//! One program of the control plane: where it is, how it is started, and what it said last.

use std::{
    fs::{self, File},
    io,
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
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// How often a program is asked whether it is ready.
const ASK_EVERY: Duration = Duration::from_millis(20);

/// A running program; dropping it kills it.
#[derive(Debug)]
pub struct Program {
    name: String,
    log: PathBuf,
    child: Child,
}

impl Program {
    /// Starts `command` with its output in the file `log`, wherever `spawn` starts it.
    pub(crate) fn start(
        mut command: Command,
        log: &Path,
        spawn: impl FnOnce(&mut Command) -> io::Result<Child>,
    ) -> anyhow::Result<Self> {
        let name = Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned();
        let output = File::options().create(true).append(true).open(log)?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let child = spawn(&mut command).with_context(|| format!("cannot start {name}"))?;
        Ok(Self { name, log: log.to_owned(), child })
    }

    /// Waits until `ready` says so, and gives up when the program ends or [`PATIENCE`] is over.
    pub(crate) fn wait(&mut self, what: &str, mut ready: impl FnMut() -> bool) -> anyhow::Result<()> {
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

    /// Stops the process in its tracks, as SIGSTOP does.
    ///
    /// # Panics
    ///
    /// When the program has ended, as do the other signals.
    pub fn pause(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// Ends [`Program::pause`].
    pub fn resume(&self) {
        self.signal(Signal::SIGCONT);
    }

    /// Returns the process number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns the last lines of the log.
    pub fn tail(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_else(|error| format!("(its log cannot be read: {error})"));
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().try_into().expect("process numbers fit into an i32"));
        kill(pid, signal).expect("a child that was not waited for can be signalled");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Only a program that has ended by itself cannot be killed, and then nothing is left to do.
        drop(self.child.kill().and_then(|()| self.child.wait()));
    }
}

/// Returns the path of a program that `build.sh` has built.
pub(crate) fn built(name: &str) -> anyhow::Result<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("build.sh");
    let output = Command::new(&script).arg("--print").output().with_context(|| format!("cannot run {script:?}"))?;
    let folder = String::from_utf8(output.stdout).map_err(io::Error::other)?;
    let path = Path::new(folder.trim()).join(name);
    ensure!(
        path.exists(),
        "{} is not built; run tests/kubernetes/build.sh {name}, then the test again",
        path.display()
    );
    Ok(path)
}
