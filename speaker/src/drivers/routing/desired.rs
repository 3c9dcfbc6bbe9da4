//! What the sessions with routers are told to be.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use announce::{PeerName, RouteTable};

use crate::net::links::Links;
use crate::peers::{PeerDesired, PeerRefused};

/// What never changes while the sessions run.
#[derive(Debug, Clone, Copy)]
pub struct Config {
    /// How long a route of a draining node is announced as one to be avoided before it is withdrawn. Defaults to 10 s.
    pub drain_time: Duration,
    /// The same at the end of the process, for routers that do not keep routes over a restart. Defaults to 500 ms.
    pub leave_time: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self { drain_time: Duration::from_secs(10), leave_time: Duration::from_millis(500) }
    }
}

/// What this node should tell routers.
#[derive(Debug, Clone, Default)]
pub struct Desired {
    /// The peers of this node; one with a fault keeps the session it has.
    pub peers: BTreeMap<PeerName, Result<Arc<PeerDesired>, PeerRefused>>,
    /// The routes for each.
    pub routes: BTreeMap<PeerName, Arc<RouteTable>>,
    /// The addresses of all pools; nothing outside leaves.
    pub export: Vec<announce::Prefix>,
    /// The node's links, whose addresses serve as next hops.
    pub links: Arc<Links>,
    /// Everything is listed and the datapath can forward.
    ///
    /// Until it first is, routers are told nothing, so that they keep what a predecessor announced; afterwards, that there is nothing.
    pub ready: bool,
}

/// [`Desired`], and whether to end.
#[derive(Debug, Clone, Default)]
pub(super) struct Order {
    pub(super) desired: Desired,
    pub(super) leave: bool,
}
