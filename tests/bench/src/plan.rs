//! How long the two plans take that every change computes anew.

use std::{
    collections::BTreeSet,
    hint::black_box,
    net::{IpAddr, Ipv4Addr},
    time::{Duration, Instant},
};

use announce::{AddressRange, Endpoint, L2Advertisement, Link, LinkIndex, LinkState, Node, NodeName, View};
use anyhow::{Context, ensure};
use ipam::{Decision, Families, FamilyPolicy, Pool, Range, Request, allocate};

use crate::figure::{Bounds, Sink, Subject};

const SERVICES: usize = 10_000;
const NODES: usize = 1_000;
const ENDPOINTS: usize = 30;
const RUNS: usize = 20;

/// Measures both plans.
pub(crate) fn run(sink: Sink<'_>) -> anyhow::Result<()> {
    let pools = [pool()?];
    let new: Vec<Request> = (0..SERVICES).map(request).collect();
    let policy = ipam::Policy::default();
    let allocation = allocate(&pools, &new, &policy);
    let mut held = new.clone();
    for request in &mut held {
        let outcome = allocation.outcomes.get(&request.service).context("every request has an outcome")?;
        request.held = match &outcome.decision {
            Decision::Keep(placement) | Decision::Assign(placement) => {
                placement.addresses.iter().map(|placed| placed.address).collect()
            }
            Decision::Refuse(refusal) => anyhow::bail!("{refusal}"),
        };
        ensure!(request.held.len() == 2, "{} has one family only", request.service);
    }
    let mut subject = Subject::new("plan", &format!("ipam, {SERVICES} dual-stack Services"), sink);
    for (name, requests) in [("all_new", &new), ("all_held", &held)] {
        let times = times(|| drop(black_box(allocate(&pools, requests, &policy))));
        subject.distribution(name, &times, Bounds::default());
    }

    let view = view();
    let me = node_name(7);
    let planned = announce::plan(&view, &me).l2.len();
    ensure!(planned == SERVICES, "the plan has {planned} addresses");
    let mut subject = Subject::new("plan", &format!("announce, {SERVICES} Services, {NODES} nodes"), sink);
    subject.distribution("full", &times(|| drop(black_box(announce::plan(&view, &me)))), Bounds::default());
    Ok(())
}

fn times(mut run: impl FnMut()) -> Vec<Duration> {
    let time = |_| {
        let start = Instant::now();
        run();
        start.elapsed()
    };
    (0..RUNS).map(time).collect()
}

fn pool() -> anyhow::Result<Pool> {
    let range = |net: &str| anyhow::Ok(Range::from_net(net.parse()?)?);
    Ok(Pool::new("lan".into(), vec![range("10.0.0.0/16")?, range("2001:db8::/64")?])?)
}

fn request(number: usize) -> Request {
    Request {
        service: ipam::ServiceId::new(&format!("team-{}", number % 50), &format!("service-{number}")),
        // Neither in the order of names nor all of one age.
        created: ipam::Created((number * 7919 % SERVICES) as i64),
        families: Some(Families::Dual),
        policy: FamilyPolicy::RequireDualStack,
        demand: ipam::Demand::Any,
        sharing_key: None,
        backend_key: String::new(),
        ports: BTreeSet::from([ipam::Port { protocol: ipam::Protocol::Tcp, number: 443 }]),
        edited: false,
        claimed: false,
        held: Vec::new(),
    }
}

fn node_name(number: usize) -> NodeName {
    NodeName(format!("worker-{number:04}").into())
}

fn view() -> View {
    let subnet = AddressRange::of_prefix(IpAddr::from([10, 0, 0, 0]), 16);
    let nodes = (0..NODES).map(|number| (node_name(number), Node { ready: true, ..Node::default() })).collect();
    let mut view = View { nodes, ..View::default() };
    view.pools.insert("lan".into(), vec![subnet]);
    view.l2_advertisements.insert("lan".into(), L2Advertisement::default());
    let link = Link {
        index: LinkIndex(2),
        connected: vec![subnet],
        formerly_connected: Vec::new(),
        state: LinkState::Up,
        excluded: None,
    };
    view.links.insert("eth0".into(), link);
    let names: Vec<_> = view.nodes.keys().cloned().collect();
    for number in 0..SERVICES {
        let id = announce::ServiceId::new(&format!("team-{}", number % 50), &format!("service-{number}"));
        view.services.insert(id, service(number, &names));
    }
    view
}

/// Returns a Service with endpoints all over the cluster; every second one may only be announced where it has one.
fn service(number: usize, names: &[NodeName]) -> announce::Service {
    let endpoint = |of: usize| Endpoint {
        node: Some(names[(number * 7919 + of * 104_729) % NODES].clone()),
        ready: Some(true),
        serving: Some(true),
        terminating: Some(false),
    };
    let local = number.is_multiple_of(2);
    let first = u32::from(Ipv4Addr::new(10, 0, 1, 0));
    let vip = Ipv4Addr::from(first + u32::try_from(number).expect("there are 10,000 Services"));
    announce::Service {
        created: announce::Created(number as i64),
        kind: announce::ServiceKind::Ours,
        vips: BTreeSet::from([vip.into()]),
        allow_shared_ip: false,
        traffic_policy: if local { announce::TrafficPolicy::Local } else { announce::TrafficPolicy::Cluster },
        endpoints: (0..ENDPOINTS).map(endpoint).collect(),
        gaps: BTreeSet::new(),
        not_admitted: BTreeSet::new(),
    }
}
