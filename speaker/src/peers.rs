//! From checked peers to the settings of BGP and BFD sessions.

mod edit;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU8;
use std::sync::Arc;
use std::time::Duration;

use announce::{PeerName, RouteAttributes};
pub use bgp::RouterId;
use bgp::{Asn, Attributes, Connecting, Distance, ExportFilter, Family, GracefulRestart, HoldTime};
use crds::checked::{self, PasswordSource, Router};
use crds::core::{Node, Secret};
use crds::kinds;
use crds::selector::any_or_empty;
use ipnet::IpNet;
use thiserror::Error;

use crate::net::links::Links;
use crate::net::tcp::{Md5Key, Md5KeyError};
pub(crate) use edit::other_ends;
pub use edit::{Edit, Effect, Setting};

/// How long routers with graceful restart keep the routes of a process that is away; what FRR asks for as well.
const RESTART_TIME: Duration = Duration::from_secs(120);
/// What a Secret with a BGP password must be.
const PASSWORD_TYPE: &str = "kubernetes.io/basic-auth";
const PASSWORD_KEY: &str = "password";

/// A session that this node should have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerDesired {
    /// The settings of the session; what may leave is added by the driver.
    pub config: bgp::Config,
    /// Where the router is.
    pub router: Router,
    /// Its TCP port.
    pub port: u16,
    /// The TCP port of this side that the router may connect to, if it may.
    pub listen: Option<u16>,
    /// How many routers may be connected at once where only their prefix is known.
    pub limit: usize,
    /// The address to connect from.
    pub source: Option<IpAddr>,
    /// The VRF device the session is opened in.
    pub vrf: Option<String>,
    /// The TCP MD5 password.
    pub key: Option<Md5Key>,
    /// How BFD watches the router.
    pub bfd: Option<checked::BfdProfile>,
}

/// Why a peer that is configured gets no session.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PeerFault {
    /// The Secret with the password is not there.
    #[error(
        "peer {peer}: Secret {secret} is missing, and without its password no session is tried; create it in {namespace}, and name it in --password-secrets if that is set"
    )]
    SecretMissing {
        /// The peer.
        peer: PeerName,
        /// The Secret.
        secret: String,
        /// Where it was looked for.
        namespace: String,
    },
    /// The Secret is of another type.
    #[error("peer {peer}: Secret {secret} has type {found:?}; create it anew with type {PASSWORD_TYPE}")]
    SecretType {
        /// The peer.
        peer: PeerName,
        /// The Secret.
        secret: String,
        /// Its type.
        found: String,
    },
    /// The Secret has no password.
    #[error("peer {peer}: Secret {secret} has no entry {PASSWORD_KEY}; add it")]
    SecretKey {
        /// The peer.
        peer: PeerName,
        /// The Secret.
        secret: String,
    },
    /// The password cannot be used.
    #[error("peer {peer}: {source}")]
    Password {
        /// The peer.
        peer: PeerName,
        /// Why.
        source: Md5KeyError,
    },
    /// A number that the wire cannot carry.
    #[error("peer {peer}: {field} of {value} cannot be sent; correct it")]
    Number {
        /// The peer.
        peer: PeerName,
        /// The field.
        field: &'static str,
        /// What it says.
        value: String,
    },
    /// Two devices for one socket.
    #[error(
        "peer {peer}: a peer on an interface cannot name a VRF as well; put the interface into the VRF and name it alone"
    )]
    InterfaceInVrf {
        /// The peer.
        peer: PeerName,
    },
}

/// A peer that is configured and gets no session.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{fault}")]
pub struct PeerRefused {
    /// Where its router is, which no other peer lets in meanwhile.
    pub router: Router,
    /// The VRF device of the session.
    pub vrf: Option<String>,
    /// Why there is none.
    pub fault: PeerFault,
}

/// What the sessions of a node are made of.
#[derive(Debug)]
pub struct Inputs<'a> {
    /// The configuration that takes effect.
    pub config: &'a checked::Config,
    /// This node, where its object is known.
    pub node: Option<&'a Node>,
    /// The Secrets that passwords are taken from.
    pub secrets: &'a [&'a Secret],
    /// The namespace of peers and Secrets.
    pub namespace: &'a str,
    /// The identifier of sessions whose peer names none; see [`default_router_id`].
    pub router_id: RouterId,
}

impl Inputs<'_> {
    /// Returns the sessions this node should have, and why it has some of them not.
    pub fn peers(&self) -> BTreeMap<PeerName, Result<Arc<PeerDesired>, PeerRefused>> {
        let nothing = BTreeMap::new();
        let labels = self.node.map_or(&nothing, |node| &node.metadata.labels);
        let mine = self.config.peers.values().filter(|peer| any_or_empty(&peer.node_selectors, labels));
        let named = |peer: &checked::Peer| {
            let name = PeerName::from(peer.name.as_str());
            let refused = |fault| PeerRefused { router: peer.router.clone(), vrf: peer.vrf.clone(), fault };
            let desired = self.desired(&name, peer).map(Arc::new).map_err(refused);
            (name, desired)
        };
        mine.map(named).collect()
    }

    fn desired(&self, name: &PeerName, peer: &checked::Peer) -> Result<PeerDesired, PeerFault> {
        if matches!(peer.router, Router::Interface(_)) && peer.vrf.is_some() {
            return Err(PeerFault::InterfaceInVrf { peer: name.clone() });
        }
        Ok(PeerDesired {
            config: self.session(name, peer)?,
            router: peer.router.clone(),
            port: peer.port,
            listen: match peer.connecting {
                kinds::ConnectionMode::Active => None,
                kinds::ConnectionMode::Passive | kinds::ConnectionMode::Both => Some(peer.listen_port),
            },
            limit: peer.prefix_limit.into(),
            source: peer.source_address,
            vrf: peer.vrf.clone(),
            key: self.key(name, peer)?,
            bfd: peer.bfd.clone(),
        })
    }

    fn session(&self, name: &PeerName, peer: &checked::Peer) -> Result<bgp::Config, PeerFault> {
        let number = |field, value: u32| PeerFault::Number { peer: name.clone(), field, value: value.to_string() };
        let asn = |field, value: u32| Asn::new(value).ok_or_else(|| number(field, value));
        let local_as = asn("myASN", peer.local_asn.unwrap_or(peer.my_asn))?;
        let remote_as = match peer.remote_asn {
            checked::RemoteAsn::Number(value) => bgp::RemoteAs::Exactly(asn("peerASN", value)?),
            checked::RemoteAsn::Internal => bgp::RemoteAs::Internal,
            checked::RemoteAsn::External => bgp::RemoteAs::External,
        };
        let router_id = peer.router_id.and_then(RouterId::new).unwrap_or(self.router_id);
        let mut config = bgp::Config::new(local_as, remote_as, router_id);
        if let Some(checked::Timers { hold, keepalive }) = peer.timers {
            let field = |_| PeerFault::Number { peer: name.clone(), field: "holdTime", value: format!("{hold:?}") };
            config.hold_time = HoldTime::try_from(hold).map_err(field)?;
            config.keepalive_time = Some(keepalive);
        }
        if let Some(time) = peer.connect_time {
            let default = bgp::Retry::default();
            config.retry = bgp::Retry { shortest: default.shortest.min(time), longest: time };
        }
        if peer.multi_hop {
            config.distance = Distance::MultiHop { hops: NonZeroU8::MAX };
        }
        if let Some(hops) = peer.ttl_security_hops {
            config.ttl_security = true;
            config.distance = if hops == NonZeroU8::MIN { Distance::Direct } else { Distance::MultiHop { hops } };
        }
        config.connecting = match peer.connecting {
            kinds::ConnectionMode::Active => Connecting::Dial,
            kinds::ConnectionMode::Passive => Connecting::Listen,
            kinds::ConnectionMode::Both => Connecting::Both,
        };
        config.next_hop_ipv4 = peer.next_hop_ipv4;
        config.next_hop_ipv6 = peer.next_hop_ipv6;
        config.role = peer.role.map(|role| bgp::RoleConfig { role: role_of(role), strict: false });
        if peer.graceful_restart {
            // Nobody remembers whether there was a predecessor; a router without its routes loses nothing by the assumption.
            config.graceful_restart = Some(GracefulRestart { restart_time: RESTART_TIME, restarting: true });
        }
        config.families = match (&peer.router, peer.dual_stack) {
            (Router::Address(IpAddr::V4(_)), false) => [Family::Ipv4].into(),
            (Router::Address(IpAddr::V6(_)), false) => [Family::Ipv6].into(),
            (Router::Prefix(IpNet::V4(_)), false) => [Family::Ipv4].into(),
            (Router::Prefix(IpNet::V6(_)), false) => [Family::Ipv6].into(),
            (Router::Address(_) | Router::Prefix(_), true) | (Router::Interface(_), _) => Family::ALL.into(),
        };
        Ok(config)
    }

    fn key(&self, name: &PeerName, peer: &checked::Peer) -> Result<Option<Md5Key>, PeerFault> {
        let peer_name = || name.clone();
        let usable =
            |bytes: &[u8]| Md5Key::new(bytes).map_err(|source| PeerFault::Password { peer: peer_name(), source });
        match &peer.password {
            None => Ok(None),
            Some(PasswordSource::Inline(password)) => usable(password.as_bytes()).map(Some),
            Some(PasswordSource::Secret(secret)) => {
                let found = self.secrets.iter().find(|candidate| {
                    candidate.metadata.name == *secret
                        && candidate.metadata.namespace.as_deref() == Some(self.namespace)
                });
                let missing = || PeerFault::SecretMissing {
                    peer: peer_name(),
                    secret: secret.clone(),
                    namespace: self.namespace.to_owned(),
                };
                let found = found.ok_or_else(missing)?;
                let kind = found.kind.as_deref().unwrap_or_default();
                if kind != PASSWORD_TYPE {
                    let found = kind.to_owned();
                    return Err(PeerFault::SecretType { peer: peer_name(), secret: secret.clone(), found });
                }
                let no_key = || PeerFault::SecretKey { peer: peer_name(), secret: secret.clone() };
                usable(found.value(PASSWORD_KEY).ok_or_else(no_key)?).map(Some)
            }
        }
    }
}

fn role_of(role: kinds::Role) -> bgp::Role {
    match role {
        kinds::Role::Provider => bgp::Role::Provider,
        kinds::Role::RouteServer => bgp::Role::RouteServer,
        kinds::Role::RouteServerClient => bgp::Role::RouteServerClient,
        kinds::Role::Customer => bgp::Role::Customer,
        kinds::Role::Peer => bgp::Role::Peer,
    }
}

/// Returns the identifier of sessions whose peer names none: the node's InternalIP, else an address of its links, else a number
/// made of its name.
///
/// A new identifier resets every session, so keep the first one for the life of the process.
pub fn default_router_id(name: &str, node: Option<&Node>, links: &Links) -> RouterId {
    let internal =
        node.into_iter().flat_map(|node| &node.status.addresses).filter(|address| address.kind == "InternalIP");
    let internal = internal.filter_map(|address| address.address.parse::<Ipv4Addr>().ok());
    let linked = links.values().flat_map(|link| &link.addresses).filter_map(|net| match net.addr() {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    });
    let usable = |address: &Ipv4Addr| !address.is_loopback() && !address.is_link_local();
    let address = internal.chain(linked).find(usable).unwrap_or_else(|| number_of(name).into());
    RouterId::new(address).or_else(|| RouterId::new(Ipv4Addr::BROADCAST)).expect("broadcast is not zero")
}

/// FNV-1a, the same on every machine and in every version.
fn number_of(name: &str) -> u32 {
    name.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// Returns the attributes as the session's machine takes them.
pub(crate) fn attributes(route: &RouteAttributes) -> Attributes {
    let RouteAttributes { local_pref, med, prepend, communities, large_communities, link_bandwidth, graceful_shutdown } =
        route;
    let mut attributes = Attributes {
        local_pref: *local_pref,
        med: *med,
        prepend: *prepend,
        communities: communities.iter().map(|community| bgp::Community(community.0)).collect(),
        large_communities: large_communities.iter().map(large_community).collect(),
        link_bandwidth: *link_bandwidth,
    };
    if *graceful_shutdown {
        // RFC 8326 §4.2: the community for others, and the lowest preference inside our own system.
        attributes.communities.insert(bgp::Community::GRACEFUL_SHUTDOWN);
        attributes.local_pref = Some(0);
    }
    attributes
}

fn large_community(community: &announce::LargeCommunity) -> bgp::LargeCommunity {
    let announce::LargeCommunity { global, local_1, local_2 } = *community;
    bgp::LargeCommunity { global, local_1, local_2 }
}

/// Returns the prefix as the session's machine takes it.
pub(crate) fn prefix(prefix: announce::Prefix) -> bgp::Prefix {
    bgp::Prefix::new(prefix.network(), prefix.length()).expect("a length never exceeds its family's")
}

/// Returns the filter that keeps everything outside the pools in.
pub(crate) fn export_filter(pools: &[announce::Prefix]) -> ExportFilter {
    ExportFilter::new(pools.iter().copied().map(prefix))
}

/// How far the echo function of BFD works on a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Echoes {
    /// Not at all: there is none for IPv6.
    Impossible,
    /// The router may return ours, but this node forwards nothing, so it would drop the router's.
    Ours,
    /// In both directions.
    Both,
}

/// Returns the settings of the BFD session with a router.
pub(crate) fn bfd_config(profile: &checked::BfdProfile, path: bfd::Hops, echoes: Echoes) -> bfd::Config {
    let checked::BfdProfile {
        name: _,
        receive_interval,
        transmit_interval,
        detect_multiplier,
        echo_interval,
        passive,
        minimum_ttl,
    } = profile;
    let echo = |interval: &Duration| {
        let interval = interval_of(*interval);
        let returned = match echoes {
            Echoes::Impossible => return None,
            Echoes::Ours => None,
            Echoes::Both => Some(interval),
        };
        Some(bfd::EchoConfig { transmit_interval: interval, receive_interval: returned })
    };
    bfd::Config {
        path: match path {
            bfd::Hops::Single => bfd::Path::SingleHop { echo: echo_interval.as_ref().and_then(echo) },
            bfd::Hops::Multi => {
                bfd::Path::MultiHop { minimum_ttl: NonZeroU8::new(*minimum_ttl).unwrap_or(NonZeroU8::MIN) }
            }
        },
        transmit_interval: interval_of(*transmit_interval),
        receive_interval: interval_of(*receive_interval),
        detect_multiplier: NonZeroU8::new(*detect_multiplier).unwrap_or(NonZeroU8::MIN),
        role: if *passive { bfd::Role::Passive } else { bfd::Role::Active },
        control_plane_independent: false,
    }
}

fn interval_of(time: Duration) -> bfd::Interval {
    let milliseconds = u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
    bfd::Interval::from_millis(milliseconds).unwrap_or(bfd::Interval::DEFAULT)
}

#[cfg(test)]
mod tests;
