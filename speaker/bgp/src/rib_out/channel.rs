//! One session as the routes see it: where they go, in which form, and what is queued.

use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};

use super::{Flavour, SetId, sets::Sets};
use crate::{
    Family, Prefix,
    wire::{AttributeBlock, EncodeRoutes, NextHop, RefreshKind, RouteRefresh, Writer},
};

/// What shall happen to a route; withdrawals sort first, so that they leave first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Target {
    Withdraw,
    Announce(SetId),
}

/// How far the answer to a request for all routes has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Refresh {
    None,
    Requested,
    Running,
}

/// One family of the session.
#[derive(Clone, Debug)]
pub(crate) struct Channel {
    next_hop: NextHop,
    pub(super) refresh: Refresh,
}

impl Channel {
    pub(crate) fn new(next_hop: NextHop) -> Self {
        Self { next_hop, refresh: Refresh::None }
    }

    pub(super) fn encode(&self) -> EncodeRoutes {
        match self.next_hop {
            NextHop::V4(_) => EncodeRoutes::Plain,
            NextHop::V6 { .. } => EncodeRoutes::Multiprotocol,
        }
    }
}

/// The sending half of a session.
#[derive(Debug)]
pub(crate) struct Outbound {
    pub(super) flavour: Flavour,
    pub(super) channels: BTreeMap<Family, Channel>,
    /// Families that the peer waits to see the end of, among them those that have no channel.
    owed_end_of_rib: BTreeSet<Family>,
    /// Longest message.
    pub(super) limit: usize,
    /// Marks begin and end of a refresh (RFC 7313).
    enhanced_refresh: bool,
    /// Routes to be sent; the same route is never in two of them.
    pub(super) pending: BTreeMap<Target, BTreeSet<Prefix>>,
    /// Encoded attributes of everything that is queued, and of more.
    pub(super) blocks: BTreeMap<(Family, SetId), AttributeBlock>,
}

impl Outbound {
    pub(crate) fn new(
        flavour: Flavour,
        families: BTreeSet<Family>,
        channels: BTreeMap<Family, Channel>,
        limit: usize,
        enhanced_refresh: bool,
    ) -> Self {
        Self {
            flavour,
            channels,
            owed_end_of_rib: families,
            limit,
            enhanced_refresh,
            pending: BTreeMap::new(),
            blocks: BTreeMap::new(),
        }
    }

    /// Takes over another look of the routes; returns the families for which it matters.
    pub(super) fn adjust(&mut self, flavour: Flavour, channels: BTreeMap<Family, Channel>) -> BTreeSet<Family> {
        let look = |channels: &BTreeMap<Family, Channel>, family| channels.get(&family).map(|channel| channel.next_hop);
        let changed: BTreeSet<_> = Family::ALL
            .into_iter()
            .filter(|family| self.flavour != flavour || look(&self.channels, *family) != look(&channels, *family))
            .collect();
        self.flavour = flavour;
        for family in &changed {
            match (channels.get(family), self.channels.entry(*family)) {
                (Some(new), Entry::Occupied(mut old)) => old.get_mut().next_hop = new.next_hop,
                (Some(new), Entry::Vacant(vacant)) => drop(vacant.insert(new.clone())),
                (None, Entry::Occupied(old)) => drop(old.remove()),
                (None, Entry::Vacant(_)) => {}
            }
        }
        self.blocks.retain(|(family, _), _| !changed.contains(family));
        changed
    }

    /// Encodes a set of attributes for a family; returns whether routes with it can be sent at all.
    pub(super) fn prepare(&mut self, family: Family, set: SetId, sets: &Sets) -> bool {
        let Some(channel) = self.channels.get(&family) else { return false };
        let block = self
            .blocks
            .entry((family, set))
            .or_insert_with(|| self.flavour.encode(family, channel.next_hop, sets.attributes(set)));
        block.fits(self.limit)
    }

    pub(super) fn requeue(&mut self, prefix: Prefix, from: Option<Target>, to: Option<Target>) {
        if from == to {
            return;
        }
        if let Some(from) = from
            && let Entry::Occupied(mut bucket) = self.pending.entry(from)
        {
            bucket.get_mut().remove(&prefix);
            if bucket.get().is_empty() {
                bucket.remove();
            }
        }
        if let Some(to) = to {
            self.pending.entry(to).or_default().insert(prefix);
        }
    }

    /// Announces the begin of every refresh that was asked for; returns the families.
    pub(super) fn begin_refresh(&mut self, writer: &mut Writer) -> BTreeSet<Family> {
        let mut begun = BTreeSet::new();
        for (family, channel) in &mut self.channels {
            if channel.refresh == Refresh::Requested {
                channel.refresh = Refresh::Running;
                begun.insert(*family);
                demarcate(writer, *family, RefreshKind::Begin, self.enhanced_refresh);
            }
        }
        begun
    }

    /// Writes what follows once nothing is queued.
    pub(super) fn conclude(&mut self, writer: &mut Writer) {
        for family in std::mem::take(&mut self.owed_end_of_rib) {
            writer.end_of_rib(family);
        }
        for (family, channel) in &mut self.channels {
            if channel.refresh == Refresh::Running {
                channel.refresh = Refresh::None;
                demarcate(writer, *family, RefreshKind::End, self.enhanced_refresh);
            }
        }
    }
}

fn demarcate(writer: &mut Writer, family: Family, kind: RefreshKind, enhanced: bool) {
    if enhanced {
        writer.refresh(RouteRefresh { family: family.into(), kind });
    }
}
