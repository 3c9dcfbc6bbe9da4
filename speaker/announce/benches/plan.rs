//! Times plans for 1,000 nodes and 30 endpoints of each service, on layer 2 and for 4 peers: `cargo bench -p announce`.
//!
//! First the whole plan of 10,000 services, then what a kept plan costs when one service changes beside 10, 1,000 and 10,000.
#![expect(clippy::print_stdout, reason = "a benchmark prints")]

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use announce::{
    AddressRange, BgpAdvertisement, BgpPeer, Community, Created, Endpoint, L2Advertisement, Link, LinkIndex, LinkState,
    Node, NodeName, PeerName, Planner, Scope, Service, ServiceId, ServiceKind, TrafficPolicy, View, explain, plan,
};

const SERVICES: usize = 10_000;
const NODES: usize = 1_000;
const ENDPOINTS: usize = 30;
const ROUNDS: usize = 21;

fn main() {
    for (name, local_every) in [("policy Cluster", None), ("half of them Local", Some(2)), ("policy Local", Some(1))] {
        let view = view(SERVICES, local_every);
        let me = node_name(7);
        let (median, fastest) = time(|| plan(&view, &me));
        let desired = plan(&view, &me);
        let sets: BTreeSet<_> = desired.l2.values().map(|vip| Arc::as_ptr(&vip.candidates)).collect();
        println!(
            "plan, {name}: median {median:?}, fastest {fastest:?}, {} VIPs, {} candidate sets",
            desired.l2.len(),
            sets.len()
        );
        let service = view.services.keys().nth(SERVICES / 2).expect("there are services").clone();
        let (median, fastest) = time(|| explain(&view, &service));
        println!("explain, {name}: median {median:?}, fastest {fastest:?}");

        for (kind, drains) in [("BGP", false), ("BGP, draining", true)] {
            let view = routed(view.clone(), drains);
            let (median, fastest) = time(|| plan(&view, &me));
            let routes: usize = plan(&view, &me).routes.values().map(|table| table.len()).sum();
            println!("plan {kind}, {name}: median {median:?}, fastest {fastest:?}, {routes} routes");
            let (median, fastest) = time(|| explain(&view, &service));
            println!("explain {kind}, {name}: median {median:?}, fastest {fastest:?}");
        }
    }
    for services in [10, 1_000, SERVICES] {
        let view = view(services, Some(2));
        changes("layer 2", &view, services);
        changes("BGP", &routed(view.clone(), false), services);
    }
}

/// Times a service that comes without an endpoint that can serve, and one that becomes ready; a reader holds on to every plan.
fn changes(kind: &str, view: &View, services: usize) {
    let (mut view, me) = (view.clone(), node_name(7));
    let changing: BTreeSet<_> = [ServiceId::new("tenant-0", "changing")].into();
    let mut planner = Planner::new(&view, me.clone());
    let mut reader = planner.desired().clone();
    let (mut created, mut ready) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let service = Service { endpoints: Vec::new(), ..service(SERVICES, true, std::slice::from_ref(&me)) };
        view.services.extend(changing.iter().map(|id| (id.clone(), service.clone())));
        created.push(once(|| reader = planner.replan(&view, &changing).clone()));
        let endpoint = Endpoint { node: Some(me.clone()), ready: Some(true), serving: None, terminating: None };
        view.services
            .values_mut()
            .filter(|service| service.endpoints.is_empty())
            .for_each(|it| it.endpoints.push(endpoint.clone()));
        ready.push(once(|| reader = planner.replan(&view, &changing).clone()));
        view.services.retain(|id, _| !changing.contains(id));
        reader = planner.replan(&view, &changing).clone();
    }
    assert_eq!(*reader, plan(&view, &me), "the kept plan is the whole one");
    created.sort_unstable();
    ready.sort_unstable();
    let (created, ready) = (created[ROUNDS / 2], ready[ROUNDS / 2]);
    println!(
        "change beside {services} services, {kind}: median {created:?} for one created, {ready:?} for one that becomes ready"
    );
}

/// Turns the view from layer 2 to BGP: 4 peers in 3 groups that are told different things, under 2 advertisements.
fn routed(mut view: View, drains: bool) -> View {
    view.l2_advertisements.clear();
    view.bgp_peers = (0..4).map(|number| (peer_name(number), BgpPeer::default())).collect();
    let advertisement = |peers: &[usize], value| BgpAdvertisement {
        peers: Scope::Only(peers.iter().copied().map(peer_name).collect()),
        communities: [Community::new(64512, value)].into(),
        ..BgpAdvertisement::default()
    };
    view.bgp_advertisements.insert("first".into(), advertisement(&[0, 1, 2], 1));
    view.bgp_advertisements.insert("second".into(), advertisement(&[0, 1, 3], 2));
    view.nodes.get_mut(&node_name(7)).expect("the node exists").drain_requested = drains;
    view
}

fn peer_name(number: usize) -> PeerName {
    PeerName(format!("router-{number}").into())
}

fn time<T>(mut run: impl FnMut() -> T) -> (Duration, Duration) {
    let mut took: Vec<_> = (0..ROUNDS).map(|_| once(&mut run)).collect();
    took.sort_unstable();
    (took[ROUNDS / 2], took[0])
}

fn once<T>(run: impl FnOnce() -> T) -> Duration {
    let start = on_processor();
    std::hint::black_box(run());
    on_processor() - start
}

/// Returns how long this thread has run so far, which other programs on the machine hardly change.
fn on_processor() -> Duration {
    let statistics = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux counts the time of threads");
    let nanoseconds = statistics.split(' ').next().and_then(|field| field.parse().ok());
    Duration::from_nanos(nanoseconds.expect("the first field is a number"))
}

fn node_name(number: usize) -> NodeName {
    NodeName(format!("worker-{number:04}.rack-{}.example.net", number % 40).into())
}

fn view(services: usize, local_every: Option<usize>) -> View {
    let mut view = View::default();
    let subnet = AddressRange::of_prefix(IpAddr::from([10, 0, 0, 0]), 16);
    view.nodes = (0..NODES).map(|number| (node_name(number), Node { ready: true, ..Node::default() })).collect();
    view.pools.insert("lan".into(), vec![subnet]);
    let racks = L2Advertisement {
        nodes: Scope::Only((0..NODES).filter(|number| number % 5 != 0).map(node_name).collect()),
        preferences: (0..NODES / 10).map(|number| (node_name(number * 10 + 1), 50)).collect(),
        ..L2Advertisement::default()
    };
    view.l2_advertisements.insert("racks".into(), racks);
    view.l2_advertisements.insert("all".into(), L2Advertisement::default());
    let link = Link {
        index: LinkIndex(2),
        connected: vec![subnet],
        formerly_connected: Vec::new(),
        state: LinkState::Up,
        excluded: None,
    };
    view.links.insert("eth0".into(), link);
    let names: Vec<_> = view.nodes.keys().cloned().collect();
    for number in 0..services {
        let id = ServiceId::new(&format!("tenant-{}", number % 100), &format!("service-{number}"));
        let local = local_every.is_some_and(|every| number.is_multiple_of(every));
        view.services.insert(id, service(number, local, &names));
    }
    view
}

fn service(number: usize, local: bool, names: &[NodeName]) -> Service {
    let endpoint = |of: usize| Endpoint {
        node: Some(names[(number * 7919 + of * 104_729) % names.len()].clone()),
        ready: Some(true),
        serving: Some(true),
        terminating: Some(false),
    };
    let offset = u32::try_from(number + 1).expect("the pool is larger than the number of services");
    Service {
        created: Created(1_700_000_000 + i64::from(offset)),
        kind: ServiceKind::Ours,
        vips: [IpAddr::from(Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 0, 0, 0)) + offset))].into(),
        allow_shared_ip: false,
        traffic_policy: if local { TrafficPolicy::Local } else { TrafficPolicy::Cluster },
        endpoints: (0..ENDPOINTS).map(endpoint).collect(),
        gaps: BTreeSet::new(),
        not_admitted: BTreeSet::new(),
    }
}
