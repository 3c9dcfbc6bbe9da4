//! Who answers for the example Service, told whenever it changes.

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use clarion::demo::{
    network::Mac,
    watch::{Sightings, Watcher},
};
use cluster::Cluster;

/// How long one watcher records; what it has seen is then forgotten.
const FORGET_AFTER: Duration = Duration::from_secs(60);

/// A newcomer that keeps asking for one address.
#[derive(Debug)]
pub(crate) struct Watch {
    vip: IpAddr,
    watcher: Watcher,
    since: Instant,
    told: Option<Mac>,
}

impl Watch {
    pub(crate) fn start(cluster: &Cluster, vip: IpAddr) -> anyhow::Result<Self> {
        Ok(Self { vip, watcher: newcomer(cluster, vip)?, since: Instant::now(), told: None })
    }

    /// Returns a sentence if another node answers than the last time.
    pub(crate) fn news(&mut self, cluster: &Cluster) -> anyhow::Result<Option<String>> {
        let seen = self.watcher.so_far();
        let Some(mac) = seen.latest(self.vip) else { return Ok(None) };
        let node = cluster.position(mac).map(|position| cluster.nodes[position].name().to_owned())?;
        let news = match self.told {
            Some(told) if told == mac => None,
            Some(told) => Some(format!(
                "{} is answered by {node}; nobody answered for {:.2} s",
                self.vip,
                silence(&seen, self.vip, told).as_secs_f64()
            )),
            None => Some(format!("{} is answered by {node}", self.vip)),
        };
        self.told = Some(mac);
        if news.is_none() && self.since.elapsed() > FORGET_AFTER {
            self.watcher = newcomer(cluster, self.vip)?;
            self.since = Instant::now();
        }
        Ok(news)
    }
}

fn newcomer(cluster: &Cluster, vip: IpAddr) -> anyhow::Result<Watcher> {
    Watcher::newcomer(&cluster.newcomer.host, &cluster.newcomer.link, &[vip])
}

/// Returns the time from the last answer of `old` to the first one of another node after it.
fn silence(seen: &Sightings, vip: IpAddr, old: Mac) -> Duration {
    let claims: Vec<_> = seen.claims.iter().filter(|(_, claim)| claim.address == vip).collect();
    let Some(last) = claims.iter().rposition(|(_, claim)| claim.mac == old) else { return Duration::ZERO };
    let next = claims.get(last + 1);
    next.map_or(Duration::ZERO, |(at, _)| at.saturating_duration_since(claims[last].0))
}
