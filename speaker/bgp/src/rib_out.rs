//! What the peer shall know, what it knows already, and the messages in between.

mod channel;
mod flavour;
mod sets;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{
    Attributes, ExportFilter, Family, Prefix,
    wire::{EncodeRoutes, Flush, Writer},
};
pub(crate) use channel::{Channel, Outbound};
use channel::{Refresh, Target};
pub(crate) use flavour::Flavour;
use sets::{SetId, Sets};

/// Routes by prefix: the whole of what a peer shall know.
pub type Routes = BTreeMap<Prefix, Arc<Attributes>>;

/// A buffer grows beyond this by one message at most; the rest waits until the buffer has been taken.
const FLUSH: usize = 256 * 1024;

/// Sets that may be out of use before someone looks.
const SPARE_SETS: usize = 64;

/// The adj-RIB-out of one peer.
///
/// It outlives sessions: the wanted routes stay, and each new session starts with all of them to be sent.
#[derive(Debug)]
pub(crate) struct RibOut {
    sets: Sets,
    /// How many sets there may be before the unused ones are looked for.
    sweep_at: usize,
    routes: BTreeMap<Prefix, Route>,
    /// Routes the peer has.
    announced: usize,
    /// Whether anyone has said which routes are wanted; until then silence is the truth.
    loaded: bool,
    filter: ExportFilter,
    outbound: Option<Outbound>,
}

#[derive(Clone, Copy, Default, Debug)]
struct Route {
    wanted: Option<SetId>,
    sent: Option<SetId>,
    /// The peer has it in a form that no longer holds, or wants to hear it once more.
    stale: bool,
    queued: Option<Target>,
}

impl RibOut {
    pub(crate) fn new(filter: ExportFilter) -> Self {
        Self {
            sets: Sets::default(),
            sweep_at: SPARE_SETS,
            routes: BTreeMap::new(),
            announced: 0,
            loaded: false,
            filter,
            outbound: None,
        }
    }

    /// Takes over a whole new state; only what differs from the old one is touched.
    pub(crate) fn replace(&mut self, desired: &Routes) {
        self.loaded = true;
        let mut changes = Vec::new();
        let mut current = self.routes.iter().filter(|(_, route)| route.wanted.is_some()).peekable();
        for (prefix, attributes) in desired {
            while let Some((gone, _)) = current.next_if(|(other, _)| *other < prefix) {
                changes.push((*gone, None));
            }
            let wanted = current.next_if(|(other, _)| *other == prefix).and_then(|(_, route)| route.wanted);
            let id = self.sets.intern(attributes);
            if wanted != Some(id) {
                changes.push((*prefix, Some(id)));
            }
        }
        changes.extend(current.map(|(gone, _)| (*gone, None)));
        for (prefix, wanted) in changes {
            self.want(prefix, wanted);
        }
        self.sweep();
    }

    /// Takes over single routes; `None` is a route that shall vanish.
    pub(crate) fn change(&mut self, changes: impl IntoIterator<Item = (Prefix, Option<Arc<Attributes>>)>) {
        for (prefix, attributes) in changes {
            let wanted = attributes.map(|attributes| self.sets.intern(&attributes));
            self.want(prefix, wanted);
        }
        self.sweep();
    }

    /// Starts a session whose peer knows nothing yet.
    pub(crate) fn begin(&mut self, outbound: Outbound) {
        self.outbound = Some(outbound);
        self.settle_all(|_| true, false);
    }

    /// Forgets what the peer knew.
    pub(crate) fn end(&mut self) {
        self.outbound = None;
        self.announced = 0;
        self.routes.retain(|_, route| {
            *route = Route { wanted: route.wanted, ..Route::default() };
            route.wanted.is_some()
        });
    }

    /// Lets other prefixes out than before.
    pub(crate) fn set_filter(&mut self, filter: ExportFilter) {
        self.filter = filter;
        self.settle_all(|_| true, false);
    }

    /// Changes how routes look on the wire; all that the peer has are sent once more if it makes a difference.
    pub(crate) fn adjust(&mut self, flavour: Flavour, channels: BTreeMap<Family, Channel>) {
        let Some(outbound) = &mut self.outbound else { return };
        let changed = outbound.adjust(flavour, channels);
        self.settle_all(|prefix| changed.contains(&prefix.family()), true);
    }

    /// Notes that the peer asked for all routes of a family again (RFC 2918).
    pub(crate) fn refresh(&mut self, family: Family) {
        if let Some(channel) = self.outbound.as_mut().and_then(|outbound| outbound.channels.get_mut(&family)) {
            channel.refresh = Refresh::Requested;
        }
    }

    /// Returns how many routes the peer has.
    pub(crate) fn announced(&self) -> usize {
        self.announced
    }

    /// Returns how many routes are on their way, counting withdrawals.
    pub(crate) fn backlog(&self) -> usize {
        match &self.outbound {
            Some(outbound) => outbound.pending.values().map(BTreeSet::len).sum(),
            None => self.routes.len(),
        }
    }

    /// Returns how many routes of families in use do not fit a message with all their attributes.
    pub(crate) fn oversized(&self) -> usize {
        let Some(outbound) = &self.outbound else { return 0 };
        let fits = |(prefix, route): &(&Prefix, &Route)| {
            let block = route.wanted.and_then(|set| outbound.blocks.get(&(prefix.family(), set)));
            block.is_none_or(|block| block.fits(outbound.limit))
        };
        self.routes.iter().filter(|entry| !fits(entry)).count()
    }

    /// Returns the wanted routes that the filter keeps in.
    pub(crate) fn filtered(&self) -> impl Iterator<Item = Prefix> {
        let wanted = self.routes.iter().filter(|(_, route)| route.wanted.is_some()).map(|(prefix, _)| *prefix);
        wanted.filter(|prefix| !self.filter.allows(*prefix))
    }

    /// Returns the wanted routes that the peer has in no form.
    pub(crate) fn unsent(&self) -> impl Iterator<Item = Prefix> {
        let unsent =
            |(prefix, route): (&Prefix, &Route)| (route.wanted.is_some() && route.sent.is_none()).then_some(*prefix);
        self.routes.iter().filter_map(unsent)
    }

    /// Returns the next messages, at most one buffer full; call it only when the previous buffer has been taken.
    pub(crate) fn flush(&mut self) -> Option<Flush> {
        if !self.loaded {
            return None;
        }
        let mut writer = Writer::new(self.outbound.as_ref()?.limit);
        self.begin_refresh(&mut writer);
        while writer.len() < FLUSH {
            if !self.write_one(&mut writer) {
                self.outbound.as_mut()?.conclude(&mut writer);
                break;
            }
        }
        Some(writer.finish()).filter(|flush| !flush.bytes.is_empty())
    }

    fn begin_refresh(&mut self, writer: &mut Writer) {
        let Some(outbound) = &mut self.outbound else { return };
        let begun = outbound.begin_refresh(writer);
        if !begun.is_empty() {
            self.settle_all(|prefix| begun.contains(&prefix.family()), true);
        }
    }

    /// Writes one UPDATE of what is most urgent; returns whether there was anything.
    fn write_one(&mut self, writer: &mut Writer) -> bool {
        let Some(outbound) = &mut self.outbound else { return false };
        let Some(mut bucket) = outbound.pending.first_entry() else { return false };
        let target = *bucket.key();
        let first = bucket.get().first().expect("empty buckets are removed");
        let family = first.family();
        let prefixes = bucket.get().iter().copied().take_while(|prefix| prefix.family() == family);
        let count = match target {
            Target::Withdraw => {
                let encode = outbound.channels.get(&family).map_or(EncodeRoutes::Multiprotocol, Channel::encode);
                writer.withdraw(family, encode, prefixes)
            }
            Target::Announce(set) => {
                let block = outbound.blocks.get(&(family, set)).expect("a queued route has its attributes encoded");
                writer.announce(block, prefixes)
            }
        };
        debug_assert!(count > 0, "every message takes at least one route along");
        for _ in 0..count {
            let Some(prefix) = bucket.get_mut().pop_first() else { break };
            note_sent(&mut self.routes, &mut self.announced, prefix, target);
        }
        if bucket.get().is_empty() {
            bucket.remove();
        }
        true
    }

    fn want(&mut self, prefix: Prefix, wanted: Option<SetId>) {
        self.routes.entry(prefix).or_default().wanted = wanted;
        self.settle(prefix, false);
    }

    fn settle_all(&mut self, concerned: impl Fn(Prefix) -> bool, again: bool) {
        let prefixes: Vec<_> = self.routes.keys().copied().filter(|prefix| concerned(*prefix)).collect();
        for prefix in prefixes {
            self.settle(prefix, again);
        }
    }

    /// Queues a route if the peer knows something else, or even so if it shall hear it `again`.
    fn settle(&mut self, prefix: Prefix, again: bool) {
        let Some(route) = self.routes.get_mut(&prefix) else { return };
        route.stale |= again;
        if let Some(outbound) = &mut self.outbound {
            let allowed = route.wanted.filter(|_| self.filter.allows(prefix));
            let known = allowed.filter(|set| outbound.prepare(prefix.family(), *set, &self.sets));
            let target = match known {
                Some(set) if route.sent != Some(set) || route.stale => Some(Target::Announce(set)),
                None if route.sent.is_some() => Some(Target::Withdraw),
                Some(_) | None => None,
            };
            outbound.requeue(prefix, route.queued, target);
            route.queued = target;
        }
        if let Route { wanted: None, sent: None, queued: None, .. } = route {
            self.routes.remove(&prefix);
        }
    }

    /// Forgets attribute sets that no route names, once they may be the majority.
    fn sweep(&mut self) {
        if self.sets.len() < self.sweep_at {
            return;
        }
        let live = self.routes.values().flat_map(|route| [route.wanted, route.sent]).flatten().collect();
        self.sets.retain(&live);
        if let Some(outbound) = &mut self.outbound {
            outbound.blocks.retain(|(_, set), _| live.contains(set));
        }
        self.sweep_at = 2 * live.len() + SPARE_SETS;
    }
}

fn note_sent(routes: &mut BTreeMap<Prefix, Route>, announced: &mut usize, prefix: Prefix, target: Target) {
    let Some(route) = routes.get_mut(&prefix) else { return };
    *announced -= usize::from(route.sent.is_some());
    (route.queued, route.stale) = (None, false);
    route.sent = match target {
        Target::Withdraw => None,
        Target::Announce(set) => Some(set),
    };
    *announced += usize::from(route.sent.is_some());
    if let Route { wanted: None, sent: None, .. } = route {
        routes.remove(&prefix);
    }
}
