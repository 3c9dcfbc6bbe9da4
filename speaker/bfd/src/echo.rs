//! The echo function (RFC 5880 §6.4): packets to ourselves that the neighbour's forwarding plane returns.

use std::{
    num::NonZeroU8,
    time::{Duration, Instant},
};

use crate::{Discard, Discriminator, Micros, timing::Random};

#[cfg(test)]
mod tests;

/// An echo packet; its content is a matter of the sender alone (RFC 5880 §4).
///
/// The nonce keeps a stranger who never saw an echo from keeping a dead session alive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EchoPacket {
    pub(crate) discriminator: Discriminator,
    pub(crate) sequence: u64,
    pub(crate) nonce: u64,
}

impl EchoPacket {
    /// Bytes of an encoded packet.
    pub const LENGTH: usize = 24;
    const MARK: [u8; 4] = [0x20, Self::LENGTH as u8, b'C', b'L'];

    /// Returns the packet as it goes on the wire.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::LENGTH] {
        let mut bytes = [0; Self::LENGTH];
        bytes[..4].copy_from_slice(&Self::MARK);
        bytes[4..8].copy_from_slice(&self.discriminator.get().to_be_bytes());
        bytes[8..16].copy_from_slice(&self.sequence.to_be_bytes());
        bytes[16..].copy_from_slice(&self.nonce.to_be_bytes());
        bytes
    }

    /// Reads a datagram that came to the echo port; `None` when it is not ours, such as a neighbour's echo in transit.
    #[must_use]
    pub fn decode(datagram: &[u8]) -> Option<Self> {
        let (mark, rest) = datagram.split_first_chunk()?;
        let (discriminator, rest) = rest.split_first_chunk()?;
        let (sequence, rest) = rest.split_first_chunk()?;
        let nonce = rest.first_chunk()?;
        if *mark != Self::MARK {
            return None;
        }
        Some(Self {
            discriminator: Discriminator::new(u32::from_be_bytes(*discriminator))?,
            sequence: u64::from_be_bytes(*sequence),
            nonce: u64::from_be_bytes(*nonce),
        })
    }
}

/// The echoes of one session that is Up.
#[derive(Clone, Debug)]
pub(crate) struct EchoLoop {
    discriminator: Discriminator,
    interval: Micros,
    multiplier: NonZeroU8,
    next: Instant,
    sent: u64,
    secret: u64,
    returned: Option<Returned>,
}

/// The latest echo that came back.
#[derive(Clone, Copy, Debug)]
struct Returned {
    sequence: u64,
    at: Instant,
}

impl EchoLoop {
    pub(crate) fn new(
        discriminator: Discriminator,
        interval: Micros,
        multiplier: NonZeroU8,
        random: &mut Random,
        now: Instant,
    ) -> Self {
        Self { discriminator, interval, multiplier, next: now, sent: 0, secret: random.next(), returned: None }
    }

    /// Takes over a new rate; echoes under way stay valid.
    pub(crate) fn adjust(&mut self, interval: Micros, multiplier: NonZeroU8, now: Instant) {
        if (interval, multiplier) == (self.interval, self.multiplier) {
            return;
        }
        self.interval = interval;
        self.multiplier = multiplier;
        // The silence so far was fine at the old rate, so a shorter detection time starts from here.
        self.next = self.next.min(now + interval.duration());
        if let Some(returned) = &mut self.returned {
            returned.at = returned.at.max(now);
        }
    }

    /// Returns whether the loop works, so that it and no longer the control packets detect a failure.
    pub(crate) fn is_proven(&self) -> bool {
        self.returned.is_some()
    }

    pub(crate) fn next_transmit(&self) -> Instant {
        self.next
    }

    /// Returns when the loop counts as broken; never before its first echo came back.
    pub(crate) fn expires(&self) -> Option<Instant> {
        self.returned.map(|returned| returned.at + self.detection_time())
    }

    pub(crate) fn transmit(&mut self, now: Instant, random: &mut Random) -> EchoPacket {
        self.sent += 1;
        self.next = now + random.jitter(self.interval, self.multiplier);
        EchoPacket { discriminator: self.discriminator, sequence: self.sent, nonce: self.nonce(self.sent) }
    }

    pub(crate) fn receive(&mut self, now: Instant, packet: EchoPacket) -> Result<(), Discard> {
        // Each echo counts once and only newer ones count, so a recorded one is worth nothing.
        let newest = self.returned.map_or(0, |returned| returned.sequence);
        if packet.sequence <= newest || packet.sequence > self.sent || packet.nonce != self.nonce(packet.sequence) {
            return Err(Discard::UnexpectedEcho);
        }
        self.returned = Some(Returned { sequence: packet.sequence, at: now });
        Ok(())
    }

    fn detection_time(&self) -> Duration {
        self.interval.duration() * u32::from(self.multiplier.get())
    }

    fn nonce(&self, sequence: u64) -> u64 {
        Random::new(self.secret ^ sequence).next()
    }
}
