//! Whether the main loop of the program runs, which is what `/healthz` tells.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How often the main loop beats while nothing else wakes it.
const INTERVAL: Duration = Duration::from_secs(1);
/// How long it may be silent: far longer than the plan of a large cluster takes on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(10);

/// The pulse of the main loop; clones are of the same loop.
#[derive(Debug, Clone)]
pub(crate) struct Pulse {
    start: Instant,
    /// Milliseconds from `start` to the latest beat.
    latest: Arc<AtomicU64>,
}

impl Pulse {
    /// Returns the pulse of a loop that beats for the first time now.
    pub(crate) fn start() -> Self {
        Self { start: Instant::now(), latest: Arc::default() }
    }

    /// Beats. The main loop calls it in each turn.
    pub(crate) fn beat(&self) {
        self.latest.store(self.elapsed(), Ordering::Relaxed);
    }

    /// Waits until the loop should turn for the sake of its pulse alone.
    pub(crate) async fn rest(&self) {
        tokio::time::sleep(INTERVAL).await;
    }

    /// Returns for how long the loop has been silent if that is too long.
    pub(super) fn failure(&self) -> Option<Duration> {
        let silent = Duration::from_millis(self.elapsed().saturating_sub(self.latest.load(Ordering::Relaxed)));
        (silent > PATIENCE).then_some(silent)
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Returns the pulse of a loop that has not beaten for a time.
    #[cfg(test)]
    pub(super) fn silent_for(silence: Duration) -> Self {
        Self { start: Instant::now() - silence, latest: Arc::default() }
    }
}
