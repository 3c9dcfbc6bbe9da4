//! Random clusters, small enough that everything collides with everything.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipam::{
    Created, Demand, Families, FamilyPolicy, Namespace, Policy, Pool, PoolName, Port, Priority, Protocol, Range,
    Request, Requested, Scope, ServiceAllocation, ServiceId, Sharing,
};
use ipnet::IpNet;
use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use crate::fixture::{id, ip};

#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) pools: Vec<Pool>,
    pub(crate) requests: Vec<Request>,
    pub(crate) policy: Policy,
}

/// Ten IPv4 addresses around the end of a /24, so that avoided ones are among them, and six IPv6 addresses.
pub(crate) fn universe() -> Vec<IpAddr> {
    let v4 = (0xfa..=0x103_u32).map(|low| std::net::Ipv4Addr::from(0x0a00_0000 + low).into());
    v4.chain((1..=6).map(|low| ip(&format!("2001:db8::{low}")))).collect()
}

pub(crate) fn worlds() -> impl Strategy<Value = World> {
    let reserved = prop_oneof![3 => Just(BTreeSet::new()), 1 => btree_set(address(), 0..4)];
    let subnets = prop_oneof![3 => Just(BTreeSet::new()), 1 => btree_set(subnet(), 0..3)];
    let excluded = prop_oneof![3 => Just(Vec::new()), 1 => vec(range(), 0..3)];
    let sharing = prop_oneof![3 => Just(Sharing::AcrossNamespaces), 1 => Just(Sharing::WithinNamespace)];
    (vec(pool(), 0..4), vec(request(), 0..8), reserved, (subnets, excluded), sharing).prop_map(
        |(pools, requests, reserved, (subnets, excluded), sharing)| {
            let name = |index: usize| PoolName::from(["pool-c", "pool-a", "pool-d", "pool-b"][index]);
            let pools = pools.into_iter().enumerate().filter_map(|(index, draft)| draft.named(name(index))).collect();
            let named = |(index, request): (usize, Request)| {
                let namespace = if index % 3 == 2 { "tenant" } else { "default" };
                Request { service: ServiceId::new(namespace, &format!("s{}", 9 - index)), ..request }
            };
            let requests = requests.into_iter().enumerate().map(named).collect();
            World { pools, requests, policy: Policy { sharing, reserved, subnets, excluded } }
        },
    )
}

#[derive(Debug, Clone)]
struct Draft {
    ranges: Vec<Range>,
    auto_assign: bool,
    avoid_buggy_ips: bool,
    anycast: BTreeSet<IpAddr>,
    allocation: Option<ServiceAllocation>,
}

impl Draft {
    /// Drops ranges that overlap an earlier one, and pools without any.
    fn named(self, name: PoolName) -> Option<Pool> {
        let mut ranges: Vec<Range> = Vec::new();
        for range in self.ranges {
            if ranges.iter().all(|other| !other.overlaps(&range)) {
                ranges.push(range);
            }
        }
        let mut pool = Pool::new(name, ranges).ok()?;
        pool.auto_assign = self.auto_assign;
        pool.avoid_buggy_ips = self.avoid_buggy_ips;
        pool.anycast = self
            .anycast
            .into_iter()
            .filter(|address| pool.ranges().iter().any(|range| range.contains(*address)))
            .collect();
        pool.allocation = self.allocation;
        Some(pool)
    }
}

fn address() -> impl Strategy<Value = IpAddr> + Clone {
    select(universe())
}

fn range() -> impl Strategy<Value = Range> {
    (address(), 0..4_usize).prop_filter_map("ends in the other family", |(first, more)| {
        let universe = universe();
        let at = universe.iter().position(|address| *address == first)?;
        Range::new(first, *universe.get(at + more)?).ok()
    })
}

fn subnet() -> impl Strategy<Value = IpNet> + Clone {
    (address(), 0..8_u8).prop_map(|(address, hosts)| {
        let all = if address.is_ipv4() { 32 } else { 128 };
        IpNet::new(address, all - hosts).expect("a length of the family").trunc()
    })
}

fn pool() -> impl Strategy<Value = Draft> {
    let allocation = option::weighted(0.4, (0..3_i64, namespaces(), services())).prop_map(|parts| {
        let (priority, namespaces, services) = parts?;
        Some(ServiceAllocation { priority: Priority(priority), namespaces, services })
    });
    let six = address().prop_filter("IPv6", IpAddr::is_ipv6);
    let anycast = prop_oneof![2 => Just(BTreeSet::new()), 1 => btree_set(six, 0..2)];
    (vec(range(), 1..4), prop::bool::weighted(0.8), prop::bool::weighted(0.3), anycast, allocation).prop_map(
        |(ranges, auto_assign, avoid_buggy_ips, anycast, allocation)| Draft {
            ranges,
            auto_assign,
            avoid_buggy_ips,
            anycast,
            allocation,
        },
    )
}

fn namespaces() -> impl Strategy<Value = Scope<Namespace>> {
    let some = btree_set(select(vec!["default", "tenant"]), 0..3);
    let only = some.prop_map(|names| Scope::Only(names.into_iter().map(Namespace::from).collect()));
    prop_oneof![Just(Scope::All), only]
}

fn services() -> impl Strategy<Value = Scope<ServiceId>> {
    let some = btree_set(2..10_u8, 0..6);
    let only = some.prop_map(|numbers| Scope::Only(numbers.into_iter().map(|n| id(&format!("s{n}"))).collect()));
    prop_oneof![2 => Just(Scope::All), 1 => only]
}

fn demand() -> impl Strategy<Value = Demand> {
    let pool = || select(vec!["pool-a", "pool-b", "pool-c", "pool-x"]).prop_map(PoolName::from);
    let addresses = (vec(address(), 1..3), option::weighted(0.2, pool()))
        .prop_filter_map("one family twice", |(list, pool)| {
            Some(Demand::Addresses { wanted: Requested::new(&list).ok()?, pool })
        });
    prop_oneof![5 => Just(Demand::Any), 1 => pool().prop_map(Demand::Pool), 2 => addresses, 1 => Just(Demand::Hold)]
}

fn request() -> impl Strategy<Value = Request> {
    let families =
        select(vec![Some(Families::V4), Some(Families::V6), Some(Families::Dual), Some(Families::Dual), None]);
    let policy = select(vec![FamilyPolicy::SingleStack, FamilyPolicy::PreferDualStack, FamilyPolicy::RequireDualStack]);
    let key = option::of(select(vec!["", "k", "k", "other"]));
    let backend = select(vec!["", "", "app=web"]);
    let ports = btree_set((select(vec![Protocol::Tcp, Protocol::Udp]), 1..4_u16), 1..3);
    let held = vec(address(), 0..4);
    let (edited, claimed) = (proptest::bool::weighted(0.3), proptest::bool::weighted(0.2));
    (0..3_i64, families, policy, demand(), key, backend, ports, edited, held, claimed).prop_map(
        |(created, families, policy, demand, key, backend, ports, edited, held, claimed)| Request {
            service: id("unnamed"),
            created: Created(created),
            families,
            policy,
            demand,
            sharing_key: key.map(Into::into),
            backend_key: backend.into(),
            ports: ports.into_iter().map(|(protocol, number)| Port { protocol, number }).collect(),
            edited,
            held,
            claimed,
        },
    )
}
