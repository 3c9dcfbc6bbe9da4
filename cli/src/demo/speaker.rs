//! `clarion standalone` as a process on a host, and what can be done to it.

use std::{
    fs::{self, File},
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{network::Host, status::Status};

/// Where each speaker serves its status, on the loopback address of its own host.
pub const STATUS_ADDRESS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 7472);

/// How a speaker is started.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The `clarion` binary.
    pub binary: PathBuf,
    /// The directory of manifests it reads.
    pub manifests: PathBuf,
    /// A directory of its own, made if absent, for its state and its log.
    pub directory: PathBuf,
    /// More arguments for `clarion standalone`.
    pub arguments: Vec<String>,
}

/// A speaker on one host; dropping it kills it.
#[derive(Debug)]
pub struct Speaker {
    node: String,
    child: Child,
    log: PathBuf,
}

impl Speaker {
    /// Starts `clarion standalone` on a host whose name is the node's name.
    pub fn start(host: &Host, settings: &Settings) -> anyhow::Result<Self> {
        let Settings { binary, manifests, directory, arguments } = settings;
        let state = directory.join("state");
        fs::create_dir_all(&state).with_context(|| format!("cannot make {}", state.display()))?;
        let log = directory.join("log");
        let output = File::options().create(true).append(true).open(&log)?;
        let mut command = Command::new(binary);
        command.arg("standalone").arg("--manifests").arg(manifests).args(["--node", host.name()]);
        command.arg("--metrics-address").arg(STATUS_ADDRESS.to_string()).arg("--state-dir").arg(&state);
        command.args(arguments).stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let child = host
            .spawn(&mut command)
            .with_context(|| format!("cannot start {} on {}", binary.display(), host.name()))?;
        Ok(Self { node: host.name().to_owned(), child, log })
    }

    /// Asks the speaker for its status, waiting at most a second.
    pub fn status(&self, host: &Host) -> anyhow::Result<Status> {
        let body = self.page(host, "/status")?;
        serde_json::from_str(&body).with_context(|| format!("{} sent a status that cannot be read: {body}", self.node))
    }

    /// Returns what the speaker serves at a path, such as `/metrics`.
    pub fn page(&self, host: &Host, path: &str) -> anyhow::Result<String> {
        host.run(|| fetch(STATUS_ADDRESS, path))
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

    /// Asks the speaker to stop in order and waits until it has, or kills it after `patience`.
    pub fn leave(&mut self, patience: Duration) -> anyhow::Result<ExitStatus> {
        self.signal(Signal::SIGTERM)?;
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        self.kill()?;
        anyhow::bail!("the speaker on {} did not stop within {patience:?} of SIGTERM", self.node)
    }

    /// Returns whether the process still runs or hangs.
    pub fn running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Returns where the process writes its log.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Returns the process's number, for measurements of memory and processor time.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let id = i32::try_from(self.child.id()).expect("process numbers fit 22 bits");
        kill(Pid::from_raw(id), signal).with_context(|| format!("cannot send {signal} to the speaker on {}", self.node))
    }
}

impl Drop for Speaker {
    fn drop(&mut self) {
        // Fails only where the process has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Returns the body of a page, waiting at most a second for connection and answer each; run it inside a host.
pub fn fetch(server: SocketAddr, path: &str) -> anyhow::Result<String> {
    let patience = Duration::from_secs(1);
    let mut stream =
        TcpStream::connect_timeout(&server, patience).with_context(|| format!("nothing answers at {server}"))?;
    stream.set_read_timeout(Some(patience))?;
    // HTTP/1.0, so that the body comes whole and ends with the connection.
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: {server}\r\n\r\n").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).with_context(|| format!("{server} broke off its answer"))?;
    let (head, body) = answer.split_once("\r\n\r\n").with_context(|| format!("{server} sent no page: {answer:?}"))?;
    let status = head.split(' ').nth(1);
    ensure!(status == Some("200"), "{server}{path} answered {}", head.lines().next().unwrap_or_default());
    Ok(body.to_owned())
}
