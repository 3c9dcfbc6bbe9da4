//! One network namespace, entered by threads for as long as they need it.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::{Child, Command},
    thread,
};

use anyhow::{Context, ensure};
use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, setns, unshare},
};

use super::sandbox;

const DIRECTORY: &str = "/run/netns";

/// A network namespace with a name, reachable at `/run/netns/NAME` of the sandbox for `ip -netns` and `nsenter --net`.
#[derive(Debug)]
pub struct Namespace {
    path: PathBuf,
    file: File,
}

impl Namespace {
    /// Makes an empty namespace; only inside a sandbox, so that the machine's own `/run` is never touched.
    pub fn create(name: &str) -> anyhow::Result<Self> {
        ensure!(
            sandbox::inside(),
            "network namespaces are made in a sandbox only; start the program through `clarion demo` or the test runner"
        );
        fs::create_dir_all(DIRECTORY)?;
        let path = Path::new(DIRECTORY).join(name);
        File::create_new(&path).with_context(|| format!("the name {name} is taken twice"))?;
        on_a_thread(|| {
            unshare(CloneFlags::CLONE_NEWNET)?;
            mount(Some("/proc/thread-self/ns/net"), &path, None::<&str>, MsFlags::MS_BIND, None::<&str>)
        })
        .with_context(|| format!("cannot make the network namespace {name}"))?;
        let file = File::open(&path)?;
        Ok(Self { path, file })
    }

    /// Returns where the namespace is mounted.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs `work` on a thread of its own inside the namespace and returns what it returns; sockets it opens stay in the namespace.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        on_a_thread(|| {
            setns(&self.file, CloneFlags::CLONE_NEWNET).expect("a namespace that is held open can be entered");
            work()
        })
    }

    /// Starts a program inside the namespace.
    pub fn spawn(&self, command: &mut Command) -> io::Result<Child> {
        self.run(|| command.spawn())
    }

    /// Sets one kernel setting of the namespace, named by its path under `/proc/sys/net`.
    pub fn set(&self, setting: &str, value: &str) -> anyhow::Result<()> {
        let path = format!("/proc/sys/net/{setting}");
        self.run(|| fs::write(&path, value)).with_context(|| format!("cannot set {path} to {value}"))
    }
}

fn on_a_thread<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| scope.spawn(work).join()).unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
