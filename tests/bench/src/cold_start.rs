//! All speakers start at once with nothing remembered.

use std::{
    net::{IpAddr, Ipv4Addr},
    thread,
    time::{Duration, Instant},
};

use anyhow::Context;

use crate::{
    Options,
    cluster::{Cluster, Kind, Node},
    figure::{Bounds, Sink, Subject},
    manifests::Families,
    process::Activity,
    wire::Asker,
};

/// How long a start may take before it has failed.
const PATIENCE: Duration = Duration::from_secs(120);

/// Measures starts with so many addresses.
pub(crate) fn run(options: &Options, vips: usize, sink: Sink<'_>) -> anyhow::Result<()> {
    let mut cluster = Cluster::build(options, Kind::Clarion, vips, Families::Four)?;
    let all: Vec<_> =
        cluster.vips.iter().filter_map(|vip| if let IpAddr::V4(four) = vip { Some(*four) } else { None }).collect();
    let times = if vips > 1000 { 3 } else { 10 };
    let mut answered = Vec::new();
    let mut busy = Vec::new();
    let mut most = 0;
    let mut failed = 0;
    for _ in 0..times {
        match start(&mut cluster, &all) {
            Ok((time, processor)) => {
                answered.push(time);
                busy.push(processor);
                most = most.max(cluster.nodes.iter().map(owned).max().unwrap_or_default());
            }
            Err(error) => {
                eprintln!("cold start with {vips} addresses: {error:#}");
                failed += 1;
            }
        }
        for node in &mut cluster.nodes {
            node.kill()?;
            node.forget_state()?;
        }
        thread::sleep(Duration::from_millis(200));
    }
    let mut subject = Subject::new("cold_start", &format!("clarion, {vips} addresses, 3 nodes"), sink);
    let bounds = Bounds { max: Some(1000.0), ..Bounds::default() };
    subject.distribution("all_answered", &answered, bounds);
    subject.distribution("cpu_per_speaker", &busy, Bounds::default());
    subject.add("owned_by_one_node.max", most as f64, "VIPs", answered.len(), None);
    subject.add("failed_runs", f64::from(failed), "runs", answered.len() + failed as usize, Some(0.0));
    Ok(())
}

/// Returns for how many addresses the node says it answers.
fn owned(node: &Node) -> usize {
    node.metrics().map(|metrics| metrics.series("metallb_speaker_announced").count()).unwrap_or_default()
}

/// Starts three speakers and returns when the last address was answered after the last start, and the busiest speaker's processor time.
fn start(cluster: &mut Cluster, all: &[Ipv4Addr]) -> anyhow::Result<(Duration, Duration)> {
    for place in 0..cluster.nodes.len() {
        cluster.start_node(place)?;
    }
    let started = Instant::now();
    let asker = Asker::open(&cluster.newcomer)?;
    let seen = asker.first_claims(all, PATIENCE).with_context(|| cluster.logs())?;
    let last = seen.values().max().context("there are addresses")?;
    let mut busiest = Duration::ZERO;
    for node in &cluster.nodes {
        let speaker = node.speaker().context("the node runs a speaker")?;
        busiest = busiest.max(Activity::of(speaker.id())?.busy);
    }
    Ok((last.saturating_duration_since(started), busiest))
}
