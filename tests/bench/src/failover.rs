//! The owner's speaker is killed, its node hangs, its wire is cut, its plug is pulled.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::Context;
use clarion::demo::{prober::Prober, report::waits, watch::Watcher};
use serde::{Deserialize, Serialize};

use crate::{
    Options,
    cluster::{Cluster, Kind, MARGIN, random},
    figure::{Bounds, Sink, Subject},
    manifests::Families,
    sightings::{later_than, longest_after, overlap, owner},
};

/// What befalls the owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Fault {
    /// SIGKILL to the program.
    Kill,
    /// SIGSTOP to the program, and its server stands still.
    Hang,
    /// Frames vanish and the carrier stays.
    Cut,
    /// The carrier is gone.
    Pull,
}

/// What one run showed.
struct Run {
    /// How long the client got no answer.
    gap: Duration,
    /// How long the newcomer asked in vain.
    unanswered: Duration,
    /// How long two nodes answered at once, during the fault or after its repair.
    overlap: Duration,
}

/// How many Services the speakers announce meanwhile.
const SERVICES: usize = 10;

/// How long two nodes may answer at once before a run counts as one with two owners.
const TOLERATED: Duration = Duration::from_millis(50);

impl Fault {
    /// Returns the name of the fault in figures.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Hang => "hang",
            Self::Cut => "cut",
            Self::Pull => "pull",
        }
    }
}

/// Measures every fault.
pub(crate) fn run(options: &Options, kind: Kind, faults: &[Fault], sink: Sink<'_>) -> anyhow::Result<()> {
    let mut cluster = Cluster::build(options, kind, SERVICES, Families::Both)?;
    let vip = cluster.vips[0];
    cluster.start(&[vip])?;
    for fault in faults {
        let mut runs = Vec::new();
        let mut failed = 0;
        for number in 1..=options.runs {
            match strike(&mut cluster, *fault, kind) {
                Ok(run) => runs.push(run),
                Err(error) => {
                    eprintln!("{} {} run {number} of {}: {error:#}", kind.name(), fault.name(), options.runs);
                    failed += 1;
                    start_again(&mut cluster)?;
                }
            }
        }
        report(&mut Subject::new("l2_failover", kind.name(), sink), kind, *fault, &runs, failed);
        eprintln!("{} {}: {} runs", kind.name(), fault.name(), runs.len());
    }
    Ok(())
}

fn start_again(cluster: &mut Cluster) -> anyhow::Result<()> {
    for place in 0..cluster.nodes.len() {
        cluster.nodes[place].kill()?;
        cluster.repair(place)?;
    }
    let vip = cluster.vips[0];
    cluster.start(&[vip]).context("the cluster does not come back")
}

fn report(subject: &mut Subject<'_>, kind: Kind, fault: Fault, runs: &[Run], failed: usize) {
    let n = runs.len();
    // The budgets are those of this project; the peer is there for comparison.
    let ours = |budget| (kind == Kind::Clarion).then_some(budget);
    let bounds = Bounds { p50: ours(350.0), p99: ours(600.0), max: None };
    let fault = fault.name();
    let times = |of: fn(&Run) -> Duration| runs.iter().map(of).collect::<Vec<_>>();
    subject.distribution(&format!("{fault}.client_gap"), &times(|run| run.gap), bounds);
    subject.distribution(&format!("{fault}.unanswered"), &times(|run| run.unanswered), bounds);
    let longest = runs.iter().map(|run| run.overlap).max().unwrap_or_default();
    subject.add(&format!("{fault}.overlap.max"), longest.as_secs_f64() * 1000.0, "ms", n, ours(50.0));
    let double = runs.iter().filter(|run| run.overlap > TOLERATED).count();
    subject.add(&format!("{fault}.runs_with_two_macs"), double as f64, "runs", n, ours(0.0));
    subject.add(&format!("{fault}.failed_runs"), failed as f64, "runs", n + failed, Some(0.0));
}

fn strike(cluster: &mut Cluster, fault: Fault, kind: Kind) -> anyhow::Result<Run> {
    let vip = cluster.vips[0];
    let watcher = cluster.newcomer.watch(&[vip])?;
    // What the last repair left in the cache belongs to no fault.
    cluster.client.host.forget(vip, &cluster.client.link)?;
    let prober = Prober::start(&cluster.client.host, vip)?;
    let observed = observe(cluster, fault, kind, &watcher, &prober);
    // Waits for answers to lost probes, which nothing here depends on.
    thread::spawn(move || prober.stop());
    let (run, struck) = observed?;

    let repaired = Instant::now();
    cluster.repair(struck)?;
    cluster.settle(&watcher, &[vip], repaired)?;
    let after = later_than(&watcher.stop(), repaired);
    Ok(Run { overlap: run.overlap.max(overlap(&after, &[vip])), ..run })
}

fn observe(
    cluster: &mut Cluster,
    fault: Fault,
    kind: Kind,
    watcher: &Watcher,
    prober: &Prober,
) -> anyhow::Result<(Run, usize)> {
    let vip = cluster.vips[0];
    thread::sleep(MARGIN + random(kind.interval()));
    let old = owner(&watcher.so_far(), vip)?;
    let struck = cluster.node_at(old)?;
    // A stale entry for another node would hide an outage.
    cluster.client.host.forget(vip, &cluster.client.link)?;
    let fault_at = Instant::now();
    let node = &mut cluster.nodes[struck];
    match fault {
        Fault::Kill => node.kill()?,
        Fault::Hang => node.hang()?,
        Fault::Cut => node.link.cut()?,
        Fault::Pull => node.link.pull()?,
    }
    // The old owner may go on answering next to the new one, so who answered last says nothing.
    let taken_over = || later_than(&watcher.so_far(), fault_at).macs(vip).iter().any(|mac| *mac != old);
    cluster.eventually("another node answers", taken_over)?;
    thread::sleep(MARGIN);
    let report = prober.so_far();
    let sightings = watcher.so_far();
    let both = [report.udp.gaps(), report.tcp.gaps()].concat();
    let gap = longest_after(both, fault_at).context("the prober asked nothing")?;
    let asked = sightings.asked.get(&vip).context("the newcomer asked nothing")?;
    let answers = sightings.claims.iter().filter(|(_, claim)| claim.address == vip && claim.solicited);
    let silences = waits(asked, answers.map(|(at, _)| *at).collect());
    let unanswered = longest_after(silences, fault_at).context("the newcomer asked nothing")?;
    Ok((Run { gap, unanswered, overlap: overlap(&sightings, &[vip]) }, struck))
}
