//! What goes into a session, what comes out of it, and what it counts.

use std::time::Instant;

use crate::{Config, ControlPacket, Diag, Discards, EchoPacket};

/// What happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Input {
    /// A control packet that [`crate::Demux::route`] found to be ours.
    Packet {
        /// The packet.
        packet: ControlPacket,
        /// TTL or hop limit on arrival.
        ttl: u8,
    },
    /// An echo that [`crate::Demux::route_echo`] found to be ours.
    Echo(EchoPacket),
    /// New settings, which never take the session down.
    Reconfigure(Config),
    /// Administrative down: the neighbour is told that this is no failure.
    Stop,
    /// The end of administrative down; a new session needs none.
    Start,
    /// The time of [`crate::Session::poll_timeout`] has come; harmless when early or late.
    Timeout,
}

/// What to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Output {
    /// Send this to the neighbour's control port.
    Send(ControlPacket),
    /// Send this through the neighbour back to ourselves.
    Echo(EchoPacket),
    /// Tell whoever relies on the path.
    Event(Event),
}

/// A change that matters outside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// The path works in both directions.
    Up,
    /// The path was Up and is no longer.
    Down {
        /// Why.
        cause: DownCause,
        /// The neighbour's C bit: its forwarding may outlive its control plane (RFC 5882 §4.3).
        neighbor_independent: bool,
    },
}

/// Why a session left Up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DownCause {
    /// Nothing was heard for the detection time.
    DetectionTimeExpired,
    /// Echoes stopped coming back.
    EchoFailed,
    /// The neighbour says that it is down, and why.
    NeighborDown {
        /// The neighbour's reason.
        diag: Diag,
    },
    /// The neighbour was taken down by its operator.
    NeighborAdminDown,
    /// We were.
    Stopped,
}

impl DownCause {
    /// Returns whether the path failed; an operator's act is no failure and tears nothing down (RFC 5882 §3.2).
    #[must_use]
    pub fn is_failure(self) -> bool {
        match self {
            Self::DetectionTimeExpired | Self::EchoFailed | Self::NeighborDown { .. } => true,
            Self::NeighborAdminDown | Self::Stopped => false,
        }
    }

    pub(super) fn diag(self) -> Diag {
        match self {
            Self::DetectionTimeExpired => Diag::DetectionTimeExpired,
            Self::EchoFailed => Diag::EchoFailed,
            Self::NeighborDown { .. } | Self::NeighborAdminDown => Diag::NeighborSignaledDown,
            Self::Stopped => Diag::AdminDown,
        }
    }
}

/// Counters since the session began.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Stats {
    /// Control packets accepted.
    pub control_packet_input: u64,
    /// Control packets sent.
    pub control_packet_output: u64,
    /// Own echoes that came back.
    pub echo_packet_input: u64,
    /// Echoes sent.
    pub echo_packet_output: u64,
    /// Times the session came Up.
    pub session_up_events: u64,
    /// Times the session left Up.
    pub session_down_events: u64,
    /// Packets for this session that were not accepted.
    pub discards: Discards,
}

/// What the neighbour last said about itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Neighbor {
    /// Its latest packet.
    pub packet: ControlPacket,
    /// When that came.
    pub heard: Instant,
}
