//! Which of this node's links carry a VIP.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use crate::claims::Offer;
use crate::coverage::AdvertisementId;
use crate::desired::{LinkChoice, Links, Warning};
use crate::index::{Index, NodeId};
use crate::names::{LinkName, NodeName};
use crate::verdict::NotAnnounced;
use crate::view::{AddressRange, Link, LinkExclusion, LinkState, Scope, View};

/// The links of this node, with what was already worked out about them.
pub(crate) struct MyLinks<'v> {
    me: &'v NodeName,
    all: &'v BTreeMap<LinkName, Link>,
    /// Those not excluded, the ones that are up first, then by kernel index.
    eligible: Vec<(&'v LinkName, &'v Link)>,
    /// The choice under the interfaces that a set of advertisements names; none when they name none.
    named: BTreeMap<Vec<AdvertisementId>, Option<Result<Links, NotAnnounced>>>,
    /// The choice for VIPs in the subnets of these eligible links, and for those in none.
    connected: BTreeMap<Vec<usize>, Result<Links, NotAnnounced>>,
    sets: BTreeSet<Arc<BTreeSet<LinkName>>>,
    pub(crate) warnings: BTreeSet<Warning>,
}

impl<'v> MyLinks<'v> {
    pub(crate) fn new(me: &'v NodeName, all: &'v BTreeMap<LinkName, Link>) -> Self {
        let mut eligible: Vec<_> = all.iter().filter(|(_, link)| link.excluded.is_none()).collect();
        eligible.sort_by_key(|(_, link)| (!is_up(link), link.index));
        Self {
            me,
            all,
            eligible,
            named: BTreeMap::new(),
            connected: BTreeMap::new(),
            sets: BTreeSet::new(),
            warnings: BTreeSet::new(),
        }
    }

    pub(crate) fn nowhere(&mut self) -> Links {
        Links { names: self.intern(BTreeSet::new()), choice: LinkChoice::Nowhere }
    }

    /// Returns the links for `vip` under the advertisements of `offer` that select this node.
    ///
    /// Which links are right does not depend on their state, only then are those that are down left out: a VIP must not move to
    /// another network because its own has lost its carrier.
    pub(crate) fn choose(
        &mut self,
        index: &Index<'_>,
        me: NodeId,
        offer: &Offer,
        vip: IpAddr,
    ) -> Result<Links, NotAnnounced> {
        if !self.named.contains_key(&offer.advertisements) {
            let named = interfaces(index, me, offer).map(|names| self.named_by(names));
            self.named.insert(offer.advertisements.clone(), named);
        }
        match self.named.get(&offer.advertisements) {
            Some(Some(links)) => links.clone(),
            Some(None) | None => self.by_subnet(vip),
        }
    }

    fn named_by(&mut self, names: BTreeSet<LinkName>) -> Result<Links, NotAnnounced> {
        let usable: BTreeSet<LinkName> = names.iter().filter(|name| self.can_carry(name)).cloned().collect();
        if usable.is_empty() {
            return Err(NotAnnounced::InterfaceMissing { node: self.me.clone(), interfaces: Arc::new(names) });
        }
        self.those_up(usable, LinkChoice::Named)
    }

    fn by_subnet(&mut self, vip: IpAddr) -> Result<Links, NotAnnounced> {
        let connected = self.leading_to(|subnet| subnet.contains(vip));
        let known = self.connected.get(&connected).cloned();
        let links = known.unwrap_or_else(|| {
            let links = self.connected_or_all(&connected);
            self.connected.insert(connected.clone(), links.clone());
            links
        })?;
        if links.choice == LinkChoice::Fallback {
            self.warnings.insert(Warning::NotConnected { vip, node: self.me.clone(), links: Arc::clone(&links.names) });
        }
        Ok(links)
    }

    /// Returns which eligible links are in a subnet that matches; where there is none, those that were.
    fn leading_to(&self, matches: impl Fn(AddressRange) -> bool) -> Vec<usize> {
        let those = |prefixes: fn(&Link) -> &[AddressRange]| -> Vec<usize> {
            let leads = |at: &usize| global(prefixes(self.eligible[*at].1)).any(&matches);
            (0..self.eligible.len()).filter(leads).collect()
        };
        let connected = those(|link| &link.connected);
        if connected.is_empty() { those(|link| &link.formerly_connected) } else { connected }
    }

    fn connected_or_all(&mut self, connected: &[usize]) -> Result<Links, NotAnnounced> {
        if self.eligible.is_empty() {
            return Err(NotAnnounced::NoInterface { node: self.me.clone() });
        }
        if connected.is_empty() {
            let names = one_per_subnet(&self.eligible);
            return self.those_up(names, LinkChoice::Fallback);
        }
        let links: Vec<_> = connected.iter().map(|at| self.eligible[*at]).collect();
        let names = one_per_subnet(&links);
        self.those_up(names, LinkChoice::Connected)
    }

    /// Returns the links on which a VIP of this view's pools may ever be announced from here, whether or not there is one at present.
    ///
    /// Elections on a wire are joined early, so that the first VIP need not wait for a newcomer to have listened.
    pub(crate) fn taking_part(&mut self, view: &View) -> BTreeSet<LinkName> {
        let mut names = BTreeSet::new();
        for advertisement in view.l2_advertisements.values().filter(|it| it.nodes.contains(self.me)) {
            if let Scope::Only(interfaces) = &advertisement.interfaces {
                names.extend(interfaces.iter().filter(|name| self.can_carry(name)).cloned());
                continue;
            }
            let pools = view.pools.iter().filter(|(name, _)| advertisement.pools.contains(name));
            for range in pools.flat_map(|(_, ranges)| ranges) {
                let right = self.leading_to(|subnet| subnet.overlaps(range));
                let right: Vec<_> = right.into_iter().map(|at| self.eligible[at]).collect();
                let right = if right.is_empty() { self.eligible.clone() } else { right };
                self.warn_of_shared_subnets(&right);
                names.append(&mut one_per_subnet(&right));
            }
        }
        names
    }

    fn can_carry(&self, name: &LinkName) -> bool {
        match self.all.get(name).map(|link| link.excluded) {
            Some(None | Some(LinkExclusion::Pattern | LinkExclusion::Kind)) => true,
            Some(Some(LinkExclusion::Enslaved | LinkExclusion::NoArp)) | None => false,
        }
    }

    /// Warns of links that send nothing because another one is in their subnet, whether or not there is a VIP at present.
    fn warn_of_shared_subnets(&mut self, links: &[(&'v LinkName, &'v Link)]) {
        for (at, (unused, link)) in links.iter().enumerate().filter(|(_, (_, link))| is_up(link)) {
            for subnet in subnets(link) {
                let there = |(_, link): &&(&LinkName, &Link)| subnets(link).any(|it| it == subnet);
                if let Some((used, _)) = links[..at].iter().find(there) {
                    let (used, unused) = ((*used).clone(), (*unused).clone());
                    self.warnings.insert(Warning::SameSubnet { node: self.me.clone(), used, unused });
                }
            }
        }
    }

    fn those_up(&mut self, right: BTreeSet<LinkName>, choice: LinkChoice) -> Result<Links, NotAnnounced> {
        let up: BTreeSet<LinkName> =
            right.iter().filter(|name| self.all.get(name).is_some_and(is_up)).cloned().collect();
        if up.is_empty() {
            return Err(NotAnnounced::InterfaceDown { node: self.me.clone(), interfaces: Arc::new(right) });
        }
        Ok(Links { names: self.intern(up), choice })
    }

    fn intern(&mut self, names: BTreeSet<LinkName>) -> Arc<BTreeSet<LinkName>> {
        if let Some(known) = self.sets.get(&names) {
            return Arc::clone(known);
        }
        let names = Arc::new(names);
        self.sets.insert(Arc::clone(&names));
        names
    }

    /// Warns of advertisements that select this node and name only interfaces that it does not have.
    ///
    /// Some that are missing is normal: one advertisement may list the names of several kinds of machine.
    pub(crate) fn warn_of_absent(&mut self, index: &Index<'_>) {
        for (name, advertisement) in &index.advertisements {
            let Scope::Only(interfaces) = &advertisement.interfaces else { continue };
            let absent = !interfaces.iter().any(|interface| self.all.contains_key(interface));
            if absent && advertisement.nodes.contains(self.me) {
                let (advertisement, node) = ((*name).clone(), self.me.clone());
                self.warnings.insert(Warning::InterfacesAbsent { advertisement, node, interfaces: interfaces.clone() });
            }
        }
    }
}

/// Leaves out links that lead to a subnet of an earlier link: both are on one wire, where a VIP must have one MAC address.
fn one_per_subnet(links: &[(&LinkName, &Link)]) -> BTreeSet<LinkName> {
    let mut taken: Vec<(&LinkName, &Link)> = Vec::new();
    for (name, link) in links.iter().copied() {
        let same_wire =
            |(_, other): &(&LinkName, &Link)| subnets(link).any(|subnet| subnets(other).any(|it| it == subnet));
        if !taken.iter().any(same_wire) {
            taken.push((name, link));
        }
    }
    taken.into_iter().map(|(name, _)| name.clone()).collect()
}

/// Returns the union of the interfaces named by the advertisements that select this node, or none if one of them names none.
fn interfaces(index: &Index<'_>, me: NodeId, offer: &Offer) -> Option<BTreeSet<LinkName>> {
    let mut union = BTreeSet::new();
    for (_, advertisement) in offer.advertisements.iter().map(|id| index.advertisements[id.0]) {
        if !advertisement.nodes.contains(index.facts(me).name) {
            continue;
        }
        let Scope::Only(names) = &advertisement.interfaces else { return None };
        union.extend(names.iter().cloned());
    }
    Some(union)
}

fn is_up(link: &Link) -> bool {
    match link.state {
        LinkState::Up => true,
        LinkState::Down | LinkState::NoCarrier => false,
    }
}

/// Returns the prefixes that tell one network from another; every link has the link-local ones.
fn subnets(link: &Link) -> impl Iterator<Item = AddressRange> {
    global(&link.connected)
}

fn global(prefixes: &[AddressRange]) -> impl Iterator<Item = AddressRange> {
    prefixes.iter().copied().filter(|range| match range.first {
        IpAddr::V4(first) => !first.is_link_local(),
        IpAddr::V6(first) => !first.is_unicast_link_local(),
    })
}

#[cfg(test)]
mod tests;
