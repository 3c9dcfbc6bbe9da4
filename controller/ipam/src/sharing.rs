use std::collections::BTreeMap;
use std::fmt;

use crate::name::{Namespace, ServiceId};
use crate::request::{Port, Request, Sharing};

/// Says why two services cannot hold one address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// A service that holds the address.
    pub with: ServiceId,
    /// What stands between the two.
    pub kind: ConflictKind,
}

/// What keeps two services apart. The holder's sharing key is never named: whoever knows it can join the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConflictKind {
    /// The holder has no sharing key.
    HolderHasNoKey,
    /// The holder has a sharing key, the service has none.
    ServiceHasNoKey,
    /// Both have a sharing key, and sharing ends at the namespace.
    OtherNamespace,
    /// The sharing keys differ.
    OtherKey,
    /// One of them uses `externalTrafficPolicy: Local`, and their pod selectors or policies differ.
    OtherBackend,
    /// Both listen on this port.
    Port(Port),
}

/// The services that may meet on one address, ports aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Group<'a> {
    key: &'a str,
    backend: &'a str,
    /// Set where sharing ends at the namespace.
    namespace: Option<&'a Namespace>,
}

/// An address in use.
#[derive(Debug)]
pub(crate) struct Occupied<'a> {
    /// The first holder by name: who came first is forgotten once all of them hold it, and a refusal must not change with that.
    named: &'a ServiceId,
    pub(crate) group: Option<Group<'a>>,
    ports: BTreeMap<Port, &'a ServiceId>,
}

impl<'a> Group<'a> {
    /// Returns the group of a request; `None` for one that keeps its addresses to itself.
    pub(crate) fn of(request: &'a Request, sharing: Sharing) -> Option<Self> {
        let key = request.sharing_key.as_deref().filter(|key| !key.is_empty())?;
        let namespace = match sharing {
            Sharing::AcrossNamespaces => None,
            Sharing::WithinNamespace => Some(request.service.namespace()),
        };
        Some(Self { key, backend: &request.backend_key, namespace })
    }
}

impl<'a> Occupied<'a> {
    pub(crate) fn by(request: &'a Request, group: Option<Group<'a>>) -> Self {
        let ports = request.ports.iter().map(|port| (*port, &request.service)).collect();
        Self { named: &request.service, group, ports }
    }

    /// Adds a holder that [`Self::conflict`] found nothing against.
    pub(crate) fn join(&mut self, request: &'a Request) {
        self.named = self.named.min(&request.service);
        self.ports.extend(request.ports.iter().map(|port| (*port, &request.service)));
    }

    /// Returns what keeps the request from joining.
    pub(crate) fn conflict(&self, request: &Request, group: Option<Group<'_>>) -> Option<Conflict> {
        let (kind, with) = match (self.group, group) {
            (None, _) => (ConflictKind::HolderHasNoKey, self.named),
            (Some(_), None) => (ConflictKind::ServiceHasNoKey, self.named),
            (Some(holder), Some(joining)) => {
                let kind = if holder.namespace != joining.namespace {
                    ConflictKind::OtherNamespace
                } else if holder.key != joining.key {
                    ConflictKind::OtherKey
                } else if holder.backend != joining.backend {
                    ConflictKind::OtherBackend
                } else {
                    let (port, with) = request.ports.iter().find_map(|port| Some((*port, *self.ports.get(port)?)))?;
                    return Some(Conflict { with: with.clone(), kind: ConflictKind::Port(port) });
                };
                (kind, self.named)
            }
        };
        Some(Conflict { with: with.clone(), kind })
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { with, kind } = self;
        match kind {
            ConflictKind::HolderHasNoKey => write!(f, "{with} holds it and does not share"),
            ConflictKind::ServiceHasNoKey => {
                write!(f, "{with} holds it and shares only with services that set its sharing key")
            }
            ConflictKind::OtherNamespace => write!(f, "{with} holds it and sharing ends at the namespace"),
            ConflictKind::OtherKey => write!(f, "{with} holds it under another sharing key"),
            ConflictKind::OtherBackend => {
                write!(f, "{with} holds it with another externalTrafficPolicy or, under Local, another pod selector")
            }
            ConflictKind::Port(port) => write!(f, "{with} already listens on {port} of it"),
        }
    }
}
