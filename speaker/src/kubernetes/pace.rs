//! How often it is planned when changes keep coming.

use std::time::{Duration, Instant};

/// After a plan it rests this many times as long as the plan took, so that planning takes a quarter of the time at most.
const REST: u32 = 3;
/// It never rests longer than this, however long a plan took.
const LONGEST_REST: Duration = Duration::from_secs(3);

/// Keeps plans apart: whoever may write Services decides how many changes there are, and a core for planning alone would be missing
/// elsewhere on every node. The first change after a rest is planned at once, and those that come during one are planned together.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace {
    rests_until: Option<Instant>,
}

impl Pace {
    /// Takes in that a plan was made between two times.
    pub fn planned(&mut self, began: Instant, ended: Instant) {
        let rest = (ended.saturating_duration_since(began) * REST).min(LONGEST_REST);
        self.rests_until = Some(ended + rest);
    }

    /// Returns when a change that comes `now` is planned at the earliest.
    pub fn due(&self, now: Instant) -> Instant {
        self.rests_until.map_or(now, |until| until.max(now))
    }
}

#[cfg(test)]
mod tests;
