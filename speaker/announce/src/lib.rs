//! Decides what this node may announce, and why not.
//!
//! [`plan`] turns the cluster as this node sees it (a [`View`]) into [`Desired`]: for ARP and NDP, which VIPs exist, which nodes are
//! candidates for each with which preference, and on which of this node's links; for BGP, which peer is told of which prefixes with
//! which attributes; and for both the reason for everything that is refused.
//! [`explain`] gives the same decision for one service, node by node and peer by peer.
//!
//! Both are pure functions: no clock, no sockets, no memory of an earlier call. Selectors are resolved before the view is made
//! ([`Scope`]), so no label reaches this crate. A [`Planner`] keeps a plan and replaces what a change can have touched, by the same
//! code: its plan always equals that of [`plan`].
//!
//! # What it does not decide
//!
//! * Which candidate owns a VIP. That is settled on the wire, per link, among the nodes that are heard there. It follows that
//!   a node the API server calls NotReady stays a candidate: a node that is dead is silent on the link, and a node that is
//!   cut off from the API server alone still forwards.
//! * Whether this node's datapath is ready. That holds for the whole node, so it is an input of the election and of the sessions,
//!   not of the plan.
//! * How long a draining node goes on telling its peers ([`RouteAttributes::graceful_shutdown`]), and whether a session is up.
//!
//! # What MetalLB does otherwise
//!
//! * Each VIP is decided by the pool it lies in, so the families of a service may come from different pools.
//! * Services that share a VIP on layer 2 are decided once per VIP (see [`L2Vip::services`]), so that an IP never has two owners.
//! * Without named interfaces, only links on the VIP's own subnet are used, and one link per subnet.
//! * `notOwner` is split into the precise reasons of [`NotAnnounced`] and [`Exclusion`].
//! * Nodes may be drained ([`DrainPolicy`]), but never the last one: on layer 2 the last candidate of a VIP, in BGP the last node
//!   that announces it, is Ready and does not drain.
//! * An aggregated prefix is cut where it would reach outside its pool. Where that makes it equal to another prefix of the same
//!   service, the advertisement that asked for that length decides.
//! * Of two services on one prefix that rank it differently, the older one is announced and the younger one refused.
//! * A peer is told only of the families that its session carries, so a node with no such peer is no announcer.
#![forbid(unsafe_code)]

mod candidates;
mod claims;
mod coverage;
mod desired;
mod exclusion;
mod explain;
mod hash;
mod index;
mod layer2;
mod links;
mod names;
mod ours;
mod plan;
mod planner;
mod routes;
mod routing;
mod verdict;
mod view;

pub use desired::{BgpVerdict, Desired, L2Verdict, L2Vip, LinkChoice, Links, Mine, Standing, Verdict, Warning};
pub use exclusion::{DrainTrigger, Exclusion, Headcount};
pub use explain::{Explanation, L2Explanation, NodeVerdict, PeerVerdict, RouteExplanation, explain};
pub use names::{AdvertisementName, LinkName, NodeName, PeerName, PoolName, Protocol, ServiceId, TaintKey};
pub use plan::plan;
pub use planner::Planner;
pub use routes::{Community, Family, LargeCommunity, Prefix, RouteAttributes, RouteTable};
pub use verdict::NotAnnounced;
pub use view::{
    AddressRange, BgpAdvertisement, BgpPeer, Created, DrainPolicy, Endpoint, Gap, L2Advertisement, Link, LinkExclusion,
    LinkIndex, LinkState, Node, Policy, Scope, Service, ServiceKind, TrafficPolicy, View,
};

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod properties;
