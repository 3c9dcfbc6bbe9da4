//! Every core has four times the work it can do, and no speaker may take that for a death.
//!
//! The speakers have the shares of a pod with the chart's request, and each of the busy neighbours those of a pod that requests a
//! whole processor.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::Context;
use clarion::demo::prober::Prober;
use lab::shares::{self, Busy, Shares};

use crate::{
    Options,
    cluster::{Cluster, Kind, MARGIN, Node},
    figure::{Sink, Subject},
    manifests::Families,
    routed::Router,
    sightings::{macs, overlap},
};

const SERVICES: usize = 10;

/// The interval of BFD with a router, at its default.
const INTERVAL: Duration = Duration::from_millis(300);

/// How many busy loops there are for each core.
const LOOPS_PER_CORE: usize = 4;

/// What the chart requests for a speaker, in thousandths of a processor.
const SPEAKER: u64 = 100;

/// What a busy neighbour requests.
const NEIGHBOUR: u64 = 1000;

/// What the speakers counted so far, together.
struct Counts {
    moves: f64,
    pauses: f64,
    conflicts: f64,
    bfd_downs: f64,
    lost: usize,
}

/// Measures for as long as the options say.
pub(crate) fn run(options: &Options, sink: Sink<'_>) -> anyhow::Result<()> {
    let mut cluster = Cluster::build(options, Kind::Clarion, SERVICES, Families::Both)?;
    let all = cluster.vips.clone();
    let router = Router::start(options, &cluster, INTERVAL)?;
    cluster.start(&all)?;
    let followed = [all[0]];
    router.settle(&cluster, followed[0], cluster.nodes.len())?;
    let before = Counts::of(&cluster)?;
    let watcher = cluster.newcomer.watch(&followed)?;
    let prober = Prober::start(&cluster.client.host, followed[0])?;

    let begun = Instant::now();
    let cores = thread::available_parallelism()?.get();
    let mut groups = Shares::new(shares::ALONE)?;
    for node in &cluster.nodes {
        let speaker = node.speaker().context("every node has a speaker")?;
        groups.add(node.host.name(), SPEAKER, speaker.id())?;
    }
    let loops = (0..LOOPS_PER_CORE * cores).map(|_| Busy::start()).collect::<anyhow::Result<Vec<_>>>()?;
    for (number, busy) in (1..).zip(&loops) {
        groups.add(&format!("neighbour-{number}"), NEIGHBOUR, busy.id())?;
    }
    thread::sleep(Duration::from_secs(60 * options.starvation_minutes));
    let busy = loops.len();
    drop(loops);
    drop(groups);
    thread::sleep(2 * MARGIN);

    let report = prober.stop()?;
    let sightings = watcher.stop();
    let after = Counts::of(&cluster)?;
    let minutes = options.starvation_minutes;
    let name =
        format!("clarion with {SPEAKER}m, {busy} busy loops with {NEIGHBOUR}m on {cores} cores for {minutes} min");
    let n = cluster.nodes.len();
    let mut subject = Subject::new("starvation", &name, sink);
    subject.add("owner_changes", after.moves - before.moves, "moves", n, Some(0.0));
    subject.add("members_lost", (after.lost - before.lost) as f64, "events", n, Some(0.0));
    subject.add("conflicts", after.conflicts - before.conflicts, "claims", n, Some(0.0));
    subject.add("bfd_downs", after.bfd_downs - before.bfd_downs, "events", n, Some(0.0));
    let rerouted = router.changes(begun).iter().filter(|change| change.concerns(followed[0])).count();
    subject.add("routes_changed", rerouted as f64, "changes", 1, Some(0.0));
    subject.add("pauses", after.pauses - before.pauses, "events", n, None);
    subject.add("nodes_that_answered", macs(&sightings, &followed).len() as f64, "nodes", 1, Some(1.0));
    subject.add("overlap.max", overlap(&sightings, &followed).as_secs_f64() * 1000.0, "ms", 1, Some(50.0));
    let silence = sightings.longest_silence(followed[0]).context("the newcomer asked nothing")?.length;
    subject.add("unanswered.max", silence.as_secs_f64() * 1000.0, "ms", 1, None);
    subject.add("lost", report.lost() as f64, "probes", report.sent(), None);
    Ok(())
}

impl Counts {
    fn of(cluster: &Cluster) -> anyhow::Result<Self> {
        let pages = cluster.nodes.iter().map(Node::metrics).collect::<anyhow::Result<Vec<_>>>()?;
        let sum = |metric: &str| -> anyhow::Result<f64> { pages.iter().map(|page| page.sum(metric)).sum() };
        // The gauge of lost members forgets those that came back, the log does not.
        let lost = cluster.nodes.iter().map(|node| node.log().matches("speaker is lost").count()).sum();
        Ok(Self {
            moves: sum("clarion_members_moves_total")?,
            pauses: sum("clarion_members_pauses_total")?,
            conflicts: sum("clarion_members_conflicts_total")?,
            bfd_downs: sum("metallb_bfd_session_down_events")?,
            lost,
        })
    }
}
