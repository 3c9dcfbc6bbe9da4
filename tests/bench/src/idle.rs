//! What speakers cost when nothing happens.

use std::{
    fs,
    net::IpAddr,
    thread,
    time::{Duration, Instant},
};

use anyhow::Context;

use crate::{
    Options,
    cluster::{Cluster, Kind, Metrics, Node, PATIENCE},
    figure::{Sink, Subject},
    manifests::Families,
    process::{Activity, Memory},
    wire::Asker,
};

/// How long nothing happens.
const MINUTE: Duration = Duration::from_secs(60);

/// How long exchanges of a start go on at most, beyond which the speakers are idle.
const AFTERMATH: Duration = Duration::from_secs(20);

/// How long the announcements of a takeover go on for each address, where one node takes all of them.
const AFTERMATH_PER_SERVICE: Duration = Duration::from_millis(10);

/// What a node had done and sent at one moment.
struct Reading {
    activity: Activity,
    bytes: u64,
    at: Instant,
}

/// What happened on one node in the minute, and what its speaker had in memory then.
struct Minute {
    activity: Activity,
    bytes: u64,
    heartbeats: f64,
    moves: f64,
    seconds: f64,
    memory: Memory,
}

/// Measures three speakers with so many Services for a minute.
pub(crate) fn run(options: &Options, services: usize, sink: Sink<'_>) -> anyhow::Result<()> {
    let families = if services > 1000 { Families::Four } else { Families::Both };
    let mut cluster = Cluster::build(options, Kind::Clarion, services, families)?;
    let vip = cluster.vips[0];
    cluster.start(&[vip])?;
    let four = |vip: &IpAddr| if let IpAddr::V4(four) = vip { Some(*four) } else { None };
    let all: Vec<_> = cluster.vips.iter().filter_map(four).collect();
    Asker::open(&cluster.newcomer)?.first_claims(&all, PATIENCE)?;
    thread::sleep(AFTERMATH + AFTERMATH_PER_SERVICE * u32::try_from(services)?);

    // A page of metrics costs the speaker something, so both are asked for outside of the minute.
    let nodes = &cluster.nodes;
    let pages = nodes.iter().map(Node::metrics).collect::<anyhow::Result<Vec<_>>>()?;
    let before = nodes.iter().map(Reading::of).collect::<anyhow::Result<Vec<_>>>()?;
    thread::sleep(MINUTE);
    let after = nodes.iter().map(Reading::of).collect::<anyhow::Result<Vec<_>>>()?;
    let readings = before.iter().zip(&after).zip(&pages);
    let minutes: Vec<_> = readings
        .zip(nodes)
        .map(|(((before, after), page), node)| Minute::between(before, after, page, node))
        .collect::<anyhow::Result<_>>()?;
    let mut subject = Subject::new("idle", &format!("clarion, {services} Services, 3 nodes"), sink);
    report(&mut subject, &minutes, if services <= 10 { 12.0 } else { 64.0 });
    Ok(())
}

/// Tells the worst of the speakers in each respect.
fn report(subject: &mut Subject<'_>, minutes: &[Minute], budget: f64) {
    let n = minutes.len();
    let most = |of: fn(&Minute) -> f64| minutes.iter().map(of).fold(0.0, f64::max);
    subject.add("rss.max", most(|minute| minute.memory.resident), "MiB", n, Some(budget));
    subject.add("rss.peak", most(|minute| minute.memory.peak), "MiB", n, None);
    subject.add("pss.max", most(|minute| minute.memory.proportional), "MiB", n, None);
    let busy = most(|minute| minute.activity.busy.as_secs_f64() / minute.seconds);
    subject.add("cpu", busy * 60.0 * 1000.0, "ms/min", n, None);
    subject.add("wakeups", most(|minute| minute.activity.wakeups as f64 / minute.seconds), "1/s", n, None);
    subject.add("heartbeats", most(|minute| minute.heartbeats / minute.seconds), "1/s", n, None);
    subject.add("sent", most(|minute| minute.bytes as f64 / minute.seconds), "bytes/s", n, None);
    subject.add("owner_changes", most(|minute| minute.moves), "moves", n, Some(0.0));
}

impl Reading {
    fn of(node: &Node) -> anyhow::Result<Self> {
        Ok(Self { activity: Activity::of(id(node)?)?, bytes: sent(node)?, at: Instant::now() })
    }
}

impl Minute {
    fn between(before: &Reading, after: &Reading, earlier: &Metrics, node: &Node) -> anyhow::Result<Self> {
        let memory = Memory::of(id(node)?)?;
        let later = node.metrics()?;
        let rise = |name| anyhow::Ok(later.sum(name)? - earlier.sum(name)?);
        Ok(Self {
            activity: after.activity.since(before.activity),
            bytes: after.bytes.saturating_sub(before.bytes),
            heartbeats: rise("clarion_heartbeats_sent_total")?,
            moves: rise("clarion_members_moves_total")?,
            seconds: after.at.duration_since(before.at).as_secs_f64(),
            memory,
        })
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
