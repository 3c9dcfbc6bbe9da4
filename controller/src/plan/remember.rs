//! What a plan leaves for the next one.

use std::collections::BTreeSet;

use ipam::ServiceId;

use super::Plan;
use crate::snapshot::Snapshot;
use crate::view::ServiceView;

impl Snapshot {
    /// Remembers what a plan of this snapshot is made of and the snapshot itself does not keep: what services hold, and the terms
    /// under which they share.
    ///
    /// The terms of a service that was edited are taken over only after it has left what it does not fit on any more: until then
    /// it may turn out that it still holds that.
    pub fn remember(&mut self, plan: &Plan) {
        self.ledger.close(&self.services, &plan.changes.iter().map(|change| &change.service).collect());
        let Self { services, ledger, terms, .. } = self;
        let leaving = plan.changes.iter().filter(|change| !change.gives.is_empty()).map(|change| &change.service);
        let leaving: BTreeSet<&ServiceId> = leaving.collect();
        terms.follow(services, |view: &ServiceView| leaving.contains(&view.id) || ledger.has(view));
    }
}
