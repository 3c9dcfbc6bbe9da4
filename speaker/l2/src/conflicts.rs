//! Which foreign stations claim which owned addresses.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::MacAddr;
use crate::config::LONGEST;

/// How many conflicts are remembered at once; what exceeds it is counted and not reported, so that forged frames cost no memory.
const REMEMBERED: usize = 1024;

#[derive(Debug)]
pub(crate) struct Conflicts {
    quiet: Duration,
    ends: BTreeMap<(IpAddr, MacAddr), Instant>,
    by_end: BTreeSet<(Instant, IpAddr, MacAddr)>,
}

impl Conflicts {
    pub(crate) fn new(quiet: Duration) -> Self {
        Self { quiet: quiet.min(LONGEST), ends: BTreeMap::new(), by_end: BTreeSet::new() }
    }

    /// Notes a claim; returns whether it opens a conflict.
    pub(crate) fn claim(&mut self, now: Instant, vip: IpAddr, mac: MacAddr) -> bool {
        let known = self.ends.get(&(vip, mac)).copied();
        if known.is_none() && self.ends.len() >= REMEMBERED {
            return false;
        }
        if let Some(end) = known {
            self.by_end.remove(&(end, vip, mac));
        }
        let end = now + self.quiet;
        self.ends.insert((vip, mac), end);
        self.by_end.insert((end, vip, mac));
        known.is_none()
    }

    /// Removes and returns a conflict that has been quiet for long enough.
    pub(crate) fn expire(&mut self, now: Instant) -> Option<(IpAddr, MacAddr)> {
        let &(_, vip, mac) = self.by_end.first().filter(|(end, _, _)| *end <= now)?;
        self.by_end.pop_first();
        self.ends.remove(&(vip, mac));
        Some((vip, mac))
    }

    /// Removes and returns the conflicts over `vip`.
    pub(crate) fn settle_vip(&mut self, vip: IpAddr) -> Vec<(IpAddr, MacAddr)> {
        let settled = self.ends.range((vip, MacAddr::ZERO)..=(vip, MacAddr::BROADCAST)).map(|(key, _)| *key).collect();
        self.remove(settled)
    }

    /// Removes and returns the conflicts with stations that turned out to be ours.
    pub(crate) fn settle_stations(&mut self, ours: impl Fn(MacAddr) -> bool) -> Vec<(IpAddr, MacAddr)> {
        let settled = self.ends.keys().filter(|(_, mac)| ours(*mac)).copied().collect();
        self.remove(settled)
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.by_end.first().map(|(end, _, _)| *end)
    }

    fn remove(&mut self, settled: Vec<(IpAddr, MacAddr)>) -> Vec<(IpAddr, MacAddr)> {
        for &(vip, mac) in &settled {
            let end = self.ends.remove(&(vip, mac)).expect("a settled conflict was remembered");
            self.by_end.remove(&(end, vip, mac));
        }
        settled
    }
}
