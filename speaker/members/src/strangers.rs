//! Speakers on the wire that are not understood: of another cluster, another version, or with another key.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::header::Format;
use crate::seal::{ClusterTag, KeyId};

/// What is not understood of somebody who speaks on this wire. Nothing of it is authentic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stranger {
    /// It belongs to another cluster, which shares the wire; its claims are no business of this one.
    Cluster {
        /// The short form of that cluster.
        cluster: ClusterTag,
        /// It uses a key of this cluster: its Secret was copied, or it is a speaker of this cluster with another identity.
        has_our_key: bool,
    },
    /// It belongs to this cluster, and its key is not known here.
    Key(KeyId),
    /// It speaks a version of the protocol that cannot be read here, or that is too old.
    Version(Format),
}

/// When and where one was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StrangerView {
    /// What it is.
    pub stranger: Stranger,
    /// Where it spoke from last.
    pub address: SocketAddr,
    /// When it was heard last.
    pub last_heard: Instant,
}

/// How many of one kind are remembered; anybody can make up more.
const LIMIT: usize = 8;

#[derive(Debug, Default)]
pub(crate) struct Strangers(BTreeMap<Stranger, (SocketAddr, Instant)>);

impl Strangers {
    /// Notes one and returns whether it is a new one.
    pub(crate) fn hear(&mut self, now: Instant, stranger: Stranger, from: SocketAddr) -> bool {
        let is_known = self.0.contains_key(&stranger);
        let of_its_kind = self.0.keys().filter(|other| is_alike(**other, stranger)).count();
        if !is_known && of_its_kind >= LIMIT {
            return false;
        }
        self.0.insert(stranger, (from, now));
        !is_known
    }

    /// Forgets those that were not heard for a time.
    pub(crate) fn prune(&mut self, now: Instant, forget_after: Duration) {
        self.0.retain(|_, (_, heard)| now.saturating_duration_since(*heard) < forget_after);
    }

    pub(crate) fn view(&self) -> impl Iterator<Item = StrangerView> + '_ {
        let view = |(&stranger, &(address, last_heard)): (&Stranger, &(SocketAddr, Instant))| StrangerView {
            stranger,
            address,
            last_heard,
        };
        self.0.iter().map(view)
    }
}

fn is_alike(one: Stranger, other: Stranger) -> bool {
    std::mem::discriminant(&one) == std::mem::discriminant(&other)
}

#[cfg(test)]
mod tests;
