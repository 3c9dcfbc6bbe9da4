#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipam::ServiceId;

use crate::book::{Book, Hold};
use crate::view::{Condition, Ingress, ResourceVersion, ServiceView, Uid};

/// The writes to service statuses that the watch has not shown yet, and a book of what those before them have left.
///
/// Between a write and its return through the watch the snapshot shows the past, and a plan made of the past alone could give
/// one address to two services. The ledger lays the written state over it. A new leader starts with an empty ledger and must
/// therefore list with a quorum read before its first plan.
///
/// Every write is bound to the version it was made for, so as soon as the watch shows a later one the outcome is decided and
/// visible: it was carried out by then, or never will be. Nothing is given up before that, also when the answer got lost.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    entries: BTreeMap<ServiceId, Entry>,
    book: Book,
}

/// What a write leaves in the status of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusWrite {
    /// All addresses, in order; none clears the status.
    pub addresses: Vec<IpAddr>,
    /// The value of the pool annotation: the pool, or both pools joined by a comma when the families come from two.
    pub pool: Option<String>,
    /// Our condition; none removes it.
    pub condition: Option<Condition>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    uid: Uid,
    /// Sent for this version, and not known to be carried out.
    sent: Option<(ResourceVersion, StatusWrite)>,
    /// Answered with this version, and not seen in the watch yet.
    accepted: Option<(ResourceVersion, StatusWrite)>,
}

impl Ledger {
    /// Returns the version that the next write to a service is for, or none while the outcome of the last one is open.
    pub fn base(&self, view: &ServiceView) -> Option<ResourceVersion> {
        match self.entry(view) {
            None => Some(view.version),
            Some(Entry { sent: Some(_), .. }) => None,
            Some(Entry { accepted, .. }) => Some(accepted.as_ref().map_or(view.version, |(version, _)| *version)),
        }
    }

    /// Records a write before it goes out, for the version that [`Ledger::base`] gave.
    pub fn send(&mut self, service: &ServiceId, uid: &Uid, base: ResourceVersion, write: StatusWrite) {
        let fresh = || Entry { uid: uid.clone(), sent: None, accepted: None };
        let entry = self.entries.entry(service.clone()).or_insert_with(fresh);
        if entry.uid != *uid {
            *entry = fresh();
        }
        entry.sent = Some((base, write));
    }

    /// Records that the API server accepted the write and which version it made of it.
    pub fn accepted(&mut self, service: &ServiceId, version: ResourceVersion) {
        self.change(service, |entry, book| {
            if let Some((_, write)) = entry.sent.take() {
                book.enter(service, &entry.uid, &write.addresses, write.pool.as_deref());
                entry.accepted = Some((version, write));
            }
        });
    }

    /// Records that the write certainly did not happen, and that the version it was for may still be the latest.
    pub fn refused(&mut self, service: &ServiceId) {
        self.change(service, |entry, _| entry.sent = None);
    }

    /// Drops what the watch decides by what it shows.
    pub fn observe(&mut self, view: &ServiceView) {
        self.change(&view.id, |entry, book| {
            let other = entry.uid != view.uid;
            let decided = entry.sent.take_if(|(base, _)| other || view.version > *base);
            if let Some((_, write)) = decided.filter(|(_, write)| !other && write.is_shown(view)) {
                book.enter(&view.id, &view.uid, &write.addresses, write.pool.as_deref());
            }
            entry.accepted.take_if(|(version, _)| other || view.version >= *version);
        });
    }

    /// Forgets a deleted service.
    pub fn forget(&mut self, service: &ServiceId) {
        self.entries.remove(service);
        self.book.strike(service);
    }

    /// Returns what a service holds with all writes carried out, whatever others have written into its status.
    pub fn held<'a>(&'a self, view: &'a ServiceView) -> Hold<'a> {
        match self.entry(view).and_then(|entry| entry.sent.as_ref()) {
            Some((_, write)) => Hold::confirmed(&write.addresses, write.pool.as_deref()),
            None => self.book.held(view),
        }
    }

    /// Takes what stays as it is by a plan into the book; `changing` are the services that the plan writes.
    pub(crate) fn close(&mut self, services: &BTreeMap<ServiceId, ServiceView>, changing: &BTreeSet<&ServiceId>) {
        let Self { entries, book } = self;
        let settled = |view: &&ServiceView| !changing.contains(&view.id) && !entries.contains_key(&view.id);
        book.close(services, settled);
    }

    /// Says whether a service has a write that the watch has not shown.
    pub(crate) fn has(&self, view: &ServiceView) -> bool {
        self.entry(view).is_some()
    }

    /// Returns how many services have unconfirmed writes.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns whether the watch has shown every write.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns the service as it is with all writes carried out.
    pub fn overlay<'a>(&self, view: &'a ServiceView) -> Cow<'a, ServiceView> {
        let latest = |entry: &'_ Entry| {
            let (_, write) = entry.sent.as_ref().or(entry.accepted.as_ref())?;
            Some(write.clone())
        };
        match self.entry(view).and_then(latest) {
            Some(write) => Cow::Owned(write.laid_over(view)),
            None => Cow::Borrowed(view),
        }
    }

    fn entry(&self, view: &ServiceView) -> Option<&Entry> {
        self.entries.get(&view.id).filter(|entry| entry.uid == view.uid)
    }

    fn change(&mut self, service: &ServiceId, act: impl FnOnce(&mut Entry, &mut Book)) {
        let Self { entries, book } = self;
        let Some(entry) = entries.get_mut(service) else { return };
        act(entry, book);
        if entry.sent.is_none() && entry.accepted.is_none() {
            entries.remove(service);
        }
    }
}

impl StatusWrite {
    /// Says whether a status has the addresses of the write.
    fn is_shown(&self, view: &ServiceView) -> bool {
        view.ingress.iter().cloned().eq(self.addresses.iter().copied().map(Ingress::Ip))
    }

    /// Returns the service as it is once the write is carried out.
    pub fn laid_over(self, view: &ServiceView) -> ServiceView {
        let Self { addresses, pool, condition } = self;
        let ingress = addresses.into_iter().map(Ingress::Ip).collect();
        ServiceView { ingress, pool_annotation: pool, condition, ..view.clone() }
    }
}
