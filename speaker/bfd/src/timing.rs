//! The arithmetic of RFC 5880 §6.8: units, detection time, transmit interval, jitter and the choice of ports.

use std::{fmt, num::NonZeroU8, time::Duration};

use thiserror::Error;

#[cfg(test)]
mod tests;

/// A span as the wire carries it: 32 bits of microseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Micros(u32);

impl Micros {
    /// No time at all, which in a packet means "do not send".
    pub const ZERO: Self = Self(0);
    /// The interval that a session which is not Up may not undercut (RFC 5880 §6.8.3).
    pub const ONE_SECOND: Self = Self(1_000_000);

    /// Makes a span from a number of microseconds.
    #[must_use]
    pub const fn new(microseconds: u32) -> Self {
        Self(microseconds)
    }

    /// Returns the number of microseconds.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// Returns the span as a `Duration`.
    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::from_micros(self.0 as u64)
    }
}

impl fmt::Debug for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.duration().fmt(f)
    }
}

/// An interval that a user may configure: 10 ms to 60 s.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Interval(Micros);

/// A configured interval that lies outside 10 ms to 60 s.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("interval of {milliseconds} ms is outside 10 ms to 60000 ms; choose one inside")]
pub struct IntervalOutOfRange {
    /// The value that was asked for.
    pub milliseconds: u32,
}

impl Interval {
    /// 300 ms.
    pub const DEFAULT: Self = Self(Micros(300_000));

    /// Makes an interval from a number of milliseconds, 10 to 60000.
    ///
    /// # Errors
    ///
    /// Fails when the number is outside that range.
    pub const fn from_millis(milliseconds: u32) -> Result<Self, IntervalOutOfRange> {
        match milliseconds {
            10..=60_000 => Ok(Self(Micros(milliseconds * 1_000))),
            0..=9 | 60_001.. => Err(IntervalOutOfRange { milliseconds }),
        }
    }

    /// Returns the interval in the unit of the wire.
    #[must_use]
    pub const fn micros(self) -> Micros {
        self.0
    }
}

/// Returns how long silence is tolerated (RFC 5880 §6.8.4): the sender's multiplier times the agreed interval.
///
/// The same sum tells our detection of the neighbour (its multiplier, its transmit and our receive interval) and the
/// neighbour's detection of us (the other way round).
pub(crate) fn detection_time(multiplier: NonZeroU8, sender_min_tx: Micros, receiver_min_rx: Micros) -> Duration {
    sender_min_tx.max(receiver_min_rx).duration() * u32::from(multiplier.get())
}

/// Pseudo-random numbers for jitter, ports and discriminators (SplitMix64); not for secrets.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// Shortens an interval to 75-100 % of itself, or to 75-90 % with a multiplier of one (RFC 5880 §6.8.7).
    ///
    /// A multiplier of one leaves no second packet to wait for, so each must come before the detection time.
    pub(crate) fn jitter(&mut self, interval: Micros, multiplier: NonZeroU8) -> Duration {
        let spread = if multiplier.get() == 1 { 15 } else { 25 };
        let shortest = u64::from(interval.get()) * 75;
        let above = self.next() % (u64::from(interval.get()) * spread + 1);
        Duration::from_micros((shortest + above).div_ceil(100))
    }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The UDP source ports that a session may use, 49152 to 65535 (RFC 5881 §4), each once and in an order of its own.
///
/// The driver binds the first that is free and keeps it for the life of the session.
#[derive(Clone, Debug)]
pub struct SourcePorts {
    next: u16,
    stride: u16,
    left: u16,
}

impl SourcePorts {
    const FIRST: u16 = 49_152;
    const COUNT: u16 = 16_384;

    pub(crate) fn new(random: &mut Random) -> Self {
        let [a, b, c, d, ..] = random.next().to_be_bytes();
        // An odd stride meets every port once, since the count is a power of two.
        let stride = u16::from_be_bytes([c, d]) | 1;
        Self { next: u16::from_be_bytes([a, b]) % Self::COUNT, stride, left: Self::COUNT }
    }
}

impl Iterator for SourcePorts {
    type Item = u16;

    fn next(&mut self) -> Option<u16> {
        self.left = self.left.checked_sub(1)?;
        let port = Self::FIRST + self.next;
        self.next = self.next.wrapping_add(self.stride) % Self::COUNT;
        Some(port)
    }
}
