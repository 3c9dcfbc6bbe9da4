//! What a session is told to do.

use std::num::NonZeroU8;

use crate::{Interval, demux::Hops};

/// The settings of one session; every one of them may change while the session is Up without taking it down.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Config {
    /// Where the neighbour is; moving between single hop and multihop needs a new session, since the port differs.
    pub path: Path,
    /// Shortest interval at which we send while Up (Desired Min TX Interval); 1 s at least until then. Defaults to 300 ms.
    ///
    /// The neighbour's receive interval is used where that is longer.
    pub transmit_interval: Interval,
    /// Shortest interval at which we accept packets (Required Min RX Interval). Defaults to 300 ms.
    pub receive_interval: Interval,
    /// How many of our packets in a row the neighbour may miss before it calls us down. Defaults to 3.
    pub detect_multiplier: NonZeroU8,
    /// Whether we speak first. Defaults to active; at least one end must be.
    pub role: Role,
    /// Whether forwarding outlives this process (the C bit, RFC 5882 §4.3). Defaults to `false`.
    pub control_plane_independent: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            path: Path::SingleHop { echo: None },
            transmit_interval: Interval::DEFAULT,
            receive_interval: Interval::DEFAULT,
            detect_multiplier: NonZeroU8::new(3).expect("three is not zero"),
            role: Role::Active,
            control_plane_independent: false,
        }
    }
}

/// How far away the neighbour is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Path {
    /// On the same link; packets must arrive with TTL 255 (RFC 5881 §5).
    SingleHop {
        /// The echo function, for IPv4 neighbours only. Off by default.
        echo: Option<EchoConfig>,
    },
    /// Behind routers, where the echo function is forbidden (RFC 5883 §3).
    MultiHop {
        /// Lowest TTL a packet may arrive with, 1 to 254; FRR's default is 254, which lets one router lie between.
        ///
        /// BIRD 2.0 sends multihop packets with TTL 64 instead of 255, so it needs a value below that.
        minimum_ttl: NonZeroU8,
    },
}

impl Path {
    /// Returns the kind of path, which decides the UDP port.
    #[must_use]
    pub fn hops(self) -> Hops {
        match self {
            Self::SingleHop { .. } => Hops::Single,
            Self::MultiHop { .. } => Hops::Multi,
        }
    }

    /// Returns the lowest TTL that a packet from the neighbour may arrive with.
    pub(crate) fn minimum_ttl(self) -> u8 {
        match self {
            Self::SingleHop { .. } => crate::TIME_TO_LIVE,
            Self::MultiHop { minimum_ttl } => minimum_ttl.get(),
        }
    }

    pub(crate) fn echo(self) -> Option<EchoConfig> {
        match self {
            Self::SingleHop { echo } => echo,
            Self::MultiHop { .. } => None,
        }
    }
}

/// Settings of the echo function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EchoConfig {
    /// Shortest interval at which we send echoes; the neighbour's limit is used where that is longer. FRR's default is 50 ms.
    pub transmit_interval: Interval,
    /// Shortest interval at which the host returns the neighbour's echoes (Required Min Echo RX Interval). FRR's default is 50 ms.
    ///
    /// `None` asks the neighbour to send none, as a host must that does not forward IPv4 on the link: it would drop them all.
    pub receive_interval: Option<Interval>,
}

/// Which end speaks first (RFC 5880 §6.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Sends from the start.
    Active,
    /// Stays silent until the neighbour has been heard.
    Passive,
}
