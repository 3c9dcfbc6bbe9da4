//! Measures a full dual-stack plan of 10,000 services: `cargo run --release -p ipam --example full_plan`.
#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "a measurement reads the clock and prints")]

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use ipam::{
    Allocation, Created, Decision, Demand, Families, FamilyPolicy, Policy, Pool, Port, Protocol, Range, Request,
    ServiceId, allocate,
};

const SERVICES: usize = 10_000;
const RUNS: usize = 20;

fn main() {
    let range = |net: &str| Range::from_net(net.parse().expect("a network")).expect("a range");
    let pools: Vec<Pool> = (0..4)
        .map(|n| {
            let ranges = vec![range(&format!("10.{n}.0.0/20")), range(&format!("2001:db8:{n}::/64"))];
            Pool::new(format!("pool-{n}").as_str().into(), ranges).expect("a pool")
        })
        .collect();
    let cold: Vec<Request> = (0..SERVICES).map(|n| request(n, None)).collect();
    let settled = carried_out(&cold, &allocate(&pools, &cold, &Policy::default()));
    let template: Vec<Request> = (0..SERVICES).map(|n| request(n, Some("one-key"))).collect();
    for (name, requests) in
        [("all new", &cold), ("all held", &settled), ("all new, one sharing key, one port", &template)]
    {
        println!("{name}: {:?}", median(&pools, requests));
    }
}

fn request(n: usize, key: Option<&str>) -> Request {
    Request {
        service: ServiceId::new(&format!("team-{}", n % 50), &format!("service-{n}")),
        created: Created(i64::try_from(n * 7919 % SERVICES).expect("a small number")),
        families: Some(Families::Dual),
        policy: FamilyPolicy::RequireDualStack,
        demand: Demand::Any,
        sharing_key: key.map(Into::into),
        backend_key: String::new(),
        ports: BTreeSet::from([Port { protocol: Protocol::Tcp, number: 443 }]),
        edited: false,
        claimed: false,
        held: Vec::new(),
    }
}

fn carried_out(requests: &[Request], allocation: &Allocation) -> Vec<Request> {
    let held = |request: &Request| -> Vec<IpAddr> {
        match &allocation.outcomes[&request.service].decision {
            Decision::Keep(placement) | Decision::Assign(placement) => {
                placement.addresses.iter().map(|placed| placed.address).collect()
            }
            Decision::Refuse(refusal) => panic!("{refusal}"),
        }
    };
    requests.iter().map(|request| Request { held: held(request), ..request.clone() }).collect()
}

fn median(pools: &[Pool], requests: &[Request]) -> Duration {
    let policy = Policy::default();
    let mut times: Vec<Duration> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            std::hint::black_box(allocate(pools, requests, &policy));
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[RUNS / 2]
}
