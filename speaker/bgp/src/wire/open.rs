//! OPEN (RFC 4271 §4.2), with short and extended optional parameters (RFC 9072).

use super::{Capabilities, HEADER, MessageType, OpenFault, message, reader::Reader};
use crate::asn::AS_TRANS;

/// An OPEN; of its content only the syntax has been checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Open {
    /// The autonomous system as far as two octets can tell.
    pub my_as: u16,
    /// Proposed hold time in seconds.
    pub hold_time: u16,
    /// The sender's router identifier.
    pub identifier: u32,
    /// What the sender can do.
    pub capabilities: Capabilities,
}

const VERSION: u8 = 4;
const CAPABILITIES: u8 = 2;
const EXTENDED: u8 = 255;

impl Open {
    /// Returns the real number of the sender's autonomous system.
    #[must_use]
    pub fn asn(&self) -> u32 {
        self.capabilities.four_octet_as.unwrap_or_else(|| self.my_as.into())
    }

    pub(super) fn decode(body: &[u8]) -> Result<Self, OpenFault> {
        let malformed = |part| move || OpenFault::Malformed { part };
        let mut reader = Reader::new(body);
        let version = reader.u8().ok_or_else(malformed("no version"))?;
        if version != VERSION {
            return Err(OpenFault::Version { version });
        }
        let fixed = reader.u16().zip(reader.u16()).zip(reader.u32());
        let ((my_as, hold_time), identifier) = fixed.ok_or_else(malformed("too short"))?;
        let capabilities = read_parameters(reader)?;
        // RFC 6793 §4.2.2: the two-octet field must agree with the number it stands for.
        let real = capabilities.four_octet_as;
        if real.is_some_and(|real| my_as != AS_TRANS && real != u32::from(my_as)) {
            return Err(OpenFault::Malformed { part: "its two AS numbers differ" });
        }
        Ok(Self { my_as, hold_time, identifier, capabilities })
    }

    /// Returns the message.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let capabilities = self.capabilities.write();
        let mut buffer = Vec::with_capacity(HEADER + 16 + capabilities.len());
        message(&mut buffer, MessageType::Open, |body| {
            body.push(VERSION);
            body.extend(self.my_as.to_be_bytes());
            body.extend(self.hold_time.to_be_bytes());
            body.extend(self.identifier.to_be_bytes());
            write_parameters(body, &capabilities);
        });
        buffer
    }
}

fn write_parameters(body: &mut Vec<u8>, capabilities: &[u8]) {
    match u8::try_from(capabilities.len()) {
        Ok(0) => body.push(0),
        Ok(length) if length < 253 => body.extend([length + 2, CAPABILITIES, length]),
        // RFC 9072 §2: 255 twice, then both lengths in two octets.
        Ok(_) | Err(_) => {
            let length = u16::try_from(capabilities.len()).expect("our capabilities fit an OPEN");
            body.extend([EXTENDED, EXTENDED]);
            body.extend((length + 3).to_be_bytes());
            body.push(CAPABILITIES);
            body.extend(length.to_be_bytes());
        }
    }
    body.extend(capabilities);
}

fn read_parameters(mut reader: Reader<'_>) -> Result<Capabilities, OpenFault> {
    let malformed = |part| move || OpenFault::Malformed { part };
    let length = reader.u8().ok_or_else(malformed("too short"))?;
    let mut ahead = reader;
    // RFC 9072 §2: a type of 255 tells the extended form, whatever non-zero length stands before it.
    let extended = length != 0 && ahead.u8() == Some(EXTENDED);
    let length = if extended {
        reader = ahead;
        reader.u16().map(usize::from)
    } else {
        Some(length.into())
    };
    if length != Some(reader.len()) {
        return Err(malformed("the length of its optional parameters is wrong")());
    }
    let mut capabilities = Capabilities::default();
    while !reader.is_empty() {
        let kind = reader.u8();
        let value = if extended { reader.block16() } else { reader.block8() };
        let (kind, value) = kind.zip(value).ok_or_else(malformed("an optional parameter ends before its length"))?;
        if kind != CAPABILITIES {
            return Err(OpenFault::Parameter { kind });
        }
        capabilities.read(value)?;
    }
    Ok(capabilities)
}
