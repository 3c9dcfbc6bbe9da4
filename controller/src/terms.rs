use std::collections::{BTreeMap, BTreeSet};

use ipam::{Port, ServiceId};

use crate::request::backend_key;
use crate::view::ServiceView;

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

    /// Takes over the terms that services have now, but for those whose outcome `is_open`, and forgets services that are gone.
    pub(crate) fn follow(
        &mut self,
        services: &BTreeMap<ServiceId, ServiceView>,
        is_open: impl Fn(&ServiceView) -> bool,
    ) {
        let Self(terms) = self;
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
