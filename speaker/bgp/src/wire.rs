//! The messages of BGP-4 as bytes: encoding what we say, validating what a neighbour says.
//!
//! [`Decoder`] is the only way in: it takes the bytes of a connection in pieces of any size and gives whole messages.

mod capability;
mod decoder;
mod fault;
mod notification;
mod open;
mod reader;
mod refresh;
mod update;

#[cfg(test)]
mod tests;

pub use capability::{AddressFamily, Capabilities, GracefulRestartCapability, RestartFamily};
pub use decoder::{Context, Decoder, Message};
pub use fault::{Cease, Fault, OpenFault, UpdateFault};
pub use notification::Notification;
pub use open::Open;
pub use refresh::{RefreshKind, RouteRefresh};
pub(crate) use update::{AttributeBlock, EncodeRoutes, Flush, NextHop, Writer};
pub use update::{Malformed, Update, Verdict};

/// Bytes of marker, length and type in front of every message (RFC 4271 §4.1).
pub(crate) const HEADER: usize = 19;
/// Longest message unless both ends can do more (RFC 4271 §4.1).
pub const MAX_MESSAGE: usize = 4096;
/// Longest message once both ends announced extended messages (RFC 8654 §3).
pub const MAX_EXTENDED_MESSAGE: usize = 65535;

/// The type octet of a message.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum MessageType {
    /// Starts a session (RFC 4271 §4.2).
    Open = 1,
    /// Announces and withdraws routes (RFC 4271 §4.3).
    Update = 2,
    /// Ends a session (RFC 4271 §4.5).
    Notification = 3,
    /// Says that the sender lives (RFC 4271 §4.4).
    Keepalive = 4,
    /// Asks for the routes once more (RFC 2918).
    RouteRefresh = 5,
}

impl MessageType {
    const ALL: [Self; 5] = [Self::Open, Self::Update, Self::Notification, Self::Keepalive, Self::RouteRefresh];

    fn from_octet(octet: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == octet)
    }
}

/// Appends a message whose body is written by `body`; the caller keeps it within the limit of the session.
pub(crate) fn message<T>(buffer: &mut Vec<u8>, kind: MessageType, body: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    let start = buffer.len();
    buffer.extend([0xff; 16]);
    buffer.extend([0, 0, kind as u8]);
    let result = body(buffer);
    let length = u16::try_from(buffer.len() - start).expect("a message stays below 65536 octets");
    buffer[start + 16..start + 18].copy_from_slice(&length.to_be_bytes());
    result
}

/// Returns a KEEPALIVE.
#[must_use]
pub fn keepalive() -> Vec<u8> {
    let mut buffer = Vec::with_capacity(HEADER);
    message(&mut buffer, MessageType::Keepalive, |_| {});
    buffer
}
