use std::collections::BTreeSet;
use std::net::IpAddr;

use ipam::{
    Allocation, ConflictKind, Created, Decision, Demand, Families, FamilyPolicy, Namespace, Policy, Pool, PoolName,
    PoolRefusal, Port, Priority, Protocol, Range, Refusal, Request, Requested, Scope, ScopeMiss, ServiceAllocation,
    ServiceId, Unfit, allocate,
};

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

pub(crate) fn range(text: &str) -> Range {
    match text.split_once('-') {
        Some((first, last)) => Range::new(ip(first), ip(last)).expect("a range"),
        None => Range::from_net(text.parse().expect("a network")).expect("a range"),
    }
}

pub(crate) fn pool(name: &str, ranges: &[&str]) -> Pool {
    Pool::new(PoolName::from(name), ranges.iter().map(|text| range(text)).collect()).expect("a pool")
}

pub(crate) fn manual(name: &str, ranges: &[&str]) -> Pool {
    let mut pool = pool(name, ranges);
    pool.auto_assign = false;
    pool
}

pub(crate) fn pinned(name: &str, ranges: &[&str], priority: i64, namespaces: &[&str]) -> Pool {
    let namespaces = Scope::Only(namespaces.iter().map(|name| Namespace::from(*name)).collect());
    let allocation = ServiceAllocation { priority: Priority(priority), namespaces, services: Scope::All };
    let mut pool = pool(name, ranges);
    pool.allocation = Some(allocation);
    pool
}

pub(crate) fn id(name: &str) -> ServiceId {
    ServiceId::new("default", name)
}

pub(crate) fn tcp(number: u16) -> Port {
    Port { protocol: Protocol::Tcp, number }
}

/// A single-stack IPv4 service in namespace `default` that listens on TCP 80.
pub(crate) fn service(name: &str) -> Request {
    Request {
        service: id(name),
        created: Created(0),
        families: Some(Families::V4),
        policy: FamilyPolicy::SingleStack,
        demand: Demand::Any,
        sharing_key: None,
        backend_key: String::new(),
        ports: BTreeSet::from([tcp(80)]),
        edited: false,
        claimed: false,
        held: Vec::new(),
    }
}

pub(crate) fn prefer(name: &str) -> Request {
    Request { families: Some(Families::Dual), policy: FamilyPolicy::PreferDualStack, ..service(name) }
}

pub(crate) fn require(name: &str) -> Request {
    Request { families: Some(Families::Dual), policy: FamilyPolicy::RequireDualStack, ..service(name) }
}

/// Steps that make a table row read as one sentence.
pub(crate) trait With: Sized {
    fn holding(self, addresses: &[&str]) -> Self;
    fn created(self, at: i64) -> Self;
    fn of(self, families: Families) -> Self;
    fn in_pool(self, pool: &str) -> Self;
    fn asking(self, addresses: &[&str]) -> Self;
    fn shared(self, key: &str, ports: &[u16]) -> Self;
    fn in_namespace(self, namespace: &str) -> Self;
}

impl With for Request {
    fn holding(self, addresses: &[&str]) -> Self {
        Self { held: addresses.iter().map(|text| ip(text)).collect(), ..self }
    }

    fn created(self, at: i64) -> Self {
        Self { created: Created(at), ..self }
    }

    fn of(self, families: Families) -> Self {
        Self { families: Some(families), ..self }
    }

    fn in_pool(self, pool: &str) -> Self {
        Self { demand: Demand::Pool(PoolName::from(pool)), ..self }
    }

    fn asking(self, addresses: &[&str]) -> Self {
        let addresses: Vec<IpAddr> = addresses.iter().map(|text| ip(text)).collect();
        Self {
            demand: Demand::Addresses {
                wanted: Requested::new(&addresses).expect("one address per family"),
                pool: None,
            },
            ..self
        }
    }

    fn shared(self, key: &str, ports: &[u16]) -> Self {
        Self { sharing_key: Some(key.into()), ports: ports.iter().map(|number| tcp(*number)).collect(), ..self }
    }

    fn in_namespace(self, namespace: &str) -> Self {
        Self { service: ServiceId::new(namespace, self.service.name()), ..self }
    }
}

pub(crate) fn run(pools: &[Pool], requests: &[Request]) -> Allocation {
    allocate(pools, requests, &Policy::default())
}

pub(crate) fn addresses(allocation: &Allocation, service: &ServiceId) -> Vec<IpAddr> {
    match &allocation.outcomes[service].decision {
        Decision::Keep(placement) | Decision::Assign(placement) => {
            placement.addresses.iter().map(|placed| placed.address).collect()
        }
        Decision::Refuse(_) => Vec::new(),
    }
}

/// Returns the addresses of a service in namespace `default` as text, joined by commas.
pub(crate) fn got(allocation: &Allocation, name: &str) -> String {
    addresses(allocation, &id(name)).iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// Returns what the service is refused, in whole or in part.
pub(crate) fn refusal<'a>(allocation: &'a Allocation, name: &str) -> Option<&'a Refusal> {
    match &allocation.outcomes[&id(name)].decision {
        Decision::Keep(placement) | Decision::Assign(placement) => placement.missing.as_ref(),
        Decision::Refuse(refusal) => Some(refusal),
    }
}

pub(crate) fn reason(allocation: &Allocation, name: &str) -> &'static str {
    refusal(allocation, name).map_or("-", word)
}

/// Names a refusal in a word, for tables.
fn word(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::NoPools => "NoPool",
        Refusal::NoClusterIp => "NoClusterIP",
        Refusal::NotDualStack { .. } => "NotDualStack",
        Refusal::UnknownPool { .. } => "UnknownPool",
        Refusal::RequestedFamilies { .. } => "RequestedIPFamilyMismatch",
        Refusal::RequestedAddress { unfit, .. } => unfit_word(unfit),
        Refusal::NoAddress { .. } => match refusal.closest() {
            None => "NoPool",
            Some(PoolRefusal::NotAdmitted(miss)) => miss_word(*miss),
            Some(PoolRefusal::OnRequestOnly) => "PoolOnRequestOnly",
            Some(PoolRefusal::FamilyAbsent(_)) => "FamilyUnavailable",
            Some(PoolRefusal::Exhausted { sharing: None, .. }) => "PoolExhausted",
            Some(PoolRefusal::Exhausted { sharing: Some(_), .. }) => "SharingConflict",
        },
    }
}

fn miss_word(miss: ScopeMiss) -> &'static str {
    match miss {
        ScopeMiss::Namespace => "PoolNotForNamespace",
        ScopeMiss::Service => "PoolNotForService",
    }
}

fn unfit_word(unfit: &Unfit) -> &'static str {
    match unfit {
        Unfit::FamilyNotServed(_) => "FamilyNotServed",
        Unfit::SecondOfFamily { .. } => "SecondOfFamily",
        Unfit::NotRequested => "NotRequested",
        Unfit::OutsideEveryPool => "RequestedIPOutside",
        Unfit::Avoided { .. } => "RequestedIPAvoided",
        Unfit::NotAdmitted { miss, .. } => miss_word(*miss),
        Unfit::OtherPool { .. } => "RequestedIPOtherPool",
        Unfit::Reserved(_) => "RequestedIPReserved",
        Unfit::InUse(conflict) => match conflict.kind {
            ConflictKind::HolderHasNoKey => "RequestedIPInUse",
            ConflictKind::ServiceHasNoKey
            | ConflictKind::OtherNamespace
            | ConflictKind::OtherKey
            | ConflictKind::OtherBackend
            | ConflictKind::Port(_) => "SharingConflict",
        },
    }
}

/// Writes the addresses of an allocation into the requests, as the status would carry them.
pub(crate) fn carried_out(requests: &[Request], allocation: &Allocation) -> Vec<Request> {
    let held = |request: &Request| addresses(allocation, &request.service);
    requests.iter().map(|request| Request { held: held(request), claimed: false, ..request.clone() }).collect()
}
