//! What a peer is told to do, and what a change of it costs.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, Ipv6Addr},
    num::NonZeroU8,
    time::Duration,
};

use thiserror::Error;

use crate::{Asn, ExportFilter, Family, RouterId};

/// The settings of one peer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    /// The autonomous system we are in as far as this peer is told; it alone stands in the AS path.
    pub local_as: Asn,
    /// The autonomous system the peer must be in.
    pub remote_as: RemoteAs,
    /// Our router identifier.
    pub router_id: RouterId,
    /// Families to announce; those that the peer does not offer are left out. Never empty. Defaults to both.
    pub families: BTreeSet<Family>,
    /// Which end opens the connection. Defaults to us.
    pub connecting: Connecting,
    /// How far away the peer is. Defaults to the same link.
    pub distance: Distance,
    /// Whether packets from farther away than `distance` are refused by their TTL (GTSM, RFC 5082).
    ///
    /// The peer must then send with TTL 255. Defaults to `false`.
    pub ttl_security: bool,
    /// How long a silent peer counts as alive. Defaults to 90 s; the session uses the smaller one of both ends.
    pub hold_time: HoldTime,
    /// How often we show that we live, a third of the session's hold time at most. Defaults to that third.
    pub keepalive_time: Option<Duration>,
    /// How long we wait between attempts.
    pub retry: Retry,
    /// Whether the peer keeps our routes over a restart (RFC 4724). Defaults to no.
    pub graceful_restart: Option<GracefulRestart>,
    /// Our role towards an external peer (RFC 9234). None by default.
    pub role: Option<RoleConfig>,
    /// Where IPv4 traffic shall go instead of the local address of the session.
    pub next_hop_ipv4: Option<Ipv4Addr>,
    /// Where IPv6 traffic shall go instead of the local address of the session.
    pub next_hop_ipv6: Option<Ipv6Addr>,
    /// The prefixes that may leave. The default lets nothing out.
    pub export: ExportFilter,
}

impl Config {
    /// Returns the settings with defaults for all that has one.
    #[must_use]
    pub fn new(local_as: Asn, remote_as: RemoteAs, router_id: RouterId) -> Self {
        Self {
            local_as,
            remote_as,
            router_id,
            families: Family::ALL.into(),
            connecting: Connecting::Dial,
            distance: Distance::Direct,
            ttl_security: false,
            hold_time: HoldTime::DEFAULT,
            keepalive_time: None,
            retry: Retry::default(),
            graceful_restart: None,
            role: None,
            next_hop_ipv4: None,
            next_hop_ipv6: None,
            export: ExportFilter::default(),
        }
    }

    /// Returns the TTL settings for connections with such a peer, whoever opens them.
    #[must_use]
    pub fn time_to_live(&self) -> TimeToLive {
        let internal = match self.remote_as {
            RemoteAs::Exactly(asn) => asn == self.local_as,
            RemoteAs::Internal => true,
            RemoteAs::External => false,
        };
        let hops = match self.distance {
            Distance::Direct => NonZeroU8::MIN,
            Distance::MultiHop { hops } => hops,
        };
        let minimum = self.ttl_security.then_some(u8::MAX - (hops.get() - 1));
        // An internal peer may be anywhere; a secured one must see that we are near.
        let send = if internal || self.ttl_security { u8::MAX } else { hops.get() };
        TimeToLive { send, minimum }
    }
}

/// Which autonomous system a peer must be in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RemoteAs {
    /// This one.
    Exactly(Asn),
    /// Ours.
    Internal,
    /// Any but ours.
    External,
}

/// Which end opens the connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Connecting {
    /// We dial and accept nothing.
    Dial,
    /// The peer dials.
    Listen,
    /// Either; a collision is resolved (RFC 4271 §6.8).
    Both,
}

impl Connecting {
    pub(crate) fn dials(self) -> bool {
        match self {
            Self::Dial | Self::Both => true,
            Self::Listen => false,
        }
    }

    pub(crate) fn accepts(self) -> bool {
        match self {
            Self::Listen | Self::Both => true,
            Self::Dial => false,
        }
    }
}

/// How far away the peer is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Distance {
    /// On the same link.
    Direct,
    /// Behind routers.
    MultiHop {
        /// The TTL an external peer is reached with: 2 is one router in between, 255 is anywhere.
        hops: NonZeroU8,
    },
}

/// The TTL (hop limit) settings of a connection; they are set before it is opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TimeToLive {
    /// The value to send with.
    pub send: u8,
    /// The lowest value to accept, where that is restricted.
    pub minimum: Option<u8>,
}

/// A hold time: whole seconds, 0 for none, otherwise 3 to 65535 (RFC 4271 §4.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct HoldTime(u16);

/// Why a time is no hold time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("hold time of {0:?} cannot be sent; use 0 s or whole seconds from 3 to 65535")]
pub struct HoldTimeError(Duration);

impl HoldTime {
    /// 90 seconds.
    pub const DEFAULT: Self = Self(90);

    /// Returns the hold time in whole seconds.
    #[must_use]
    pub const fn seconds(self) -> u16 {
        self.0
    }
}

impl TryFrom<Duration> for HoldTime {
    type Error = HoldTimeError;

    fn try_from(time: Duration) -> Result<Self, Self::Error> {
        let whole = (time.subsec_nanos() == 0).then(|| u16::try_from(time.as_secs()).ok()).flatten();
        whole.filter(|seconds| *seconds == 0 || *seconds >= 3).map(Self).ok_or(HoldTimeError(time))
    }
}

/// Waiting times between attempts, each shortened by up to a quarter at random.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Retry {
    /// After the first failure, doubled with each further one. Defaults to 1 s.
    pub shortest: Duration,
    /// Never more than this. Defaults to 60 s.
    pub longest: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self { shortest: Duration::from_secs(1), longest: Duration::from_secs(60) }
    }
}

/// Settings of graceful restart; the peer learns them with the next session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GracefulRestart {
    /// How long the peer keeps our routes, up to 4095 s. Longer times are cut. FRR's default is 120 s.
    pub restart_time: Duration,
    /// Whether a predecessor of this process announced routes that the peer may still have (the R bit).
    ///
    /// Counts for the first session only.
    pub restarting: bool,
}

/// Our role on a session (RFC 9234).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RoleConfig {
    /// What we are to the peer.
    pub role: Role,
    /// Whether a peer without a role is refused.
    pub strict: bool,
}

/// What a speaker is to its neighbour (RFC 9234 §4.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Role {
    /// Sells transit to the neighbour.
    Provider = 0,
    /// Serves routes to the neighbour.
    RouteServer = 1,
    /// Takes routes from a route server.
    RouteServerClient = 2,
    /// Buys transit from the neighbour.
    Customer = 3,
    /// Exchanges its own routes with the neighbour.
    Peer = 4,
}

impl Role {
    /// Returns the octet that the neighbour must send.
    pub(crate) fn counterpart(self) -> u8 {
        let other = match self {
            Self::Provider => Self::Customer,
            Self::RouteServer => Self::RouteServerClient,
            Self::RouteServerClient => Self::RouteServer,
            Self::Customer => Self::Provider,
            Self::Peer => Self::Peer,
        };
        other as u8
    }

    /// RFC 9234 §5: towards these neighbours routes are marked as not to be passed up again.
    pub(crate) fn marks_routes(self) -> bool {
        match self {
            Self::Provider | Self::RouteServer | Self::Peer => true,
            Self::RouteServerClient | Self::Customer => false,
        }
    }
}

/// A setting that only a new session can take over.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Setting {
    /// [`Config::local_as`]
    LocalAs,
    /// [`Config::remote_as`]
    RemoteAs,
    /// [`Config::router_id`]
    RouterId,
    /// [`Config::families`]
    Families,
    /// [`Config::role`]
    Role,
    /// [`Config::distance`] or [`Config::ttl_security`]
    Distance,
    /// [`Config::hold_time`]
    HoldTime,
    /// [`Config::graceful_restart`]
    GracefulRestart,
}

/// What a change of settings does to a running session.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Impact {
    /// Settings that end the session, which then starts anew at once.
    pub resets: BTreeSet<Setting>,
    /// Settings that wait for the next session, whenever that comes.
    pub deferred: BTreeSet<Setting>,
}

impl Config {
    /// Returns what replacing these settings would do to a running session; what is not listed is taken over at once.
    ///
    /// A peer AS that is given in another way resets only if the peer that is there would not pass, see
    /// [`crate::Peer::impact`].
    #[must_use]
    pub fn impact(&self, new: &Self) -> Impact {
        let Self {
            local_as,
            remote_as,
            router_id,
            families,
            connecting: _,
            distance,
            ttl_security,
            hold_time,
            keepalive_time: _,
            retry: _,
            graceful_restart,
            role,
            next_hop_ipv4: _,
            next_hop_ipv6: _,
            export: _,
        } = self;
        let changed = |setting: Setting, same: bool| (!same).then_some(setting);
        let resets = [
            changed(Setting::LocalAs, *local_as == new.local_as),
            changed(Setting::RemoteAs, *remote_as == new.remote_as),
            changed(Setting::RouterId, *router_id == new.router_id),
            changed(Setting::Families, *families == new.families),
            changed(Setting::Role, *role == new.role),
            changed(Setting::Distance, (*distance, *ttl_security) == (new.distance, new.ttl_security)),
        ];
        let restart_time = |restart: &Option<GracefulRestart>| restart.map(|restart| restart.restart_time);
        let deferred = [
            changed(Setting::HoldTime, *hold_time == new.hold_time),
            changed(Setting::GracefulRestart, restart_time(graceful_restart) == restart_time(&new.graceful_restart)),
        ];
        Impact { resets: resets.into_iter().flatten().collect(), deferred: deferred.into_iter().flatten().collect() }
    }
}
