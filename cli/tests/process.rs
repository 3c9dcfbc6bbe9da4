//! The program as a process: what it does when nobody reads it any more, and at signals.
#![allow(clippy::unwrap_used, reason = "whatever the machine refuses fails the test")]

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

/// How long anything may take on a machine that does much else.
const SOON: Duration = Duration::from_secs(30);

fn clarion() -> Command {
    Command::new(env!("CARGO_BIN_EXE_clarion"))
}

/// Returns a pipe whose reader has gone.
fn unread() -> Stdio {
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    writer.into()
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Returns a directory with a pool, and a Service that has got an address of it.
fn manifests() -> TempDir {
    let directory = TempDir::new().unwrap();
    let pool = "apiVersion: metallb.io/v1beta1\nkind: IPAddressPool\nmetadata: {name: lan, namespace: metallb-system}\n\
                spec: {addresses: [192.0.2.128/25]}\n";
    fs::write(directory.path().join("pool.yaml"), pool).unwrap();
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\n\
                   spec: {type: LoadBalancer, ports: [{port: 80}]}\n";
    fs::write(directory.path().join("service.yaml"), service).unwrap();
    directory
}

/// A program that goes on until it is told to end; dropping it kills it.
struct Running(Child);

impl Running {
    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.0.id().try_into().unwrap()), signal).unwrap();
    }

    /// Asks it to end, and returns its exit code.
    fn terminate(mut self) -> Option<i32> {
        self.signal(Signal::SIGTERM);
        let deadline = Instant::now() + SOON;
        while Instant::now() < deadline {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("it does not end")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop((self.0.kill(), self.0.wait()));
    }
}

fn get(address: SocketAddr, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + SOON;
    while !condition() {
        assert!(Instant::now() < deadline, "not within {SOON:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Starts `standalone`, which without a key sends nothing on any link, and waits until it answers.
fn standalone(manifests: &Path, state: &Path, stderr: Stdio) -> (Running, SocketAddr) {
    let port = free_port();
    let child = clarion()
        .args(["standalone", "--node", "nobody", "--metrics-address", &port.to_string()])
        .args(["--manifests".as_ref(), manifests.as_os_str(), "--state-dir".as_ref(), state.as_os_str()])
        .stdin(Stdio::null())
        .stderr(stderr)
        .spawn();
    let running = Running(child.unwrap());
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    eventually("it is healthy", || get(address, "/healthz").is_some_and(|(status, _)| status == 200));
    (running, address)
}

#[test]
fn a_plan_whose_reader_has_gone_ends_quietly_with_its_verdict() {
    let manifests = manifests();
    let plan = |stdout: Stdio| clarion().arg("plan").arg("-f").arg(manifests.path()).stdout(stdout).output().unwrap();
    let output = plan(unread());
    assert_eq!((output.status.code(), words(&output).as_str()), (Some(0), ""));
    fs::write(manifests.path().join("bad.yaml"), "kind: [").unwrap();
    let output = plan(unread());
    assert_eq!((output.status.code(), words(&output).as_str()), (Some(1), ""));
}

#[test]
fn a_plan_that_cannot_be_written_says_so() {
    let manifests = manifests();
    let full = File::options().write(true).open("/dev/full").unwrap();
    let output = clarion().arg("plan").arg("-f").arg(manifests.path()).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(words(&output).contains("No space left on device"), "{}", words(&output));
}

#[test]
fn a_status_whose_reader_has_gone_ends_quietly() {
    let (manifests, state) = (manifests(), TempDir::new().unwrap());
    let (_running, address) = standalone(manifests.path(), state.path(), Stdio::null());
    for arguments in [&["status", "--address"] as &[_], &["status", "--json", "--address"]] {
        let output = clarion().args(arguments).arg(address.to_string()).stdout(unread()).output().unwrap();
        assert_eq!((output.status.code(), words(&output).as_str()), (Some(0), ""));
    }
}

#[test]
fn a_help_or_a_failure_that_nobody_reads_is_no_crash() {
    let code = |arguments: &[&str]| {
        let mut command = clarion();
        command.args(arguments).stdout(unread()).stderr(unread()).status().unwrap().code()
    };
    assert_eq!(code(&["--help"]), Some(0));
    assert_eq!(code(&["plan", "-f", "/nonexistent"]), Some(1));
    assert_eq!(code(&["speaker", "--kubeconfig", "/nonexistent", "--node-name", "n1"]), Some(1));
    assert_eq!(code(&["--no-such-flag"]), Some(1));
}

#[test]
fn a_log_that_nobody_reads_ends_nothing_and_a_hangup_reads_the_manifests_again() {
    let (manifests, state) = (manifests(), TempDir::new().unwrap());
    let (running, address) = standalone(manifests.path(), state.path(), unread());
    for number in 0..3 {
        // Each is a new fault, which is logged.
        fs::write(manifests.path().join(format!("bad-{number}.yaml")), "kind: [").unwrap();
        running.signal(Signal::SIGHUP);
        let file = format!("bad-{number}.yaml");
        eventually("the fault is shown", || get(address, "/status").is_some_and(|(_, text)| text.contains(&file)));
    }
    assert_eq!(running.terminate(), Some(0), "it hands over and ends as asked");
}

#[test]
fn a_hangup_is_logged_as_reading_the_manifests_again() {
    let (manifests, state) = (manifests(), TempDir::new().unwrap());
    let log = state.path().join("log");
    let (running, address) = standalone(manifests.path(), state.path(), File::create(&log).unwrap().into());
    running.signal(Signal::SIGHUP);
    eventually("it is logged", || fs::read_to_string(&log).unwrap().contains("SIGHUP: reading the manifests again"));
    assert!(get(address, "/healthz").is_some());
    assert_eq!(running.terminate(), Some(0));
    assert!(fs::read_to_string(&log).unwrap().contains("handing over and leaving"));
}

#[test]
fn the_programs_of_a_cluster_ignore_a_hangup_and_end_when_asked_though_no_server_answers() {
    let directory = TempDir::new().unwrap();
    let kubeconfig = directory.path().join("kubeconfig");
    let text = "apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts: [{name: c, context: {cluster: c, user: u}}]\n\
                clusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}]\nusers: [{name: u, user: {}}]\n";
    fs::write(&kubeconfig, text).unwrap();
    for program in ["speaker", "controller"] {
        let (log, port) = (directory.path().join(program), free_port());
        let mut command = clarion();
        command
            .args([program, "--port", "0", "--health-probe-port", &port.to_string()])
            .arg("--kubeconfig")
            .arg(&kubeconfig);
        if program == "speaker" {
            command.args(["--node-name", "n1", "--datapath", "off"]);
        }
        let child = command.stdin(Stdio::null()).stderr(File::create(&log).unwrap()).spawn().unwrap();
        let running = Running(child);
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        eventually("it is healthy", || get(address, "/healthz").is_some_and(|(status, _)| status == 200));
        assert_eq!(get(address, "/readyz").unwrap().0, 503, "{program} has no server");
        running.signal(Signal::SIGHUP);
        eventually("it is logged", || fs::read_to_string(&log).unwrap().contains("SIGHUP is ignored"));
        assert_eq!(running.terminate(), Some(0), "{program}");
    }
}

#[test]
fn a_node_without_a_node_object_is_not_ready_and_says_why() {
    let (manifests, state) = (manifests(), TempDir::new().unwrap());
    let log = state.path().join("log");
    let (_running, address) = standalone(manifests.path(), state.path(), File::create(&log).unwrap().into());
    eventually("it says why", || {
        get(address, "/readyz").is_some_and(|(status, why)| {
            status == 503
                && why == "node nobody has no Node object; check that the node name given to this program is right\n"
        })
    });
    assert!(fs::read_to_string(&log).unwrap().contains("node nobody has no Node object"));
    let (_, status) = get(address, "/status").unwrap();
    assert!(status.contains("node nobody has no Node object"), "{status}");
}
