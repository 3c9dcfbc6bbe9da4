//! From a changed manifest to the first answer on the wire.

use std::{
    net::{IpAddr, Ipv4Addr},
    thread,
    time::Duration,
};

use crate::{
    Options,
    cluster::{Cluster, Kind, PATIENCE, random},
    figure::{Bounds, Sink, Subject},
    manifests::{Families, named, with_address},
    wire::Asker,
};

/// How many changes of each kind are measured.
pub(crate) const CHANGES: usize = 100;

/// How long an address must be silent to count as gone, and the speakers have nothing left to do.
const QUIET: Duration = Duration::from_millis(150);

/// Measures changes beside so many Services.
pub(crate) fn run(options: &Options, services: usize, sink: Sink<'_>) -> anyhow::Result<()> {
    let mut cluster = Cluster::build(options, Kind::Clarion, services, Families::Four)?;
    let vip: IpAddr = cluster.vips[0];
    cluster.start(&[vip])?;
    // Announcements of the start are over.
    thread::sleep(PATIENCE / 6);
    let asker = Asker::open(&cluster.newcomer)?;
    let mut subject = Subject::new("change", &format!("clarion, {services} Services"), sink);

    let mut added = Series::default();
    for number in 0..CHANGES {
        added.keep(add(&cluster, &asker, named(number)));
    }
    let bounds = |p50, p99| Bounds { p50: Some(p50), p99: Some(p99), max: None };
    added.report(&mut subject, "service_added.answered", bounds(10.0, 50.0));

    let mut ready = Series::default();
    for _ in 0..CHANGES {
        ready.keep(become_ready(&cluster, &asker, named(0)));
    }
    ready.report(&mut subject, "endpoint_ready.answered", bounds(4.0, 25.0));
    Ok(())
}

/// The times of one kind of change.
#[derive(Default)]
pub(crate) struct Series {
    times: Vec<Duration>,
    failed: usize,
}

impl Series {
    /// Takes a measurement; a failure is told and counted.
    pub(crate) fn keep(&mut self, result: anyhow::Result<Duration>) {
        match result {
            Ok(time) => self.times.push(time),
            Err(error) => {
                eprintln!("change: {error:#}");
                self.failed += 1;
            }
        }
    }

    /// Tells the distribution and how many failed.
    pub(crate) fn report(&self, subject: &mut Subject<'_>, metric: &str, bounds: Bounds) {
        subject.distribution(metric, &self.times, bounds);
        let runs = self.times.len() + self.failed;
        subject.add(&format!("{metric}.failed_runs"), self.failed as f64, "runs", runs, Some(0.0));
    }
}

/// Adds a Service, measures, and takes it away again.
fn add(cluster: &Cluster, asker: &Asker<'_>, address: Ipv4Addr) -> anyhow::Result<Duration> {
    let text = with_address("changing", address, false, true);
    let took = asker.answered_after(address, PATIENCE, || cluster.manifests.put("changing", &text));
    cluster.manifests.remove("changing")?;
    asker.until_silent(address, QUIET, PATIENCE)?;
    thread::sleep(random(Duration::from_millis(100)));
    took
}

/// Makes the endpoints of a Service ready whose nodes may only announce it with one, and measures.
fn become_ready(cluster: &Cluster, asker: &Asker<'_>, address: Ipv4Addr) -> anyhow::Result<Duration> {
    cluster.manifests.put("changing", &with_address("changing", address, true, false))?;
    asker.until_silent(address, QUIET, PATIENCE)?;
    thread::sleep(random(Duration::from_millis(100)));
    let text = with_address("changing", address, true, true);
    asker.answered_after(address, PATIENCE, || cluster.manifests.put("changing", &text))
}
