//! EndpointSlices, cut down to how many endpoints each node has.
//!
//! Anybody who may write EndpointSlices decides what stands in them, so a slice costs a few bytes for each node that it names,
//! however long the name, and nothing that outlives the slice.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::num::NonZeroU64;
use std::sync::Arc;

use announce::{Endpoint, NodeName};
use apiserver::{Event, Object, Unreadable};
use crds::core;

/// What is kept of a slice beside names and endpoints: its row in two tables, in bytes.
const ROW: usize = 320;

/// How many endpoints of a Service are kept apart; of more, each node has its part of so many, and one at least. Kubernetes is made
/// for 250 in a Service, and the numbers matter only to routers that weigh nodes by them.
const APART: u64 = 5_000;

/// An EndpointSlice: how many endpoints can take traffic for a Service, by node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Slice {
    /// The name of the Service, in the slice's namespace; empty if it belongs to none.
    pub(super) service: Arc<str>,
    /// In the order of the nodes; which pods they are decides nothing.
    serving: Box<[Serving]>,
    /// Why it cannot be read. Nothing is known of its endpoints then: those that it had before may be gone.
    pub(super) unreadable: Option<Box<str>>,
}

/// The endpoints of a slice on one node that can serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Serving {
    node: Node,
    /// Those that are ready.
    ready: u16,
    /// Those that are not, and serve until they end.
    ending: u16,
}

/// The name of a node, as a number: names are long, and whoever writes slices may write any. None for no node.
///
/// Two nodes of a cluster with one number would count as having each other's endpoints; among the largest clusters, one in
/// 10^12 has such a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Node(Option<NonZeroU64>);

/// The nodes that exist, by the numbers that slices know them by.
#[derive(Debug, Default)]
pub(super) struct Nodes(BTreeMap<Node, NodeName>);

/// Keeps how many endpoints can serve, by node; of a slice that cannot be read, only whose it is and why.
pub(super) fn slice(event: Event<core::EndpointSlice>) -> Event<Slice> {
    if let Event::Applied(Object { name, version, value: Err(Unreadable { reason, labels }) }) = event {
        let service = labels.get(core::SERVICE_NAME_LABEL).map(String::as_str).unwrap_or_default().into();
        let value = Slice { service, serving: Box::default(), unreadable: Some(reason.into()) };
        return Event::Applied(Object { name, version, value: Ok(value) });
    }
    event.map(|slice| Slice {
        service: slice.service().unwrap_or_default().into(),
        serving: serving(slice.endpoints()),
        unreadable: None,
    })
}

fn serving(endpoints: &[core::Endpoint]) -> Box<[Serving]> {
    let mut nodes: BTreeMap<Node, Serving> = BTreeMap::new();
    for endpoint in endpoints {
        let core::EndpointConditions { ready, serving, terminating } = endpoint.conditions;
        if !(Endpoint { node: None, ready, serving, terminating }).can_serve() {
            continue;
        }
        let node = Node::of(endpoint.node_name.as_deref());
        let serving = nodes.entry(node).or_insert(Serving { node, ready: 0, ending: 0 });
        let count = if ready.unwrap_or(true) { &mut serving.ready } else { &mut serving.ending };
        *count = count.saturating_add(1);
    }
    nodes.into_values().collect()
}

impl Slice {
    /// Says whether an endpoint can serve.
    pub(super) fn serves(&self) -> bool {
        !self.serving.is_empty()
    }

    /// Returns what it takes, in bytes. Why it cannot be read is repeated wherever that is told.
    pub(super) fn cost(&self) -> usize {
        let why = self.unreadable.as_ref().map_or(0, |why| 4 * why.len());
        ROW + self.service.len() + size_of_val(&*self.serving) + why
    }
}

/// Returns the endpoints that can serve, with their nodes. Those on Nodes that do not exist, and on none, are one endpoint nowhere:
/// whoever writes slices may name any node.
pub(super) fn apart<'a>(slices: impl Iterator<Item = &'a Slice>, nodes: &Nodes) -> Vec<Endpoint> {
    let mut counts: BTreeMap<&NodeName, [u64; 2]> = BTreeMap::new();
    let mut elsewhere = None;
    for serving in slices.flat_map(|slice| &slice.serving) {
        match nodes.0.get(&serving.node) {
            Some(node) => {
                let [ready, ending] = counts.entry(node).or_default();
                *ready += u64::from(serving.ready);
                *ending += u64::from(serving.ending);
            }
            None => elsewhere = Some(SOMEWHERE),
        }
    }
    let total = counts.values().flatten().sum::<u64>().max(APART);
    let part = |count: u64| usize::try_from((count * APART).div_ceil(total)).unwrap_or(usize::MAX);
    let endpoints = counts.into_iter().flat_map(|(node, [ready, ending])| {
        let node = Some(node.clone());
        let is_ready = Endpoint { node: node.clone(), ..SOMEWHERE };
        let is_ending = Endpoint { node, ready: Some(false), serving: Some(true), terminating: Some(true) };
        std::iter::repeat_n(is_ready, part(ready)).chain(std::iter::repeat_n(is_ending, part(ending)))
    });
    endpoints.chain(elsewhere).collect()
}

/// An endpoint that can serve.
pub(super) const SOMEWHERE: Endpoint = Endpoint { node: None, ready: Some(true), serving: None, terminating: None };

impl Node {
    fn of(name: Option<&str>) -> Self {
        let number = |name: &str| {
            let mut hasher = DefaultHasher::new();
            name.hash(&mut hasher);
            NonZeroU64::new(hasher.finish()).unwrap_or(NonZeroU64::MIN)
        };
        Self(name.map(number))
    }
}

impl<'a> FromIterator<&'a NodeName> for Nodes {
    fn from_iter<I: IntoIterator<Item = &'a NodeName>>(names: I) -> Self {
        Self(names.into_iter().map(|name| (Node::of(Some(&name.0)), name.clone())).collect())
    }
}

#[cfg(test)]
mod tests;
