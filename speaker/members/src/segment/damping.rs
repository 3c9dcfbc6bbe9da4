//! Which losses count against this member.

use std::net::IpAddr;
use std::time::Instant;

use super::Segment;
use crate::contract::{Event, Released};

impl Segment {
    pub(super) fn is_damped(&self) -> bool {
        self.damping.until().is_some()
    }

    /// Called before the VIP stops being answered.
    pub(super) fn note_release(&mut self, now: Instant, vip: IpAddr, why: Released) {
        if self.is_own_fault(vip, why) && self.damping.lose(now, &self.config.timing) {
            let losses = self.config.timing.damping_losses;
            self.event(Event::Damped { losses, window: self.config.timing.damping_window });
            self.sending.urgent = true;
        }
    }

    /// Of a partition nobody can tell which side is broken, and what people or plans move is no fault at all.
    fn is_own_fault(&self, vip: IpAddr, why: Released) -> bool {
        match why {
            Released::LinkDown => true,
            // Others took over while this process stood still.
            Released::Conflict => !self.answering.contains(&vip),
            Released::HandedOver | Released::Ineligible => !self.ready && self.leave_by.is_none(),
            Released::Deaf
            | Released::Unwanted
            | Released::Unheard
            | Released::Paused
            | Released::Leaving
            | Released::Duplicate => false,
        }
    }

    pub(super) fn run_damping(&mut self, now: Instant) {
        if self.damping.expire(now) {
            self.event(Event::Undamped);
            self.sending.urgent = true;
            self.replan = true;
        }
    }
}
