//! The speaker's metrics, made from what was observed whenever they are asked for.

mod routing;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use announce::{Desired, ServiceId};
use members::{DropReason, MemberState};
use prometheus::{GaugeVec, IntCounterVec, Opts, Registry};

use crate::advertised::Advertised;
use crate::drivers::LinkObserved;
use crate::drivers::observed::PeerObserved;
use crate::roster::Reception;
use crate::unannounced::unannounced;
pub use routing::{collect as collect_routing, path_label, session_label};

/// One metric family, as `docs/metrics.md` lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Family {
    /// Its name.
    pub name: &'static str,
    /// `counter` or `gauge`.
    pub kind: &'static str,
    /// Its labels.
    pub labels: &'static [&'static str],
    /// What it says.
    pub help: &'static str,
}

const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Family {
    Family { name, kind: "counter", labels, help }
}

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Family {
    Family { name, kind: "gauge", labels, help }
}

const ANNOUNCED: Family = gauge(
    "metallb_speaker_announced",
    &["service", "protocol", "node", "ip"],
    "Services whose IP this node answers for, or advertises to a router, at this moment",
);
const NOT_ANNOUNCED: Family = gauge(
    "clarion_speaker_not_announced",
    &["service", "reason"],
    "Services of ours with an IP that this node does not announce and sees nobody announce, or may not announce, with the reason",
);
const REQUESTS: Family =
    counter("metallb_layer2_requests_received", &["ip"], "ARP requests and neighbour solicitations for owned IPs");
const RESPONSES: Family = counter("metallb_layer2_responses_sent", &["ip"], "Answers to them");
const GRATUITOUS: Family =
    counter("metallb_layer2_gratuitous_sent", &["ip"], "Announcements that nobody asked for: takeovers and refreshes");
const IGNORED: Family = counter("clarion_layer2_ignored_total", &["link", "reason"], "Received frames without effect");
const CONFLICTS: Family = gauge(
    "clarion_layer2_conflict",
    &["link", "ip"],
    "Strange stations that claim an IP which this node owns; more than four count as four",
);
const UNJOINED: Family =
    gauge("clarion_layer2_groups_not_joined", &["link"], "Multicast groups that the kernel did not let us join");
const SEND_ERRORS: Family =
    counter("clarion_layer2_send_errors_total", &["link"], "Frames that the kernel did not take");
const MEMBERS: Family = gauge(
    "clarion_members",
    &["link", "state"],
    "Other speakers on the link; one_way: heard, and does not hear this node; unproven: the same since it started",
);
const SPLIT: Family = gauge(
    "clarion_members_split",
    &["link"],
    "Nodes that answer for IPs which this node owns although their heartbeats do not arrive",
);
const DUPLICATE: Family = gauge(
    "clarion_members_duplicate",
    &["link"],
    "Whether another machine runs under the name of this node on the link; one of the two announces nothing there",
);
const DEAF: Family = gauge(
    "clarion_members_deaf",
    &["link"],
    "Whether all other speakers fell silent at once and the link has received no frame since",
);
const EXPECTED: Family = gauge(
    "clarion_members_expected",
    &["link"],
    "Other nodes whose speakers should be heard on the link, as the objects of the cluster say",
);
const HEARD: Family = gauge("clarion_members_heard", &["link"], "How many of those are heard");
const MOVES: Family =
    counter("clarion_members_moves_total", &["link"], "IPs that got another owner, as seen from here");
const SENT: Family = counter("clarion_heartbeats_sent_total", &["link"], "Datagrams sent to other speakers");
const RECEIVED: Family =
    counter("clarion_heartbeats_received_total", &["link"], "Datagrams accepted from other speakers");
const REFUSED: Family =
    counter("clarion_heartbeats_refused_total", &["link", "reason"], "Datagrams that were not accepted");
const DUPLICATES: Family = counter(
    "clarion_heartbeats_duplicates_total",
    &["link"],
    "Datagrams that had come before, as each one does where both address families work",
);
const HEARTBEAT_ERRORS: Family =
    counter("clarion_heartbeats_send_errors_total", &["link"], "Datagrams that the kernel took over no address family");
const DUELS: Family = counter("clarion_members_conflicts_total", &["link"], "Own claims that met a foreign one");
const PAUSES: Family = counter(
    "clarion_members_pauses_total",
    &["link"],
    "Times this process was paused for so long that it had to ask the others again",
);
const DAMPED: Family = gauge(
    "clarion_members_damped",
    &["link"],
    "Whether this node lost its IPs on the link so often that every other node is chosen before it",
);

const PANICS: Family =
    counter("clarion_plan_panics_total", &[], "Plans that ended by a fault, so that the one before stayed in effect");

const PASSED_OVER: Family = gauge(
    "clarion_objects_passed_over",
    &["kind", "object_namespace"],
    "Versions of objects for which the namespace has no room, since they were last listed",
);

/// Every family, in the order of `docs/metrics.md`.
pub const FAMILIES: [Family; 57] = [
    ANNOUNCED,
    NOT_ANNOUNCED,
    PANICS,
    PASSED_OVER,
    REQUESTS,
    RESPONSES,
    GRATUITOUS,
    IGNORED,
    CONFLICTS,
    UNJOINED,
    SEND_ERRORS,
    MEMBERS,
    DUPLICATE,
    DEAF,
    SPLIT,
    EXPECTED,
    HEARD,
    MOVES,
    DUELS,
    PAUSES,
    DAMPED,
    SENT,
    RECEIVED,
    REFUSED,
    DUPLICATES,
    HEARTBEAT_ERRORS,
    routing::SESSION_UP,
    routing::ANNOUNCED,
    routing::RECEIVED,
    routing::PENDING,
    routing::OPENS_SENT,
    routing::OPENS_RECEIVED,
    routing::NOTIFICATIONS_SENT,
    routing::UPDATES_SENT,
    routing::UPDATES_RECEIVED,
    routing::KEEPALIVES_SENT,
    routing::KEEPALIVES_RECEIVED,
    routing::REFRESHES_SENT,
    routing::TOTAL_SENT,
    routing::TOTAL_RECEIVED,
    routing::PATH_UP,
    routing::CONTROL_INPUT,
    routing::CONTROL_OUTPUT,
    routing::ECHO_INPUT,
    routing::ECHO_OUTPUT,
    routing::UP_EVENTS,
    routing::DOWN_EVENTS,
    routing::NOTIFICATIONS,
    routing::FAULT,
    routing::CONNECTS,
    routing::ESTABLISHED,
    routing::NOTIFICATIONS_RECEIVED,
    routing::FILTERED,
    routing::TURNED_AWAY,
    routing::TRANSMIT_INTERVAL,
    routing::DETECTION_TIME,
    routing::DISCARDS,
];

/// Adds the metrics of the node called `node` to a registry that is made for one scrape; `addresses` are what Services hold.
///
/// # Errors
/// Fails only when a family is there already.
pub fn collect(
    registry: &Registry,
    node: &str,
    desired: &Desired,
    addresses: &BTreeMap<&ServiceId, &[IpAddr]>,
    links: &[LinkObserved],
    peers: &[PeerObserved],
    advertised: &Advertised,
) -> prometheus::Result<()> {
    let announced = gauges(registry, ANNOUNCED)?;
    let not_announced = gauges(registry, NOT_ANNOUNCED)?;
    for (service, verdict) in &desired.services {
        let ips = addresses.get(service).copied().unwrap_or_default();
        if let Some(why) = unannounced(verdict, ips, links, peers, advertised.contains_key(service)) {
            not_announced.with_label_values(&[&*service.to_string(), why.reason()]).set(1.0);
        }
    }
    for (vip, plan) in &desired.l2 {
        if links.iter().any(|link| link.answering.contains(vip)) {
            for service in &plan.services {
                announced.with_label_values(&[&*service.to_string(), "layer2", node, &vip.to_string()]).set(1.0);
            }
        }
    }
    for (service, told) in advertised {
        for ip in told.keys() {
            announced.with_label_values(&[&*service.to_string(), "bgp", node, &ip.to_string()]).set(1.0);
        }
    }
    collect_layer2(registry, links)?;
    collect_members(registry, links)
}

/// Adds how many plans came to no end.
///
/// # Errors
/// Fails only when the family is there already.
pub fn collect_panics(registry: &Registry, panics: u64) -> prometheus::Result<()> {
    counters(registry, PANICS)?.with_label_values::<&str>(&[]).inc_by(panics);
    Ok(())
}

/// Registers how many versions of objects were passed over, by kind and namespace.
///
/// # Errors
/// Fails if the metric is registered already.
pub fn collect_passed_over(
    registry: &Registry,
    passed_over: &BTreeMap<(&'static str, Arc<str>), u64>,
) -> prometheus::Result<()> {
    let gauges = gauges(registry, PASSED_OVER)?;
    for ((kind, namespace), versions) in passed_over {
        gauges.with_label_values(&[*kind, &**namespace]).set(*versions as f64);
    }
    Ok(())
}

fn collect_layer2(registry: &Registry, links: &[LinkObserved]) -> prometheus::Result<()> {
    let (requests, responses) = (counters(registry, REQUESTS)?, counters(registry, RESPONSES)?);
    let gratuitous = counters(registry, GRATUITOUS)?;
    let (ignored, send_errors) = (counters(registry, IGNORED)?, counters(registry, SEND_ERRORS)?);
    let (conflicts, unjoined) = (gauges(registry, CONFLICTS)?, gauges(registry, UNJOINED)?);
    for link in links {
        for (vip, stats) in &link.l2.vips {
            let ip = vip.to_string();
            requests.with_label_values(&[&ip]).inc_by(stats.requests_received);
            responses.with_label_values(&[&ip]).inc_by(stats.responses_sent);
            gratuitous.with_label_values(&[&ip]).inc_by(stats.gratuitous_sent);
        }
        for (reason, count) in &link.l2.drops {
            ignored.with_label_values(&[&*link.name, reason.label()]).inc_by(*count);
        }
        for (vip, macs) in &link.conflicts {
            conflicts.with_label_values(&[&link.name, &vip.to_string()]).set(macs.len() as f64);
        }
        unjoined.with_label_values(&[&link.name]).set(link.unjoined.len() as f64);
        send_errors.with_label_values(&[&link.name]).inc_by(link.counters.send_errors);
    }
    Ok(())
}

fn collect_members(registry: &Registry, links: &[LinkObserved]) -> prometheus::Result<()> {
    let (members, damped) = (gauges(registry, MEMBERS)?, gauges(registry, DAMPED)?);
    let split = gauges(registry, SPLIT)?;
    let (duplicate, deaf) = (gauges(registry, DUPLICATE)?, gauges(registry, DEAF)?);
    let (moves, duels, pauses) = (counters(registry, MOVES)?, counters(registry, DUELS)?, counters(registry, PAUSES)?);
    let (sent, received) = (counters(registry, SENT)?, counters(registry, RECEIVED)?);
    let (refused, duplicates) = (counters(registry, REFUSED)?, counters(registry, DUPLICATES)?);
    let errors = counters(registry, HEARTBEAT_ERRORS)?;
    for link in links {
        for state in [MemberState::Live, MemberState::Suspect, MemberState::Lost, MemberState::Left] {
            let count = link.members.iter().filter(|member| member.state == state && !member.is_one_way()).count();
            members.with_label_values(&[&*link.name, state_label(state)]).set(count as f64);
        }
        let one_way = link.members.iter().filter(|member| member.is_one_way()).count();
        members.with_label_values(&[&*link.name, "one_way"]).set(one_way as f64);
        members.with_label_values(&[&*link.name, "unproven"]).set(link.unproven.len() as f64);
        deaf.with_label_values(&[&link.name]).set(if link.deaf { 1.0 } else { 0.0 });
        duplicate.with_label_values(&[&link.name]).set(if link.duplicate.is_some() { 1.0 } else { 0.0 });
        split.with_label_values(&[&link.name]).set(link.splits.len() as f64);
        moves.with_label_values(&[&link.name]).inc_by(link.counters.moves);
        duels.with_label_values(&[&link.name]).inc_by(link.heartbeats.conflicts);
        pauses.with_label_values(&[&link.name]).inc_by(link.heartbeats.pauses);
        damped.with_label_values(&[&link.name]).set(if link.damped_for.is_some() { 1.0 } else { 0.0 });
        sent.with_label_values(&[&link.name]).inc_by(link.heartbeats.sent_group + link.heartbeats.sent_peer);
        received.with_label_values(&[&link.name]).inc_by(link.heartbeats.received);
        let copies = link.heartbeats.dropped(DropReason::Copy);
        duplicates.with_label_values(&[&link.name]).inc_by(copies);
        // Copies are no fault, and an alert on refusals must not fire in peace.
        for reason in DropReason::ALL.into_iter().filter(|reason| *reason != DropReason::Copy) {
            refused.with_label_values(&[&*link.name, reason.as_str()]).inc_by(link.heartbeats.dropped(reason));
        }
        errors.with_label_values(&[&link.name]).inc_by(link.counters.heartbeat_errors);
    }
    Ok(())
}

/// Adds whom the node should hear on its links, and whom it does.
///
/// # Errors
/// Fails only when a family is there already.
pub fn collect_receptions(registry: &Registry, receptions: &[Reception]) -> prometheus::Result<()> {
    let (expected, heard) = (gauges(registry, EXPECTED)?, gauges(registry, HEARD)?);
    for reception in receptions {
        expected.with_label_values(&[&reception.link]).set(reception.expected as f64);
        heard.with_label_values(&[&reception.link]).set(reception.heard as f64);
    }
    Ok(())
}

/// Returns the word for a member's state in metrics and status.
pub const fn state_label(state: MemberState) -> &'static str {
    match state {
        MemberState::Live => "live",
        MemberState::Suspect => "suspect",
        MemberState::Lost => "lost",
        MemberState::Left => "left",
    }
}

fn gauges(registry: &Registry, family: Family) -> prometheus::Result<GaugeVec> {
    let metric = GaugeVec::new(Opts::new(family.name, family.help), family.labels)?;
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

fn counters(registry: &Registry, family: Family) -> prometheus::Result<IntCounterVec> {
    let metric = IntCounterVec::new(Opts::new(family.name, family.help), family.labels)?;
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}
