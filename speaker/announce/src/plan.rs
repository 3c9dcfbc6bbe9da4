//! From a view to what this node should be ready to announce.

use std::net::IpAddr;
use std::sync::Arc;

use crate::desired::{BgpVerdict, Desired, L2Verdict, Mine, Verdict, Warning};
use crate::index::Index;
use crate::layer2::{self, Layer2};
use crate::names::{NodeName, ServiceId};
use crate::ours::Ours;
use crate::routes::Prefix;
use crate::routing::{self, Routing};
use crate::verdict::NotAnnounced;
use crate::view::{Service, ServiceKind, ServiceSlice, View};

/// Returns what node `me` should be ready to announce, and why it may not announce the rest.
///
/// VIPs, services, candidates and groups are the same for every `me`; links, routes, roles and verdicts are this node's own.
pub fn plan(view: &View, me: &NodeName) -> Desired {
    plan_part(view, &view.services.iter().collect::<Vec<_>>(), me)
}

/// Plans as if the view had no other services.
pub(crate) fn plan_part<'v>(view: &'v View, part: &ServiceSlice<'v>, me: &'v NodeName) -> Desired {
    let index = Index::new(view, part);
    let (services, others) = Ours::collect(part, &index);
    let Layer2 { vips, links, mut warnings, verdicts: l2 } = layer2::plan(view, &index, &services, me);
    let Routing { routes, warnings: mut more, verdicts: bgp } = routing::plan(view, &index, &services, me);
    warnings.append(&mut more);
    let mut ours = l2.into_iter().zip(bgp).map(|(l2, bgp)| Verdict { l2, bgp });
    let mut verdict = |why_not: Option<NotAnnounced>| match why_not {
        Some(why) => not_ours(why),
        None => ours.next().expect("every service is ours or has a reason why not"),
    };
    let verdicts = others.into_iter().map(|why_not| Arc::new(verdict(why_not)));
    let services = part.iter().map(|(id, _)| (*id).clone()).zip(verdicts).collect();
    let mut desired = Desired { l2: vips, links, routes, export: export(view), services, warnings };
    let silent = desired.services.values().flat_map(|verdict| silence(verdict)).collect::<Vec<_>>();
    desired.warnings.extend(silent);
    desired.warnings.extend(part.iter().copied().flat_map(incomplete));
    desired
}

/// Returns what is not known of a service that has something to announce.
fn incomplete<'v>((id, service): (&'v ServiceId, &'v Service)) -> impl Iterator<Item = Warning> + 'v {
    let gaps = service.gaps.iter().filter(|_| service.kind == ServiceKind::Ours && !service.vips.is_empty());
    gaps.map(|gap| Warning::Incomplete { service: id.clone(), gap: gap.clone() })
}

fn not_ours(why: NotAnnounced) -> Verdict {
    Verdict {
        l2: L2Verdict { mine: Err(why.clone()), refused: Vec::new() },
        bgp: BgpVerdict { mine: Mine::Ineligible(why), peers: Arc::default(), refused: Vec::new() },
    }
}

fn export(view: &View) -> Vec<Prefix> {
    let mut prefixes: Vec<_> = view.pools.values().flatten().flat_map(Prefix::cover).collect();
    prefixes.sort_unstable();
    prefixes
}

/// Returns why VIPs of a service are announced by no node, by either protocol.
fn silence(verdict: &Verdict) -> Vec<Warning> {
    let Verdict { l2, bgp } = verdict;
    let by_bgp = |vip: IpAddr| bgp.refused.binary_search_by_key(&vip, |(vip, _)| *vip).map(|at| &bgp.refused[at].1);
    let mut warnings = Vec::new();
    for (vip, l2) in l2.refused.iter().filter(|(_, why)| why.silenced().is_some()) {
        let Ok(bgp) = by_bgp(*vip) else { continue };
        if bgp.silenced().is_some() {
            let telling = [l2, bgp].into_iter().filter(|why| !why.is_of_the_other_protocol());
            warnings.extend(telling.cloned().map(Warning::Silent));
        }
    }
    warnings
}

#[cfg(test)]
mod tests;
