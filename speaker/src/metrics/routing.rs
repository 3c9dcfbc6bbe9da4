//! The metrics of the sessions with routers, under the names that MetalLB gives them in its modes.

use std::net::SocketAddr;
use std::time::Duration;

use prometheus::{GaugeVec, IntCounterVec, Opts, Registry};

use super::{Family, counter, gauge};
use crate::drivers::observed::{PeerObserved, RoutingObserved, TurnedAway};

/// Which of the counters of a session a family shows.
type Reading<Stats> = fn(&Stats) -> u64;

/// What a gauge shows of a peer.
type Level = fn(&PeerObserved) -> f64;

/// MetalLB's labels: the router, and the VRF, [`DEFAULT_VRF`] outside any.
const PEER: &[&str] = &["peer", "vrf"];

/// FRR's word for no VRF, which it shows in MetalLB's labels.
const DEFAULT_VRF: &str = "default";

/// What MetalLB's names of sessions begin with in its own modes, and with frr-k8s.
const PREFIXES: [&str; 2] = ["metallb_", "frrk8s_"];

pub(super) const SESSION_UP: Family =
    gauge("metallb_bgp_session_up", PEER, "Whether the session with the router is established");
pub(super) const ANNOUNCED: Family = gauge("metallb_bgp_announced_prefixes_total", PEER, "Routes the router has");
pub(super) const RECEIVED: Family = gauge(
    "metallb_bgp_received_prefixes_total",
    PEER,
    "Routes accepted from the router, after the policy for what comes in: none, ever",
);
pub(super) const PENDING: Family = gauge(
    "metallb_bgp_pending_prefixes_total",
    PEER,
    "Routes and withdrawals on their way; without a session, all routes",
);
pub(super) const OPENS_SENT: Family = counter("metallb_bgp_opens_sent", PEER, "OPEN messages sent");
pub(super) const OPENS_RECEIVED: Family = counter("metallb_bgp_opens_received", PEER, "OPEN messages received");
pub(super) const NOTIFICATIONS_SENT: Family =
    counter("metallb_bgp_notifications_sent", PEER, "NOTIFICATION messages sent");
pub(super) const UPDATES_SENT: Family = counter("metallb_bgp_updates_total", PEER, "UPDATE messages sent");
pub(super) const UPDATES_RECEIVED: Family =
    counter("metallb_bgp_updates_total_received", PEER, "UPDATE messages received");
pub(super) const KEEPALIVES_SENT: Family = counter("metallb_bgp_keepalives_sent", PEER, "KEEPALIVE messages sent");
pub(super) const KEEPALIVES_RECEIVED: Family =
    counter("metallb_bgp_keepalives_received", PEER, "KEEPALIVE messages received");
pub(super) const REFRESHES_SENT: Family =
    counter("metallb_bgp_route_refresh_sent", PEER, "ROUTE-REFRESH messages sent");
pub(super) const TOTAL_SENT: Family = counter("metallb_bgp_total_sent", PEER, "BGP messages sent");
pub(super) const TOTAL_RECEIVED: Family = counter("metallb_bgp_total_received", PEER, "BGP messages received");
pub(super) const PATH_UP: Family =
    gauge("metallb_bfd_session_up", PEER, "Whether BFD says that the path to the router works");
pub(super) const CONTROL_INPUT: Family =
    counter("metallb_bfd_control_packet_input", PEER, "BFD control packets accepted");
pub(super) const CONTROL_OUTPUT: Family =
    counter("metallb_bfd_control_packet_output", PEER, "BFD control packets sent");
pub(super) const ECHO_INPUT: Family = counter("metallb_bfd_echo_packet_input", PEER, "Own BFD echoes that came back");
pub(super) const ECHO_OUTPUT: Family = counter("metallb_bfd_echo_packet_output", PEER, "BFD echoes sent");
pub(super) const UP_EVENTS: Family = counter("metallb_bfd_session_up_events", PEER, "Times BFD found the path working");
pub(super) const DOWN_EVENTS: Family = counter("metallb_bfd_session_down_events", PEER, "Times BFD lost the path");
pub(super) const NOTIFICATIONS: Family =
    counter("metallb_bfd_zebra_notifications", PEER, "Changes of the path that were passed on to BGP");
pub(super) const FAULT: Family =
    gauge("clarion_bgp_fault", PEER, "Whether the peer cannot be tried as configured; /status says why");
pub(super) const CONNECTS: Family = counter("clarion_bgp_connects_total", PEER, "Connections tried");
pub(super) const ESTABLISHED: Family = counter("clarion_bgp_sessions_established_total", PEER, "Sessions established");
pub(super) const NOTIFICATIONS_RECEIVED: Family =
    counter("clarion_bgp_notifications_received_total", PEER, "NOTIFICATION messages received");
pub(super) const FILTERED: Family =
    gauge("clarion_bgp_filtered_prefixes", PEER, "Wanted routes outside all pools, which are never announced");
pub(super) const TURNED_AWAY: Family = counter(
    "clarion_bgp_connections_refused_total",
    &["reason"],
    "Connections of routers and strangers that were turned away before a byte was read",
);
pub(super) const TRANSMIT_INTERVAL: Family =
    gauge("clarion_bfd_transmit_interval_seconds", PEER, "Interval between BFD packets that both ends agreed on");
pub(super) const DETECTION_TIME: Family =
    gauge("clarion_bfd_detection_time_seconds", PEER, "Silence of the router after which BFD calls the path down");
pub(super) const DISCARDS: Family = counter(
    "clarion_bfd_discards_total",
    &["peer", "vrf", "reason"],
    "BFD packets of the router that were not accepted",
);

/// Adds the metrics of the sessions to a registry that is made for one scrape.
///
/// # Errors
/// Fails only when a family is there already.
pub fn collect(registry: &Registry, observed: &RoutingObserved) -> prometheus::Result<()> {
    let RoutingObserved { peers, turned_away } = observed;
    let refused = super::counters(registry, TURNED_AWAY)?;
    for reason in TurnedAway::ALL {
        let count = turned_away.get(&reason).copied().unwrap_or_default();
        refused.with_label_values(&[reason.label()]).inc_by(count);
    }
    collect_gauges(registry, peers)?;
    collect_sessions(registry, peers)?;
    collect_paths(registry, peers)
}

fn collect_gauges(registry: &Registry, peers: &[PeerObserved]) -> prometheus::Result<()> {
    let gauges: [(Family, Level); 6] = [
        (SESSION_UP, |peer| flag(peer.is_up())),
        (FAULT, |peer| flag(peer.fault.is_some())),
        (ANNOUNCED, |peer| peer.session.as_ref().map_or(0.0, |session| session.status.announced as f64)),
        (RECEIVED, |_| 0.0),
        (PENDING, |peer| peer.session.as_ref().map_or(0.0, |session| session.status.backlog as f64)),
        (FILTERED, |peer| peer.session.as_ref().map_or(0.0, |session| session.filtered as f64)),
    ];
    for (family, value) in gauges {
        show_gauge(registry, family, peers.iter().map(|peer| (peer, value(peer))))?;
    }
    Ok(())
}

fn collect_sessions(registry: &Registry, peers: &[PeerObserved]) -> prometheus::Result<()> {
    let families: [(Family, Reading<bgp::Stats>); 13] = [
        (OPENS_SENT, |stats| stats.opens_sent),
        (OPENS_RECEIVED, |stats| stats.opens_received),
        (NOTIFICATIONS_SENT, |stats| stats.notifications_sent),
        (UPDATES_SENT, |stats| stats.updates_sent),
        (UPDATES_RECEIVED, |stats| stats.updates_received),
        (KEEPALIVES_SENT, |stats| stats.keepalives_sent),
        (KEEPALIVES_RECEIVED, |stats| stats.keepalives_received),
        (REFRESHES_SENT, |stats| stats.refreshes_sent),
        (TOTAL_SENT, sent),
        (TOTAL_RECEIVED, received),
        (CONNECTS, |stats| stats.connects),
        (ESTABLISHED, |stats| stats.established),
        (NOTIFICATIONS_RECEIVED, |stats| stats.notifications_received),
    ];
    for (family, value) in families {
        let value = |peer: &PeerObserved| peer.session.as_ref().map_or(0, |session| value(&session.stats));
        show_counter(registry, family, peers.iter().map(|peer| (peer, value(peer))))?;
    }
    Ok(())
}

fn sent(stats: &bgp::Stats) -> u64 {
    stats.opens_sent + stats.updates_sent + stats.keepalives_sent + stats.notifications_sent + stats.refreshes_sent
}

fn received(stats: &bgp::Stats) -> u64 {
    stats.opens_received
        + stats.updates_received
        + stats.keepalives_received
        + stats.notifications_received
        + stats.refreshes_received
}

fn collect_paths(registry: &Registry, peers: &[PeerObserved]) -> prometheus::Result<()> {
    let watched = || peers.iter().filter_map(|peer| Some((peer, peer.path.as_ref()?)));
    let up = watched().map(|(peer, path)| (peer, flag(path.state == bfd::State::Up)));
    show_gauge(registry, PATH_UP, up)?;
    let seconds = |time: Option<Duration>| time.map(|time| time.as_secs_f64());
    let transmit = watched().filter_map(|(peer, path)| Some((peer, seconds(path.transmit_interval)?)));
    show_gauge(registry, TRANSMIT_INTERVAL, transmit)?;
    let detection = watched().filter_map(|(peer, path)| Some((peer, seconds(path.detection_time)?)));
    show_gauge(registry, DETECTION_TIME, detection)?;
    let families: [(Family, Reading<bfd::Stats>); 7] = [
        (CONTROL_INPUT, |stats| stats.control_packet_input),
        (CONTROL_OUTPUT, |stats| stats.control_packet_output),
        (ECHO_INPUT, |stats| stats.echo_packet_input),
        (ECHO_OUTPUT, |stats| stats.echo_packet_output),
        (UP_EVENTS, |stats| stats.session_up_events),
        (DOWN_EVENTS, |stats| stats.session_down_events),
        (NOTIFICATIONS, |stats| stats.session_up_events + stats.session_down_events),
    ];
    for (family, value) in families {
        show_counter(registry, family, watched().map(|(peer, path)| (peer, value(&path.stats))))?;
    }
    let discards = super::counters(registry, DISCARDS)?;
    for (peer, path) in watched() {
        let [router, vrf] = labels(peer, DISCARDS.name);
        for (reason, count) in path.stats.discards.iter() {
            discards.with_label_values(&[&*router, &*vrf, reason]).inc_by(count);
        }
    }
    Ok(())
}

fn flag(condition: bool) -> f64 {
    f64::from(u8::from(condition))
}

fn show_gauge<'a>(
    registry: &Registry,
    family: Family,
    values: impl Iterator<Item = (&'a PeerObserved, f64)> + Clone,
) -> prometheus::Result<()> {
    for name in names(family) {
        let metric = GaugeVec::new(Opts::new(name.clone(), family.help), family.labels)?;
        registry.register(Box::new(metric.clone()))?;
        for (peer, value) in values.clone() {
            metric.with_label_values(&labels(peer, &name)).set(value);
        }
    }
    Ok(())
}

fn show_counter<'a>(
    registry: &Registry,
    family: Family,
    values: impl Iterator<Item = (&'a PeerObserved, u64)> + Clone,
) -> prometheus::Result<()> {
    for name in names(family) {
        let metric = IntCounterVec::new(Opts::new(name.clone(), family.help), family.labels)?;
        registry.register(Box::new(metric.clone()))?;
        for (peer, value) in values.clone() {
            metric.with_label_values(&labels(peer, &name)).inc_by(value);
        }
    }
    Ok(())
}

/// Returns the names that a family goes by; one of our own has one name.
fn names(family: Family) -> Vec<String> {
    match family.name.strip_prefix(PREFIXES[0]) {
        Some(rest) => PREFIXES.iter().map(|prefix| format!("{prefix}{rest}")).collect(),
        None => vec![family.name.to_owned()],
    }
}

/// Returns the router and the VRF as dashboards look for them that were made for MetalLB with FRR: sessions of BGP with their port,
/// and without brackets around an IPv6 address; those of BFD, and all that frr-k8s names, by the address alone.
fn labels(peer: &PeerObserved, name: &str) -> [String; 2] {
    let by_address = name.starts_with(PREFIXES[1]) || name.contains("_bfd_");
    let router = match peer.router.parse::<SocketAddr>() {
        // A peer that cannot be tried may have no address to go by.
        Err(_) if peer.router.is_empty() => peer.name.to_string(),
        Err(_) => match peer.router.rsplit_once(':') {
            Some((interface, _)) if by_address && !peer.router.contains('/') => interface.to_owned(),
            Some(_) | None => peer.router.clone(),
        },
        Ok(router) if by_address => router.ip().to_string(),
        Ok(router) => format!("{}:{}", router.ip(), router.port()),
    };
    let vrf = if peer.vrf.is_empty() { DEFAULT_VRF } else { &*peer.vrf };
    [router, vrf.to_owned()]
}

/// Returns the word for the state of a BGP session, as RFC 4271 names it.
pub fn session_label(peer: &PeerObserved) -> &'static str {
    let Some(session) = &peer.session else { return "Idle" };
    match session.status.state {
        bgp::State::Idle => "Idle",
        bgp::State::Connect => "Connect",
        bgp::State::Active => "Active",
        bgp::State::OpenSent => "OpenSent",
        bgp::State::OpenConfirm => "OpenConfirm",
        bgp::State::Established => "Established",
    }
}

/// Returns the word for the state of the BFD session beside it, as RFC 5880 names it; none where the path is not watched.
pub fn path_label(peer: &PeerObserved) -> Option<&'static str> {
    Some(match peer.path.as_ref()?.state {
        bfd::State::AdminDown => "AdminDown",
        bfd::State::Down => "Down",
        bfd::State::Init => "Init",
        bfd::State::Up => "Up",
    })
}

#[cfg(test)]
mod tests;
