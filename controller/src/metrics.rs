//! The controller's metrics, made from a plan whenever they are asked for.

use std::collections::BTreeSet;

use ipam::{FamilyUsage, PoolName, Usage};
use prometheus::{GaugeVec, Opts, Registry};

use crate::plan::Plan;

/// Name, labels and help of each gauge.
pub const FAMILIES: [(&str, &[&str], &str); 8] = [
    ("metallb_allocator_addresses_total", &["pool"], "Addresses of the pool that can be given, both families"),
    ("metallb_allocator_addresses_in_use_total", &["pool"], "Addresses of the pool in use, shared ones counted once"),
    ("metallb_allocator_ipv4_addresses_total", &["pool"], "IPv4 addresses of the pool that can be given"),
    ("metallb_allocator_ipv4_addresses_in_use_total", &["pool"], "IPv4 addresses of the pool in use"),
    ("metallb_allocator_ipv6_addresses_total", &["pool"], "IPv6 addresses of the pool that can be given"),
    ("metallb_allocator_ipv6_addresses_in_use_total", &["pool"], "IPv6 addresses of the pool in use"),
    ("metallb_allocator_services_allocated_total", &["pool"], "Services with an address of the pool"),
    ("clarion_allocator_refused", &["service", "reason"], "Services without an address or with fewer than they want"),
];

/// Adds the metrics to a registry that is made for one scrape.
///
/// # Errors
/// Fails only when a family is there already.
pub fn collect(registry: &Registry, plan: &Plan) -> prometheus::Result<()> {
    let gauges = FAMILIES.map(|(name, labels, help)| GaugeVec::new(Opts::new(name, help), labels));
    let [total, used, v4_total, v4_used, v6_total, v6_used, services, refused] = gauges;
    let (total, used, services, refused) = (total?, used?, services?, refused?);
    let (v4_total, v4_used, v6_total, v6_used) = (v4_total?, v4_used?, v6_total?, v6_used?);
    for (pool, Usage { v4, v6 }) in &plan.usage {
        let label = [pool.as_str()];
        total.with_label_values(&label).set(size(v4) + size(v6));
        used.with_label_values(&label).set((v4.assigned + v6.assigned) as f64);
        v4_total.with_label_values(&label).set(size(v4));
        v4_used.with_label_values(&label).set(v4.assigned as f64);
        v6_total.with_label_values(&label).set(size(v6));
        v6_used.with_label_values(&label).set(v6.assigned as f64);
        services.with_label_values(&label).set(0.0);
    }
    for placed in plan.allocations.values() {
        let pools: BTreeSet<&PoolName> = placed.iter().map(|placed| &placed.pool).collect();
        for pool in pools {
            services.with_label_values(&[pool.as_str()]).inc();
        }
    }
    for (service, refusal) in &plan.refusals {
        refused.with_label_values(&[&*service.to_string(), refusal.reason().as_str()]).set(1.0);
    }
    for gauge in [total, used, v4_total, v4_used, v6_total, v6_used, services, refused] {
        registry.register(Box::new(gauge))?;
    }
    Ok(())
}

fn size(usage: &FamilyUsage) -> f64 {
    (usage.assigned + usage.available) as f64
}
