//! The demo's tables.

use std::collections::BTreeMap;

use comfy_table::{Table, TableStyle};

use super::{
    status::Peer,
    story::{Entry, Owners},
};

/// Returns a table of every Service and address with the pool it comes from and the node that answers.
pub fn render(entries: &[Entry], owners: &Owners) -> String {
    let mut table = plain();
    table.set_header(["Service", "IP", "Pool", "Owner", "MAC"]);
    for entry in entries {
        for ip in &entry.ips {
            let (node, mac) =
                owners.get(ip).map_or_else(Default::default, |owner| (owner.node.clone(), owner.mac.to_string()));
            table.add_row([entry.name.clone(), ip.to_string(), entry.pool.clone(), node, mac]);
        }
    }
    table.trim_fmt()
}

/// Returns a table of the addresses whose owner changed.
pub fn moves(entries: &[Entry], before: &Owners, after: &Owners) -> String {
    let mut table = plain();
    table.set_header(["Service", "IP", "Owner before", "Owner after", "MAC"]);
    for entry in entries {
        for ip in &entry.ips {
            let (Some(old), Some(new)) = (before.get(ip), after.get(ip)) else { continue };
            if old != new {
                let row = [entry.name.clone(), ip.to_string(), old.node.clone(), new.node.clone(), new.mac.to_string()];
                table.add_row(row);
            }
        }
    }
    table.trim_fmt()
}

/// A node's session with a router.
#[derive(Clone, Debug)]
pub struct Session {
    /// The node.
    pub node: String,
    /// What it says of the router.
    pub peer: Peer,
}

/// Returns a table of sessions.
pub fn sessions(sessions: &[Session]) -> String {
    let mut table = plain();
    table.set_header(["Node", "Router", "BGP", "BFD", "Routes"]);
    for Session { node, peer } in sessions {
        let bfd = peer.bfd.clone().unwrap_or_default();
        table.add_row([node.clone(), peer.router.clone(), peer.state.clone(), bfd, peer.announced.to_string()]);
    }
    table.trim_fmt()
}

/// Returns a table of how many connections each node got.
pub fn connections(counts: &BTreeMap<String, usize>) -> String {
    let mut table = plain();
    table.set_header(["Node", "Connections", "Share"]);
    let total = counts.values().sum::<usize>().max(1);
    for (node, count) in counts {
        let share = format!("{} %", (100 * count + total / 2) / total);
        table.add_row([node.clone(), count.to_string(), share]);
    }
    table.trim_fmt()
}

fn plain() -> Table {
    let mut table = Table::new();
    table.load_style(TableStyle::new());
    table
}
