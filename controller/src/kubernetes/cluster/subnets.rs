//! The subnets that nodes are on, whose own addresses nobody gets.

use std::collections::{BTreeMap, BTreeSet};

use apiserver::{Event, Table, WatchError};
use ipnet::IpNet;
use serde::Deserialize;

const NODE: &str = "metallb.io/node-name";

/// The ConfigurationState of a speaker, decoded no further than the subnets of its links.
///
/// Whatever else a speaker reports there changes often and decides nothing here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "Wire")]
pub(in super::super) struct SpeakerState {
    /// The node; empty if the object does not say.
    node: String,
    subnets: BTreeSet<IpNet>,
}

#[derive(Deserialize)]
struct Wire {
    metadata: WireMetadata,
    #[serde(default)]
    status: WireStatus,
}

#[derive(Deserialize)]
struct WireMetadata {
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct WireStatus {
    links: Option<Vec<WireLink>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct WireLink {
    subnets: Vec<String>,
}

impl From<Wire> for SpeakerState {
    fn from(Wire { metadata: WireMetadata { mut labels }, status: WireStatus { links } }: Wire) -> Self {
        let subnets = links.iter().flatten().flat_map(|link| &link.subnets);
        // What cannot be read says nothing.
        let subnets = subnets.filter_map(|subnet| subnet.parse::<IpNet>().ok()).map(|subnet| subnet.trunc()).collect();
        Self { node: labels.remove(NODE).unwrap_or_default(), subnets }
    }
}

/// What speakers report of their subnets.
///
/// The object of a speaker goes with its pod. A node stays on its subnets while its speaker is replaced, so the last report counts
/// until there is another one, or the Node is gone.
#[derive(Debug, Default)]
pub(super) struct Subnets {
    speakers: Table<SpeakerState>,
    by_node: BTreeMap<String, BTreeSet<IpNet>>,
}

impl Subnets {
    /// Takes in what the server tells of a speaker.
    pub(super) fn take(&mut self, event: Event<SpeakerState>) {
        if let Event::Applied(object) = &event
            && let Ok(SpeakerState { node, subnets }) = &object.value
            && !subnets.is_empty()
        {
            self.by_node.insert(node.clone(), subnets.clone());
        }
        self.speakers.take(event);
    }

    /// Says whether the speakers are known, or cannot be: without them the edges of subnets may be given, which is no reason to give
    /// nothing.
    pub(super) fn is_known(&self) -> bool {
        self.speakers.is_listed() || self.speakers.lost().is_some()
    }

    /// Returns why changes do not arrive at present.
    pub(super) fn lost(&self) -> Option<&WatchError> {
        self.speakers.lost()
    }

    /// Forgets the nodes that do not exist and have no speaker.
    pub(super) fn retain(&mut self, exists: impl Fn(&str) -> bool) {
        let reporting: BTreeSet<&str> = self.speakers.values().map(|state| state.node.as_str()).collect();
        self.by_node.retain(|node, _| reporting.contains(node.as_str()) || exists(node));
    }

    /// Returns the subnets of all nodes.
    pub(super) fn all(&self) -> BTreeSet<IpNet> {
        self.by_node.values().flatten().copied().collect()
    }
}
