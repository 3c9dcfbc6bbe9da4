#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;

use ipam::ServiceId;

use crate::snapshot::{Ingress, ResourceVersion, ServiceView, Uid};

/// The writes to service statuses that the watch has not shown yet.
///
/// Between a write and its return through the watch the snapshot shows the past, and a plan made of the past alone could give
/// one address to two services. The ledger lays the written state over it. A new leader starts with an empty ledger and must
/// therefore list with a quorum read before its first plan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger(BTreeMap<ServiceId, Entry>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    uid: Uid,
    /// Sent, and not answered yet.
    sent: Option<Written>,
    /// Answered with this version, and not seen in the watch yet.
    accepted: Option<(ResourceVersion, Written)>,
    /// The newest version the watch has shown since the entry exists.
    seen: ResourceVersion,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Written {
    ingress: Vec<Ingress>,
    pool_annotation: Option<String>,
}

impl Ledger {
    /// Records a status write before it goes out; no addresses and no pool stand for a cleared status.
    pub fn send(&mut self, service: &ServiceId, uid: &Uid, addresses: &[IpAddr], pool_annotation: Option<String>) {
        let sent = Written { ingress: addresses.iter().copied().map(Ingress::Ip).collect(), pool_annotation };
        let fresh = Entry { uid: uid.clone(), sent: None, accepted: None, seen: ResourceVersion::default() };
        let entry = self.0.entry(service.clone()).or_insert_with(|| fresh.clone());
        if entry.uid != *uid {
            *entry = fresh;
        }
        entry.sent = Some(sent);
    }

    /// Records that the API server accepted the write and which version it made of it.
    pub fn accepted(&mut self, service: &ServiceId, version: ResourceVersion) {
        self.change(service, |entry| {
            if let Some(sent) = entry.sent.take().filter(|_| entry.seen < version) {
                entry.accepted = Some((version, sent));
            } else {
                entry.accepted = None;
            }
        });
    }

    /// Records that the API server refused the write. After a timeout nobody knows, so the write stays until the watch tells.
    pub fn refused(&mut self, service: &ServiceId) {
        self.change(service, |entry| entry.sent = None);
    }

    /// Compares with what the watch shows, and drops what it confirms or overtakes.
    pub fn observe(&mut self, view: &ServiceView) {
        self.change(&view.id, |entry| {
            if entry.uid != view.uid {
                (entry.sent, entry.accepted) = (None, None);
                return;
            }
            entry.seen = entry.seen.max(view.version);
            if entry.accepted.as_ref().is_some_and(|(version, _)| view.version >= *version) {
                entry.accepted = None;
            }
            // A version before the accepted one may look like the newer write by chance and proves nothing.
            if entry.accepted.is_none() && entry.sent.as_ref().is_some_and(|sent| sent.is_shown_by(view)) {
                entry.sent = None;
            }
        });
    }

    /// Forgets a deleted service.
    pub fn forget(&mut self, service: &ServiceId) {
        self.0.remove(service);
    }

    /// Returns how many services have unconfirmed writes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether the watch has shown every write.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the service as it is with all writes carried out.
    pub(crate) fn overlay<'a>(&self, view: &'a ServiceView) -> Cow<'a, ServiceView> {
        let entry = self.0.get(&view.id).filter(|entry| entry.uid == view.uid);
        let latest = |entry: &'_ Entry| {
            let accepted = entry.accepted.as_ref().map(|(_, written)| written);
            entry.sent.as_ref().or(accepted).cloned()
        };
        match entry.and_then(latest) {
            Some(Written { ingress, pool_annotation }) => {
                Cow::Owned(ServiceView { ingress, pool_annotation, ..view.clone() })
            }
            None => Cow::Borrowed(view),
        }
    }

    fn change(&mut self, service: &ServiceId, act: impl FnOnce(&mut Entry)) {
        let Some(entry) = self.0.get_mut(service) else { return };
        act(entry);
        if entry.sent.is_none() && entry.accepted.is_none() {
            self.0.remove(service);
        }
    }
}

impl Written {
    fn is_shown_by(&self, view: &ServiceView) -> bool {
        self.ingress == view.ingress && self.pool_annotation == view.pool_annotation
    }
}
