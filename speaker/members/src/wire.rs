//! The body of a datagram, made so that later versions can add to it.
//!
//! Fixed fields and the sender's names, then any number of sections: type (1 byte), length (2 bytes), value.
//! Whoever does not know a flag, a section or a kind of change passes over it, and reads of a value that is longer than
//! known the part that is known. A section that is absent says nothing; of one that comes twice the last counts.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use crate::config::MAX_INTERVAL;
use crate::header::MAX_BODY;
use crate::name::{BootId, LinkName, Mac, MemberId, MemberTag, NodeName};
use crate::spans::Span;
use crate::table::{Claim, Epoch, Summary};

/// The most spans one request names.
pub(crate) const MAX_ASKED: usize = 8;
/// The most datagrams of others that one datagram echoes.
pub(crate) const MAX_ECHOES: usize = 32;
/// Type and length of a section.
const SECTION_HEAD: usize = 1 + 2;
/// What a piece takes beside its changes.
const PIECE_HEAD: usize = SECTION_HEAD + 8 + 8;

/// What the sender is and does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Flags {
    /// May own VIPs as far as its node is concerned.
    pub(crate) ready: bool,
    /// Still listens, or is being revalidated: claims nothing for the moment.
    pub(crate) listening: bool,
    /// Hands everything over.
    pub(crate) leaving: bool,
    /// Is gone with this datagram.
    pub(crate) left: bool,
    /// Wants an answer at once.
    pub(crate) solicits: bool,
    /// Lost what it owned too often; comes after the others.
    pub(crate) damped: bool,
    /// Has taken part since its link came up, although it may be listening again after a pause.
    pub(crate) settled: bool,
    /// Is silent, because another machine of its name takes part.
    pub(crate) duplicate: bool,
    /// Receives no frame at all, so it cannot answer for what it claims.
    pub(crate) deaf: bool,
}

/// Proves that the sender lives and hears: it has read datagram `sequence` of the start `boot` of some member.
///
/// Boots are random, so nothing that was sent before that datagram can contain this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Echo {
    pub(crate) boot: BootId,
    pub(crate) sequence: u64,
}

/// Requests the changes of `of` that the sender lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ask {
    pub(crate) of: MemberTag,
    pub(crate) spans: Vec<Span>,
}

/// Tells a start of a member that it is refused, because another machine of its name lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) boot: BootId,
    /// The hardware address of the other machine.
    pub(crate) mac: Mac,
}

/// The state of one VIP in the sender's table; no claim means that it gave the VIP up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) vip: IpAddr,
    pub(crate) claim: Option<Claim>,
}

/// Every VIP whose latest change has a version within `span`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) span: Span,
    pub(crate) changes: Vec<Change>,
    /// There were changes of kinds that this version does not know, so the sender's digest cannot be reproduced.
    pub(crate) is_partial: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Body {
    pub(crate) member: MemberId,
    pub(crate) mac: Mac,
    pub(crate) flags: Flags,
    pub(crate) interval: Duration,
    pub(crate) summary: Summary,
    /// Datagrams of others that its sender has read, at most [`MAX_ECHOES`].
    pub(crate) echoes: Vec<Echo>,
    pub(crate) ask: Option<Ask>,
    pub(crate) piece: Option<Piece>,
    pub(crate) refusal: Option<Refusal>,
}

/// The body is not one that a member of this version sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

const READY: u32 = 1;
const LISTENING: u32 = 1 << 1;
const LEAVING: u32 = 1 << 2;
const LEFT: u32 = 1 << 3;
const SOLICITS: u32 = 1 << 4;
const DAMPED: u32 = 1 << 5;
const SETTLED: u32 = 1 << 6;
const DUPLICATE: u32 = 1 << 7;
const DEAF: u32 = 1 << 8;

const ECHOES: u8 = 1;
const ASK: u8 = 2;
const PIECE: u8 = 3;
const REFUSAL: u8 = 4;

const CHANGE_V6: u8 = 1;
const CHANGE_HELD: u8 = 1 << 1;
const CHANGE_YIELDING: u8 = 1 << 2;
const KNOWN_CHANGES: u8 = CHANGE_V6 | CHANGE_HELD | CHANGE_YIELDING;

impl Change {
    pub(crate) fn encoded_len(&self) -> usize {
        2 + self.value_len()
    }

    fn value_len(&self) -> usize {
        let address = if self.vip.is_ipv4() { 4 } else { 16 };
        address + if self.claim.is_some() { 8 } else { 0 }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let v6 = if self.vip.is_ipv6() { CHANGE_V6 } else { 0 };
        let claim = self.claim.map_or(0, |claim| CHANGE_HELD | if claim.yielding { CHANGE_YIELDING } else { 0 });
        out.push(v6 | claim);
        out.push(u8::try_from(self.value_len()).expect("a change has at most 24 bytes"));
        match self.vip {
            IpAddr::V4(address) => out.extend_from_slice(&address.octets()),
            IpAddr::V6(address) => out.extend_from_slice(&address.octets()),
        }
        if let Some(claim) = self.claim {
            out.extend_from_slice(&claim.epoch.0.to_be_bytes());
        }
    }

    /// Returns nothing for a kind of change that this version does not know.
    fn decode(reader: &mut Reader<'_>) -> Result<Option<Self>, Malformed> {
        let kind = reader.u8()?;
        let length = usize::from(reader.u8()?);
        let mut value = reader.part(length)?;
        if kind & !KNOWN_CHANGES != 0 {
            return Ok(None);
        }
        let vip = if kind & CHANGE_V6 == 0 {
            IpAddr::V4(Ipv4Addr::from(value.array::<4>()?))
        } else {
            IpAddr::V6(Ipv6Addr::from(value.array::<16>()?))
        };
        let yielding = kind & CHANGE_YIELDING != 0;
        let claim = match kind & CHANGE_HELD {
            0 if yielding => return Err(Malformed),
            0 => None,
            _ => Some(Claim { epoch: Epoch(value.u64()?), yielding }),
        };
        Ok(Some(Self { vip, claim }))
    }
}

impl Body {
    /// Returns how many bytes of changes still fit next to the other sections.
    pub(crate) fn room_for_changes(&self) -> usize {
        MAX_BODY.saturating_sub(self.encode().len() + PIECE_HEAD)
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        out.extend_from_slice(&self.flags.bits().to_be_bytes());
        let interval = u32::try_from(self.interval.as_micros()).unwrap_or(u32::MAX);
        out.extend_from_slice(&interval.to_be_bytes());
        out.extend_from_slice(&self.mac.0);
        out.extend_from_slice(&self.summary.version.to_be_bytes());
        out.extend_from_slice(&self.summary.count.to_be_bytes());
        out.extend_from_slice(&self.summary.digest.to_be_bytes());
        for name in [self.member.node.as_str(), self.member.link.as_str()] {
            out.push(u8::try_from(name.len()).expect("names are at most 253 bytes"));
            out.extend_from_slice(name.as_bytes());
        }
        if !self.echoes.is_empty() {
            section(ECHOES, &mut out, |out| {
                for echo in &self.echoes {
                    out.extend_from_slice(&echo.boot.0.to_be_bytes());
                    out.extend_from_slice(&echo.sequence.to_be_bytes());
                }
            });
        }
        if let Some(ask) = &self.ask {
            section(ASK, &mut out, |out| {
                out.extend_from_slice(&ask.of.0.to_be_bytes());
                ask.spans.iter().for_each(|span| encode_span(*span, out));
            });
        }
        if let Some(piece) = &self.piece {
            section(PIECE, &mut out, |out| {
                encode_span(piece.span, out);
                piece.changes.iter().for_each(|change| change.encode(out));
            });
        }
        if let Some(refusal) = self.refusal {
            section(REFUSAL, &mut out, |out| {
                out.extend_from_slice(&refusal.boot.0.to_be_bytes());
                out.extend_from_slice(&refusal.mac.0);
            });
        }
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader(bytes);
        let flags = Flags::of(reader.u32()?);
        let interval = Duration::from_micros(u64::from(reader.u32()?));
        if interval < Duration::from_millis(1) || interval > MAX_INTERVAL {
            return Err(Malformed);
        }
        let mac = Mac(reader.array()?);
        let summary = Summary { version: reader.u64()?, count: reader.u32()?, digest: reader.u64()? };
        let node = NodeName::new(reader.text()?).map_err(|_| Malformed)?;
        let link = LinkName::new(reader.text()?).map_err(|_| Malformed)?;
        let member = MemberId { node, link };
        let mut body =
            Self { member, mac, flags, interval, summary, echoes: Vec::new(), ask: None, piece: None, refusal: None };
        while !reader.0.is_empty() {
            let kind = reader.u8()?;
            let length = usize::from(u16::from_be_bytes(reader.array()?));
            let value = reader.part(length)?;
            match kind {
                ECHOES => body.echoes = value.echoes()?,
                ASK => body.ask = Some(value.ask()?),
                REFUSAL => body.refusal = Some(value.refusal()?),
                PIECE => body.piece = Some(value.piece(summary.version)?),
                _ => {}
            }
        }
        Ok(body)
    }
}

impl Flags {
    fn bits(self) -> u32 {
        let Self { ready, listening, leaving, left, solicits, damped, settled, duplicate, deaf } = self;
        [
            (ready, READY),
            (listening, LISTENING),
            (leaving, LEAVING),
            (left, LEFT),
            (solicits, SOLICITS),
            (damped, DAMPED),
            (settled, SETTLED),
            (duplicate, DUPLICATE),
            (deaf, DEAF),
        ]
        .into_iter()
        .fold(0, |bits, (set, bit)| if set { bits | bit } else { bits })
    }

    fn of(bits: u32) -> Self {
        let is = |bit| bits & bit != 0;
        Self {
            ready: is(READY),
            listening: is(LISTENING),
            leaving: is(LEAVING),
            left: is(LEFT),
            solicits: is(SOLICITS),
            damped: is(DAMPED),
            settled: is(SETTLED),
            duplicate: is(DUPLICATE),
            deaf: is(DEAF),
        }
    }
}

fn section(kind: u8, out: &mut Vec<u8>, value: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(&[kind, 0, 0]);
    let start = out.len();
    value(out);
    let length = u16::try_from(out.len() - start).expect("a section fits a datagram");
    out[start - 2..start].copy_from_slice(&length.to_be_bytes());
}

fn encode_span(span: Span, out: &mut Vec<u8>) {
    out.extend_from_slice(&span.after.to_be_bytes());
    out.extend_from_slice(&span.upto.to_be_bytes());
}

/// The bytes not yet read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or(Malformed)?;
        self.0 = rest;
        Ok(*head)
    }

    fn u8(&mut self) -> Result<u8, Malformed> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Result<u64, Malformed> {
        self.array().map(u64::from_be_bytes)
    }

    fn text(&mut self) -> Result<&'a str, Malformed> {
        let length = usize::from(self.u8()?);
        let text = self.part(length)?;
        std::str::from_utf8(text.0).map_err(|_| Malformed)
    }

    fn span(&mut self) -> Result<Span, Malformed> {
        let span = Span { after: self.u64()?, upto: self.u64()? };
        if span.after < span.upto { Ok(span) } else { Err(Malformed) }
    }

    /// Takes the next `length` bytes as a reader of their own.
    fn part(&mut self, length: usize) -> Result<Self, Malformed> {
        let (part, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(Self(part))
    }

    fn echoes(mut self) -> Result<Vec<Echo>, Malformed> {
        let mut echoes = Vec::new();
        while !self.0.is_empty() && echoes.len() < MAX_ECHOES {
            echoes.push(Echo { boot: BootId(self.u64()?), sequence: self.u64()? });
        }
        Ok(echoes)
    }

    fn ask(mut self) -> Result<Ask, Malformed> {
        let of = MemberTag(self.u64()?);
        let mut spans = Vec::new();
        while !self.0.is_empty() && spans.len() < MAX_ASKED {
            spans.push(self.span()?);
        }
        Ok(Ask { of, spans })
    }

    fn refusal(mut self) -> Result<Refusal, Malformed> {
        Ok(Refusal { boot: BootId(self.u64()?), mac: Mac(self.array()?) })
    }

    fn piece(mut self, version: u64) -> Result<Piece, Malformed> {
        let span = self.span()?;
        if span.upto > version {
            return Err(Malformed);
        }
        let mut piece = Piece { span, changes: Vec::new(), is_partial: false };
        while !self.0.is_empty() {
            match Change::decode(&mut self)? {
                Some(change) => piece.changes.push(change),
                None => piece.is_partial = true,
            }
        }
        Ok(piece)
    }
}

#[cfg(test)]
mod tests;
