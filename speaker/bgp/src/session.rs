//! What two OPEN messages agree on (RFC 4271 §6.2 and the capabilities).

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv6Addr},
    time::Duration,
};

use crate::{
    Asn, Config, Family, Link, RemoteAs, RouterId,
    rib_out::{Channel, Flavour, Outbound},
    wire::{
        AddressFamily, Capabilities, Context, GracefulRestartCapability, MAX_EXTENDED_MESSAGE, MAX_MESSAGE, NextHop,
        Open, OpenFault, RestartFamily,
    },
};

/// A session that both ends agree on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Session {
    /// The peer's autonomous system.
    pub peer_as: Asn,
    /// The peer's router identifier.
    pub peer_id: RouterId,
    /// Whether the peer is in our autonomous system.
    pub internal: bool,
    /// After how much silence the peer counts as dead; `None` for never.
    pub hold_time: Option<Duration>,
    /// How often we show that we live; `None` for never.
    pub keepalive_time: Option<Duration>,
    /// Families in use.
    pub families: BTreeSet<Family>,
    /// Numbers of autonomous systems have four octets.
    pub four_octet_as: bool,
    /// Messages may have up to 65535 octets.
    pub extended_message: bool,
    /// IPv4 routes may have an IPv6 next hop.
    pub extended_next_hop: bool,
    /// The peer may ask for all routes again.
    pub route_refresh: bool,
    /// That is marked with begin and end.
    pub enhanced_route_refresh: bool,
    /// What the peer says about restarts.
    pub graceful_restart: Option<GracefulRestartCapability>,
    /// Whether both ends offered graceful restart for some family.
    pub restarts_gracefully: bool,
    /// Routes survive a NOTIFICATION unless it is a hard reset (RFC 8538).
    pub survives_notification: bool,
}

const MAX_RESTART_SECONDS: u64 = 4095;
const MIN_KEEPALIVE_TIME: Duration = Duration::from_secs(1);
const AFI_IPV6: u16 = 2;

/// Returns the OPEN we start with on a connection.
pub(crate) fn our_open(config: &Config, link: &Link, restarting: bool) -> Open {
    let families: BTreeSet<AddressFamily> = config.families.iter().map(|family| (*family).into()).collect();
    // RFC 8950 §4: whoever offers it can be sent such routes, which needs IPv6 between both ends.
    let crosses = link.remote.is_ipv6() && config.families.contains(&Family::Ipv4);
    let graceful_restart = config.graceful_restart.map(|restart| GracefulRestartCapability {
        restarting: restarting && restart.restarting,
        notification: true,
        seconds: u16::try_from(restart.restart_time.as_secs().min(MAX_RESTART_SECONDS)).expect("below 4096"),
        // The nodes' forwarding does not depend on this process.
        families: families.iter().map(|family| (*family, RestartFamily { forwarding: true })).collect(),
    });
    Open {
        my_as: config.local_as.two_octets(),
        hold_time: config.hold_time.seconds(),
        identifier: config.router_id.get(),
        capabilities: Capabilities {
            extended_next_hop: crosses.then_some((Family::Ipv4.into(), AFI_IPV6)).into_iter().collect(),
            families,
            four_octet_as: Some(config.local_as.get()),
            route_refresh: true,
            enhanced_route_refresh: true,
            extended_message: true,
            graceful_restart,
            roles: config.role.map(|role| role.role as u8).into_iter().collect(),
            unknown: BTreeSet::new(),
        },
    }
}

impl RemoteAs {
    /// Says whether a peer may have this number beside ours.
    #[must_use]
    pub fn allows(self, local_as: Asn, peer: Asn) -> bool {
        match self {
            Self::Exactly(asn) => peer == asn,
            Self::Internal => peer == local_as,
            Self::External => peer != local_as,
        }
    }

    /// Returns the number if the peer may have it.
    pub(crate) fn admits(self, local_as: Asn, received: u32) -> Result<Asn, OpenFault> {
        let expected = match self {
            Self::Exactly(asn) => Ok(asn),
            Self::Internal => Ok(local_as),
            Self::External => Err("any AS but ours"),
        };
        let peer = Asn::new(received).filter(|peer| self.allows(local_as, *peer));
        peer.ok_or(OpenFault::PeerAs { received, expected })
    }
}

/// Compares both OPEN messages with the settings.
pub(crate) fn negotiate(config: &Config, ours: &Open, theirs: &Open) -> Result<Session, OpenFault> {
    let peer_as = config.remote_as.admits(config.local_as, theirs.asn())?;
    let internal = peer_as == config.local_as;
    let received = theirs.identifier;
    let identifier = RouterId::new(received.into()).filter(|id| !(internal && *id == config.router_id));
    let peer_id = identifier.ok_or(OpenFault::Identifier { received, ours: Some(config.router_id) })?;
    if let seconds @ 1..=2 = theirs.hold_time {
        return Err(OpenFault::HoldTime { seconds });
    }
    let (our, their) = (&ours.capabilities, &theirs.capabilities);
    let families = common_families(our, their)?;
    if !internal {
        check_role(config, their)?;
    }
    let hold_time = match ours.hold_time.min(theirs.hold_time) {
        0 => None,
        seconds => Some(Duration::from_secs(seconds.into())),
    };
    let restart = |capability: &Option<GracefulRestartCapability>| {
        capability.as_ref().is_some_and(|restart| !restart.families.is_empty())
    };
    let survives = |capability: &Option<GracefulRestartCapability>| {
        capability.as_ref().is_some_and(|restart| restart.notification)
    };
    Ok(Session {
        peer_as,
        peer_id,
        internal,
        hold_time,
        keepalive_time: hold_time.map(|hold| keepalive_time(config, hold)),
        families,
        four_octet_as: our.four_octet_as.is_some() && their.four_octet_as.is_some(),
        extended_message: our.extended_message && their.extended_message,
        extended_next_hop: our.extended_next_hop.intersection(&their.extended_next_hop).next().is_some(),
        route_refresh: our.route_refresh && their.route_refresh,
        enhanced_route_refresh: our.enhanced_route_refresh && their.enhanced_route_refresh,
        // RFC 4724 §3: a peer that only helps others to restart lists no family.
        restarts_gracefully: restart(&our.graceful_restart) && their.graceful_restart.is_some(),
        survives_notification: survives(&our.graceful_restart) && survives(&their.graceful_restart),
        graceful_restart: their.graceful_restart.clone(),
    })
}

/// RFC 4271 §4.4: a third of the hold time at most, and not more often than once a second.
fn keepalive_time(config: &Config, hold_time: Duration) -> Duration {
    let third = hold_time / 3;
    config.keepalive_time.filter(|time| !time.is_zero()).map_or(third, |time| time.clamp(MIN_KEEPALIVE_TIME, third))
}

fn common_families(our: &Capabilities, their: &Capabilities) -> Result<BTreeSet<Family>, OpenFault> {
    let common: BTreeSet<Family> = if their.families.is_empty() {
        // RFC 4760 §8: who says nothing means what BGP was made for.
        our.families.iter().filter_map(|family| family.known()).filter(|family| *family == Family::Ipv4).collect()
    } else {
        our.families.intersection(&their.families).filter_map(|family| family.known()).collect()
    };
    if common.is_empty() {
        return Err(OpenFault::Families { wanted: our.families.iter().copied().collect() });
    }
    Ok(common)
}

/// RFC 9234 §4.2.
fn check_role(config: &Config, their: &Capabilities) -> Result<(), OpenFault> {
    let Some(ours) = config.role else { return Ok(()) };
    let wrong = their.roles.iter().copied().find(|role| *role != ours.role.counterpart());
    match (wrong, their.roles.is_empty()) {
        (Some(role), _) => Err(OpenFault::Role { received: Some(role) }),
        (None, true) if ours.strict => Err(OpenFault::Role { received: None }),
        (None, _) => Ok(()),
    }
}

impl Session {
    /// Returns what reading the peer's messages depends on.
    pub(crate) fn context(&self) -> Context {
        Context {
            four_octet_as: self.four_octet_as,
            internal: self.internal,
            extended_message: self.extended_message,
            families: self.families.clone(),
            extended_next_hop: self.extended_next_hop,
        }
    }

    pub(crate) fn outbound(&self, config: &Config, link: &Link, graceful_shutdown: bool) -> Outbound {
        let limit = if self.extended_message { MAX_EXTENDED_MESSAGE } else { MAX_MESSAGE };
        let flavour = self.flavour(config, graceful_shutdown);
        Outbound::new(flavour, self.families.clone(), self.channels(config, link), limit, self.enhanced_route_refresh)
    }

    pub(crate) fn flavour(&self, config: &Config, graceful_shutdown: bool) -> Flavour {
        Flavour {
            local_as: config.local_as,
            internal: self.internal,
            four_octet_as: self.four_octet_as,
            only_to_customer: !self.internal && config.role.is_some_and(|role| role.role.marks_routes()),
            graceful_shutdown,
        }
    }

    /// Returns the families that can be announced, each with its next hop.
    pub(crate) fn channels(&self, config: &Config, link: &Link) -> BTreeMap<Family, Channel> {
        let next_hop = |family: &Family| Some((*family, Channel::new(self.next_hop(*family, config, link)?)));
        self.families.iter().filter_map(next_hop).collect()
    }

    fn next_hop(&self, family: Family, config: &Config, link: &Link) -> Option<NextHop> {
        match family {
            Family::Ipv4 => match config.next_hop_ipv4.or_else(|| link.own_ipv4()) {
                Some(address) => Some(NextHop::V4(address)),
                None if self.extended_next_hop => ipv6_next_hop(config, link),
                None => None,
            },
            Family::Ipv6 => ipv6_next_hop(config, link),
        }
    }
}

/// RFC 2545 §3: neighbours on the same link learn the link-local address too.
fn ipv6_next_hop(config: &Config, link: &Link) -> Option<NextHop> {
    if let Some(global) = config.next_hop_ipv6 {
        return Some(NextHop::V6 { global, link_local: None });
    }
    let link_local = link.own_link_local().filter(|_| config.distance == crate::Distance::Direct);
    match (link.own_global(), link_local) {
        (Some(global), link_local) => Some(NextHop::V6 { global, link_local }),
        // An unnumbered link: RFC 2545 knows no such thing, and FRR too puts the link-local address in both places.
        (None, Some(local)) => Some(NextHop::V6 { global: local, link_local: Some(local) }),
        (None, None) => None,
    }
}

impl Link {
    fn own_ipv4(&self) -> Option<std::net::Ipv4Addr> {
        match self.local {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => self.ipv4,
        }
    }

    fn own_global(&self) -> Option<Ipv6Addr> {
        match self.local {
            IpAddr::V6(address) if !address.is_unicast_link_local() => Some(address),
            IpAddr::V6(_) | IpAddr::V4(_) => self.ipv6,
        }
    }

    fn own_link_local(&self) -> Option<Ipv6Addr> {
        match self.local {
            IpAddr::V6(address) if address.is_unicast_link_local() => Some(address),
            IpAddr::V6(_) | IpAddr::V4(_) => self.link_local,
        }
    }
}
