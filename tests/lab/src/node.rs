//! A node of the lab, its speaker and the faults that can befall both.

use std::{
    env, fs,
    net::IpAddr,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use clarion::demo::{
    network::{Host, Link, Mac},
    server::Server,
    speaker::{Settings, Speaker},
    status::Status,
};

use crate::{VIPS_V4, VIPS_V6, target_directory, traffic::filter};

/// How long a speaker may take to give a page, on a machine that does much else.
const ANSWER: Duration = Duration::from_secs(20);

/// How old a page of metrics may be: a speaker makes it once a second, however often it is asked for.
const METRICS_AGE: Duration = Duration::from_millis(1_050);

/// How long an orderly stop may take.
const STOP: Duration = Duration::from_secs(5);

/// A machine that serves Services and may run a speaker.
#[derive(Debug)]
pub struct Node {
    /// The machine.
    pub host: Host,
    /// Its cable to the switch.
    pub link: Link,
    server: Server,
    speaker: Option<Speaker>,
    directory: PathBuf,
}

/// A speaker about to start.
#[derive(Debug)]
pub struct SpeakerStart<'a> {
    node: &'a mut Node,
    settings: Settings,
}

impl Node {
    pub(crate) fn new(host: Host, link: Link, directory: PathBuf) -> anyhow::Result<Self> {
        host.serve_locally(&[VIPS_V4.parse()?, VIPS_V6.parse()?])?;
        let server = Server::start(&host, &[80])?;
        Ok(Self { host, link, server, speaker: None, directory })
    }

    /// Returns the Ethernet address by which the node announces.
    pub fn mac(&self) -> Mac {
        self.link.mac
    }

    /// Kills the speaker; the server goes on.
    pub fn kill(&mut self) {
        self.speaker_mut().kill().expect("a running speaker can be killed");
    }

    /// Stops the speaker in its tracks; the server goes on.
    pub fn hang_speaker(&self) {
        self.speaker().hang().expect("a running speaker can be stopped");
    }

    /// Stops speaker and server in their tracks, as a machine that hangs but keeps its carrier.
    pub fn hang(&self) {
        if let Some(speaker) = &self.speaker {
            speaker.hang().expect("a running speaker can be stopped");
        }
        self.server.pause();
    }

    /// Ends [`Node::hang`] and [`Node::hang_speaker`].
    pub fn resume(&self) {
        self.server.resume();
        if let Some(speaker) = &self.speaker {
            speaker.resume().expect("a stopped speaker can be continued");
        }
    }

    /// Drops every frame from and to the node without its noticing.
    pub fn cut(&self) {
        self.link.cut().expect("a cable can be cut");
    }

    /// Takes the node's carrier away.
    pub fn pull(&self) {
        self.link.pull().expect("a cable can be pulled");
    }

    /// Ends [`Node::cut`] and [`Node::pull`].
    pub fn heal(&self) {
        self.link.heal().expect("a cable can be healed");
    }

    /// Drops heartbeats that arrive, as a firewall does that was not told of them; all else passes.
    pub fn refuse_heartbeats(&self) {
        filter(
            &self.host,
            "add table inet lab; add chain inet lab input { type filter hook input priority 0; }; \
             add rule inet lab input udp dport 7473 drop",
        );
    }

    /// Ends [`Node::refuse_heartbeats`].
    pub fn allow_heartbeats(&self) {
        filter(&self.host, "delete table inet lab");
    }

    /// Stops the speaker in order.
    pub fn leave(&mut self) {
        let status = self.speaker_mut().leave(STOP).expect("a speaker stops in time");
        assert!(status.success(), "the speaker on {} ended with {status}", self.host.name());
    }

    /// Asks the speaker for its status; nothing if it does not answer.
    pub fn status(&self) -> Option<Status> {
        self.speaker.as_ref()?.status(&self.host).ok()
    }

    /// Returns whether the speaker says that it answers for `vip`.
    pub fn owns(&self, vip: IpAddr) -> bool {
        self.status().is_some_and(|status| status.owns(vip))
    }

    /// Returns the sum of a metric's samples whose labels contain every one of `labels`, written as `name="value"`, as it is after the
    /// call: a page may be a second old.
    ///
    /// # Panics
    ///
    /// When the speaker gives no metrics for a long time.
    pub fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        thread::sleep(METRICS_AGE);
        let start = Instant::now();
        loop {
            if let Some(sum) = self.try_metric(name, labels) {
                return sum;
            }
            assert!(start.elapsed() < ANSWER, "the speaker on {} gives no metrics", self.host.name());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Returns the same as it was within the last second, or nothing if the speaker gives no metrics at the moment: for what is
    /// waited for.
    pub fn try_metric(&self, name: &str, labels: &[&str]) -> Option<f64> {
        let text = self.speaker().page(&self.host, "/metrics").ok()?;
        let samples = text.lines().filter(|line| line.split(['{', ' ']).next() == Some(name));
        let matching = samples.filter(|line| labels.iter().all(|label| line.contains(label)));
        Some(matching.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum())
    }

    /// Returns the memory that the speaker has in use, in KiB.
    pub fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.speaker().id())).expect("the speaker runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux counts it");
        line.split_whitespace().next().and_then(|number| number.parse().ok()).expect("a number of KiB")
    }

    /// Returns how many files and sockets the speaker has open.
    pub fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.speaker().id())).expect("the speaker runs").count()
    }

    /// Returns what the speaker has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.speaker().log()).expect("a speaker has a log")
    }

    /// Returns the first fault in the speaker's status that contains `text`.
    pub fn fault(&self, text: &str) -> Option<String> {
        self.status()?.faults.into_iter().find(|fault| fault.contains(text))
    }

    /// Returns how many times the speaker of this node has let an address go so far.
    ///
    /// A gap between two owners may be too short for any client, and is a gap.
    ///
    /// # Panics
    ///
    /// When it let one go for another reason than that it had received the claim of a successor, who has announced the address before.
    pub fn handed_over(&self) -> usize {
        let log = fs::read_to_string(self.speaker().log()).expect("the speaker writes a log");
        let releases: Vec<_> = log.lines().filter(|line| line.contains("no longer announcing")).collect();
        let early: Vec<_> = releases.iter().filter(|line| !line.ends_with("why=handed_over")).collect();
        assert!(early.is_empty(), "{} did not wait for a successor: {early:?}", self.host.name());
        releases.len()
    }

    /// Returns the addresses of a Service in the namespace `shop`.
    pub fn addresses(&self, service: &str) -> Vec<IpAddr> {
        let services = self.status().map(|status| status.services).unwrap_or_default();
        services.into_iter().find(|known| known.name == service).map(|known| known.ips).unwrap_or_default()
    }

    /// Returns the speaker's process.
    pub fn speaker(&self) -> &Speaker {
        self.speaker.as_ref().expect("the test starts a speaker before it uses it")
    }

    fn speaker_mut(&mut self) -> &mut Speaker {
        self.speaker.as_mut().expect("the test starts a speaker before it uses it")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // The speaker dies with its node, so its last words are asked for here.
        if thread::panicking()
            && let Some(speaker) = &self.speaker
        {
            let words = speaker.page(&self.host, "/status").unwrap_or_else(|error| format!("{error:#}\n"));
            drop(fs::write(self.directory.join("status.json"), words));
        }
    }
}

impl<'a> SpeakerStart<'a> {
    pub(crate) fn new(node: &'a mut Node, manifests: &Path) -> Self {
        let directory = node.directory.clone();
        let manifests = manifests.to_owned();
        let settings = Settings { binary: binary(), manifests, directory, node: None, arguments: Vec::new() };
        Self { node, settings }
    }

    /// Adds arguments for `clarion standalone`.
    pub fn arguments(mut self, arguments: &[&str]) -> Self {
        self.settings.arguments.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        self
    }

    /// Starts it under the name of this node in place of the host's.
    pub fn named(mut self, node: &str) -> Self {
        self.settings.node = Some(node.to_owned());
        self
    }

    /// Starts this program in place of the one under test.
    pub fn binary(mut self, binary: PathBuf) -> Self {
        self.settings.binary = binary;
        self
    }

    /// Starts the speaker, in place of one that ran before; its state directory stays.
    pub fn start(self) {
        self.node.speaker = None;
        self.node.speaker = Some(Speaker::start(&self.node.host, &self.settings).expect("the speaker can be started"));
    }
}

/// Returns the `clarion` binary under test: `CLARION_BIN`, or the one beside the tests.
pub fn binary() -> PathBuf {
    if let Some(path) = env::var_os("CLARION_BIN") {
        return path.into();
    }
    let tests = env::current_exe().expect("a running program has a path");
    let profile = tests.ancestors().nth(2).unwrap_or(&target_directory()).to_owned();
    let binary = profile.join("clarion");
    assert!(binary.exists(), "{} is missing; build it with `cargo build -p clarion`", binary.display());
    binary
}
