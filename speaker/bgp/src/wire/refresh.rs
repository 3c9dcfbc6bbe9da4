//! ROUTE-REFRESH (RFC 2918) and its enhanced form (RFC 7313).

use super::{AddressFamily, Fault, HEADER, MessageType, message, reader::Reader};

/// What a ROUTE-REFRESH says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum RefreshKind {
    /// Asks for all routes of the family.
    Request = 0,
    /// The sender is about to send all of them.
    Begin = 1,
    /// The sender has sent all of them.
    End = 2,
}

/// A ROUTE-REFRESH.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RouteRefresh {
    /// The routes it is about.
    pub family: AddressFamily,
    /// What it says of them.
    pub kind: RefreshKind,
}

impl RouteRefresh {
    /// Reads a whole message; `None` for a kind that is unknown and therefore ignored (RFC 7313 §5).
    pub(super) fn decode(whole: &[u8]) -> Result<Option<Self>, Fault> {
        let mut reader = Reader::new(&whole[HEADER..]);
        let fields = reader.u16().zip(reader.u8()).zip(reader.u8());
        let Some(((afi, subtype), safi)) = fields else {
            return Err(Fault::Length { length: u16::try_from(whole.len()).unwrap_or(u16::MAX) });
        };
        let kind = match subtype {
            0 => RefreshKind::Request,
            1 => RefreshKind::Begin,
            2 => RefreshKind::End,
            3.. => return Ok(None),
        };
        // RFC 5291 allows filters behind a request; a demarcation is four octets long or damaged.
        if kind != RefreshKind::Request && !reader.is_empty() {
            return Err(Fault::RefreshLength { message: whole.to_vec() });
        }
        Ok(Some(Self { family: AddressFamily { afi, safi }, kind }))
    }

    /// Returns the message.
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        let mut buffer = Vec::with_capacity(HEADER + 4);
        message(&mut buffer, MessageType::RouteRefresh, |body| {
            body.extend(self.family.afi.to_be_bytes());
            body.extend([self.kind as u8, self.family.safi]);
        });
        buffer
    }
}
