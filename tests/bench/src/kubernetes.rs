//! Controller and speaker on a real API server, beside the objects of a cluster with 1,000 nodes.

mod bed;
mod objects;

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
    thread,
    time::{Duration, Instant},
};

use anyhow::ensure;

use crate::{
    Options,
    cluster::random,
    figure::{Bounds, Sink, Subject},
    process::Memory,
    wire::Asker,
};
use bed::{Bed, Writes};
use objects::{CHANGING, named};

/// How many changes of each kind are measured.
const CHANGES: usize = 100;

/// How often a controller is started beside Services that have their addresses.
const RESTARTS: usize = 5;

/// How long an address must be silent to count as gone.
const QUIET: Duration = Duration::from_millis(150);

/// How long anything may take before a run has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long programs are left alone before their memory is read, and before no more writes are expected.
const CALM: Duration = Duration::from_secs(10);

/// Measures the programs beside so many Services.
pub(crate) fn run(options: &Options, services: usize, sink: Sink<'_>) -> anyhow::Result<()> {
    let mut bed = Bed::build(options)?;
    bed.start_controller()?;
    bed.start_speaker()?;
    thread::sleep(CALM);
    let subject = &mut Subject::new("kubernetes", &format!("clarion, {services} Services, 1000 Nodes"), sink);
    burst(&bed, services, subject)?;
    memory(&bed, services, subject)?;
    changes(&bed, subject)?;
    restarts(&mut bed, services, subject)
}

/// Creates all Services as fast as the API server takes them.
fn burst(bed: &Bed, services: usize, subject: &mut Subject<'_>) -> anyhow::Result<()> {
    let patience = PATIENCE + Duration::from_millis(20) * u32::try_from(services)?;
    let before = bed.writes();
    let began = Instant::now();
    bed.create(services)?;
    let created = Instant::now();
    let last = bed.allocated(services, patience)?;
    subject.add("burst.creation", created.duration_since(began).as_secs_f64(), "s", 1, None);
    let late = last.saturating_duration_since(created);
    subject.add("burst.last_address", late.as_secs_f64() * 1000.0, "ms", 1, (services <= 1000).then_some(1000.0));
    settle(bed, services)?;
    let Writes { status, events, pools, other } = bed.writes().since(&before);
    let each = |count: u64| count as f64 / services as f64;
    subject.add("burst.status_writes", each(status), "/Service", services, Some(1.0));
    // One of the controller and one of the node that announces; MetalLB writes the latter at every reconcile.
    subject.add("burst.events", each(events), "/Service", services, Some(2.0));
    subject.add("burst.pool_writes", pools as f64, "writes", 1, None);
    subject.add("burst.other_writes", other as f64, "writes", 1, None);
    Ok(())
}

/// Waits until nothing is written any more: the speaker tells of a burst at a pace of its own, which is no load for later changes.
fn settle(bed: &Bed, services: usize) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE + Duration::from_millis(50) * u32::try_from(services)?;
    let mut before = bed.writes();
    loop {
        thread::sleep(CALM);
        let now = bed.writes();
        let writes = now.since(&before);
        if writes.is_nothing() {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "{services} Services are still written about: {writes:?}");
        before = now;
    }
}

fn memory(bed: &Bed, services: usize, subject: &mut Subject<'_>) -> anyhow::Result<()> {
    let speaker = Memory::of(bed.speaker()?)?;
    let controller = Memory::of(bed.controller()?)?;
    let budget = if services <= 10 { Some(12.0) } else { Some(64.0) };
    subject.add("speaker.rss", speaker.resident, "MiB", 1, budget);
    subject.add("speaker.rss.peak", speaker.peak, "MiB", 1, None);
    subject.add("controller.rss", controller.resident, "MiB", 1, None);
    subject.add("controller.rss.peak", controller.peak, "MiB", 1, None);
    Ok(())
}

/// From a change on the API server to the first answer on the wire.
fn changes(bed: &Bed, subject: &mut Subject<'_>) -> anyhow::Result<()> {
    let asker = Asker::open(&bed.newcomer)?;
    let (mut created, mut ready, mut failed) = (Vec::new(), Vec::new(), 0);
    let mut keep = |times: &mut Vec<Duration>, result: anyhow::Result<Duration>| match result {
        Ok(time) => times.push(time),
        Err(error) => {
            eprintln!("kubernetes: {error:#}");
            failed += 1;
        }
    };
    for number in 0..CHANGES {
        keep(&mut created, create_one(bed, &asker, named(number)));
    }
    bed.put_changing(named(0), true, false)?;
    for _ in 0..CHANGES {
        keep(&mut ready, become_ready(bed, &asker, named(0)));
    }
    bed.delete(CHANGING)?;
    let bounds = |p50, p99| Bounds { p50: Some(p50), p99: Some(p99), max: None };
    subject.distribution("service_created.answered", &created, bounds(10.0, 50.0));
    subject.distribution("endpoint_ready.answered", &ready, bounds(4.0, 25.0));
    subject.add("changes.failed_runs", f64::from(failed), "runs", 2 * CHANGES, Some(0.0));
    Ok(())
}

/// Creates a Service that asks for an address, measures, and takes it away again.
fn create_one(bed: &Bed, asker: &Asker<'_>, address: Ipv4Addr) -> anyhow::Result<Duration> {
    bed.put_endpoints(true)?;
    thread::sleep(random(Duration::from_millis(100)));
    let took = asker.answered_after(address, PATIENCE, || bed.put_service(address, false));
    bed.delete(CHANGING)?;
    asker.until_silent(address, QUIET, PATIENCE)?;
    took
}

/// Makes the only endpoint of a Service ready whose node may only announce it with one, and measures.
fn become_ready(bed: &Bed, asker: &Asker<'_>, address: Ipv4Addr) -> anyhow::Result<Duration> {
    bed.put_endpoints(false)?;
    asker.until_silent(address, QUIET, PATIENCE)?;
    thread::sleep(random(Duration::from_millis(100)));
    asker.answered_after(address, PATIENCE, || bed.put_endpoints(true))
}

/// Starts the controller beside Services that have their addresses and one that has none yet.
fn restarts(bed: &mut Bed, services: usize, subject: &mut Subject<'_>) -> anyhow::Result<()> {
    let addresses = |bed: &Bed| -> anyhow::Result<BTreeMap<String, Vec<IpAddr>>> {
        let mut addresses = bed.addresses()?;
        addresses.remove(CHANGING);
        Ok(addresses)
    };
    let expected = addresses(bed)?;
    ensure!(expected.len() == services, "{} of {services} Services have addresses", expected.len());
    let (mut served, mut changed, mut written) = (Vec::new(), 0, 0);
    for number in 0..RESTARTS {
        bed.stop_controller();
        bed.put_service(named(number), false)?;
        let before = bed.writes();
        let start = Instant::now();
        bed.start_controller()?;
        let seen = bed.allocated(services + 1, PATIENCE)?;
        served.push(seen.duration_since(start));
        thread::sleep(CALM / 2);
        let writes = bed.writes().since(&before);
        // The new Service needs its own, and a pool's counters follow it.
        written += writes.status.saturating_sub(1);
        let now = addresses(bed)?;
        changed += expected.iter().filter(|(name, ips)| now.get(*name) != Some(ips)).count();
        bed.delete(CHANGING)?;
        bed.allocated(services, PATIENCE)?;
    }
    let bounds = Bounds { max: Some(2000.0), ..Bounds::default() };
    subject.distribution("controller_start.new_service_served", &served, bounds);
    subject.add("controller_start.status_writes_to_others", written as f64, "writes", RESTARTS, Some(0.0));
    subject.add("controller_start.changed_addresses", changed as f64, "Services", RESTARTS, Some(0.0));
    Ok(())
}
