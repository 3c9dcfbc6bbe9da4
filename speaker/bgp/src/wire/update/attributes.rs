//! The rules for single attributes (RFC 7606 §7 and the documents that came later).

use super::{Context, Malformed, Reader, UpdateFault, Verdict};

/// One attribute of a peer.
pub(super) struct Attribute<'a> {
    pub(super) kind: u8,
    pub(super) value: Reader<'a>,
    flags: u8,
    whole: &'a [u8],
}

const OPTIONAL: u8 = 0x80;
const TRANSITIVE: u8 = 0x40;
const EXTENDED_LENGTH: u8 = 0x10;

/// What the optional and transitive bits of a known type must be.
fn expected_flags(kind: u8) -> Option<u8> {
    match kind {
        1..=3 | 5 | 6 => Some(TRANSITIVE),
        4 | 9 | 10 | 14 | 15 | 26 | 29 => Some(OPTIONAL),
        7 | 8 | 16 | 17 | 18 | 22 | 23 | 25 | 32 | 35 | 40 | 128 => Some(OPTIONAL | TRANSITIVE),
        _ => None,
    }
}

/// What RFC 7606 does about a malformed attribute.
#[derive(Clone, Copy)]
enum Handling {
    Discard,
    Withdraw,
}

impl Handling {
    fn of(self, malformed: Malformed) -> Verdict {
        match self {
            Self::Discard => Verdict::DiscardAttribute(malformed),
            Self::Withdraw => Verdict::TreatAsWithdraw(malformed),
        }
    }
}

impl<'a> Attribute<'a> {
    /// Takes the next attribute; `None` when it ends after the list does.
    pub(super) fn read(list: &mut Reader<'a>) -> Option<Self> {
        let all = list.clone().rest();
        let flags = list.u8()?;
        let kind = list.u8()?;
        let value = if flags & EXTENDED_LENGTH == 0 { list.block8() } else { list.block16() }?;
        let whole = &all[..all.len() - list.len()];
        Some(Self { kind, value, flags, whole })
    }

    /// Returns the fault of an attribute whose routes cannot be read.
    pub(super) fn fault(&self) -> UpdateFault {
        UpdateFault::OptionalAttribute { attribute: self.whole.to_vec() }
    }

    /// Checks everything but the routes inside.
    pub(super) fn check(&self, context: &Context) -> Result<Verdict, UpdateFault> {
        let Some(expected) = expected_flags(self.kind) else {
            let well_known = self.flags & OPTIONAL == 0;
            let fault = || UpdateFault::UnrecognizedWellKnown { attribute: self.whole.to_vec() };
            return if well_known { Err(fault()) } else { Ok(Verdict::Accept) };
        };
        let misplaced = match self.kind {
            // RFC 7606 §7.5, §7.9, §7.10.
            5 | 9 | 10 => !context.internal,
            // RFC 6793 §4.1.
            17 | 18 => context.four_octet_as,
            _ => false,
        };
        if misplaced {
            return Ok(Verdict::DiscardAttribute(Malformed::Misplaced(self.kind)));
        }
        if self.flags & (OPTIONAL | TRANSITIVE) != expected {
            return Ok(Verdict::TreatAsWithdraw(Malformed::Flags(self.kind)));
        }
        Ok(self.check_value(context))
    }

    fn check_value(&self, context: &Context) -> Verdict {
        let length = self.value.len();
        let every = |size: usize| length > 0 && length.is_multiple_of(size);
        let (handling, length_fits) = match self.kind {
            1 => (Handling::Withdraw, length == 1),
            3..=5 | 9 | 35 => (Handling::Withdraw, length == 4),
            6 => (Handling::Discard, length == 0),
            7 => (Handling::Discard, length == if context.four_octet_as { 8 } else { 6 }),
            8 | 10 => (Handling::Withdraw, every(4)),
            16 => (Handling::Withdraw, every(8)),
            18 => (Handling::Discard, length == 8),
            22 => (Handling::Withdraw, length >= 5),
            25 => (Handling::Withdraw, every(20)),
            32 => (Handling::Withdraw, every(12)),
            128 => (Handling::Withdraw, length >= 4),
            _ => (Handling::Withdraw, true),
        };
        if !length_fits {
            return handling.of(Malformed::Length(self.kind));
        }
        let (handling, value_fits) = match self.kind {
            1 => (Handling::Withdraw, self.value.clone().u8().is_some_and(|origin| origin <= 2)),
            2 => (Handling::Withdraw, is_as_path(self.value, if context.four_octet_as { 4 } else { 2 })),
            // RFC 7607 §2.
            7 => (Handling::Discard, !is_zero(&self.value.clone().rest()[..length - 4])),
            // RFC 6793 §6: a damaged AS4_PATH is forgotten.
            17 => (Handling::Discard, is_as_path(self.value, 4)),
            _ => (Handling::Withdraw, true),
        };
        if value_fits { Verdict::Accept } else { handling.of(Malformed::Value(self.kind)) }
    }
}

const AS_SET: u8 = 1;
const AS_SEQUENCE: u8 = 2;

/// RFC 7606 §7.2; confederation segments are as wrong, since we are in no confederation (RFC 5065 §5).
fn is_as_path(mut path: Reader<'_>, octets: usize) -> bool {
    while !path.is_empty() {
        let segment = path.u8().zip(path.u8());
        let Some((AS_SET | AS_SEQUENCE, count @ 1..)) = segment else { return false };
        let Some(numbers) = path.take(usize::from(count) * octets) else { return false };
        // RFC 7607 §2: AS 0 is nobody.
        if numbers.chunks(octets).any(is_zero) {
            return false;
        }
    }
    true
}

fn is_zero(number: &[u8]) -> bool {
    number.iter().all(|octet| *octet == 0)
}
