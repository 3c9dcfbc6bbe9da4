//! Who else announces, as the API server knows, kept from one plan to the next: most changes are of Services.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use super::cluster::Cluster;
use crate::drivers::wire;
use crate::net::links::Links;
use crate::roster::{self, Neighbour, Roster, ServedLink};

/// The other nodes that run a speaker, and what follows for this one.
#[derive(Debug, Default)]
pub(super) struct Surroundings {
    /// What the rest followed from; nothing before the speakers were listed.
    version: Option<u64>,
    neighbours: Vec<Neighbour>,
    macs: Arc<BTreeMap<[u8; 6], Arc<str>>>,
    served: Arc<[ServedLink]>,
    roster: Arc<Roster>,
}

impl Surroundings {
    /// Takes over who is there, and returns the Ethernet addresses by which the other nodes announce.
    pub(super) fn meet(&mut self, cluster: &Cluster, me: &str) -> Arc<BTreeMap<[u8; 6], Arc<str>>> {
        let version = cluster.neighbourhood();
        if self.version != version && version.is_some() {
            self.version = version;
            self.neighbours = cluster.neighbours(me);
            self.macs = Arc::new(cluster.macs(me));
            self.expect();
        }
        self.macs.clone()
    }

    /// Takes over which links carry heartbeats, and returns them and who should be heard there.
    pub(super) fn serve(&mut self, wire: &wire::Desired, links: &Links) -> (Arc<[ServedLink]>, Arc<Roster>) {
        let served = roster::served(wire, links);
        if *self.served != *served {
            self.served = served.into();
            if self.version.is_some() {
                self.expect();
            }
        }
        (self.served.clone(), self.roster.clone())
    }

    fn expect(&mut self) {
        let expected = roster::expected(&self.served, &self.neighbours);
        Arc::make_mut(&mut self.roster).update(expected, Instant::now());
    }
}
