//! A node is lost, and a router that spreads over three must stop to use it.

use std::{
    net::IpAddr,
    thread,
    time::{Duration, Instant},
};

use anyhow::Context;

use crate::{
    Options,
    cluster::{Cluster, Kind, MARGIN, random},
    failover::Fault,
    figure::{Bounds, Sink, Subject},
    manifests::Families,
    routed::Router,
};

/// The interval of BFD; three of them without a word are a loss.
const INTERVAL: Duration = Duration::from_millis(50);

/// How many Services are announced.
const SERVICES: usize = 10;

/// Measures each fault.
pub(crate) fn run(options: &Options, sink: Sink<'_>) -> anyhow::Result<()> {
    let mut cluster = Cluster::build(options, Kind::Clarion, SERVICES, Families::Four)?;
    let vip = cluster.vips[0];
    let router = Router::start(options, &cluster, INTERVAL)?;
    cluster.start(&[vip])?;
    router.settle(&cluster, vip, cluster.nodes.len())?;
    let mut subject = Subject::new("legs", "clarion and BIRD, BFD 50 ms x 3", sink);
    for fault in [Fault::Kill, Fault::Hang, Fault::Cut] {
        let mut times = Vec::new();
        let mut failed = 0;
        for run in 0..options.runs as usize {
            match strike(&mut cluster, &router, fault, run % 3) {
                Ok(time) => times.push(time),
                Err(error) => {
                    eprintln!("legs {} run {run}: {error:#}", fault.name());
                    failed += 1;
                }
            }
        }
        let bounds = Bounds { p50: Some(150.0), p99: None, max: Some(250.0) };
        subject.distribution(&format!("{}.leg_gone", fault.name()), &times, bounds);
        let runs = times.len() + failed;
        subject.add(&format!("{}.failed_runs", fault.name()), failed as f64, "runs", runs, Some(0.0));
    }
    Ok(())
}

/// Returns how long the router's kernel still sent packets to a node after a fault.
fn strike(cluster: &mut Cluster, router: &Router, fault: Fault, place: usize) -> anyhow::Result<Duration> {
    let vip = cluster.vips[0];
    // Both sides have had time to agree on their intervals, and the fault meets any phase of them.
    thread::sleep(2 * MARGIN + random(INTERVAL));
    let node = &mut cluster.nodes[place];
    let address = node.link.address_like(IpAddr::from([0; 4])).context("the node's address")?;
    let struck = Instant::now();
    match fault {
        Fault::Kill => node.kill()?,
        Fault::Hang => node.hang()?,
        Fault::Cut => node.link.cut()?,
        Fault::Pull => node.link.pull()?,
    }
    let gone = router.first(struck, |change| change.concerns(vip) && !change.leads(vip, address));
    cluster.repair(place)?;
    let back = router.settle(cluster, vip, cluster.nodes.len());
    let gone = gone?.duration_since(struck);
    back.map(|()| gone)
}
