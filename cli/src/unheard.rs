//! Speakers that should be heard and are not: what `standalone` and `speaker` have in common.

use std::time::{Duration, Instant};

use speaker::roster::{Advice, Roster};
use speaker::{LinkObserved, Observer};

use crate::wire::WireOptions;

/// How often the links are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Returns what is wrong with the links on which speakers are missing, in words.
pub(crate) fn faults(roster: &Roster, links: &[LinkObserved], advice: Advice) -> Vec<String> {
    roster.compare(links, Instant::now()).iter().filter_map(|link| link.fault(advice)).collect()
}

/// Logs such faults when they begin and when they are over, for as long as it is polled.
pub(crate) async fn log(wire: Observer, mut faults: impl FnMut(&[LinkObserved]) -> Vec<String>) {
    let mut logged: Vec<String> = Vec::new();
    loop {
        tokio::time::sleep(LOOK).await;
        let now = faults(&wire.observe().await);
        for fault in now.iter().filter(|fault| !logged.contains(fault)) {
            tracing::warn!("{fault}");
        }
        for fault in logged.iter().filter(|fault| !now.contains(fault)) {
            tracing::info!("no longer: {fault}");
        }
        logged = now;
    }
}

impl WireOptions {
    /// Returns how heartbeats are sent, for whoever has to let them through.
    pub(crate) fn advice(&self) -> Advice {
        Advice { port: self.heartbeat_port, unicast: self.heartbeat_unicast }
    }
}
