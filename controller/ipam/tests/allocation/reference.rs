//! A second allocator, written for nothing but obviousness: it tries every address one by one.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipam::{Demand, Families, FamilyPolicy, Pool, Request, ServiceId, Sharing, allocate};
use proptest::prelude::*;

use crate::fixture::addresses;
use crate::world::{World, universe, worlds};

struct Naive<'a> {
    world: &'a World,
    holders: Vec<(IpAddr, &'a Request)>,
}

impl<'a> Naive<'a> {
    fn run(world: &'a World) -> BTreeMap<ServiceId, Vec<IpAddr>> {
        let mut naive = Self { world, holders: Vec::new() };
        let mut order: Vec<&Request> = world.requests.iter().collect();
        order.sort_by_key(|request| (request.claimed, request.edited, request.created, request.service.clone()));
        order.iter().for_each(|request| naive.keep(request));
        order.sort_by_key(|request| (request.created, request.service.clone()));
        order.iter().for_each(|request| naive.serve(request));
        order.into_iter().map(|request| (request.service.clone(), naive.held(request))).collect()
    }

    fn held(&self, request: &Request) -> Vec<IpAddr> {
        self.holders
            .iter()
            .filter(|(_, holder)| holder.service == request.service)
            .map(|(address, _)| *address)
            .collect()
    }

    fn keep(&mut self, request: &'a Request) {
        if request.demand != Demand::Hold && !self.can_hope(request) {
            return;
        }
        for address in &request.held {
            let served = request.families.is_none_or(|families| serves(families, *address));
            let first = self.held(request).iter().all(|other| other.is_ipv4() != address.is_ipv4());
            let asked = match (&request.demand, request.families) {
                (Demand::Addresses { wanted, .. }, Some(families)) if wanted.families() == families => {
                    wanted.addresses().contains(address)
                }
                _ => true,
            };
            if served && first && asked && self.legal(request, *address) && self.compatible(request, *address) {
                self.holders.push((*address, request));
            }
        }
    }

    fn can_hope(&self, request: &Request) -> bool {
        let named = |name: &ipam::PoolName| self.world.pools.iter().find(|pool| pool.name() == name);
        let both_there = request.policy != FamilyPolicy::RequireDualStack || request.families == Some(Families::Dual);
        let pool_there = request.demand.pool().is_none_or(|name| named(name).is_some_and(|pool| admits(pool, request)));
        !self.world.pools.is_empty() && request.families.is_some() && both_there && pool_there
    }

    fn legal(&self, request: &Request, address: IpAddr) -> bool {
        let named = |pool: &&Pool| request.demand.pool().is_none_or(|name| name == pool.name());
        self.world.pools.iter().filter(named).any(|pool| admits(pool, request) && hands_out(pool, address))
    }

    fn compatible(&self, request: &Request, address: IpAddr) -> bool {
        let key = |request: &Request| request.sharing_key.clone().unwrap_or_default();
        self.holders.iter().filter(|(taken, _)| *taken == address).all(|(_, other)| {
            !key(request).is_empty()
                && key(request) == key(other)
                && request.backend_key == other.backend_key
                && request.ports.is_disjoint(&other.ports)
                && (self.world.policy.sharing == Sharing::AcrossNamespaces
                    || request.service.namespace() == other.service.namespace())
        })
    }

    fn serve(&mut self, request: &'a Request) {
        let held = self.held(request);
        if request.demand == Demand::Hold || !self.can_hope(request) {
            return;
        }
        let Some(families) = request.families else { return };
        let lacking: Vec<bool> = [true, false]
            .into_iter()
            .filter(|v4| serves(families, if *v4 { [0, 0, 0, 0].into() } else { [0; 16].into() }))
            .filter(|v4| held.iter().all(|address| address.is_ipv4() != *v4))
            .collect();
        let picks = match &request.demand {
            Demand::Addresses { wanted, .. } if wanted.families() != families => return,
            Demand::Addresses { wanted, .. } => {
                let rest: Vec<IpAddr> =
                    wanted.addresses().iter().copied().filter(|address| lacking.contains(&address.is_ipv4())).collect();
                let open = |address: &IpAddr| self.legal(request, *address) && self.may_get(request, *address);
                if rest.iter().all(open) { rest } else { Vec::new() }
            }
            Demand::Any | Demand::Pool(_) | Demand::Hold => self.search(request, &lacking, &held),
        };
        let both = families == Families::Dual && request.policy != FamilyPolicy::PreferDualStack;
        if held.is_empty() && both && picks.len() < lacking.len() {
            return;
        }
        self.holders.extend(picks.into_iter().map(|address| (address, request)));
    }

    fn search(&self, request: &Request, lacking: &[bool], held: &[IpAddr]) -> Vec<IpAddr> {
        let mut pools: Vec<&Pool> = match request.demand.pool() {
            Some(name) => self.world.pools.iter().filter(|pool| pool.name() == name).collect(),
            None => self.world.pools.iter().filter(|pool| pool.auto_assign && admits(pool, request)).collect(),
        };
        pools.sort_by_key(|pool| {
            let rank = pool.allocation.as_ref().map(|allocation| allocation.priority.rank());
            (rank.is_none(), rank, pool.name().clone())
        });
        if let (Some(first), None) = (held.first(), request.demand.pool()) {
            let mut owners: Vec<&Pool> =
                self.world.pools.iter().filter(|pool| admits(pool, request) && hands_out(pool, *first)).collect();
            owners.sort_by_key(|pool| pool.name().clone());
            if owners[0].auto_assign {
                pools.insert(0, owners[0]);
            }
        }
        let first_in = |pool: &Pool, v4: bool| {
            let all = pool.ranges().iter().flat_map(|range| {
                universe().into_iter().filter(move |address| range.contains(*address) && address.is_ipv4() == v4)
            });
            all.into_iter().find(|address| hands_out(pool, *address) && self.may_get(request, *address))
        };
        let whole = |pool: &&Pool| lacking.iter().map(|v4| first_in(pool, *v4)).collect::<Option<Vec<IpAddr>>>();
        pools.iter().find_map(whole).unwrap_or_else(|| {
            lacking.iter().filter_map(|v4| pools.iter().find_map(|pool| first_in(pool, *v4))).collect()
        })
    }

    fn may_get(&self, request: &Request, address: IpAddr) -> bool {
        !is_reserved(self.world, address) && self.compatible(request, address)
    }
}

/// Says whether an address is nobody's to get: each rule in its plainest words.
pub(crate) fn is_reserved(world: &World, address: IpAddr) -> bool {
    let on_edge = |subnet: &ipnet::IpNet| match address {
        IpAddr::V4(_) => subnet.prefix_len() <= 30 && (address == subnet.network() || address == subnet.broadcast()),
        IpAddr::V6(_) => subnet.prefix_len() <= 126 && address == subnet.network(),
    };
    world.policy.reserved.contains(&address)
        || world.policy.subnets.iter().any(on_edge)
        || world.policy.excluded.iter().any(|range| range.contains(address))
        || world.pools.iter().any(|pool| pool.anycast.contains(&address))
}

fn serves(families: Families, address: IpAddr) -> bool {
    match families {
        Families::V4 => address.is_ipv4(),
        Families::V6 => address.is_ipv6(),
        Families::Dual => true,
    }
}

fn admits(pool: &Pool, request: &Request) -> bool {
    pool.allocation.as_ref().is_none_or(|allocation| {
        allocation.namespaces.admits(request.service.namespace()) && allocation.services.admits(&request.service)
    })
}

fn hands_out(pool: &Pool, address: IpAddr) -> bool {
    let buggy = matches!(address, IpAddr::V4(v4) if v4.octets()[3] == 0 || v4.octets()[3] == 255);
    pool.ranges().iter().any(|range| range.contains(address)) && !(pool.avoid_buggy_ips && buggy)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_naive_allocator_comes_to_the_same_result(world in worlds()) {
        let allocation = allocate(&world.pools, &world.requests, &world.policy);
        let ours: BTreeMap<ServiceId, Vec<IpAddr>> =
            allocation.outcomes.keys().map(|service| (service.clone(), addresses(&allocation, service))).collect();
        prop_assert_eq!(ours, Naive::run(&world));
    }
}
