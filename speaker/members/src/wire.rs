//! The body of a datagram.
//!
//! Fixed fields, the sender's names, then optional sections announced by flags.
//! A body that decodes is complete and free of trailing bytes, so one meaning has one encoding per flag set but for flags
//! that are not known.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use crate::config::MAX_INTERVAL;
use crate::name::{LinkName, Mac, MemberId, MemberTag, NodeName};
use crate::seal::MAX_BODY;
use crate::spans::Span;
use crate::table::{Claim, Epoch, Summary};

/// The most spans one request names.
pub(crate) const MAX_ASKED: usize = 8;
/// The most members one beat lists as heard.
pub(crate) const MAX_HEARD: usize = 8;
/// Room for a piece when everything else is as long as it can be.
const PIECE_HEAD: usize = 8 + 8 + 2;

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
}

/// Proves that the sender has read one datagram of `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) to: MemberTag,
    pub(crate) sequence: u64,
}

/// Requests the changes of `of` that the sender lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ask {
    pub(crate) of: MemberTag,
    pub(crate) spans: Vec<Span>,
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
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Body {
    pub(crate) member: MemberId,
    pub(crate) mac: Mac,
    pub(crate) flags: Flags,
    pub(crate) interval: Duration,
    pub(crate) summary: Summary,
    pub(crate) heard: Vec<u32>,
    pub(crate) answer: Option<Answer>,
    pub(crate) ask: Option<Ask>,
    pub(crate) piece: Option<Piece>,
}

/// The body is not one that a member of this version sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

const READY: u8 = 1;
const LISTENING: u8 = 1 << 1;
const LEAVING: u8 = 1 << 2;
const LEFT: u8 = 1 << 3;
const SOLICITS: u8 = 1 << 4;
const HAS_ANSWER: u8 = 1 << 5;
const HAS_ASK: u8 = 1 << 6;
const HAS_PIECE: u8 = 1 << 7;

/// The interval takes the low bits of its word, for it is 60 s at most. The rest are flags, and those that are not known are
/// ignored: a member of a later version must not look dead for one.
const INTERVAL_BITS: u32 = (1 << 26) - 1;
const DAMPED: u32 = 1 << 31;

const CHANGE_V6: u8 = 1;
const CHANGE_HELD: u8 = 1 << 1;
const CHANGE_YIELDING: u8 = 1 << 2;

impl Change {
    pub(crate) fn encoded_len(&self) -> usize {
        let address = if self.vip.is_ipv4() { 4 } else { 16 };
        1 + address + if self.claim.is_some() { 8 } else { 0 }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let v6 = if self.vip.is_ipv6() { CHANGE_V6 } else { 0 };
        let claim = self.claim.map_or(0, |claim| CHANGE_HELD | if claim.yielding { CHANGE_YIELDING } else { 0 });
        out.push(v6 | claim);
        match self.vip {
            IpAddr::V4(address) => out.extend_from_slice(&address.octets()),
            IpAddr::V6(address) => out.extend_from_slice(&address.octets()),
        }
        if let Some(claim) = self.claim {
            out.extend_from_slice(&claim.epoch.0.to_be_bytes());
        }
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let kind = reader.u8()?;
        let vip = if kind & CHANGE_V6 == 0 {
            IpAddr::V4(Ipv4Addr::from(reader.array::<4>()?))
        } else {
            IpAddr::V6(Ipv6Addr::from(reader.array::<16>()?))
        };
        let yielding = kind & CHANGE_YIELDING != 0;
        match kind & !CHANGE_V6 & !CHANGE_YIELDING {
            0 if !yielding => Ok(Self { vip, claim: None }),
            CHANGE_HELD => Ok(Self { vip, claim: Some(Claim { epoch: Epoch(reader.u64()?), yielding }) }),
            _ => Err(Malformed),
        }
    }
}

impl Body {
    /// Returns how many bytes of changes still fit next to the other sections.
    pub(crate) fn room_for_changes(&self) -> usize {
        MAX_BODY.saturating_sub(self.encode().len() + PIECE_HEAD)
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        out.push(self.flag_bits());
        let interval = u32::try_from(self.interval.as_micros()).unwrap_or(u32::MAX).min(INTERVAL_BITS);
        let damped = if self.flags.damped { DAMPED } else { 0 };
        out.extend_from_slice(&(interval | damped).to_be_bytes());
        out.extend_from_slice(&self.mac.0);
        out.extend_from_slice(&self.summary.version.to_be_bytes());
        out.extend_from_slice(&self.summary.count.to_be_bytes());
        out.extend_from_slice(&self.summary.digest.to_be_bytes());
        for name in [self.member.node.as_str(), self.member.link.as_str()] {
            out.push(u8::try_from(name.len()).expect("names are at most 253 bytes"));
            out.extend_from_slice(name.as_bytes());
        }
        out.push(u8::try_from(self.heard.len()).expect("a beat lists at most 8 members"));
        for heard in &self.heard {
            out.extend_from_slice(&heard.to_be_bytes());
        }
        if let Some(answer) = self.answer {
            out.extend_from_slice(&answer.to.0.to_be_bytes());
            out.extend_from_slice(&answer.sequence.to_be_bytes());
        }
        if let Some(ask) = &self.ask {
            out.extend_from_slice(&ask.of.0.to_be_bytes());
            out.push(u8::try_from(ask.spans.len()).expect("a request names at most 8 spans"));
            ask.spans.iter().for_each(|span| encode_span(*span, &mut out));
        }
        if let Some(piece) = &self.piece {
            encode_span(piece.span, &mut out);
            let count = u16::try_from(piece.changes.len()).expect("a piece fits a datagram");
            out.extend_from_slice(&count.to_be_bytes());
            piece.changes.iter().for_each(|change| change.encode(&mut out));
        }
        out
    }

    fn flag_bits(&self) -> u8 {
        let Flags { ready, listening, leaving, left, solicits, damped: _ } = self.flags;
        [
            (ready, READY),
            (listening, LISTENING),
            (leaving, LEAVING),
            (left, LEFT),
            (solicits, SOLICITS),
            (self.answer.is_some(), HAS_ANSWER),
            (self.ask.is_some(), HAS_ASK),
            (self.piece.is_some(), HAS_PIECE),
        ]
        .into_iter()
        .fold(0, |bits, (set, bit)| if set { bits | bit } else { bits })
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader(bytes);
        let bits = reader.u8()?;
        let word = reader.u32()?;
        let interval = Duration::from_micros(u64::from(word & INTERVAL_BITS));
        if interval < Duration::from_millis(1) || interval > MAX_INTERVAL {
            return Err(Malformed);
        }
        let mac = Mac(reader.array()?);
        let summary = Summary { version: reader.u64()?, count: reader.u32()?, digest: reader.u64()? };
        let node = NodeName::new(reader.text()?).map_err(|_| Malformed)?;
        let link = LinkName::new(reader.text()?).map_err(|_| Malformed)?;
        let heard = reader.heard()?;
        let answer = (bits & HAS_ANSWER != 0).then(|| reader.answer()).transpose()?;
        let ask = (bits & HAS_ASK != 0).then(|| reader.ask()).transpose()?;
        let piece = (bits & HAS_PIECE != 0).then(|| reader.piece(summary.version)).transpose()?;
        if !reader.0.is_empty() {
            return Err(Malformed);
        }
        let flags = Flags {
            ready: bits & READY != 0,
            listening: bits & LISTENING != 0,
            leaving: bits & LEAVING != 0,
            left: bits & LEFT != 0,
            solicits: bits & SOLICITS != 0,
            damped: word & DAMPED != 0,
        };
        Ok(Self { member: MemberId { node, link }, mac, flags, interval, summary, heard, answer, ask, piece })
    }
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
        let (text, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        std::str::from_utf8(text).map_err(|_| Malformed)
    }

    fn span(&mut self) -> Result<Span, Malformed> {
        let span = Span { after: self.u64()?, upto: self.u64()? };
        if span.after < span.upto { Ok(span) } else { Err(Malformed) }
    }

    fn heard(&mut self) -> Result<Vec<u32>, Malformed> {
        let count = usize::from(self.u8()?);
        if count > MAX_HEARD {
            return Err(Malformed);
        }
        (0..count).map(|_| self.u32()).collect()
    }

    fn answer(&mut self) -> Result<Answer, Malformed> {
        Ok(Answer { to: MemberTag(self.u64()?), sequence: self.u64()? })
    }

    fn ask(&mut self) -> Result<Ask, Malformed> {
        let of = MemberTag(self.u64()?);
        let count = usize::from(self.u8()?);
        if count == 0 || count > MAX_ASKED {
            return Err(Malformed);
        }
        Ok(Ask { of, spans: (0..count).map(|_| self.span()).collect::<Result<_, _>>()? })
    }

    fn piece(&mut self, version: u64) -> Result<Piece, Malformed> {
        let span = self.span()?;
        let count = u16::from_be_bytes(self.array()?);
        if span.upto > version {
            return Err(Malformed);
        }
        let changes = (0..count).map(|_| Change::decode(self)).collect::<Result<_, _>>()?;
        Ok(Piece { span, changes })
    }
}

#[cfg(test)]
mod tests;
