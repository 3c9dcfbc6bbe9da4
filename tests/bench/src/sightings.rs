//! What a watcher's sightings say about owners.

use std::{
    collections::BTreeSet,
    net::IpAddr,
    time::{Duration, Instant},
};

use anyhow::Context;
use clarion::demo::{network::Mac, report::Gap, watch::Sightings};

/// How long a node may make no claim and still count as one that claims: ten questions of a newcomer.
const PAUSE: Duration = Duration::from_millis(200);

/// Returns the claims that were seen from a moment on.
pub(crate) fn later_than(sightings: &Sightings, since: Instant) -> Sightings {
    let claims = sightings.claims.iter().filter(|(at, _)| *at >= since).copied().collect();
    Sightings { asked: Default::default(), claims }
}

/// Returns the node that claimed an address last.
pub(crate) fn owner(sightings: &Sightings, vip: IpAddr) -> anyhow::Result<Mac> {
    sightings.latest(vip).with_context(|| format!("nobody answers for {vip}"))
}

/// Returns for how long two nodes claimed one of the addresses, at most.
pub(crate) fn overlap(sightings: &Sightings, vips: &[IpAddr]) -> Duration {
    vips.iter().map(|vip| both(sightings, *vip)).max().unwrap_or_default()
}

/// Returns the longest time for which two nodes both kept claiming an address.
///
/// A node that moves away and comes back is not taken to have stayed: a pause in its claims ends its presence.
fn both(sightings: &Sightings, vip: IpAddr) -> Duration {
    let mut stays: Vec<Stay> = Vec::new();
    for (at, claim) in sightings.claims.iter().filter(|(_, claim)| claim.address == vip) {
        match stays.iter_mut().rfind(|stay| stay.mac == claim.mac) {
            Some(stay) if at.saturating_duration_since(stay.last) < PAUSE => stay.last = *at,
            Some(_) | None => stays.push(Stay { mac: claim.mac, first: *at, last: *at }),
        }
    }
    let pairs = stays.iter().flat_map(|one| stays.iter().map(move |other| (one, other)));
    let common =
        |(one, other): (&Stay, &Stay)| one.last.min(other.last).saturating_duration_since(one.first.max(other.first));
    pairs.filter(|(one, other)| one.mac < other.mac).map(common).max().unwrap_or_default()
}

/// A time in which one node kept claiming.
struct Stay {
    mac: Mac,
    first: Instant,
    last: Instant,
}

/// Returns the longest of the waits that were not over at a moment.
pub(crate) fn longest_after(gaps: Vec<Gap>, moment: Instant) -> Option<Duration> {
    gaps.into_iter().filter(|gap| gap.from + gap.length >= moment).map(|gap| gap.length).max()
}

/// Returns every Ethernet address that claimed one of the addresses.
pub(crate) fn macs(sightings: &Sightings, vips: &[IpAddr]) -> BTreeSet<Mac> {
    vips.iter().flat_map(|vip| sightings.macs(*vip)).collect()
}

#[cfg(test)]
mod tests;
