use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU8;
use std::time::Duration;

use ipnet::IpNet;

use super::{BfdProfile, Password, PasswordSource, Special, bounded, interface::check_interface, parse_duration};
use crate::fault::{Fault, FieldPath, Findings, ObjectRef, Problem};
use crate::kinds::{self, ConnectionMode, DynamicAsn, Role};
use crate::selector::{self, Selector};

#[cfg(test)]
mod tests;

const BGP_PORT: u16 = 179;
const PREFIX_LIMIT: u32 = 100;

/// A router to speak BGP with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The name.
    pub name: String,
    /// The AS number of this side; never 0.
    pub my_asn: u32,
    /// What the router's AS number must be.
    pub remote_asn: RemoteAsn,
    /// Another AS number to present in place of `my_asn`.
    pub local_asn: Option<u32>,
    /// Where the router is.
    pub router: Router,
    /// The local address to connect from, of the router's family; without it the kernel chooses.
    pub source_address: Option<IpAddr>,
    /// The router's TCP port; never 0.
    pub port: u16,
    /// How many routers of a prefix may be connected at once, from 1 to 1000.
    pub prefix_limit: u16,
    /// Which side opens the connection; always the router where only its prefix is known.
    pub connecting: ConnectionMode,
    /// The TCP port of this side for connections of the router; never 0.
    pub listen_port: u16,
    /// Hold and keepalive time; the session's defaults without.
    pub timers: Option<Timers>,
    /// How long to wait between connection attempts, from 1 s to 65535 s; the session's default without.
    pub connect_time: Option<Duration>,
    /// The BGP identifier of this side; the session's default without.
    pub router_id: Option<Ipv4Addr>,
    /// The nodes that connect; empty means every node.
    pub node_selectors: Vec<Selector>,
    /// Where the TCP MD5 password comes from.
    pub password: Option<PasswordSource>,
    /// How BFD watches the router. Echo is off where the session cannot carry it.
    pub bfd: Option<BfdProfile>,
    /// Whether the router is asked to keep forwarding while this side restarts.
    pub graceful_restart: bool,
    /// Whether an external router may be more than one hop away.
    pub multi_hop: bool,
    /// How many hops away the router may be, from 1 to 254, proved by the TTL of its packets; without it their TTL does not matter.
    pub ttl_security_hops: Option<NonZeroU8>,
    /// Where IPv4 traffic shall go in place of this side's address.
    pub next_hop_ipv4: Option<Ipv4Addr>,
    /// Where IPv6 traffic shall go in place of this side's address.
    pub next_hop_ipv6: Option<Ipv6Addr>,
    /// What this side is to the router.
    pub role: Option<Role>,
    /// The VRF device the session is opened in.
    pub vrf: Option<String>,
    /// Whether both families are announced over this session.
    pub dual_stack: bool,
}

/// What the router's AS number must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RemoteAsn {
    /// This number; never 0.
    Number(u32),
    /// The number of this side.
    Internal,
    /// Any other number than that of this side.
    External,
}

/// Where a router is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Router {
    /// At this address.
    Address(IpAddr),
    /// Anywhere in this prefix; whoever connects from there is one.
    Prefix(IpNet),
    /// On this link, found by its link-local address.
    Interface(String),
}

/// The timers of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timers {
    /// How long a silent router counts as alive: 0 (for ever) or 3 s to 65535 s, in whole seconds.
    pub hold: Duration,
    /// How often a keepalive is sent, at most the hold time.
    pub keepalive: Duration,
}

impl Peer {
    /// Checks one object by itself; `bfd` stays empty, for profiles are known only to the whole configuration.
    pub fn check(object: &kinds::BgpPeer) -> (Option<Self>, Vec<Fault>) {
        let spec = &object.spec;
        let mut findings = Findings::on(ObjectRef::of(object));
        if spec.my_asn == 0 {
            findings.add(field("myASN"), Problem::ZeroAsn);
        }
        if spec.local_asn == Some(0) {
            findings.add(field("localASN"), Problem::ZeroAsn);
        }
        if spec.disable_mp == Some(true) {
            findings.add(field("disableMP"), Problem::DisableMp);
        }
        let remote_asn = check_asn(spec, &mut findings);
        let router = check_router(spec, &mut findings);
        let connecting = check_connecting(spec, router.as_ref(), &mut findings);
        let limit = i64::from(spec.peer_prefix_limit.unwrap_or(PREFIX_LIMIT));
        let prefix_limit = bounded(limit, 1..=1000, field("peerPrefixLimit"), &mut findings);
        let ttl_security_hops = check_hops(spec, &mut findings);
        let (next_hop_ipv4, next_hop_ipv6) = check_next_hops(spec, &mut findings);
        let source_address = check_source(spec, router.as_ref(), &mut findings);
        let timers = check_timers(spec, &mut findings);
        let connect_time = check_connect_time(spec, &mut findings);
        let router_id = check_router_id(spec, &mut findings);
        let vrf = written(&spec.vrf).and_then(|name| check_interface(name, field("vrf"), &mut findings));
        let password = check_password(spec, &mut findings);
        let node_selectors =
            selector::parse_list(spec.node_selectors.as_deref(), &field("nodeSelectors"), &mut findings);
        findings.conclude(|| {
            Some(Self {
                name: object.metadata.name.clone()?,
                my_asn: spec.my_asn,
                remote_asn: remote_asn?,
                local_asn: spec.local_asn,
                router: router?,
                source_address,
                port: port(spec.peer_port),
                prefix_limit: prefix_limit?,
                connecting,
                listen_port: port(spec.listen_port),
                timers,
                connect_time,
                router_id,
                node_selectors,
                password,
                bfd: None,
                graceful_restart: spec.enable_graceful_restart.unwrap_or(false),
                multi_hop: spec.ebgp_multi_hop.unwrap_or(false),
                ttl_security_hops,
                next_hop_ipv4,
                next_hop_ipv6,
                role: spec.role,
                vrf,
                dual_stack: spec.dual_stack_address_family.unwrap_or(false),
            })
        })
    }
}

fn field(name: &str) -> FieldPath {
    FieldPath::new("spec").child(name)
}

fn port(written: Option<u16>) -> u16 {
    written.filter(|port| *port != 0).unwrap_or(BGP_PORT)
}

/// Returns a text that was written and is not empty.
fn written(text: &Option<String>) -> Option<&str> {
    text.as_deref().filter(|text| !text.is_empty())
}

fn check_asn(spec: &kinds::BgpPeerSpec, findings: &mut Findings) -> Option<RemoteAsn> {
    let number = spec.peer_asn.filter(|asn| *asn != 0);
    let remote = match (number, spec.dynamic_asn) {
        (Some(number), None) => RemoteAsn::Number(number),
        (None, Some(DynamicAsn::Internal)) => RemoteAsn::Internal,
        (None, Some(DynamicAsn::External)) => RemoteAsn::External,
        (Some(_), Some(_)) => {
            findings.add(field("dynamicASN"), Problem::TwoAsns);
            return None;
        }
        (None, None) => {
            findings.add(field("peerASN"), Problem::NoAsn);
            return None;
        }
    };
    let internal = remote == RemoteAsn::Internal || remote == RemoteAsn::Number(spec.my_asn);
    if internal && spec.ebgp_multi_hop == Some(true) {
        findings.add(field("ebgpMultiHop"), Problem::InternalMultiHop);
    }
    if internal && spec.role.is_some() {
        findings.add(field("role"), Problem::InternalRole);
    }
    Some(remote)
}

fn check_router(spec: &kinds::BgpPeerSpec, findings: &mut Findings) -> Option<Router> {
    match (written(&spec.peer_address), written(&spec.peer_prefix), written(&spec.interface)) {
        (Some(text), None, None) => {
            let address = check_address(text, "peerAddress", findings)?;
            if let Some(special) = no_peer(address) {
                findings.add(field("peerAddress"), Problem::PeerUnreachable { text: address.to_string(), special });
            }
            Some(Router::Address(address))
        }
        (None, Some(text), None) => check_prefix(text, findings).map(Router::Prefix),
        (None, None, Some(name)) => check_interface(name, field("interface"), findings).map(Router::Interface),
        (Some(_), None, Some(_)) | (_, Some(_), Some(_)) => {
            findings.add(field("interface"), Problem::TwoRouters);
            None
        }
        (Some(_), Some(_), None) => {
            findings.add(field("peerPrefix"), Problem::TwoRouters);
            None
        }
        (None, None, None) => {
            findings.add(field("peerAddress"), Problem::NoRouter);
            None
        }
    }
}

fn check_prefix(text: &str, findings: &mut Findings) -> Option<IpNet> {
    let Ok(prefix) = text.parse::<IpNet>() else {
        findings.add(field("peerPrefix"), Problem::NotAPrefix { text: text.to_owned() });
        return None;
    };
    let network = prefix.trunc();
    if network != prefix {
        findings.add(field("peerPrefix"), Problem::PrefixBits { text: text.to_owned(), network });
    }
    let (first, last) = (no_peer(network.network()), no_peer(network.broadcast()));
    if let Some(special) = first.filter(|_| first == last) {
        findings.add(field("peerPrefix"), Problem::PeerUnreachable { text: text.to_owned(), special });
    }
    Some(network)
}

fn check_connecting(spec: &kinds::BgpPeerSpec, router: Option<&Router>, findings: &mut Findings) -> ConnectionMode {
    let is_prefix = matches!(router, Some(Router::Prefix(_)));
    match spec.connection_mode {
        Some(ConnectionMode::Active | ConnectionMode::Both) if is_prefix => {
            findings.add(field("connectionMode"), Problem::PrefixDials);
            ConnectionMode::Passive
        }
        Some(mode) => mode,
        None if is_prefix => ConnectionMode::Passive,
        None => ConnectionMode::Active,
    }
}

fn check_hops(spec: &kinds::BgpPeerSpec, findings: &mut Findings) -> Option<NonZeroU8> {
    let hops: u8 = bounded(i64::from(spec.ttl_security_hops?), 1..=254, field("ttlSecurityHops"), findings)?;
    if spec.ebgp_multi_hop == Some(true) {
        findings.add(field("ebgpMultiHop"), Problem::TwoDistances);
    }
    NonZeroU8::new(hops)
}

fn check_next_hops(spec: &kinds::BgpPeerSpec, findings: &mut Findings) -> (Option<Ipv4Addr>, Option<Ipv6Addr>) {
    let (mut ipv4, mut ipv6) = (None, None);
    for (index, text) in spec.next_hops.iter().flatten().enumerate() {
        let field = field("nextHops").index(index);
        let Ok(address) = text.parse::<IpAddr>() else {
            findings.add(field, Problem::NotAnAddress { text: text.clone() });
            continue;
        };
        if no_peer(address).is_some() || address.to_canonical().is_loopback() {
            findings.add(field, Problem::NextHop { address });
            continue;
        }
        let earlier = match address.to_canonical() {
            IpAddr::V4(address) => ipv4.replace(address).is_some(),
            IpAddr::V6(address) => ipv6.replace(address).is_some(),
        };
        if earlier {
            findings.add(field, Problem::TwoNextHops);
        }
    }
    (ipv4, ipv6)
}

fn check_source(spec: &kinds::BgpPeerSpec, router: Option<&Router>, findings: &mut Findings) -> Option<IpAddr> {
    let source_address = check_address(written(&spec.source_address)?, "sourceAddress", findings)?;
    if let Some(special) = no_peer(source_address) {
        findings.add(field("sourceAddress"), Problem::SourceUnusable { address: source_address, special });
    }
    let router = match router {
        Some(Router::Address(address)) => Some(*address),
        Some(Router::Prefix(network)) => Some(network.addr()),
        Some(Router::Interface(_)) | None => None,
    };
    if let Some(router) = router.filter(|router| router.is_ipv4() != source_address.is_ipv4()) {
        let problem = Problem::SourceFamily { source_address, router };
        findings.add(field("sourceAddress"), problem);
    }
    Some(source_address)
}

/// Says what keeps an address from being an end of a session.
///
/// A router may run on the node itself, so loopback is one. An IPv6 link-local address means nothing without its link, while IPv4
/// ones are numbers of links like others: clouds put their routers there.
fn no_peer(address: IpAddr) -> Option<Special> {
    let special = Special::of(address)?;
    match special {
        Special::Unspecified | Special::Multicast | Special::Broadcast => Some(special),
        Special::LinkLocal => address.to_canonical().is_ipv6().then_some(special),
        Special::Loopback => None,
    }
}

fn check_address(text: &str, name: &str, findings: &mut Findings) -> Option<IpAddr> {
    let Ok(address) = text.parse::<IpAddr>() else {
        findings.add(field(name), Problem::NotAnAddress { text: text.to_owned() });
        return None;
    };
    Some(address.to_canonical())
}

fn check_duration(text: &Option<String>, name: &str, findings: &mut Findings) -> Option<Duration> {
    let text = text.as_deref()?;
    let duration = parse_duration(text);
    if duration.is_none() {
        findings.add(field(name), Problem::NotADuration { text: text.to_owned() });
    }
    duration
}

fn check_timers(spec: &kinds::BgpPeerSpec, findings: &mut Findings) -> Option<Timers> {
    let hold = check_duration(&spec.hold_time, "holdTime", findings);
    let keepalive = check_duration(&spec.keepalive_time, "keepaliveTime", findings);
    let (hold, keepalive) = match (hold, keepalive) {
        (None, None) => return None,
        (Some(hold), Some(keepalive)) => (hold, keepalive),
        (Some(hold), None) => (hold, hold / 3),
        (None, Some(keepalive)) => (keepalive.saturating_mul(3), keepalive),
    };
    let name = if spec.hold_time.is_some() { "holdTime" } else { "keepaliveTime" };
    // RFC 4271 §4.2: the OPEN carries whole seconds in 16 bits, zero or at least three.
    let whole = Duration::from_secs(hold.as_secs());
    if !(hold.is_zero() || (3..=65_535).contains(&whole.as_secs())) {
        findings.add(field(name), Problem::HoldTime { text: format!("{hold:?}") });
        return None;
    }
    // MetalLB up to 0.14.8 stored 0s where nothing was written, and meant 90 s.
    if hold.is_zero() && written(&spec.bfd_profile).is_none() {
        findings.add(field(name), Problem::NeverNoticed { field: name });
    }
    if keepalive > hold {
        let (keepalive, hold) = (format!("{keepalive:?}"), format!("{hold:?}"));
        findings.add(field("keepaliveTime"), Problem::Keepalive { keepalive, hold });
        return None;
    }
    Some(Timers { hold: whole, keepalive: keepalive.min(whole) })
}

fn check_connect_time(spec: &kinds::BgpPeerSpec, findings: &mut Findings) -> Option<Duration> {
    let time = check_duration(&spec.connect_time, "connectTime", findings)?;
    if time.subsec_nanos() != 0 || !(1..=65_535).contains(&time.as_secs()) {
        findings.add(field("connectTime"), Problem::ConnectTime { text: format!("{time:?}") });
        return None;
    }
    Some(time)
}

fn check_router_id(spec: &kinds::BgpPeerSpec, findings: &mut Findings) -> Option<Ipv4Addr> {
    let text = written(&spec.router_id)?;
    let id = text.parse::<Ipv4Addr>().ok().filter(|id| !id.is_unspecified());
    if id.is_none() {
        findings.add(field("routerID"), Problem::RouterId { text: text.to_owned() });
    }
    id
}

fn check_password(spec: &kinds::BgpPeerSpec, findings: &mut Findings) -> Option<PasswordSource> {
    let secret = spec.password_secret.as_ref().and_then(|secret| written(&secret.name));
    match (written(&spec.password), secret) {
        (None, None) => None,
        (None, Some(name)) => Some(PasswordSource::Secret(name.to_owned())),
        (Some(text), None) => match Password::new(text) {
            Ok(password) => {
                if password.ends_with_line_break() {
                    findings.add(field("password"), Problem::PasswordLineBreak);
                }
                Some(PasswordSource::Inline(password))
            }
            Err(problem) => {
                findings.add(field("password"), problem);
                None
            }
        },
        (Some(_), Some(_)) => {
            findings.add(field("passwordSecret"), Problem::TwoPasswords);
            None
        }
    }
}
