//! Who may write: an election over one Lease object.
//!
//! [`Election`] is the machine: drive it with [`Election::handle`], drain [`Election::poll_output`], sleep until [`Election::poll_timeout`].
//!
//! Safety rests on two things only. A leader counts its time from the moment it *sent* the last renewal that succeeded, and
//! ends `renew_deadline` later; a candidate takes over when the record has not changed for `lease_duration` since it first *saw* it,
//! which cannot be before it was sent. As long as no clock runs faster than another by the ratio of the two, nobody overlaps.
//! Clocks are compared with themselves alone: the times in the record are for people.
//! Every write names the version that it replaces, so of two candidates one wins.
//! That a Lease was deleted is a change of the record too: its holder learns of it only when it renews.

mod seen;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use seen::{Record, Seen};

/// The times of an election.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// How long a silent leader is waited for. Defaults to 15 s.
    pub lease_duration: Duration,
    /// How long a leader goes on without a renewal that succeeded; less than `lease_duration`. Defaults to 10 s.
    pub renew_deadline: Duration,
    /// The time between two renewals, and between two looks of a candidate. Defaults to 2 s.
    pub retry_period: Duration,
}

/// The Lease as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Changes with every write.
    pub version: String,
    /// Who leads; empty after a leader that left in order.
    pub holder: String,
    /// How long that leader wants to be waited for.
    pub duration: Duration,
    /// How often the holder has changed.
    pub transitions: u32,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// The Lease was read, and is missing if there is none.
    Read(Option<Lease>),
    /// The Lease could not be read.
    ReadFailed,
    /// The write was carried out and made this version.
    Wrote(String),
    /// The Lease is no longer what the write was for.
    Conflict,
    /// The write failed, or its answer got lost.
    WriteFailed,
    /// Time has passed; harmless at any moment.
    Timeout,
    /// The program is to end.
    Stop,
}

/// What to do. At most one request is out at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Read the Lease.
    Read,
    /// Write the Lease, if it is still of the version named, or does not exist where none is.
    Write {
        /// What is replaced.
        replaces: Option<String>,
        /// What to write.
        claim: Claim,
        /// How often the holder has changed, this write included.
        transitions: u32,
    },
    /// Begin to lead.
    Lead,
    /// Stop leading at once, and start over in a new process: what this one has under way can no longer be called back.
    Lost(Loss),
    /// Nothing more will happen.
    Done,
}

/// What a write says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// We lead from now on.
    Acquire,
    /// We still lead.
    Renew,
    /// We leave.
    Release,
}

/// Why a leader is none any more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Loss {
    /// No renewal succeeded in time.
    #[error("the lease was not renewed for {} s; look at the API server and the way to it", after.as_secs_f32())]
    Deadline {
        /// How long.
        after: Duration,
    },
    /// Somebody else holds the lease.
    #[error("the lease is held by {holder:?}; do not write it by hand, and let no two programs use one lease")]
    Taken {
        /// Who.
        holder: String,
    },
    /// The lease was deleted, so that another replica may hold a new one.
    #[error("the lease was deleted; leave it alone")]
    Deleted,
}

/// One replica's part in the election.
#[derive(Debug)]
pub struct Election {
    identity: String,
    timing: Timing,
    state: State,
    outputs: VecDeque<Output>,
}

#[derive(Debug)]
enum State {
    /// Another replica leads, or nobody does.
    Waiting {
        seen: Option<Seen>,
        look: Look,
    },
    /// Our claim is out.
    Acquiring {
        sent: Instant,
        transitions: u32,
    },
    /// We lead.
    Leading {
        until: Instant,
        version: String,
        transitions: u32,
        renewal: Renewal,
    },
    /// We leave as soon as we know what is to be given up: a claim or a renewal is out, or the Lease is being read.
    Leaving {
        until: Instant,
        transitions: u32,
    },
    /// Our last write is out.
    Releasing {
        until: Instant,
    },
    Done,
}

#[derive(Debug)]
enum Look {
    At(Instant),
    Out,
}

#[derive(Debug)]
enum Renewal {
    At(Instant),
    Out {
        sent: Instant,
    },
    /// Somebody wrote; whether it was us is being read.
    Reading,
}

impl Default for Timing {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { lease_duration: seconds(15), renew_deadline: seconds(10), retry_period: seconds(2) }
    }
}

impl Election {
    /// Starts as a candidate that looks at once. The identity must belong to one process at a time.
    pub fn new(identity: &str, timing: Timing, now: Instant) -> Self {
        let state = State::Waiting { seen: None, look: Look::At(now) };
        Self { identity: identity.to_owned(), timing, state, outputs: VecDeque::new() }
    }

    /// Says whether this replica may write at this moment.
    pub fn leads(&self, now: Instant) -> bool {
        matches!(&self.state, State::Leading { until, .. } if now < *until)
    }

    /// Says whether the answer that is out is still wanted although the program is to end.
    pub fn awaits_answer(&self) -> bool {
        matches!(self.state, State::Leaving { .. })
    }

    /// Returns what to do next; drain it after every [`Election::handle`].
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Returns when to hand in [`Input::Timeout`].
    pub fn poll_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Waiting { look: Look::At(at), .. } => Some(*at),
            State::Leading { until, renewal: Renewal::At(at), .. } => Some(*until.min(at)),
            State::Leading { until, .. } | State::Leaving { until, .. } | State::Releasing { until } => Some(*until),
            State::Waiting { look: Look::Out, .. } | State::Acquiring { .. } | State::Done => None,
        }
    }

    /// Takes an input.
    pub fn handle(&mut self, now: Instant, input: Input) {
        if let State::Leading { until, .. } = &self.state
            && now >= *until
        {
            return self.lose(Loss::Deadline { after: self.timing.renew_deadline });
        }
        match input {
            Input::Timeout => self.on_timeout(now),
            Input::Stop => self.on_stop(),
            Input::Read(lease) => self.on_read(now, lease),
            Input::ReadFailed => self.on_read_failed(now),
            Input::Wrote(version) => self.on_wrote(now, version),
            Input::Conflict => self.on_conflict(now),
            Input::WriteFailed => self.on_write_failed(now),
        }
    }

    fn on_timeout(&mut self, now: Instant) {
        match &mut self.state {
            State::Waiting { look: look @ Look::At(_), .. } => {
                if matches!(look, Look::At(at) if now >= *at) {
                    *look = Look::Out;
                    self.outputs.push_back(Output::Read);
                }
            }
            State::Leading { renewal: renewal @ Renewal::At(_), version, transitions, .. } => {
                if matches!(renewal, Renewal::At(at) if now >= *at) {
                    *renewal = Renewal::Out { sent: now };
                    let (replaces, transitions) = (Some(version.clone()), *transitions);
                    self.outputs.push_back(Output::Write { replaces, claim: Claim::Renew, transitions });
                }
            }
            State::Leaving { until, .. } | State::Releasing { until } if now >= *until => self.end(),
            State::Waiting { .. }
            | State::Acquiring { .. }
            | State::Leading { .. }
            | State::Leaving { .. }
            | State::Releasing { .. }
            | State::Done => {}
        }
    }

    fn on_stop(&mut self) {
        match &self.state {
            State::Leading { until, version, transitions, renewal: Renewal::At(_) } => {
                let (version, transitions, until) = (version.clone(), *transitions, *until);
                self.release(version, transitions, until);
            }
            // Before the answer nobody knows the version, and so the lease cannot be given up safely.
            State::Leading { until, transitions, renewal: Renewal::Out { .. } | Renewal::Reading, .. } => {
                self.state = State::Leaving { until: *until, transitions: *transitions };
            }
            State::Acquiring { sent, transitions } => {
                self.state = State::Leaving { until: *sent + self.timing.renew_deadline, transitions: *transitions };
            }
            State::Waiting { .. } => self.end(),
            State::Leaving { .. } | State::Releasing { .. } | State::Done => {}
        }
    }

    fn on_read(&mut self, now: Instant, lease: Option<Lease>) {
        let retry = now + self.timing.retry_period;
        match (&mut self.state, lease) {
            // It never was, as far as this process can know.
            (State::Waiting { seen: None, .. }, None) => self.acquire(now, None, 0),
            (State::Waiting { seen: Some(seen), look }, None) => {
                *seen = Seen::after(Some(seen), Record::Missing, now, seen.lasts);
                if now >= seen.expires() {
                    return self.acquire(now, None, 0);
                }
                *look = Look::At(retry.min(seen.expires()));
            }
            (State::Waiting { seen, look }, Some(lease)) => {
                let lasts = lease.duration.max(self.timing.lease_duration);
                let latest = Seen::after(seen.as_ref(), Record::Version(lease.version.clone()), now, lasts);
                let own = lease.holder == self.identity;
                if own || lease.holder.is_empty() || now >= latest.expires() {
                    let transitions = if own { lease.transitions } else { lease.transitions.saturating_add(1) };
                    return self.acquire(now, Some(lease.version), transitions);
                }
                *look = Look::At(retry.min(latest.expires()));
                *seen = Some(latest);
            }
            (State::Leading { renewal: Renewal::Reading, .. }, None) => self.lose(Loss::Deleted),
            (State::Leading { renewal: renewal @ Renewal::Reading, version, .. }, Some(lease)) => {
                if lease.holder != self.identity {
                    return self.lose(Loss::Taken { holder: lease.holder });
                }
                // An earlier renewal whose answer got lost, or somebody's label.
                (*version, *renewal) = (lease.version, Renewal::At(now));
            }
            (State::Leaving { until, transitions }, Some(lease)) if lease.holder == self.identity => {
                let (until, transitions) = (*until, *transitions);
                self.release(lease.version, transitions, until);
            }
            (State::Leaving { .. }, _) => self.end(),
            (State::Acquiring { .. } | State::Leading { .. } | State::Releasing { .. } | State::Done, _) => {}
        }
    }

    fn on_read_failed(&mut self, now: Instant) {
        let retry = now + self.timing.retry_period;
        match &mut self.state {
            State::Waiting { look, .. } => *look = Look::At(retry),
            State::Leading { renewal: renewal @ Renewal::Reading, .. } => *renewal = Renewal::At(retry),
            State::Leaving { .. } => self.end(),
            State::Acquiring { .. } | State::Leading { .. } | State::Releasing { .. } | State::Done => {}
        }
    }

    fn on_wrote(&mut self, now: Instant, written: String) {
        let Timing { renew_deadline, retry_period, .. } = self.timing;
        match &mut self.state {
            State::Acquiring { sent, transitions } => {
                let (sent, transitions, until) = (*sent, *transitions, *sent + renew_deadline);
                if now >= until {
                    // A process that stood still meanwhile looks again; the lease is its own.
                    return self.wait(now);
                }
                let renewal = Renewal::At(sent + retry_period);
                self.state = State::Leading { until, version: written, transitions, renewal };
                self.outputs.push_back(Output::Lead);
            }
            State::Leading { until, version, renewal, .. } => {
                let Renewal::Out { sent } = *renewal else { return };
                (*until, *version, *renewal) = (sent + renew_deadline, written, Renewal::At(sent + retry_period));
            }
            State::Leaving { until, transitions } => {
                let (until, transitions) = (*until, *transitions);
                self.release(written, transitions, until);
            }
            State::Releasing { .. } => self.end(),
            State::Waiting { .. } | State::Done => {}
        }
    }

    fn on_conflict(&mut self, now: Instant) {
        match &mut self.state {
            State::Acquiring { .. } => self.wait(now + self.timing.retry_period),
            State::Leading { renewal, .. } => {
                *renewal = Renewal::Reading;
                self.outputs.push_back(Output::Read);
            }
            State::Leaving { .. } => self.outputs.push_back(Output::Read),
            State::Releasing { .. } => self.end(),
            State::Waiting { .. } | State::Done => {}
        }
    }

    fn on_write_failed(&mut self, now: Instant) {
        match &mut self.state {
            State::Acquiring { .. } => self.wait(now + self.timing.retry_period),
            State::Leading { renewal, .. } => *renewal = Renewal::At(now + self.timing.retry_period),
            // It may have been carried out, so that the version is another one.
            State::Leaving { .. } => self.outputs.push_back(Output::Read),
            State::Releasing { .. } => self.end(),
            State::Waiting { .. } | State::Done => {}
        }
    }

    fn acquire(&mut self, now: Instant, replaces: Option<String>, transitions: u32) {
        self.state = State::Acquiring { sent: now, transitions };
        self.outputs.push_back(Output::Write { replaces, claim: Claim::Acquire, transitions });
    }

    fn release(&mut self, version: String, transitions: u32, until: Instant) {
        self.outputs.push_back(Output::Write { replaces: Some(version), claim: Claim::Release, transitions });
        self.state = State::Releasing { until };
    }

    fn wait(&mut self, at: Instant) {
        let seen = Seen::after(None, Record::Claimed, at, self.timing.lease_duration);
        self.state = State::Waiting { seen: Some(seen), look: Look::At(at) };
    }

    fn lose(&mut self, loss: Loss) {
        self.outputs.clear();
        self.outputs.push_back(Output::Lost(loss));
        self.end();
    }

    fn end(&mut self) {
        self.state = State::Done;
        self.outputs.push_back(Output::Done);
    }
}
