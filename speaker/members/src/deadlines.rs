//! Deadlines by VIP, with the earliest at hand.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Instant;

#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    at: BTreeMap<IpAddr, Instant>,
    order: BTreeSet<(Instant, IpAddr)>,
}

impl Deadlines {
    pub(crate) fn get(&self, vip: IpAddr) -> Option<Instant> {
        self.at.get(&vip).copied()
    }

    pub(crate) fn set(&mut self, vip: IpAddr, at: Instant) {
        self.remove(vip);
        self.at.insert(vip, at);
        self.order.insert((at, vip));
    }

    /// Sets a deadline unless there is one, and reports whether it did.
    pub(crate) fn start(&mut self, vip: IpAddr, at: Instant) -> bool {
        let starts = !self.at.contains_key(&vip);
        if starts {
            self.set(vip, at);
        }
        starts
    }

    pub(crate) fn remove(&mut self, vip: IpAddr) -> bool {
        let Some(at) = self.at.remove(&vip) else { return false };
        self.order.remove(&(at, vip))
    }

    pub(crate) fn first(&self) -> Option<Instant> {
        self.order.first().map(|(at, _)| *at)
    }

    /// Takes out one VIP whose deadline has come.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<IpAddr> {
        let &(_, vip) = self.order.first().filter(|(at, _)| *at <= now)?;
        self.remove(vip);
        Some(vip)
    }
}
