//! Attribute sets by number, since thousands of routes share a few of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroU64,
    sync::Arc,
};

use crate::Attributes;

/// The number of an attribute set, never used twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct SetId(NonZeroU64);

/// All sets in use, and some that no longer are.
#[derive(Clone, Default, Debug)]
pub(super) struct Sets {
    by_value: BTreeMap<Arc<Attributes>, SetId>,
    by_id: BTreeMap<SetId, Arc<Attributes>>,
    interned: u64,
    /// The latest answer, for the run of routes that share one allocation.
    latest: Option<(Arc<Attributes>, SetId)>,
}

impl Sets {
    pub(super) fn intern(&mut self, attributes: &Arc<Attributes>) -> SetId {
        if let Some((latest, id)) = &self.latest
            && Arc::ptr_eq(latest, attributes)
        {
            return *id;
        }
        let id = *self.by_value.entry(Arc::clone(attributes)).or_insert_with(|| {
            let id = SetId(NonZeroU64::MIN.saturating_add(self.interned));
            self.interned += 1;
            self.by_id.insert(id, Arc::clone(attributes));
            id
        });
        self.latest = Some((Arc::clone(attributes), id));
        id
    }

    pub(super) fn attributes(&self, id: SetId) -> &Attributes {
        self.by_id.get(&id).expect("a set lives as long as a route names it")
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn retain(&mut self, live: &BTreeSet<SetId>) {
        self.latest = None;
        self.by_id.retain(|id, _| live.contains(id));
        self.by_value.retain(|_, id| live.contains(id));
    }
}
