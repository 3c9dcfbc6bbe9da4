//! The clear part of a datagram, authenticated as associated data.

use crate::name::{BootId, MemberTag};
use crate::seal::{ClusterTag, KeyId};

/// Version of the datagrams that this member sends.
pub(crate) const VERSION: u8 = 1;
/// The lowest version of a member that understands them.
pub(crate) const MIN_VERSION: u8 = 1;
/// The lowest version whose datagrams this member understands.
const OLDEST: u8 = 1;

pub(crate) const HEADER_LEN: usize = 1 + 1 + 2 + 4 + 4 + 8 + 8 + 8;
pub(crate) const TAG_LEN: usize = 16;
/// The largest datagram; it passes every link that carries IPv6 without fragments.
pub(crate) const MAX_DATAGRAM: usize = 1199;
/// The largest body of a datagram.
pub(crate) const MAX_BODY: usize = MAX_DATAGRAM - HEADER_LEN - TAG_LEN;

/// Which versions a datagram is for: the first two bytes of every version of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Format {
    /// The version of its sender.
    pub version: u8,
    /// The lowest version of a receiver that understands it; a sender raises it when ignoring what is new would do harm.
    pub min_version: u8,
}

impl Format {
    /// The format that this member sends.
    pub(crate) const OURS: Self = Self { version: VERSION, min_version: MIN_VERSION };

    fn is_readable(self) -> bool {
        self.version >= OLDEST && self.min_version <= VERSION
    }
}

/// The clear part of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) format: Format,
    /// Reserved: sent as zero, and ignored by receivers.
    pub(crate) flags: u16,
    pub(crate) cluster: ClusterTag,
    pub(crate) key: KeyId,
    pub(crate) sender: MemberTag,
    pub(crate) boot: BootId,
    pub(crate) sequence: u64,
}

/// Why the clear part of a datagram is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeaderError {
    Length,
    Version(Format),
}

impl Header {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, HeaderError> {
        let &[version, min_version, ..] = bytes else { return Err(HeaderError::Length) };
        let format = Format { version, min_version };
        if !format.is_readable() {
            return Err(HeaderError::Version(format));
        }
        if bytes.len() < HEADER_LEN + TAG_LEN || bytes.len() > MAX_DATAGRAM {
            return Err(HeaderError::Length);
        }
        let rest = bytes.get(2..).ok_or(HeaderError::Length)?;
        let (flags, rest) = rest.split_first_chunk::<2>().ok_or(HeaderError::Length)?;
        let (cluster, rest) = rest.split_first_chunk::<4>().ok_or(HeaderError::Length)?;
        let (key, rest) = rest.split_first_chunk::<4>().ok_or(HeaderError::Length)?;
        let (sender, rest) = rest.split_first_chunk::<8>().ok_or(HeaderError::Length)?;
        let (boot, rest) = rest.split_first_chunk::<8>().ok_or(HeaderError::Length)?;
        let (sequence, _) = rest.split_first_chunk::<8>().ok_or(HeaderError::Length)?;
        Ok(Self {
            format,
            flags: u16::from_be_bytes(*flags),
            cluster: ClusterTag(u32::from_be_bytes(*cluster)),
            key: KeyId(u32::from_be_bytes(*key)),
            sender: MemberTag(u64::from_be_bytes(*sender)),
            boot: BootId(u64::from_be_bytes(*boot)),
            sequence: u64::from_be_bytes(*sequence),
        })
    }

    pub(crate) fn to_bytes(self) -> [u8; HEADER_LEN] {
        let Self { format, flags, cluster, key, sender, boot, sequence } = self;
        let mut bytes = [0; HEADER_LEN];
        bytes[0] = format.version;
        bytes[1] = format.min_version;
        bytes[2..4].copy_from_slice(&flags.to_be_bytes());
        bytes[4..8].copy_from_slice(&cluster.0.to_be_bytes());
        bytes[8..12].copy_from_slice(&key.0.to_be_bytes());
        bytes[12..20].copy_from_slice(&sender.0.to_be_bytes());
        bytes[20..28].copy_from_slice(&boot.0.to_be_bytes());
        bytes[28..36].copy_from_slice(&sequence.to_be_bytes());
        bytes
    }
}

#[cfg(test)]
mod tests;
