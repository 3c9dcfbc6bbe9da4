//! What a route says beside its prefix.

use std::{collections::BTreeSet, num::NonZeroU64};

use crate::{Community, LargeCommunity};

/// The attributes a route is announced with; what depends on the session (AS path, next hop) is added per peer.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub struct Attributes {
    /// Preference within our autonomous system; sent to internal peers only, 100 where absent.
    pub local_pref: Option<u32>,
    /// Preference between several links to the same neighbouring system, lowest wins. Absent by default.
    pub med: Option<u32>,
    /// How often our own number stands in the AS path beyond the one time that external peers demand. Defaults to 0.
    ///
    /// Internal peers never see it: their loop detection would reject a route that names their own system.
    pub prepend: u8,
    /// Standard communities.
    pub communities: BTreeSet<Community>,
    /// Large communities.
    pub large_communities: BTreeSet<LargeCommunity>,
    /// Bytes per second behind this route, for routers that weigh equal paths by it (link bandwidth extended community).
    ///
    /// The wire carries a single-precision float, so large numbers are rounded.
    pub link_bandwidth: Option<NonZeroU64>,
}
