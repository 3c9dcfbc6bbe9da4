//! Peers that would open the same session twice.

use super::Nodes;
use super::Peer;
use crate::selector::{Selector, any_or_empty};

/// Says whether two peers would have a session between one node and the same port of the same router in the same way.
pub(super) fn collide(one: &Peer, other: &Peer, nodes: Option<&Nodes>) -> bool {
    let same_session = one.router == other.router
        && one.port == other.port
        && one.vrf == other.vrf
        && one.source_address == other.source_address;
    same_session && meet(&one.node_selectors, &other.node_selectors, nodes)
}

/// Says whether two lists of node selectors have a node in common; if no node is known, that they may have one.
pub(super) fn meet(one: &[Selector], other: &[Selector], nodes: Option<&Nodes>) -> bool {
    let Some(nodes) = nodes.filter(|nodes| !nodes.is_empty()) else { return true };
    nodes.values().any(|labels| any_or_empty(one, labels) && any_or_empty(other, labels))
}
