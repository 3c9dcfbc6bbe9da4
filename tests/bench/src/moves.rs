//! Planned moves: a node is cordoned, a speaker leaves, all speakers are restarted one after the other.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    thread,
    time::{Duration, Instant},
};

use anyhow::Context;
use clarion::demo::{
    network::Mac,
    prober::Prober,
    report::Report,
    watch::{Sightings, Watcher},
};

use crate::{
    Options,
    cluster::{Cluster, Kind, MARGIN},
    figure::{Bounds, Sink, Subject},
    manifests::Families,
    sightings::{overlap, owner},
};

const SERVICES: usize = 10;

/// How often all speakers are restarted, relative to the number of runs.
const ROLLING_SHARE: f64 = 0.4;

/// What the moves of one kind showed.
#[derive(Default)]
struct Tally {
    probes: usize,
    lost: usize,
    retried: usize,
    moved: Vec<Duration>,
    overlap: Duration,
    runs: usize,
    failed: usize,
}

/// Cordons the owner, again and again.
pub(crate) fn drain(options: &Options, sink: Sink<'_>) -> anyhow::Result<()> {
    let mut cluster = start(options, &["--drain-on", "cordon"])?;
    let mut tally = Tally::default();
    for _ in 0..options.runs {
        let result = tally
            .planned(&mut cluster, |cluster, place| cluster.manifests.cordon(cluster.nodes[place].host.name(), true));
        tally.count("drain", result);
        for node in ["n1", "n2", "n3"] {
            cluster.manifests.cordon(node, false)?;
        }
        calm(&mut cluster)?;
    }
    tally.report(&mut Subject::new("drain", "clarion", sink), "");
    Ok(())
}

/// Stops the owner in order, again and again.
pub(crate) fn leave(options: &Options, sink: Sink<'_>) -> anyhow::Result<()> {
    let mut cluster = start(options, &[])?;
    let mut tally = Tally::default();
    for _ in 0..options.runs {
        let result = tally.planned(&mut cluster, |cluster, place| cluster.nodes[place].leave());
        tally.count("leave", result);
        calm(&mut cluster)?;
    }
    tally.report(&mut Subject::new("leave", "clarion", sink), "owner.");
    Ok(())
}

/// Restarts every speaker in order, one after the other, under traffic to several addresses.
pub(crate) fn rolling(options: &Options, sink: Sink<'_>) -> anyhow::Result<()> {
    let mut cluster = start(options, &[])?;
    let mut tally = Tally::default();
    let times = (f64::from(options.runs) * ROLLING_SHARE).ceil() as usize;
    for _ in 0..times {
        let result = tally.restarts(&mut cluster);
        tally.count("rolling restart", result);
        calm(&mut cluster)?;
    }
    tally.report(&mut Subject::new("leave", "clarion", sink), "rolling_restart.");
    Ok(())
}

fn start(options: &Options, arguments: &[&str]) -> anyhow::Result<Cluster> {
    let mut cluster = Cluster::build(options, Kind::Clarion, SERVICES, Families::Both)?.arguments(arguments);
    let all = cluster.vips.clone();
    cluster.start(&all)?;
    Ok(cluster)
}

/// Starts what does not run, and waits for a quiet moment.
fn calm(cluster: &mut Cluster) -> anyhow::Result<()> {
    let all = cluster.vips.clone();
    cluster.start(&all)
}

/// Returns the addresses of the first Services, of both families.
fn followed(cluster: &Cluster, services: usize) -> Vec<IpAddr> {
    let (four, six) = cluster.vips.split_at(SERVICES);
    [&four[..services], &six[..services]].concat()
}

impl Tally {
    /// Moves the first Service's addresses away from their owners by `order`, under traffic.
    fn planned(
        &mut self,
        cluster: &mut Cluster,
        order: impl FnOnce(&mut Cluster, usize) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let vips = followed(cluster, 1);
        let watcher = cluster.newcomer.watch(&vips)?;
        let probers = probe(cluster, &vips)?;
        thread::sleep(MARGIN);
        let before = watcher.so_far();
        let old = owner(&before, vips[0])?;
        // An address of the other family may have another owner, who is not struck.
        let moving: Vec<_> = vips.iter().copied().filter(|vip| before.latest(*vip) == Some(old)).collect();
        let struck = cluster.node_at(old)?;
        for vip in &vips {
            cluster.client.host.forget(*vip, &cluster.client.link)?;
        }
        let ordered = Instant::now();
        let result = order(cluster, struck).and_then(|()| {
            let gone = |sightings: &Sightings, vip: &IpAddr| sightings.latest(*vip).is_some_and(|mac| mac != old);
            cluster.eventually("another node answers", || {
                let sightings = watcher.so_far();
                moving.iter().all(|vip| gone(&sightings, vip))
            })
        });
        thread::sleep(MARGIN);
        self.collect(probers)?;
        let sightings = watcher.stop();
        self.overlap = self.overlap.max(overlap(&sightings, &vips));
        self.moved.extend(moving.iter().filter_map(|vip| moved_after(&sightings, *vip, old, ordered)));
        result
    }

    fn restarts(&mut self, cluster: &mut Cluster) -> anyhow::Result<()> {
        let vips = followed(cluster, 3);
        let probers = probe(cluster, &vips)?;
        let result = (0..cluster.nodes.len()).try_for_each(|place| {
            let watcher = cluster.newcomer.watch(&vips)?;
            thread::sleep(MARGIN);
            let restarted = restart(cluster, place, &watcher);
            thread::sleep(MARGIN);
            self.overlap = self.overlap.max(overlap(&watcher.stop(), &vips));
            restarted
        });
        self.collect(probers)?;
        result
    }

    fn collect(&mut self, probers: BTreeMap<IpAddr, Prober>) -> anyhow::Result<()> {
        for (vip, prober) in probers {
            let report: Report = prober.stop()?;
            if report.lost() > 0 {
                eprintln!("{vip} lost {} of {} probes: {report}", report.lost(), report.sent());
            }
            self.probes += report.sent();
            self.lost += report.lost();
            self.retried += report.tcp.retried();
        }
        Ok(())
    }

    fn count(&mut self, what: &str, result: anyhow::Result<()>) {
        self.runs += 1;
        if let Err(error) = result {
            eprintln!("{what} run {}: {error:#}", self.runs);
            self.failed += 1;
        }
    }

    fn report(&self, subject: &mut Subject<'_>, prefix: &str) {
        let Self { probes, lost, retried, moved, overlap, runs, failed } = self;
        subject.add(&format!("{prefix}lost"), *lost as f64, "probes", *probes, Some(0.0));
        subject.add(&format!("{prefix}tcp_retried"), *retried as f64, "probes", *probes, None);
        let overlap = overlap.as_secs_f64() * 1000.0;
        subject.add(&format!("{prefix}overlap.max"), overlap, "ms", *runs, Some(50.0));
        subject.distribution(&format!("{prefix}moved_after"), moved, Bounds::default());
        subject.add(&format!("{prefix}failed_runs"), *failed as f64, "runs", *runs, Some(0.0));
    }
}

fn restart(cluster: &mut Cluster, place: usize, watcher: &Watcher) -> anyhow::Result<()> {
    cluster.nodes[place].leave()?;
    cluster.start_node(place)?;
    cluster.eventually("the speaker is ready", || cluster.nodes[place].ready())?;
    let vips = followed(cluster, 3);
    let seen = watcher.so_far();
    vips.iter().try_for_each(|vip| owner(&seen, *vip).map(drop))
}

fn probe(cluster: &Cluster, vips: &[IpAddr]) -> anyhow::Result<BTreeMap<IpAddr, Prober>> {
    let start = |vip: &IpAddr| Ok((*vip, Prober::start(&cluster.client.host, *vip).context("cannot probe")?));
    vips.iter().map(start).collect()
}

fn moved_after(sightings: &Sightings, vip: IpAddr, old: Mac, since: Instant) -> Option<Duration> {
    let mut claims = sightings.claims.iter().filter(|(at, claim)| *at >= since && claim.address == vip);
    claims.find(|(_, claim)| claim.mac != old).map(|(at, _)| at.duration_since(since))
}
