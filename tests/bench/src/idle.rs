//! What speakers cost when nothing happens.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use anyhow::Context;

use crate::{
    Options,
    cluster::{Cluster, Kind, Node, PATIENCE},
    figure::{Sink, Subject},
    manifests::Families,
    process::{Activity, Memory},
    wire::Asker,
};

/// How long nothing happens.
const MINUTE: Duration = Duration::from_secs(60);

/// How long announcements and exchanges of a start go on at most, beyond which the speakers are idle.
const AFTERMATH: Duration = Duration::from_secs(15);

/// What a node had sent and done at one moment.
struct Reading {
    activity: Activity,
    heartbeats: f64,
    bytes: u64,
    at: Instant,
}

/// Measures three speakers with so many Services for a minute.
pub(crate) fn run(options: &Options, services: usize, sink: Sink<'_>) -> anyhow::Result<()> {
    let families = if services > 1000 { Families::Four } else { Families::Both };
    let mut cluster = Cluster::build(options, Kind::Clarion, services, families)?;
    let vip = cluster.vips[0];
    cluster.start(&[vip])?;
    let all: Vec<_> = cluster
        .vips
        .iter()
        .filter_map(|vip| if let std::net::IpAddr::V4(four) = vip { Some(*four) } else { None })
        .collect();
    Asker::open(&cluster.newcomer)?.first_claims(&all, PATIENCE)?;
    thread::sleep(AFTERMATH);

    let before: Vec<_> = cluster.nodes.iter().map(Reading::of).collect::<anyhow::Result<_>>()?;
    thread::sleep(MINUTE);
    let after: Vec<_> = cluster.nodes.iter().map(Reading::of).collect::<anyhow::Result<_>>()?;
    let memory = cluster.nodes.iter().map(|node| Memory::of(id(node)?)).collect::<anyhow::Result<Vec<_>>>()?;

    let budget = if services <= 10 { 12.0 } else { 64.0 };
    let n = cluster.nodes.len();
    let most = |values: Vec<f64>| values.into_iter().fold(0.0, f64::max);
    let memory_of = |of: fn(&Memory) -> f64| most(memory.iter().map(of).collect());
    let rate = |of: fn(&Reading, &Reading) -> f64| {
        let rates = before
            .iter()
            .zip(&after)
            .map(|(before, after)| of(before, after) / after.at.duration_since(before.at).as_secs_f64());
        most(rates.collect())
    };
    // The worst of the three speakers counts.
    let mut subject = Subject::new("idle", &format!("clarion, {services} Services, 3 nodes"), sink);
    subject.add("rss.max", memory_of(|memory| memory.resident), "MiB", n, Some(budget));
    subject.add("rss.peak", memory_of(|memory| memory.peak), "MiB", n, None);
    subject.add("pss.max", memory_of(|memory| memory.proportional), "MiB", n, None);
    let busy = rate(|before, after| after.activity.since(before.activity).busy.as_secs_f64() * 1000.0);
    subject.add("cpu", busy * MINUTE.as_secs_f64(), "ms/min", n, None);
    let wakeups = rate(|before, after| after.activity.since(before.activity).wakeups as f64);
    subject.add("wakeups", wakeups, "1/s", n, None);
    let heartbeats = rate(|before, after| after.heartbeats - before.heartbeats);
    subject.add("heartbeats", heartbeats, "1/s", n, None);
    let bytes = rate(|before, after| after.bytes.saturating_sub(before.bytes) as f64);
    subject.add("sent", bytes, "bytes/s", n, None);
    Ok(())
}

impl Reading {
    fn of(node: &Node) -> anyhow::Result<Self> {
        // The page costs the speaker something, so it comes before the first and before the last reading alike.
        let heartbeats = node.metric("clarion_heartbeats_sent_total")?;
        Ok(Self { activity: Activity::of(id(node)?)?, heartbeats, bytes: sent(node)?, at: Instant::now() })
    }
}

fn id(node: &Node) -> anyhow::Result<u32> {
    Ok(node.speaker().context("the node runs a speaker")?.id())
}

/// Returns how many bytes the node's interface has sent.
fn sent(node: &Node) -> anyhow::Result<u64> {
    let text = node.host.run(|| fs::read_to_string("/proc/thread-self/net/dev"))?;
    let line = text.lines().find_map(|line| line.trim_start().strip_prefix("eth0:")).context("no eth0")?;
    line.split_whitespace().nth(8).and_then(|bytes| bytes.parse().ok()).context("the ninth column is bytes sent")
}
