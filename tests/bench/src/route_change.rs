//! From a changed manifest to the route in a router's kernel.

use std::{
    net::IpAddr,
    thread,
    time::{Duration, Instant},
};

use crate::{
    Options,
    change::{CHANGES, Series},
    cluster::{Cluster, Kind, PATIENCE, random},
    figure::{Bounds, Sink, Subject},
    manifests::{Families, named, with_address},
    routed::Router,
};

/// The interval of BFD, which nothing here waits for.
const INTERVAL: Duration = Duration::from_millis(300);

/// Measures changes beside so many Services.
pub(crate) fn run(options: &Options, services: usize, sink: Sink<'_>) -> anyhow::Result<()> {
    let mut cluster = Cluster::build(options, Kind::Clarion, services, Families::Four)?;
    let vip = cluster.vips[0];
    let router = Router::start(options, &cluster, INTERVAL)?;
    cluster.start(&[vip])?;
    router.settle(&cluster, vip, cluster.nodes.len())?;
    // Announcements of the start are over.
    thread::sleep(PATIENCE / 6);
    let mut ready = Series::default();
    for _ in 0..CHANGES {
        ready.keep(become_ready(&cluster, &router));
    }
    let mut subject = Subject::new("change", &format!("clarion and BIRD, {services} Services"), sink);
    // One change of a program without Kubernetes behind it has the budget that ExaBGP sets.
    ready.report(&mut subject, "endpoint_ready.routed", Bounds { p50: Some(1.0), ..Bounds::default() });
    Ok(())
}

/// Makes the endpoints of a Service ready whose nodes may only announce it with one, and measures.
fn become_ready(cluster: &Cluster, router: &Router) -> anyhow::Result<Duration> {
    let vip = IpAddr::from(named(0));
    cluster.manifests.put("changing", &with_address("changing", named(0), true, false))?;
    router.settle(cluster, vip, 0)?;
    thread::sleep(random(Duration::from_millis(100)));
    let text = with_address("changing", named(0), true, true);
    let start = Instant::now();
    cluster.manifests.put("changing", &text)?;
    let learned = router.first(start, |change| change.concerns(vip))?;
    router.settle(cluster, vip, cluster.nodes.len())?;
    Ok(learned.duration_since(start))
}
