//! What this node should be ready to announce by ARP and NDP.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use crate::candidates::{Agreement, CandidateSets, agree};
use crate::claims::{Claims, Holders, push};
use crate::desired::{L2Verdict, L2Vip, Links, Mine, Warning};
use crate::hash::group;
use crate::index::{Index, NodeId};
use crate::links::MyLinks;
use crate::names::{LinkName, NodeName};
use crate::ours::Ours;
use crate::verdict::NotAnnounced;
use crate::view::View;

/// The part of a plan that concerns layer 2.
pub(crate) struct Layer2 {
    pub(crate) vips: BTreeMap<IpAddr, Arc<L2Vip>>,
    pub(crate) links: BTreeSet<LinkName>,
    pub(crate) warnings: BTreeSet<Warning>,
    /// By position of the service.
    pub(crate) verdicts: Vec<L2Verdict>,
}

pub(crate) fn plan<'v>(view: &'v View, index: &Index<'v>, services: &[Ours<'v>], me: &'v NodeName) -> Layer2 {
    let Claims { vips, refused } = Claims::collect(index, services);
    let mut planner = Planner {
        me,
        id: index.node(me),
        index,
        links: MyLinks::new(me, &view.links),
        sets: CandidateSets::default(),
        drafts: refused.into_iter().map(|refused| Draft { refused, announced: false }).collect(),
        vips: BTreeMap::new(),
        warnings: BTreeSet::new(),
    };
    for (vip, holders) in &vips {
        planner.place(*vip, holders);
    }
    planner.finish(view)
}

/// What is known of one service so far.
struct Draft {
    refused: Vec<(IpAddr, NotAnnounced)>,
    announced: bool,
}

struct Planner<'p, 'v> {
    me: &'v NodeName,
    id: Option<NodeId>,
    index: &'p Index<'v>,
    links: MyLinks<'v>,
    sets: CandidateSets,
    /// By position of the service.
    drafts: Vec<Draft>,
    vips: BTreeMap<IpAddr, Arc<L2Vip>>,
    warnings: BTreeSet<Warning>,
}

impl Planner<'_, '_> {
    fn place(&mut self, vip: IpAddr, holders: &Holders<'_>) {
        let (agreement, refused) = agree(self.index, vip, &holders.claims);
        for (claim, why) in refused {
            push(&mut self.drafts[claim.position].refused, (vip, why));
        }
        let Some(agreement) = agreement else { return };
        let chosen = self.sets.choose(self.index, &agreement);
        if chosen.all_drain {
            self.warnings.insert(Warning::EveryCandidateDrains { vip });
        }
        let (mine, links) = self.mine(vip, &agreement);
        for claim in &agreement.admitted {
            match &mine {
                Mine::Eligible | Mine::Draining(_) => self.drafts[claim.position].announced = true,
                Mine::Ineligible(lead) => {
                    let own = self.id.and_then(|id| agreement.exclusion(self.index, claim, id));
                    let why =
                        own.map_or_else(|| lead.clone(), |why| NotAnnounced::Excluded { node: self.me.clone(), why });
                    push(&mut self.drafts[claim.position].refused, (vip, why));
                }
            }
        }
        let services = agreement.admitted.iter().map(|claim| claim.service.clone()).collect();
        let vip_plan = L2Vip { services, links, candidates: chosen.candidates, mine, group: group(holders.lead_vip) };
        self.vips.insert(vip, Arc::new(vip_plan));
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
        if let Some(why) = agreement.exclusion(self.index, agreement.lead(), id) {
            return Err(NotAnnounced::Excluded { node: node.clone(), why });
        }
        self.links.choose(self.index, id, &agreement.lead().offer, vip)
    }

    fn finish(mut self, view: &View) -> Layer2 {
        self.links.warn_of_absent(self.index);
        let links = self.links.taking_part(view);
        self.warnings.append(&mut self.links.warnings);
        let verdicts = self.drafts.into_iter().map(Draft::verdict).collect();
        Layer2 { vips: self.vips, links, warnings: self.warnings, verdicts }
    }
}

impl Draft {
    fn verdict(mut self) -> L2Verdict {
        self.refused.sort_by_key(|(vip, _)| *vip);
        let mine = match self.refused.first() {
            Some((_, why)) if !self.announced => Err(why.clone()),
            Some(_) | None => Ok(()),
        };
        L2Verdict { mine, refused: self.refused }
    }
}
