//! From a view to what this node should be ready to announce.

use std::net::IpAddr;

use crate::candidates::{Agreement, CandidateSets, agree};
use crate::claims::{Claims, Holders};
use crate::desired::{Desired, L2Verdict, L2Vip, Links, Mine, Verdict, Warning};
use crate::hash::group;
use crate::index::{Index, NodeId};
use crate::links::MyLinks;
use crate::names::NodeName;
use crate::routes::Prefix;
use crate::verdict::NotAnnounced;
use crate::view::View;

/// Returns what node `me` should be ready to announce, and why it may not announce the rest.
///
/// VIPs, services, candidates and groups are the same for every `me`; links, roles and verdicts are this node's own.
pub fn plan(view: &View, me: &NodeName) -> Desired {
    let index = Index::new(view);
    let Claims { vips, unclaimed, refused } = Claims::collect(view, &index);
    let mut planner = Planner {
        me,
        id: index.node(me),
        index,
        links: MyLinks::new(me, &view.links),
        sets: CandidateSets::default(),
        drafts: unclaimed
            .into_iter()
            .zip(refused)
            .map(|(unclaimed, refused)| Draft { unclaimed, refused, announced: false })
            .collect(),
        desired: Desired::default(),
    };
    for (vip, holders) in &vips {
        planner.place(*vip, holders);
    }
    planner.finish(view)
}

/// What is known of one service so far.
struct Draft {
    unclaimed: Option<NotAnnounced>,
    refused: Vec<(IpAddr, NotAnnounced)>,
    announced: bool,
}

struct Planner<'v> {
    me: &'v NodeName,
    id: Option<NodeId>,
    index: Index<'v>,
    links: MyLinks<'v>,
    sets: CandidateSets,
    /// By position of the service in the view.
    drafts: Vec<Draft>,
    desired: Desired,
}

impl Planner<'_> {
    fn place(&mut self, vip: IpAddr, holders: &Holders<'_>) {
        let (agreement, refused) = agree(&self.index, vip, &holders.claims);
        for (claim, why) in refused {
            self.drafts[claim.position].refused.push((vip, why));
        }
        let Some(agreement) = agreement else { return };
        let chosen = self.sets.choose(&self.index, &agreement);
        if chosen.all_drain {
            self.desired.warnings.insert(Warning::EveryCandidateDrains { vip });
        }
        let (mine, links) = self.mine(vip, &agreement);
        for claim in &agreement.admitted {
            let draft = &mut self.drafts[claim.position];
            match &mine {
                Mine::Eligible | Mine::Draining(_) => draft.announced = true,
                Mine::Ineligible(lead) => {
                    let own = self.id.and_then(|id| agreement.exclusion(&self.index, claim, id));
                    let why =
                        own.map_or_else(|| lead.clone(), |why| NotAnnounced::Excluded { node: self.me.clone(), why });
                    draft.refused.push((vip, why));
                }
            }
        }
        let services = agreement.admitted.iter().map(|claim| claim.service.clone()).collect();
        let vip_plan = L2Vip { services, links, candidates: chosen.candidates, mine, group: group(holders.lead_vip) };
        self.desired.l2.insert(vip, vip_plan);
    }

    fn mine(&mut self, vip: IpAddr, agreement: &Agreement<'_, '_>) -> (Mine, Links) {
        let choice = self.my_links(vip, agreement);
        let drain = self.id.and_then(|id| self.index.facts(id).drain.clone());
        match (choice, drain) {
            (Ok(links), None) => (Mine::Eligible, links),
            (Ok(links), Some(trigger)) => (Mine::Draining(trigger), links),
            (Err(why), _) => (Mine::Ineligible(why), self.links.nowhere()),
        }
    }

    fn my_links(&mut self, vip: IpAddr, agreement: &Agreement<'_, '_>) -> Result<Links, NotAnnounced> {
        let node = self.me;
        let Some(id) = self.id else { return Err(NotAnnounced::UnknownNode { node: node.clone() }) };
        if let Some(why) = agreement.exclusion(&self.index, agreement.lead(), id) {
            return Err(NotAnnounced::Excluded { node: node.clone(), why });
        }
        self.links.choose(&self.index, id, &agreement.lead().offer, vip)
    }

    fn finish(mut self, view: &View) -> Desired {
        self.links.warn_of_absent(&self.index);
        self.desired.links = self.links.taking_part(view);
        self.desired.warnings.append(&mut self.links.warnings);
        let silent = |draft: &Draft| {
            let causes = draft.refused.iter().map(|(_, why)| why).filter(|why| why.silences_the_cluster());
            causes.cloned().map(Warning::Silent).collect::<Vec<_>>()
        };
        self.desired.warnings.extend(self.drafts.iter().flat_map(silent));
        self.desired.export = view.pools.values().flatten().flat_map(Prefix::cover).collect();
        self.desired.export.sort_unstable();
        let verdicts = self.drafts.into_iter().map(Draft::verdict);
        self.desired.services = view.services.keys().cloned().zip(verdicts).collect();
        self.desired
    }
}

impl Draft {
    fn verdict(mut self) -> Verdict {
        self.refused.sort_by_key(|(vip, _)| *vip);
        let first = self.unclaimed.or_else(|| self.refused.first().map(|(_, why)| why.clone()));
        let mine = match first {
            Some(why) if !self.announced => Err(why),
            Some(_) | None => Ok(()),
        };
        Verdict { l2: L2Verdict { mine, refused: self.refused } }
    }
}

#[cfg(test)]
mod tests;
