//! What a replica of the controller says of itself: the values behind `/status`.

use std::collections::BTreeSet;

use controller::kubernetes::{self, Observed};
use ipam::ServiceId;

use crate::standalone::report::pool;
use crate::status::{Controller, Service, Standing, Status};

/// Returns the status.
pub(super) fn status(Observed { standing, listed, plan, lost, faults, notes }: &Observed) -> Status {
    let standing = match standing {
        kubernetes::Standing::Unknown => Standing::Unknown,
        kubernetes::Standing::Standby => Standing::Standby,
        kubernetes::Standing::Leading => Standing::Leading,
    };
    let ids: BTreeSet<&ServiceId> = plan.allocations.keys().chain(plan.refusals.keys()).collect();
    let service = |id: &ServiceId| {
        let placed = plan.allocations.get(id).map(Vec::as_slice).unwrap_or_default();
        Service {
            namespace: id.namespace().as_str().to_owned(),
            name: id.name().to_owned(),
            ips: placed.iter().map(|placed| placed.address).collect(),
            pool: placed.first().map(|placed| placed.pool.as_str().to_owned()),
            peers: Vec::new(),
            state: if placed.is_empty() { "pending" } else { "allocated" }.to_owned(),
            reason: plan.refusals.get(id).map(ToString::to_string).or_else(|| plan.held_only(id)),
        }
    };
    Status {
        controller: Some(Controller { standing, listed: *listed }),
        services: ids.into_iter().map(service).collect(),
        pools: plan.usage.iter().map(pool).collect(),
        faults: lost.iter().chain(faults).cloned().collect(),
        notes: notes.clone(),
        ..Status::default()
    }
}

#[cfg(test)]
mod tests;
