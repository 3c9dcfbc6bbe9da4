//! NOTIFICATION, its codes in words, and the text operators send each other.

use std::fmt;

use super::{HEADER, MAX_MESSAGE, MessageType, message};

/// A NOTIFICATION, ours or the peer's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Notification {
    /// The kind of error (RFC 4271 §4.5).
    pub code: u8,
    /// What exactly, within the kind; 0 where nothing fits.
    pub subcode: u8,
    /// Whatever the code and subcode define.
    pub data: Vec<u8>,
}

/// Cease, the code of sessions that end by will.
const CEASE: u8 = 6;
/// Administrative Shutdown and Administrative Reset carry text (RFC 9003).
const WITH_TEXT: [u8; 2] = [2, 4];
/// Hard Reset wraps another NOTIFICATION (RFC 8538 §3).
const HARD_RESET: u8 = 9;
/// Longest text (RFC 9003 §2).
const MAX_TEXT: usize = 255;

impl Notification {
    /// Makes a NOTIFICATION.
    #[must_use]
    pub fn new(code: u8, subcode: u8, data: impl Into<Vec<u8>>) -> Self {
        Self { code, subcode, data: data.into() }
    }

    pub(super) fn decode(body: &[u8]) -> Option<Self> {
        let [code, subcode, data @ ..] = body else { return None };
        Some(Self::new(*code, *subcode, data))
    }

    /// Returns the message; data beyond the length of a message is cut off.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let data = &self.data[..self.data.len().min(MAX_MESSAGE - HEADER - 2)];
        let mut buffer = Vec::with_capacity(HEADER + 2 + data.len());
        message(&mut buffer, MessageType::Notification, |body| {
            body.extend([self.code, self.subcode]);
            body.extend(data);
        });
        buffer
    }

    /// Returns the same, wrapped so that a peer that keeps routes over a NOTIFICATION drops them (RFC 8538 §3).
    #[must_use]
    pub fn hard_reset(&self) -> Self {
        Self::new(CEASE, HARD_RESET, [&[self.code, self.subcode][..], &self.data].concat())
    }

    /// Returns what a hard reset wraps, itself otherwise.
    #[must_use]
    pub fn inner(&self) -> Self {
        let wrapped = (self.code == CEASE && self.subcode == HARD_RESET).then(|| Self::decode(&self.data)).flatten();
        wrapped.unwrap_or_else(|| self.clone())
    }

    /// Returns the text of an Administrative Shutdown or Reset, without control characters (RFC 9003).
    #[must_use]
    pub fn text(&self) -> Option<String> {
        let inner = self.inner();
        if inner.code != CEASE || !WITH_TEXT.contains(&inner.subcode) {
            return None;
        }
        let (length, rest) = inner.data.split_first()?;
        let text = rest.get(..(*length).into())?;
        let printable = |c: char| if c.is_control() { ' ' } else { c };
        let text: String = String::from_utf8_lossy(text).chars().map(printable).collect();
        Some(text).filter(|text| !text.is_empty())
    }

    /// Returns code and subcode in words, as IANA names them.
    #[must_use]
    pub fn name(&self) -> String {
        let code = match self.code {
            1 => "Message Header Error",
            2 => "OPEN Message Error",
            3 => "UPDATE Message Error",
            4 => "Hold Timer Expired",
            5 => "Finite State Machine Error",
            6 => "Cease",
            7 => "ROUTE-REFRESH Message Error",
            8 => "Send Hold Timer Expired",
            other => return format!("error {other}/{}", self.subcode),
        };
        match (subcode_name(self.code, self.subcode), self.subcode) {
            (Some(name), _) => name.to_owned(),
            (None, 0) => code.to_owned(),
            (None, other) => format!("{code}, subcode {other}"),
        }
    }
}

fn subcode_name(code: u8, subcode: u8) -> Option<&'static str> {
    Some(match (code, subcode) {
        (1, 1) => "Connection Not Synchronized",
        (1, 2) => "Bad Message Length",
        (1, 3) => "Bad Message Type",
        (2, 1) => "Unsupported Version Number",
        (2, 2) => "Bad Peer AS",
        (2, 3) => "Bad BGP Identifier",
        (2, 4) => "Unsupported Optional Parameter",
        (2, 6) => "Unacceptable Hold Time",
        (2, 7) => "Unsupported Capability",
        (2, 11) => "Role Mismatch",
        (3, 1) => "Malformed Attribute List",
        (3, 2) => "Unrecognized Well-known Attribute",
        (3, 3) => "Missing Well-known Attribute",
        (3, 4) => "Attribute Flags Error",
        (3, 5) => "Attribute Length Error",
        (3, 6) => "Invalid ORIGIN Attribute",
        (3, 8) => "Invalid NEXT_HOP Attribute",
        (3, 9) => "Optional Attribute Error",
        (3, 10) => "Invalid Network Field",
        (3, 11) => "Malformed AS_PATH",
        (5, 1) => "Unexpected Message in OpenSent",
        (5, 2) => "Unexpected Message in OpenConfirm",
        (5, 3) => "Unexpected Message in Established",
        (6, 1) => "Maximum Number of Prefixes Reached",
        (6, 2) => "Administrative Shutdown",
        (6, 3) => "Peer De-configured",
        (6, 4) => "Administrative Reset",
        (6, 5) => "Connection Rejected",
        (6, 6) => "Other Configuration Change",
        (6, 7) => "Connection Collision Resolution",
        (6, 8) => "Out of Resources",
        (6, 9) => "Hard Reset",
        (6, 10) => "BFD Down",
        (7, 1) => "Invalid Message Length",
        _ => return None,
    })
}

impl fmt::Display for Notification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = self.inner();
        f.write_str(&inner.name())?;
        match inner.text() {
            Some(text) => write!(f, ": \"{text}\""),
            None => Ok(()),
        }
    }
}

/// Returns the data of a shutdown with text, which is cut between characters.
pub(super) fn shutdown_data(text: &str) -> Vec<u8> {
    let text = &text[..text.floor_char_boundary(MAX_TEXT)];
    let length = u8::try_from(text.len()).expect("the text was cut at 255 octets");
    // RFC 9003 §2: without text, peers that predate it expect no data.
    if text.is_empty() { Vec::new() } else { [&[length], text.as_bytes()].concat() }
}
