//! A plan as people read it.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::net::IpAddr;

use crds::printable::Printable;

use super::services::{self, ServiceChange};
use super::sessions::{self, SessionChange};
use super::{CostlyEdit, Report, Verdict};
use crate::client::PENDING;
use crate::output::Table;

/// How many nodes are named at most in one row.
const NAMED: usize = 5;

pub(super) fn print(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let Report { verdict, faults, notes, services, sessions, edits_that_end_sessions } = report;
    for fault in faults {
        writeln!(out, "fault: {}\n", Printable::message(fault))?;
    }
    if !services.is_empty() {
        let mut table = Table::new(["SERVICE", "IP", "POOL", "CHANGE", "REASON"]);
        services.iter().map(service).for_each(|row| table.row(row));
        writeln!(out, "{table}\n")?;
    }
    if let Some(sessions) = sessions.as_ref().filter(|sessions| !sessions.is_empty()) {
        let mut table = Table::new(["PEER", "NODES", "SESSION"]);
        sessions.iter().map(session).for_each(|row| table.row(row));
        writeln!(out, "{table}\n")?;
    }
    if let Some(edits) = edits_that_end_sessions {
        writeln!(out, "{}", costly(edits))?;
    }
    for note in notes {
        writeln!(out, "note: {}\n", Printable::message(note))?;
    }
    writeln!(out, "{}", summary(*verdict, services, sessions.as_deref().unwrap_or_default()))
}

fn service(service: &ServiceChange) -> [String; 5] {
    let ips = if service.ips.is_empty() { PENDING.to_owned() } else { list(service.ips.iter()) };
    let lost = list(service.before.iter().filter(|ip| !service.ips.contains(ip)));
    let gained = list(service.ips.iter().filter(|ip| !service.before.contains(ip)));
    let change = match service.change {
        services::Change::Keeps => "keeps".to_owned(),
        services::Change::Gets => format!("gets {gained}"),
        services::Change::Moves => format!("moves {lost} -> {gained}"),
        services::Change::Loses => format!("loses {lost}"),
        services::Change::Waits => "waits".to_owned(),
    };
    let name = format!("{}/{}", service.namespace, service.name);
    [name, ips, service.pool.clone().unwrap_or_default(), change, service.reason.clone().unwrap_or_default()]
}

fn list<'a>(ips: impl Iterator<Item = &'a IpAddr>) -> String {
    ips.map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn session(session: &SessionChange) -> [String; 3] {
    let SessionChange { peer, nodes, change, fields, later } = session;
    let because = if fields.is_empty() { String::new() } else { format!(" ({})", fields.join(", ")) };
    let later = if later.is_empty() { String::new() } else { format!("with its next session ({})", later.join(", ")) };
    let text = match change {
        sessions::Change::Unchanged => "unchanged".to_owned(),
        sessions::Change::Updated if fields.is_empty() => format!("unchanged; updated {later}"),
        sessions::Change::Updated if later.is_empty() => format!("updated in place{because}"),
        sessions::Change::Updated => format!("updated in place{because}, and {later}"),
        sessions::Change::Reopened => format!("closed and opened again{because}"),
        sessions::Change::Opened => "opened".to_owned(),
        sessions::Change::Closed => "closed".to_owned(),
        sessions::Change::UpToNodes => format!("opened or closed, as the labels of nodes say{because}"),
    };
    let nodes = match nodes.as_slice() {
        [] => "every node".to_owned(),
        nodes if nodes.len() <= NAMED => nodes.join(", "),
        nodes => format!("{} and {} more", nodes[..NAMED].join(", "), nodes.len() - NAMED),
    };
    [peer.clone(), nodes, text]
}

fn costly(edits: &[CostlyEdit]) -> String {
    let mut text =
        "These edits of a BGPPeer close its sessions and open them again; all others leave them up:\n".to_owned();
    for CostlyEdit { fields, remark } in edits {
        let remark = remark.map(|remark| format!(" ({remark})")).unwrap_or_default();
        text.push_str(&format!("  {}{remark}\n", fields.join(", ")));
    }
    text.push_str(
        "Beside these, a session ends when its peer is deleted or its nodeSelectors leave the node out, and that of a router in a \
         peerPrefix when another peer names the router more closely.\n",
    );
    text
}

fn summary(verdict: Verdict, services: &[ServiceChange], sessions: &[SessionChange]) -> String {
    let moved = services.iter().filter(|service| service.change == services::Change::Moves).count();
    let lost = services.iter().filter(|service| service.change == services::Change::Loses).count();
    let ending = sessions.iter().filter(|session| session.change.disrupts()).map(|session| &session.peer);
    let ended = ending.collect::<BTreeSet<_>>().len();
    let disrupted = match moved + lost + ended {
        0 => "No IP moves or is lost, and no session ends.".to_owned(),
        _ => format!("Services that move: {moved}; that lose an IP: {lost}; peers whose sessions end: {ended}."),
    };
    match verdict {
        Verdict::Undisturbed | Verdict::Disruptive => disrupted,
        Verdict::Faulty => format!("The manifests have faults. {disrupted}"),
    }
}
