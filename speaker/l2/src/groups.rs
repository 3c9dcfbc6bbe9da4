//! Solicited-node groups, one membership for all addresses that share their low 24 bits.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

use crate::ndp;

/// How many owned addresses need each group.
#[derive(Debug, Default)]
pub(crate) struct Groups(BTreeMap<Ipv6Addr, usize>);

impl Groups {
    /// Counts `vip` in; returns the group if it is to be joined.
    pub(crate) fn add(&mut self, vip: IpAddr) -> Option<Ipv6Addr> {
        let group = group(vip)?;
        let members = self.0.entry(group).or_insert(0);
        *members += 1;
        (*members == 1).then_some(group)
    }

    /// Counts `vip` out; returns the group if it is to be left.
    pub(crate) fn remove(&mut self, vip: IpAddr) -> Option<Ipv6Addr> {
        let group = group(vip)?;
        let members = self.0.get_mut(&group)?;
        *members -= 1;
        if *members > 0 {
            return None;
        }
        self.0.remove(&group);
        Some(group)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Ipv6Addr> {
        self.0.keys().copied()
    }
}

fn group(vip: IpAddr) -> Option<Ipv6Addr> {
    match vip {
        IpAddr::V4(_) => None,
        IpAddr::V6(vip) => Some(ndp::solicited_node(vip)),
    }
}
