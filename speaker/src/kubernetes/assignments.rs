//! Which Services a node has taken on, so that an event tells of each once.

use std::collections::BTreeSet;

use announce::ServiceId;

use super::statuses::Situation;

/// The Services that a node announces by one protocol, or did when nothing else than a wire or a router kept it from going on.
#[derive(Debug, Default)]
pub(super) struct Assignments(Option<BTreeSet<ServiceId>>);

impl Assignments {
    /// Takes over what is so and returns the Services that this node has taken on since the last time.
    ///
    /// A Service is given up when the plan takes it from this node or another node is seen to answer for it. A session that is lost,
    /// or a link, gives up nothing: what comes back with it is no news. `before` says what a former process had taken on.
    pub(super) fn update(
        &mut self,
        Situation { announced, willing }: &Situation,
        before: impl FnOnce() -> BTreeSet<ServiceId>,
    ) -> Vec<ServiceId> {
        let before = self.0.take().unwrap_or_else(before);
        let news = announced.keys().filter(|service| !before.contains(*service)).cloned().collect();
        let kept = before.into_iter().filter(|service| willing.contains(service));
        self.0 = Some(kept.chain(announced.keys().cloned()).collect());
        news
    }
}

#[cfg(test)]
mod tests;
