//! How often this member lost what it owned through a fault of its own.

use std::collections::VecDeque;
use std::time::Instant;

use crate::config::Timing;

/// The latest losses of this member, and what follows from them.
#[derive(Debug, Default)]
pub(crate) struct Damping {
    /// Oldest first, never more than damp.
    losses: VecDeque<Instant>,
    until: Option<Instant>,
}

impl Damping {
    /// Returns when the damping ends, if there is any.
    pub(crate) fn until(&self) -> Option<Instant> {
        self.until
    }

    /// Notes a loss and reports whether it begins a damping; another loss meanwhile prolongs it.
    pub(crate) fn lose(&mut self, now: Instant, timing: &Timing) -> bool {
        let (limit, window) = (usize::from(timing.damping_losses), timing.damping_window);
        let since = |then: &Instant| now.saturating_duration_since(*then);
        // Many VIPs go one by one, and some a datagram later than others: nobody owns anything again in less than the loss time.
        let is_same = self.losses.back().is_some_and(|last| since(last) < timing.lost_after);
        if limit == 0 || is_same {
            return false;
        }
        self.losses.push_back(now);
        while self.losses.len() > limit {
            self.losses.pop_front();
        }
        let is_often = self.losses.len() == limit && self.losses.front().is_some_and(|first| since(first) <= window);
        let was_damped = self.until.is_some();
        if is_often || was_damped {
            self.until = Some(now + window);
        }
        is_often && !was_damped
    }

    /// Ends the damping when its time has come, and reports whether it did.
    pub(crate) fn expire(&mut self, now: Instant) -> bool {
        self.until.take_if(|until| *until <= now).is_some()
    }
}

#[cfg(test)]
mod tests;
