//! Changing the timers of a session that is Up without losing it: the Poll Sequence (RFC 5880 §6.5, §6.8.3).

use crate::Micros;

#[cfg(test)]
mod tests;

/// A pair of intervals of our own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Timers {
    pub(crate) min_tx: Micros,
    pub(crate) min_rx: Micros,
}

/// What we tell the neighbour, and what we live by until it has confirmed that it knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Negotiation {
    advertised: Timers,
    in_force: Timers,
    poll: Poll,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Poll {
    Idle,
    /// Packets carry the P bit.
    Running,
    /// The timers changed again, so the answer to come may be about the earlier ones.
    Outdated,
    /// That answer came; the next sequence starts after a packet without the F bit, to tell its answers apart.
    Pausing,
}

impl Negotiation {
    pub(crate) fn settled(timers: Timers) -> Self {
        Self { advertised: timers, in_force: timers, poll: Poll::Idle }
    }

    pub(crate) fn advertised(&self) -> Timers {
        self.advertised
    }

    pub(crate) fn in_force(&self) -> Timers {
        self.in_force
    }

    /// Returns whether packets carry the P bit.
    pub(crate) fn is_polling(&self) -> bool {
        match self.poll {
            Poll::Running | Poll::Outdated => true,
            Poll::Idle | Poll::Pausing => false,
        }
    }

    pub(crate) fn change(&mut self, wanted: Timers) {
        if wanted == self.advertised {
            return;
        }
        self.advertised = wanted;
        // RFC 5880 §6.8.3: sending slower and expecting more both wait for the neighbour's Final; the rest is safe at once.
        self.in_force.min_tx = self.in_force.min_tx.min(wanted.min_tx);
        self.in_force.min_rx = self.in_force.min_rx.max(wanted.min_rx);
        self.poll = match self.poll {
            Poll::Idle => Poll::Running,
            Poll::Running | Poll::Outdated => Poll::Outdated,
            Poll::Pausing => Poll::Pausing,
        };
    }

    /// Notes a packet from the neighbour.
    pub(crate) fn on_packet(&mut self, final_: bool) {
        self.poll = match (self.poll, final_) {
            (Poll::Running, true) => {
                self.in_force = self.advertised;
                Poll::Idle
            }
            (Poll::Outdated, true) => Poll::Pausing,
            (Poll::Pausing, false) => Poll::Running,
            (same @ (Poll::Idle | Poll::Pausing), true)
            | (same @ (Poll::Idle | Poll::Running | Poll::Outdated), false) => same,
        };
    }
}
