//! `clarion standalone` as a process on a host, and what can be done to it.

use std::{
    fs,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    ops::{Deref, DerefMut},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, ensure};

use super::{network::Host, process::Process, status::Status};

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
    /// Name of the node, if it is not the host's.
    pub node: Option<String>,
    /// More arguments for `clarion standalone`.
    pub arguments: Vec<String>,
}

/// A speaker on one host; dropping it kills it.
#[derive(Debug)]
pub struct Speaker {
    node: String,
    process: Process,
    log: PathBuf,
}

impl Speaker {
    /// Starts `clarion standalone` on a host.
    pub fn start(host: &Host, settings: &Settings) -> anyhow::Result<Self> {
        let Settings { binary, manifests, directory, node, arguments } = settings;
        let node = node.as_deref().unwrap_or_else(|| host.name());
        let state = directory.join("state");
        fs::create_dir_all(&state).with_context(|| format!("cannot make {}", state.display()))?;
        let log = directory.join("log");
        let mut command = Command::new(binary);
        command.arg("standalone").arg("--manifests").arg(manifests).args(["--node", node]);
        command.arg("--metrics-address").arg(STATUS_ADDRESS.to_string()).arg("--state-dir").arg(&state);
        let process = Process::start(host, command.args(arguments), &log)?;
        Ok(Self { node: node.to_owned(), process, log })
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

    /// Returns where the process writes its log.
    pub fn log(&self) -> &Path {
        &self.log
    }
}

impl Deref for Speaker {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

impl DerefMut for Speaker {
    fn deref_mut(&mut self) -> &mut Process {
        &mut self.process
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
    ensure!(status == Some("200"), "{server}{path} answered {}: {body}", head.lines().next().unwrap_or_default());
    Ok(body.to_owned())
}
