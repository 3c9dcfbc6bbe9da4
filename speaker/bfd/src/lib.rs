//! Bidirectional Forwarding Detection: is the path to a neighbour alive, answered in tens of milliseconds.
//!
//! The crate decides and never acts: it has no sockets, no clock and no source of randomness of its own.
//!
//! # Driving it
//!
//! One [`Demux`] per node hands out discriminators and finds the session of each datagram; one [`Session`] per neighbour
//! keeps the state.
//! For each session: call [`Session::handle`] with what happened, drain [`Session::poll_output`] to `None` and do what it
//! says, sleep until [`Session::poll_timeout`], then hand in [`Input::Timeout`].
//!
//! * Control packets leave with TTL [`TIME_TO_LIVE`] to port [`SINGLE_HOP_PORT`] or [`MULTI_HOP_PORT`], from one source
//!   port per session out of [`Session::source_ports`].
//! * A driver that was kept from running first hands over every datagram that waits in its sockets and only then
//!   `Input::Timeout`, else it reports an outage of its own making.
//!   The `now` of a packet may be the kernel's receive time, even when that lies before an earlier call.
//! * Echo packets ([`Output::Echo`]) leave in an Ethernet frame to the neighbour's MAC address, with our own IPv4 address
//!   as destination, so that the neighbour's forwarding returns them without its BFD process seeing them.
//! * A session that is to be removed gets [`Input::Stop`] and lives until [`Session::farewell`], so that the neighbour
//!   learns that nothing failed.
//!
//! # What is implemented
//!
//! RFC 5880 asynchronous mode (§6.1 to §6.3, §6.5, §6.8) with either role, Poll and Final, jitter, administrative down and
//! the echo function (§6.4, IPv4 single hop only); RFC 5881 (single hop) and RFC 5883 (multihop).
//! A neighbour in demand mode is obeyed (§6.6): periodic packets cease while both ends are Up.
//!
//! # Deviations
//!
//! * No Poll Sequence runs outside Up (§6.8.3 asks for one on every change): a neighbour takes over the timers of every
//!   packet it receives, and until Up both ends send at most one packet per second anyway.
//! * A neighbour that stays silent for the detection time is forgotten whole, with its Required Min RX Interval, so a
//!   neighbour that asked for silence and then died is greeted again.
//! * Final packets and packets about a change of state keep 5 ms between each other, so nobody can make a node send
//!   faster than 200 packets per second and session (§6.8.7 allows it below the advertised transmit interval).
//! * A packet that names our discriminator must also come from the session's neighbour: on a multihop path the TTL keeps
//!   few strangers out.
//! * The echo function takes over from the control packets only after the first echo has come back, so a neighbour
//!   that does not forward cannot make the session flap.
//!
//! # What it does not do
//!
//! Authentication (§6.7): packets with the A bit are discarded, as §6.8.6 asks when none is configured.
//! Demand mode of our own, point-to-multipoint, echo over IPv6, reflecting echoes (the kernel's forwarding does).

#![forbid(unsafe_code)]

mod config;
mod demux;
mod discard;
mod echo;
mod negotiation;
mod packet;
mod session;
mod timing;

pub use config::{Config, EchoConfig, Path, Role};
pub use demux::{Arrival, Demux, Endpoint, EndpointTaken, Hops, LinkIndex};
pub use discard::{Discard, Discards};
pub use echo::EchoPacket;
pub use packet::{ControlPacket, Diag, Discriminator, State};
pub use session::{DownCause, Event, Input, Neighbor, Output, Session, Stats};
pub use timing::{Interval, IntervalOutOfRange, Micros, SourcePorts};

/// UDP port of single-hop control packets (RFC 5881 §4).
pub const SINGLE_HOP_PORT: u16 = 3784;
/// UDP port of echo packets (RFC 5881 §4).
pub const ECHO_PORT: u16 = 3785;
/// UDP port of multihop control packets (RFC 5883 §5).
pub const MULTI_HOP_PORT: u16 = 4784;
/// TTL or hop limit of every packet sent, which single-hop receivers insist on (RFC 5881 §5).
pub const TIME_TO_LIVE: u8 = 255;
