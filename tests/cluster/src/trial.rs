//! A cluster under test: Clarion, pods that probers ask, and eyes on what an event costs.

use std::{
    env, fs,
    net::IpAddr,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::ensure;
use clarion::demo::{
    prober::Prober,
    report::Report,
    watch::{Sightings, Watcher},
};

use crate::{Cluster, Mode, Settings, abandoned, eventually, requirements, stage::SOON};

/// How long the eyes are open before an event and after it.
const MARGIN: Duration = Duration::from_millis(500);

/// How long two nodes may answer in a planned move: twice what is promised.
const HANDOVER: Duration = Duration::from_millis(100);

/// How many nodes a cluster under test has.
const NODES: u8 = 3;

/// A cluster with Clarion on it and a Service of both families, `shop/echo`.
#[derive(Debug)]
pub struct Trial {
    /// The cluster.
    pub cluster: Cluster,
    /// The addresses of the Service, IPv4 first.
    pub vips: Vec<IpAddr>,
    start: Instant,
}

/// What one event did to one address.
#[derive(Debug)]
pub struct Seen {
    vip: IpAddr,
    /// What the client saw.
    pub report: Report,
    /// What the newcomer saw.
    pub sightings: Sightings,
}

impl Trial {
    /// Starts everything for the test named, or prints why this machine cannot have it and returns nothing.
    ///
    /// # Panics
    ///
    /// When the machine has what it needs, and yet the cluster does not start; with `CI=true` also when the machine has not.
    #[expect(clippy::print_stderr, reason = "a skipped test must say so in its output")]
    pub fn start(test: &str, proxy: Mode) -> Option<Self> {
        let directory = directory();
        let images = env::var_os("CLARION_IMAGES").map_or_else(|| directory.join("images"), PathBuf::from);
        if let Err(error) = requirements::check(&images) {
            let required = env::var_os("CI").is_some_and(|value| value == "true");
            assert!(!required, "the cluster is required and impossible: {error:#}");
            eprintln!("skipped: {error:#}");
            return None;
        }
        let settings = Settings { images, logs: directory.join(test), nodes: NODES, proxy };
        Some(Self::begin(settings).expect("the cluster starts"))
    }

    fn begin(settings: Settings) -> anyhow::Result<Self> {
        let start = Instant::now();
        let cluster = Cluster::start(settings, |step| tell(start, step))?;
        let mut trial = Self { cluster, vips: Vec::new(), start };
        trial.furnish().inspect_err(|_| trial.keep_evidence())?;
        trial.tell("Clarion serves shop/echo");
        Ok(trial)
    }

    fn furnish(&mut self) -> anyhow::Result<()> {
        let cluster = &self.cluster;
        for file in ["namespaces.yaml", "pools.yaml"] {
            // The definitions come with Clarion, and what follows needs them.
            if file == "pools.yaml" {
                cluster.install()?;
            }
            cluster.example(file)?;
        }
        let template = include_str!("../manifests/echo.yaml");
        for node in &cluster.nodes {
            cluster.apply(&template.replace("NAME", node.name()))?;
        }
        cluster.manifest("echo-service.yaml")?;
        self.vips = cluster.addresses("shop", "echo", 2)?;
        for node in &cluster.nodes {
            cluster.wait_rollout("shop", &format!("daemonset/echo-{}", node.name()))?;
        }
        cluster.wait_until_reached(&self.vips).map(drop)
    }

    /// Writes what the API server knows beside the logs.
    fn keep_evidence(&self) {
        for objects in ["pods", "services", "nodes", "events"] {
            let known = self.cluster.kubectl(&["get", objects, "--all-namespaces", "--output=wide"]);
            // The test has failed already; a second failure here would hide the first.
            let known = known.unwrap_or_else(|error| format!("{error:#}\n"));
            drop(fs::write(self.cluster.logs().join(format!("{objects}.txt")), known));
        }
    }

    /// Says in the test's output what comes next, and when.
    pub fn tell(&self, step: &str) {
        tell(self.start, step);
    }

    /// Makes the pod of one node the only one behind the Service, or those of all nodes.
    pub fn serve_from(&self, node: Option<usize>) -> anyhow::Result<()> {
        let cluster = &self.cluster;
        let name = node.map_or_else(|| "null".to_owned(), |node| format!("\"{}\"", cluster.nodes[node].name()));
        let patch = format!("{{\"spec\": {{\"selector\": {{\"node\": {name}}}}}}}");
        cluster.kubectl(&["--namespace", "shop", "patch", "service", "echo", "--type=merge", "--patch", &patch])?;
        let expected = node.map(|node| cluster.nodes[node].name());
        eventually(SOON, "the pods behind the Service have changed", || {
            let pages: Vec<_> = (0..12).filter_map(|_| cluster.client.page(self.vips[0])).collect();
            let from = |name: &str| pages.iter().filter(|page| page.contains(&format!(" {name} "))).count();
            match expected {
                Some(name) => from(name) == 12,
                None => cluster.nodes.iter().filter(|node| from(node.name()) > 0).count() > 1,
            }
        })?;
        Ok(())
    }

    /// Starts to watch every address from the client and as a newcomer.
    pub fn open_eyes(&self) -> anyhow::Result<Vec<Eyes>> {
        let eyes = self.vips.iter().map(|vip| Eyes::open(&self.cluster, *vip)).collect();
        thread::sleep(MARGIN);
        eyes
    }

    /// Ends [`Trial::open_eyes`].
    pub fn close_eyes(&self, eyes: Vec<Eyes>) -> anyhow::Result<Vec<Seen>> {
        thread::sleep(MARGIN);
        eyes.into_iter().map(Eyes::close).collect()
    }

    /// Watches every address from the client and as a newcomer while `event` happens.
    pub fn observe(&self, event: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<Vec<Seen>> {
        let eyes = self.open_eyes()?;
        event()?;
        self.close_eyes(eyes)
    }

    /// Does as [`Trial::lose_nothing`] while every node that its speaker leaves forwards nothing more, and asserts that this befell
    /// `nodes` of them at least.
    pub fn lose_nothing_at(
        &self,
        nodes: usize,
        what: &str,
        event: impl FnOnce() -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        self.lose_nothing(what, || {
            let (outcome, times) = abandoned::during(&self.cluster.nodes, &self.vips, event);
            outcome?;
            ensure!(times >= nodes, "{what}: {times} nodes were left by their speakers, and not {nodes}");
            Ok(())
        })
    }

    /// Watches as [`Trial::observe`] does, and asserts that no probe was lost, that every question of a newcomer was answered, and that
    /// two nodes never answered for longer than a handover takes.
    pub fn lose_nothing(&self, what: &str, event: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
        let begin = Instant::now();
        for seen in self.observe(event)? {
            self.tell(&format!("{what}, {}: {}", seen.vip, seen.summary()));
            ensure!(seen.report.interrupted() == 0, "{what}: {} lost probes\n{}", seen.vip, seen.report);
            seen.ensure_one_owner(what)?;
        }
        self.tell(&format!("{what}: took {:.1} s", begin.elapsed().as_secs_f64()));
        Ok(())
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        if thread::panicking() {
            self.keep_evidence();
        }
    }
}

impl Seen {
    /// Returns the longest time for which the newcomer asked and got no answer.
    pub fn silence(&self) -> Duration {
        self.sightings.longest_silence(self.vip).map_or(Duration::MAX, |gap| gap.length)
    }

    /// Returns the longest time for which the client asked and got no answer.
    pub fn gap(&self) -> Duration {
        self.report.longest_gap().map_or(Duration::MAX, |gap| gap.length)
    }

    /// Ensures that the newcomer was answered each time, by one node but for handovers.
    pub fn ensure_one_owner(&self, what: &str) -> anyhow::Result<()> {
        let Self { vip, sightings, .. } = self;
        let unanswered = sightings.unanswered(*vip).len();
        ensure!(
            unanswered == 0,
            "{what}: {unanswered} questions for {vip} had no answer, for up to {:?}",
            self.silence()
        );
        let windows = sightings.windows(*vip, HANDOVER);
        let longest = windows.split(|window| window.macs.len() == 1).map(<[_]>::len).max().unwrap_or_default();
        // A handover may fall into two stretches of time.
        ensure!(longest <= 2, "{what}: two nodes answered for {vip} in {longest} stretches of {HANDOVER:?}");
        Ok(())
    }

    /// Returns one line for the test's output.
    pub fn summary(&self) -> String {
        format!(
            "{} of {} probes lost, {} connections made twice, longest gap {:.0?}, longest silence for a newcomer {:.0?}",
            self.report.lost(),
            self.report.sent(),
            self.report.tcp.retried(),
            self.gap(),
            self.silence(),
        )
    }
}

/// A prober and a newcomer who ask for one address.
#[derive(Debug)]
pub struct Eyes {
    vip: IpAddr,
    prober: Prober,
    watcher: Watcher,
}

impl Eyes {
    fn open(cluster: &Cluster, vip: IpAddr) -> anyhow::Result<Self> {
        let watcher = Watcher::newcomer(&cluster.newcomer.host, &cluster.newcomer.link, &[vip])?;
        Ok(Self { vip, prober: Prober::start(&cluster.client.host, vip)?, watcher })
    }

    fn close(self) -> anyhow::Result<Seen> {
        Ok(Seen { vip: self.vip, report: self.prober.stop()?, sightings: self.watcher.stop() })
    }
}

#[expect(clippy::print_stderr, reason = "a test of minutes tells where it is")]
fn tell(start: Instant, step: &str) {
    eprintln!("{:6.1} s  {step}", start.elapsed().as_secs_f64());
}

/// Returns `cluster` in cargo's target directory, found from the test binary in its `PROFILE/deps`.
fn directory() -> PathBuf {
    let binary = env::current_exe().expect("a running program has a path");
    let target = binary.ancestors().nth(3).expect("test binaries are three levels below the target directory");
    Path::new(target).join("cluster")
}
