//! What an edit of a peer does to the sessions with its router.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

use bgp::RemoteAs;
use crds::checked::Router;

use super::PeerDesired;

#[cfg(test)]
mod tests;

/// A setting of a session, as people edit it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Setting {
    /// Where the router is.
    Router,
    /// Its TCP port.
    Port,
    /// The address to connect from.
    Source,
    /// The VRF device.
    Vrf,
    /// The AS number of this side.
    LocalAs,
    /// What the AS number of the router must be.
    RemoteAs,
    /// The BGP identifier of this side.
    RouterId,
    /// The address families that are announced.
    Families,
    /// The role of this side (RFC 9234).
    Role,
    /// How far away the router may be, and how that is proved.
    Distance,
    /// How long a silent router counts as alive.
    HoldTime,
    /// How often this side shows that it lives.
    KeepaliveTime,
    /// Whether the router keeps the routes over a restart.
    GracefulRestart,
    /// The TCP MD5 password.
    Password,
    /// How long to wait between attempts.
    ConnectTime,
    /// Which side opens the connection.
    ConnectionMode,
    /// The TCP port of this side.
    ListenPort,
    /// How many routers of a prefix may be connected.
    PrefixLimit,
    /// Where the router sends traffic.
    NextHops,
    /// How BFD watches the router.
    Bfd,
}

/// When a session takes over a setting that was edited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// Never: it is closed, and another one opened.
    NewSession,
    /// The next time that it is opened for another reason; until then it goes on as it is.
    NextSession,
    /// While it is up.
    AtOnce,
}

impl Setting {
    /// Every setting, those that cost most first.
    pub const ALL: [Self; 20] = [
        Self::Router,
        Self::Port,
        Self::Source,
        Self::Vrf,
        Self::LocalAs,
        Self::RemoteAs,
        Self::RouterId,
        Self::Families,
        Self::Role,
        Self::Distance,
        Self::HoldTime,
        Self::KeepaliveTime,
        Self::GracefulRestart,
        Self::Password,
        Self::ConnectTime,
        Self::ConnectionMode,
        Self::ListenPort,
        Self::PrefixLimit,
        Self::NextHops,
        Self::Bfd,
    ];

    /// Returns the fields of a BGPPeer's `spec` that make the setting.
    pub const fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Router => &["peerAddress", "peerPrefix", "interface"],
            Self::Port => &["peerPort"],
            Self::Source => &["sourceAddress"],
            Self::Vrf => &["vrf"],
            Self::LocalAs => &["myASN", "localASN"],
            Self::RemoteAs => &["peerASN", "dynamicASN"],
            Self::RouterId => &["routerID"],
            Self::Families => &["dualStackAddressFamily"],
            Self::Role => &["role"],
            Self::Distance => &["ebgpMultiHop", "ttlSecurityHops"],
            // Each is made of the other where only that is written.
            Self::HoldTime => &["holdTime", "keepaliveTime"],
            Self::KeepaliveTime => &["keepaliveTime", "holdTime"],
            Self::GracefulRestart => &["enableGracefulRestart"],
            Self::Password => &["password", "passwordSecret"],
            Self::ConnectTime => &["connectTime"],
            Self::ConnectionMode => &["connectionMode"],
            Self::ListenPort => &["listenPort"],
            Self::PrefixLimit => &["peerPrefixLimit"],
            Self::NextHops => &["nextHops"],
            Self::Bfd => &["bfdProfile"],
        }
    }

    /// Returns when a session takes over another value of the setting, where nothing speaks for less; [`Edit`] knows more.
    pub const fn effect(self) -> Effect {
        match self {
            Self::Router
            | Self::Port
            | Self::Source
            | Self::Vrf
            | Self::LocalAs
            | Self::RemoteAs
            | Self::RouterId
            | Self::Families
            | Self::Role
            | Self::Distance => Effect::NewSession,
            Self::HoldTime | Self::KeepaliveTime | Self::GracefulRestart | Self::Password => Effect::NextSession,
            Self::ConnectTime
            | Self::ConnectionMode
            | Self::ListenPort
            | Self::PrefixLimit
            | Self::NextHops
            | Self::Bfd => Effect::AtOnce,
        }
    }

    /// Returns what more there is to say of the effect.
    pub const fn remark(self) -> Option<&'static str> {
        match self {
            Self::Router => Some("routers that are in the old and the new peerPrefix keep their sessions"),
            Self::RemoteAs => Some("not if the AS number that the router has passes in both versions"),
            Self::Families => Some("without effect on unnumbered sessions, which always have both families"),
            Self::Password => Some("at once where no session is up; a changed Secret counts as well"),
            Self::Bfd => Some("a changed BFDProfile counts as well"),
            Self::Port
            | Self::Source
            | Self::Vrf
            | Self::LocalAs
            | Self::RouterId
            | Self::Role
            | Self::Distance
            | Self::HoldTime
            | Self::KeepaliveTime
            | Self::GracefulRestart
            | Self::ConnectTime
            | Self::ConnectionMode
            | Self::ListenPort
            | Self::PrefixLimit
            | Self::NextHops => None,
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Router => "router",
            Self::Port => "port of the router",
            Self::Source => "source address",
            Self::Vrf => "VRF",
            Self::LocalAs => "local AS",
            Self::RemoteAs => "peer AS",
            Self::RouterId => "router ID",
            Self::Families => "address families",
            Self::Role => "role",
            Self::Distance => "distance or TTL security",
            Self::HoldTime => "hold time",
            Self::KeepaliveTime => "keepalive time",
            Self::GracefulRestart => "graceful restart",
            Self::Password => "password",
            Self::ConnectTime => "time between attempts",
            Self::ConnectionMode => "connection mode",
            Self::ListenPort => "listening port",
            Self::PrefixLimit => "limit of routers",
            Self::NextHops => "next hops",
            Self::Bfd => "BFD profile",
        })
    }
}

impl From<bgp::Setting> for Setting {
    fn from(setting: bgp::Setting) -> Self {
        match setting {
            bgp::Setting::LocalAs => Self::LocalAs,
            bgp::Setting::RemoteAs => Self::RemoteAs,
            bgp::Setting::RouterId => Self::RouterId,
            bgp::Setting::Families => Self::Families,
            bgp::Setting::Role => Self::Role,
            bgp::Setting::Distance => Self::Distance,
            bgp::Setting::HoldTime => Self::HoldTime,
            bgp::Setting::GracefulRestart => Self::GracefulRestart,
        }
    }
}

/// The settings that differ between two versions of a peer, and when each takes effect.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edit {
    /// What differs.
    pub settings: BTreeMap<Setting, Effect>,
}

impl Edit {
    /// Compares two versions of a peer, as far as its session with `neighbor` is concerned.
    ///
    /// Without a neighbour, which only peers with a prefix have, every router that the old version lets in counts.
    pub fn between(before: &PeerDesired, after: &PeerDesired, neighbor: Option<IpAddr>) -> Self {
        let PeerDesired { config, router: _, port: _, listen, limit, source: _, vrf: _, key, bfd } = before;
        let bgp::Config {
            connecting,
            keepalive_time,
            retry,
            next_hop_ipv4,
            next_hop_ipv6,
            // These are compared by the machine.
            local_as: _,
            remote_as: _,
            router_id: _,
            families: _,
            distance: _,
            ttl_security: _,
            hold_time: _,
            graceful_restart: _,
            role: _,
            // This follows from the pools.
            export: _,
        } = config;
        let next_hops = (*next_hop_ipv4, *next_hop_ipv6);
        let own = [
            // The time is agreed upon when the session is opened.
            (Setting::KeepaliveTime, Effect::NextSession, *keepalive_time == after.config.keepalive_time),
            (Setting::Password, Effect::NextSession, *key == after.key),
            (Setting::ConnectTime, Effect::AtOnce, *retry == after.config.retry),
            (Setting::ConnectionMode, Effect::AtOnce, *connecting == after.config.connecting),
            // Whether there is one at all follows from the mode.
            (
                Setting::ListenPort,
                Effect::AtOnce,
                listen.zip(after.listen).is_none_or(|(before, after)| before == after),
            ),
            (Setting::PrefixLimit, Effect::AtOnce, *limit == after.limit),
            (Setting::NextHops, Effect::AtOnce, next_hops == (after.config.next_hop_ipv4, after.config.next_hop_ipv6)),
            (Setting::Bfd, Effect::AtOnce, *bfd == after.bfd),
        ];
        let mut impact = config.impact(&after.config);
        if passes_still(config, &after.config) {
            impact.resets.remove(&bgp::Setting::RemoteAs);
        }
        let own = own.into_iter().filter(|(.., same)| !same).map(|(setting, effect, _)| (setting, effect));
        let deferred = impact.deferred.into_iter().map(|setting| (setting.into(), Effect::NextSession));
        let other_ends = other_ends(before, after, neighbor);
        if other_ends.contains(&Setting::Router) {
            // They follow from the address.
            impact.resets.remove(&bgp::Setting::Families);
        }
        let resets = impact.resets.into_iter().map(Setting::from).chain(other_ends);
        Self { settings: own.chain(deferred).chain(resets.map(|setting| (setting, Effect::NewSession))).collect() }
    }

    /// Returns the settings with this effect.
    pub fn with(&self, effect: Effect) -> impl Iterator<Item = Setting> {
        self.settings.iter().filter(move |(_, its)| **its == effect).map(|(setting, _)| *setting)
    }

    /// Says whether the session is closed.
    pub fn ends_session(&self) -> bool {
        self.with(Effect::NewSession).next().is_some()
    }
}

/// Returns the settings that make a session one between other ends, which cannot go on.
pub(crate) fn other_ends(before: &PeerDesired, after: &PeerDesired, neighbor: Option<IpAddr>) -> BTreeSet<Setting> {
    let same_router = match (&before.router, &after.router, neighbor) {
        (Router::Prefix(_), Router::Prefix(network), Some(neighbor)) => network.contains(&neighbor),
        (Router::Prefix(former), Router::Prefix(network), None) => network.contains(former),
        (former, router, _) => former == router,
    };
    let compared = [
        (Setting::Router, same_router),
        (Setting::Port, before.port == after.port),
        (Setting::Source, before.source == after.source),
        (Setting::Vrf, before.vrf == after.vrf),
    ];
    compared.into_iter().filter(|(_, same)| !same).map(|(setting, _)| setting).collect()
}

/// Says whether a router that passed before does so without doubt afterwards; [`bgp::Peer::impact`] knows its number.
fn passes_still(before: &bgp::Config, after: &bgp::Config) -> bool {
    let known = match before.remote_as {
        RemoteAs::Exactly(asn) => Some(asn),
        RemoteAs::Internal => Some(before.local_as),
        RemoteAs::External => None,
    };
    match known {
        Some(known) => after.remote_as.allows(after.local_as, known),
        None => after.remote_as == RemoteAs::External && after.local_as == before.local_as,
    }
}
