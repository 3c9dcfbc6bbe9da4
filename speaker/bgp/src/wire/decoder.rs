//! Cuts the bytes of a connection into messages.

use std::collections::BTreeSet;

use super::{Fault, HEADER, MAX_EXTENDED_MESSAGE, MAX_MESSAGE, MessageType, Notification, Open, RouteRefresh, Update};
use crate::Family;

/// A message from the peer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Message {
    /// Starts a session.
    Open(Open),
    /// Routes, which are validated and dropped.
    Update(Update),
    /// Ends the session.
    Notification(Notification),
    /// The peer lives.
    Keepalive,
    /// Asks for routes or marks them; `None` when it says nothing that we know.
    RouteRefresh(Option<RouteRefresh>),
}

impl Message {
    /// Returns the type.
    #[must_use]
    pub fn kind(&self) -> MessageType {
        match self {
            Self::Open(_) => MessageType::Open,
            Self::Update(_) => MessageType::Update,
            Self::Notification(_) => MessageType::Notification,
            Self::Keepalive => MessageType::Keepalive,
            Self::RouteRefresh(_) => MessageType::RouteRefresh,
        }
    }
}

/// What the OPEN messages of both ends agreed on, as far as reading depends on it.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Context {
    /// Both ends write autonomous systems in four octets.
    pub four_octet_as: bool,
    /// The peer is in our autonomous system.
    pub internal: bool,
    /// Messages may have up to 65535 octets.
    pub extended_message: bool,
    /// Families in use.
    pub families: BTreeSet<Family>,
    /// IPv4 routes may have an IPv6 next hop.
    pub extended_next_hop: bool,
}

/// Turns a stream, cut anywhere, into messages; it holds back less than one message.
#[derive(Clone, Default, Debug)]
pub struct Decoder {
    buffer: Vec<u8>,
    consumed: usize,
    context: Option<Context>,
}

impl Decoder {
    /// Takes the next bytes of the connection; call [`Self::next_message`] until it has no more.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.consumed);
        self.consumed = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// Sets what later messages are read by, once the session is established; before that, no UPDATE is looked into.
    pub fn agree(&mut self, context: Context) {
        self.context = Some(context);
    }

    /// Returns how many bytes wait for the rest of their message.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.buffer.len() - self.consumed
    }

    /// Returns the next whole message, `None` when bytes are missing.
    ///
    /// # Errors
    ///
    /// Fails on a message that ends the session; nothing sensible follows it in the stream.
    pub fn next_message(&mut self) -> Result<Option<Message>, Fault> {
        let pending = &self.buffer[self.consumed..];
        let Some((header, _)) = pending.split_first_chunk::<HEADER>() else { return Ok(None) };
        let (kind, length) = self.check_header(header)?;
        let Some(whole) = pending.get(..length) else { return Ok(None) };
        let body = &whole[HEADER..];
        let message = match kind {
            MessageType::Open => Message::Open(Open::decode(body).map_err(Fault::Open)?),
            MessageType::Update => Message::Update(match &self.context {
                Some(context) => Update::decode(body, context).map_err(Fault::Update)?,
                None => Update::default(),
            }),
            MessageType::Notification => {
                Message::Notification(Notification::decode(body).expect("the header demands code and subcode"))
            }
            MessageType::Keepalive => Message::Keepalive,
            MessageType::RouteRefresh => Message::RouteRefresh(RouteRefresh::decode(whole)?),
        };
        self.consumed += length;
        Ok(Some(message))
    }

    /// RFC 4271 §6.1.
    fn check_header(&self, header: &[u8; HEADER]) -> Result<(MessageType, usize), Fault> {
        let [marker @ .., high, low, kind] = header;
        if *marker != [0xff; 16] {
            return Err(Fault::Marker);
        }
        let length = u16::from_be_bytes([*high, *low]);
        let extended = self.context.as_ref().is_some_and(|context| context.extended_message);
        let limit = if extended { MAX_EXTENDED_MESSAGE } else { MAX_MESSAGE };
        if usize::from(length) < HEADER || usize::from(length) > limit {
            return Err(Fault::Length { length });
        }
        let kind = MessageType::from_octet(*kind).ok_or(Fault::Type { kind: *kind })?;
        let fits = match kind {
            // RFC 8654 §4: OPEN and KEEPALIVE never grow.
            MessageType::Open => (29..=MAX_MESSAGE).contains(&length.into()),
            MessageType::Update | MessageType::RouteRefresh => length >= 23,
            MessageType::Notification => length >= 21,
            MessageType::Keepalive => usize::from(length) == HEADER,
        };
        if fits { Ok((kind, length.into())) } else { Err(Fault::Length { length }) }
    }
}
