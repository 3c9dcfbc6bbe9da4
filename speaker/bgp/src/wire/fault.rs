//! Everything that ends a session with a NOTIFICATION, and its code, subcode and data in one place.

use thiserror::Error;

use super::{AddressFamily, MessageType, Notification, notification::shutdown_data};
use crate::{Asn, RouterId};

/// A reason of ours to end a session by NOTIFICATION.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum Fault {
    /// The marker of a header is not all ones.
    #[error("message without the marker: this is not BGP, or the stream lost its place")]
    Marker,
    /// The length of a header does not fit the type of the message.
    #[error("message length {length} is impossible")]
    Length {
        /// The length as received.
        length: u16,
    },
    /// The type of a message is unknown.
    #[error("message type {kind} is unknown")]
    Type {
        /// The type as received.
        kind: u8,
    },
    /// The OPEN is not acceptable.
    #[error(transparent)]
    Open(OpenFault),
    /// The UPDATE is damaged beyond what RFC 7606 can contain.
    #[error(transparent)]
    Update(UpdateFault),
    /// The neighbour was silent for the hold time.
    #[error("nothing received for the hold time")]
    HoldTimerExpired,
    /// A message arrived in a state where it has no place (RFC 6608).
    #[error("{received:?} message while waiting for {}", expected_in(*.state))]
    Unexpected {
        /// The subcode that names our state: 1 OpenSent, 2 OpenConfirm, 3 Established.
        state: u8,
        /// What was received.
        received: MessageType,
    },
    /// We end the session by our own will.
    #[error("{0}")]
    Cease(Cease),
    /// A demarcation of an enhanced route refresh has the wrong length (RFC 7313 §5).
    #[error("route refresh of impossible length")]
    RefreshLength {
        /// The whole message.
        message: Vec<u8>,
    },
}

fn expected_in(state: u8) -> &'static str {
    match state {
        1 => "an OPEN",
        2 => "a KEEPALIVE",
        _ => "routes",
    }
}

/// Why an OPEN is not acceptable (RFC 4271 §6.2).
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum OpenFault {
    /// The lengths inside the OPEN contradict each other.
    #[error("OPEN is malformed: {part}")]
    Malformed {
        /// What could not be read.
        part: &'static str,
    },
    /// Another version than 4.
    #[error("peer speaks BGP version {version}, only 4 is supported")]
    Version {
        /// The version as received.
        version: u8,
    },
    /// The peer is not in the expected autonomous system.
    #[error("peer is in AS {received}, {}", expected_as(.expected))]
    PeerAs {
        /// The number as received, possibly zero.
        received: u32,
        /// What is configured; `Err` carries words for a peer whose number is not fixed.
        expected: Result<Asn, &'static str>,
    },
    /// The router identifier is zero, or ours within one autonomous system.
    #[error("router ID {} of the peer is {}", std::net::Ipv4Addr::from(*.received), identifier_fault(*.received, *.ours))]
    Identifier {
        /// The identifier as received.
        received: u32,
        /// Our own.
        ours: Option<RouterId>,
    },
    /// An optional parameter that is no list of capabilities.
    #[error("optional parameter {kind} is not supported")]
    Parameter {
        /// The type of the parameter.
        kind: u8,
    },
    /// A hold time of one or two seconds.
    #[error("hold time of {seconds} s is too short; use 0 or at least 3 s")]
    HoldTime {
        /// The hold time as received.
        seconds: u16,
    },
    /// No family is common to both ends.
    #[error("peer does not offer {}; enable it there", families(.wanted))]
    Families {
        /// The families we would have announced.
        wanted: Vec<AddressFamily>,
    },
    /// The roles of both ends do not go together (RFC 9234 §4.2).
    #[error("{}", role_fault(*.received))]
    Role {
        /// The role the peer sent, if it sent one.
        received: Option<u8>,
    },
}

fn expected_as(expected: &Result<Asn, &'static str>) -> String {
    match expected {
        Ok(asn) => format!("expected AS {asn}"),
        Err(words) => format!("expected {words}"),
    }
}

fn identifier_fault(received: u32, ours: Option<RouterId>) -> &'static str {
    if ours.is_some_and(|ours| ours.get() == received) { "also ours; give one of both another" } else { "not allowed" }
}

fn families(families: &[AddressFamily]) -> String {
    families.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
}

fn role_fault(received: Option<u8>) -> String {
    match received {
        Some(role) => format!("role {} of the peer does not fit ours", role_name(role)),
        None => "peer sends no role, and strict mode demands one".to_owned(),
    }
}

fn role_name(role: u8) -> String {
    match role {
        0 => "provider".to_owned(),
        1 => "route server".to_owned(),
        2 => "route server client".to_owned(),
        3 => "customer".to_owned(),
        4 => "peer".to_owned(),
        other => other.to_string(),
    }
}

/// Why an UPDATE ends the session in spite of RFC 7606.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum UpdateFault {
    /// The lengths contradict each other, so the routes cannot be found.
    #[error("UPDATE is malformed: {part}")]
    AttributeList {
        /// What could not be read.
        part: &'static str,
    },
    /// A well-known attribute that is unknown to us.
    #[error("well-known attribute {} is unknown", .attribute.get(1).copied().unwrap_or(0))]
    UnrecognizedWellKnown {
        /// The whole attribute.
        attribute: Vec<u8>,
    },
    /// `MP_REACH_NLRI` or `MP_UNREACH_NLRI` cannot be read.
    #[error("attribute {} is malformed", .attribute.get(1).copied().unwrap_or(0))]
    OptionalAttribute {
        /// The whole attribute.
        attribute: Vec<u8>,
    },
    /// The routes outside of attributes cannot be read.
    #[error("prefixes of the UPDATE cannot be read")]
    Network,
}

/// Why we end a session by our own will (RFC 4486, RFC 8538, RFC 9003, RFC 9384).
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum Cease {
    /// An operator stopped the session.
    #[error("administrative shutdown")]
    Shutdown {
        /// What the operator of the peer shall read; cut at 255 octets.
        text: String,
    },
    /// The peer left the configuration.
    #[error("peer de-configured")]
    Deconfigured,
    /// The session starts again at once.
    #[error("administrative reset")]
    Reset {
        /// What the operator of the peer shall read; cut at 255 octets.
        text: String,
    },
    /// The connection is not wanted.
    #[error("connection rejected")]
    Rejected,
    /// A setting changed that only a new session can take over.
    #[error("configuration change")]
    ConfigurationChange,
    /// Another connection with the same peer won (RFC 4271 §6.8).
    #[error("connection collision")]
    Collision,
    /// BFD says that the path is dead.
    #[error("BFD is down")]
    BfdDown,
}

impl Cease {
    const fn subcode(&self) -> u8 {
        match self {
            Self::Shutdown { .. } => 2,
            Self::Deconfigured => 3,
            Self::Reset { .. } => 4,
            Self::Rejected => 5,
            Self::ConfigurationChange => 6,
            Self::Collision => 7,
            Self::BfdDown => 10,
        }
    }

    fn data(&self) -> Vec<u8> {
        match self {
            Self::Shutdown { text } | Self::Reset { text } => shutdown_data(text),
            Self::Deconfigured | Self::Rejected | Self::ConfigurationChange | Self::Collision | Self::BfdDown => {
                Vec::new()
            }
        }
    }
}

impl Fault {
    /// Returns the NOTIFICATION that tells the peer.
    #[must_use]
    pub fn notification(&self) -> Notification {
        match self {
            Self::Marker => Notification::new(1, 1, []),
            Self::Length { length } => Notification::new(1, 2, length.to_be_bytes()),
            Self::Type { kind } => Notification::new(1, 3, [*kind]),
            Self::Open(fault) => fault.notification(),
            Self::Update(fault) => fault.notification(),
            Self::HoldTimerExpired => Notification::new(4, 0, []),
            Self::Unexpected { state, received } => Notification::new(5, *state, [*received as u8]),
            Self::Cease(cease) => Notification::new(6, cease.subcode(), cease.data()),
            Self::RefreshLength { message } => Notification::new(7, 1, message.clone()),
        }
    }
}

impl OpenFault {
    fn notification(&self) -> Notification {
        match self {
            Self::Malformed { .. } => Notification::new(2, 0, []),
            // RFC 4271 §6.2: the largest version we support, in two octets.
            Self::Version { .. } => Notification::new(2, 1, [0, 4]),
            // The RFC leaves the data open; the number we expect tells the other operator most.
            Self::PeerAs { expected: Ok(asn), .. } => Notification::new(2, 2, asn.get().to_be_bytes()),
            Self::PeerAs { expected: Err(_), .. } => Notification::new(2, 2, []),
            Self::Identifier { .. } => Notification::new(2, 3, []),
            Self::Parameter { .. } => Notification::new(2, 4, []),
            Self::HoldTime { .. } => Notification::new(2, 6, []),
            Self::Families { wanted } => {
                // RFC 5492 §5: the capabilities that were missed, as they would stand in an OPEN.
                let missed = |family: &AddressFamily| [&[1, 4][..], &family.octets()].concat();
                Notification::new(2, 7, wanted.iter().flat_map(missed).collect::<Vec<_>>())
            }
            Self::Role { .. } => Notification::new(2, 11, []),
        }
    }
}

impl UpdateFault {
    fn notification(&self) -> Notification {
        match self {
            Self::AttributeList { .. } => Notification::new(3, 1, []),
            Self::UnrecognizedWellKnown { attribute } => Notification::new(3, 2, attribute.clone()),
            Self::OptionalAttribute { attribute } => Notification::new(3, 9, attribute.clone()),
            Self::Network => Notification::new(3, 10, []),
        }
    }
}
