//! The decision about one service, node by node.

mod layer2;
mod routing;
mod verdicts;

use std::collections::BTreeMap;
use std::net::IpAddr;

pub use verdicts::{Explanation, L2Explanation, NodeVerdict, PeerVerdict, RouteExplanation};

use crate::index::Index;
use crate::names::ServiceId;
use crate::ours::Ours;
use crate::verdict::NotAnnounced;
use crate::view::View;

/// Returns why each node may or may not announce each VIP of `service`, to which peers, by the same rules as [`crate::plan`].
///
/// # Errors
/// The reason that concerns the service as a whole, when it has no VIP to explain.
pub fn explain(view: &View, service: &ServiceId) -> Result<BTreeMap<IpAddr, Explanation>, NotAnnounced> {
    let Some(position) = view.services.keys().position(|id| id == service) else {
        return Err(NotAnnounced::UnknownService { service: service.clone() });
    };
    let part: Vec<_> = view.services.iter().collect();
    let index = Index::new(view, &part);
    let (services, mut others) = Ours::collect(&part, &index);
    if let Some(why) = others.swap_remove(position) {
        return Err(why);
    }
    let ours = services.iter().find(|ours| ours.id == service).expect("every service is ours or has a reason why not");
    let mut l2 = layer2::explain(&index, &services, ours);
    let bgp = routing::explain(view, &index, &services, ours);
    let whole = |(vip, bgp)| (vip, Explanation { l2: l2.remove(&vip).unwrap_or_default(), bgp });
    Ok(bgp.into_iter().map(whole).collect())
}

#[cfg(test)]
mod tests;
