//! When control packets leave (RFC 5880 §6.8.7).

use std::{
    num::NonZeroU8,
    time::{Duration, Instant},
};

use crate::{Micros, timing::Random};

/// Least time between a packet and one that is sent out of turn.
///
/// RFC 5880 §6.8.7 allows limiting answers to polls as long as the limit stays below the advertised transmit interval,
/// which is 10 ms or more.
const SPACING: Duration = Duration::from_millis(5);

/// Which packet is to leave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Due {
    /// The next of the regular ones.
    Periodic,
    /// One out of turn that tells of a new state.
    Update,
    /// One out of turn that answers a poll.
    Final,
}

/// The packets to come.
#[derive(Clone, Debug, Default)]
pub(super) struct Schedule {
    periodic: Option<Periodic>,
    request: Option<Request>,
    last_periodic: Option<Instant>,
    last: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Periodic {
    interval: Micros,
    due: Instant,
}

#[derive(Clone, Copy, Debug)]
struct Request {
    due: Instant,
    final_: bool,
}

impl Schedule {
    pub(super) fn next(&self) -> Option<Instant> {
        let periodic = self.periodic.map(|periodic| periodic.due);
        let request = self.request.map(|request| request.due);
        periodic.into_iter().chain(request).min()
    }

    /// Sets the interval of regular packets; the next one moves only when the interval changes.
    pub(super) fn plan(&mut self, now: Instant, interval: Option<Micros>, multiplier: NonZeroU8, random: &mut Random) {
        let planned = self.periodic.map(|periodic| periodic.interval);
        if planned == interval {
            return;
        }
        self.periodic = interval.map(|interval| {
            let due = self.last_periodic.map_or(now, |last| last + random.jitter(interval, multiplier));
            Periodic { interval, due: due.max(now) }
        });
    }

    pub(super) fn request_update(&mut self, now: Instant) {
        self.request(now);
    }

    pub(super) fn request_final(&mut self, now: Instant) {
        self.request(now).final_ = true;
    }

    pub(super) fn drop_requests(&mut self) {
        self.request = None;
    }

    /// Returns the next packet that is due and counts it as sent.
    pub(super) fn take_due(&mut self, now: Instant, multiplier: NonZeroU8, random: &mut Random) -> Option<Due> {
        if let Some(periodic) = &mut self.periodic
            && periodic.due <= now
        {
            periodic.due = now + random.jitter(periodic.interval, multiplier);
            self.last_periodic = Some(now);
            self.last = Some(now);
            // It tells the news as well, but an answer needs the F bit and P and F exclude each other (§6.5).
            self.request = self.request.filter(|request| request.final_);
            return Some(Due::Periodic);
        }
        let Request { final_, .. } = self.request.take_if(|request| request.due <= now)?;
        self.last = Some(now);
        Some(if final_ { Due::Final } else { Due::Update })
    }

    fn request(&mut self, now: Instant) -> &mut Request {
        self.request.get_or_insert_with(|| Request {
            due: self.last.map_or(now, |last| now.max(last + SPACING)),
            final_: false,
        })
    }
}
