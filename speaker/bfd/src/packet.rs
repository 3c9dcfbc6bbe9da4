//! The control packet of RFC 5880 §4.1.

use std::{
    fmt,
    num::{NonZeroU8, NonZeroU32},
};

use crate::{Discard, Micros};

#[cfg(test)]
mod tests;

/// The number by which one end knows a session; never zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Discriminator(NonZeroU32);

impl Discriminator {
    /// Makes a discriminator, or `None` of zero.
    #[must_use]
    pub fn new(number: u32) -> Option<Self> {
        NonZeroU32::new(number).map(Self)
    }

    /// Returns the number.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for Discriminator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The state of a session (RFC 5880 §4.1, with its numbers).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum State {
    /// Held down by an operator.
    AdminDown = 0,
    /// The neighbour is not heard, or says it is down.
    Down = 1,
    /// The neighbour is heard, and has not said yet that it hears us.
    Init = 2,
    /// Both ends hear each other.
    Up = 3,
}

impl State {
    fn from_bits(bits: u8) -> Self {
        match bits & 3 {
            0 => Self::AdminDown,
            1 => Self::Down,
            2 => Self::Init,
            _ => Self::Up,
        }
    }
}

/// Why the sender last changed its state (RFC 5880 §4.1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Diag {
    /// 0, nothing to say.
    None,
    /// 1, nothing was heard for the detection time.
    DetectionTimeExpired,
    /// 2, echoes stopped coming back.
    EchoFailed,
    /// 3, the other end said it is down.
    NeighborSignaledDown,
    /// 4, the forwarding plane was reset.
    ForwardingPlaneReset,
    /// 5, the path failed as told by another layer.
    PathDown,
    /// 6, a path joined to this one failed.
    ConcatenatedPathDown,
    /// 7, an operator took the session down.
    AdminDown,
    /// 8, a path joined to this one failed in the other direction.
    ReverseConcatenatedPathDown,
    /// 9 to 31, without a meaning in RFC 5880.
    Unassigned(u8),
}

impl Diag {
    /// Returns the meaning of a code; only the low five bits count.
    #[must_use]
    pub fn from_code(code: u8) -> Self {
        match code & 0x1f {
            0 => Self::None,
            1 => Self::DetectionTimeExpired,
            2 => Self::EchoFailed,
            3 => Self::NeighborSignaledDown,
            4 => Self::ForwardingPlaneReset,
            5 => Self::PathDown,
            6 => Self::ConcatenatedPathDown,
            7 => Self::AdminDown,
            8 => Self::ReverseConcatenatedPathDown,
            other => Self::Unassigned(other),
        }
    }

    /// Returns the code, 0 to 31.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::None => 0,
            Self::DetectionTimeExpired => 1,
            Self::EchoFailed => 2,
            Self::NeighborSignaledDown => 3,
            Self::ForwardingPlaneReset => 4,
            Self::PathDown => 5,
            Self::ConcatenatedPathDown => 6,
            Self::AdminDown => 7,
            Self::ReverseConcatenatedPathDown => 8,
            Self::Unassigned(code) => code & 0x1f,
        }
    }
}

impl fmt::Display for Diag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("no diagnostic"),
            Self::DetectionTimeExpired => f.write_str("control detection time expired"),
            Self::EchoFailed => f.write_str("echo function failed"),
            Self::NeighborSignaledDown => f.write_str("neighbour signalled session down"),
            Self::ForwardingPlaneReset => f.write_str("forwarding plane reset"),
            Self::PathDown => f.write_str("path down"),
            Self::ConcatenatedPathDown => f.write_str("concatenated path down"),
            Self::AdminDown => f.write_str("administratively down"),
            Self::ReverseConcatenatedPathDown => f.write_str("reverse concatenated path down"),
            Self::Unassigned(code) => write!(f, "diagnostic {code}"),
        }
    }
}

/// A control packet, without authentication and never multipoint.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ControlPacket {
    /// Why the sender last changed its state.
    pub diag: Diag,
    /// The sender's state.
    pub state: State,
    /// The P bit: the sender asks for an answer with the F bit.
    pub poll: bool,
    /// The F bit: this answers a packet with the P bit.
    pub final_: bool,
    /// The C bit: the sender's forwarding outlives its control plane.
    pub control_plane_independent: bool,
    /// The D bit: the sender asks for no periodic packets while both ends are Up.
    pub demand: bool,
    /// How many packets in a row the receiver may miss.
    pub detect_multiplier: NonZeroU8,
    /// The sender's number for this session.
    pub my_discriminator: Discriminator,
    /// The receiver's number for this session, once the sender knows it.
    pub your_discriminator: Option<Discriminator>,
    /// Shortest interval at which the sender wants to send.
    pub desired_min_tx: Micros,
    /// Shortest interval at which the sender can receive; zero asks for silence.
    pub required_min_rx: Micros,
    /// Shortest interval at which the sender returns echoes; zero means never.
    pub required_min_echo_rx: Micros,
}

const VERSION: u8 = 1;
const POLL: u8 = 0x20;
const FINAL: u8 = 0x10;
const CONTROL_PLANE_INDEPENDENT: u8 = 0x08;
const AUTHENTICATED: u8 = 0x04;
const DEMAND: u8 = 0x02;
const MULTIPOINT: u8 = 0x01;

impl ControlPacket {
    /// Bytes of an encoded packet.
    pub const LENGTH: usize = 24;
    const LENGTH_FIELD: u8 = 24;
    const MINIMUM_AUTHENTICATED_LENGTH_FIELD: u8 = 26;

    /// Returns the packet as it goes on the wire.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::LENGTH] {
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        let flags = flag(self.poll, POLL)
            | flag(self.final_, FINAL)
            | flag(self.control_plane_independent, CONTROL_PLANE_INDEPENDENT)
            | flag(self.demand, DEMAND);
        let mut bytes = [0; Self::LENGTH];
        bytes[0] = VERSION << 5 | self.diag.code();
        bytes[1] = (self.state as u8) << 6 | flags;
        bytes[2] = self.detect_multiplier.get();
        bytes[3] = Self::LENGTH_FIELD;
        let words = [
            self.my_discriminator.get(),
            self.your_discriminator.map_or(0, Discriminator::get),
            self.desired_min_tx.get(),
            self.required_min_rx.get(),
            self.required_min_echo_rx.get(),
        ];
        for (slot, word) in bytes[4..].chunks_exact_mut(4).zip(words) {
            slot.copy_from_slice(&word.to_be_bytes());
        }
        bytes
    }

    /// Reads a datagram, checking what RFC 5880 §6.8.6 lets a receiver check without knowing the session, in its order.
    ///
    /// # Errors
    ///
    /// Fails with the first rule that the datagram breaks.
    pub fn decode(datagram: &[u8]) -> Result<Self, Discard> {
        let length = datagram.len();
        let Some((bytes, _)) = datagram.split_first_chunk::<{ Self::LENGTH }>() else {
            return Err(Discard::Truncated { length });
        };
        let [first, flags, multiplier, claimed, words @ ..] = *bytes;
        let word = |index: usize| {
            let at = index * 4;
            u32::from_be_bytes([words[at], words[at + 1], words[at + 2], words[at + 3]])
        };
        let authenticated = flags & AUTHENTICATED != 0;
        let minimum = if authenticated { Self::MINIMUM_AUTHENTICATED_LENGTH_FIELD } else { Self::LENGTH_FIELD };
        let state = State::from_bits(flags >> 6);
        let your_discriminator = Discriminator::new(word(1));

        if first >> 5 != VERSION {
            return Err(Discard::Version { version: first >> 5 });
        }
        if claimed < minimum || usize::from(claimed) > length {
            return Err(Discard::Length { claimed, length });
        }
        let detect_multiplier = NonZeroU8::new(multiplier).ok_or(Discard::ZeroDetectMultiplier)?;
        if flags & MULTIPOINT != 0 {
            return Err(Discard::Multipoint);
        }
        let my_discriminator = Discriminator::new(word(0)).ok_or(Discard::ZeroMyDiscriminator)?;
        if your_discriminator.is_none() && matches!(state, State::Init | State::Up) {
            return Err(Discard::ZeroYourDiscriminator);
        }
        if authenticated {
            return Err(Discard::Authenticated);
        }
        Ok(Self {
            diag: Diag::from_code(first),
            state,
            poll: flags & POLL != 0,
            final_: flags & FINAL != 0,
            control_plane_independent: flags & CONTROL_PLANE_INDEPENDENT != 0,
            demand: flags & DEMAND != 0,
            detect_multiplier,
            my_discriminator,
            your_discriminator,
            desired_min_tx: Micros::new(word(2)),
            required_min_rx: Micros::new(word(3)),
            required_min_echo_rx: Micros::new(word(4)),
        })
    }
}
