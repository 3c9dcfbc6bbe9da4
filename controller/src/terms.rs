use std::collections::{BTreeMap, BTreeSet};

use ipam::{Port, ServiceId};

use crate::plan::Plan;
use crate::request::backend_key;
use crate::snapshot::{ServiceView, Snapshot};

/// The terms under which services share addresses, as far as they are remembered.
///
/// Of two services that do not fit on one address any more, the one that was edited moves. What is not remembered, as after a
/// start, counts as not edited, and then the older one stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Terms(BTreeMap<ServiceId, Term>);

/// What sharers must agree on.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Term {
    sharing_key: String,
    backend_key: String,
    ports: BTreeSet<Port>,
}

impl Terms {
    /// Remembers the terms of all services that have a sharing key.
    pub fn of<'a>(services: impl IntoIterator<Item = &'a ServiceView>) -> Self {
        Self(services.into_iter().filter_map(|view| Some((view.id.clone(), Term::of(view)?))).collect())
    }

    /// Says whether a service shares under other terms than are remembered.
    pub(crate) fn differ(&self, view: &ServiceView) -> bool {
        self.0.get(&view.id).is_some_and(|term| Term::of(view).as_ref() != Some(term))
    }
}

impl Term {
    fn of(view: &ServiceView) -> Option<Self> {
        let sharing_key = view.sharing_key.clone().filter(|key| !key.is_empty())?;
        let backend_key = backend_key(view.traffic_policy, &view.selector);
        Some(Self { sharing_key, backend_key, ports: view.ports.clone() })
    }
}

impl Snapshot {
    /// Remembers what a plan of this snapshot is made of and the snapshot itself does not keep: what services hold, and the terms
    /// under which they share.
    ///
    /// The terms of a service that was edited are taken over only after it has left what it does not fit on any more: until then
    /// it may turn out that it still holds that.
    pub fn remember(&mut self, plan: &Plan) {
        self.ledger.close(&self.services, &plan.changes.iter().map(|change| &change.service).collect());
        let Self { services, ledger, terms: Terms(terms), .. } = self;
        let leaving = plan.changes.iter().filter(|change| !change.gives.is_empty()).map(|change| &change.service);
        let leaving: BTreeSet<&ServiceId> = leaving.collect();
        let is_open = |view: &ServiceView| leaving.contains(&view.id) || ledger.has(view);
        terms.retain(|id, _| services.contains_key(id));
        for view in services.values() {
            match (terms.get_mut(&view.id), Term::of(view)) {
                (None, Some(term)) => drop(terms.insert(view.id.clone(), term)),
                (Some(known), Some(term)) if !is_open(view) => *known = term,
                (Some(_), None) if !is_open(view) => drop(terms.remove(&view.id)),
                (Some(_) | None, _) => {}
            }
        }
    }
}
