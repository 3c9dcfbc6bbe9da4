//! Authenticated encryption of datagrams.
//!
//! Each start of each member seals under a key of its own, derived by HKDF (RFC 5869) from the shared secret, the
//! member and the boot id; the nonce is the sequence number, which never repeats within a boot.

use std::fmt;

use ring::{aead, hkdf};
use thiserror::Error;

use crate::name::{BootId, MemberTag};

/// Version of the datagram format.
pub(crate) const VERSION: u8 = 1;
pub(crate) const HEADER_LEN: usize = 1 + 4 + 8 + 8 + 8;
pub(crate) const TAG_LEN: usize = 16;
/// The largest datagram; it passes every link that carries IPv6 without fragments.
pub(crate) const MAX_DATAGRAM: usize = 1199;
/// The largest body of a datagram.
pub(crate) const MAX_BODY: usize = MAX_DATAGRAM - HEADER_LEN - TAG_LEN;

/// The shortest accepted secret, in bytes.
const MIN_SECRET: usize = 16;

/// Why a secret is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeyError {
    /// The secret can be guessed.
    #[error("secret has {length} bytes, which can be guessed; generate at least 16 random bytes")]
    TooShort {
        /// Length of the refused secret in bytes.
        length: usize,
    },
}

/// Names a secret on the wire without revealing it; derived, so that it cannot be misassigned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyId(pub u32);

#[derive(Clone)]
struct Secret {
    id: KeyId,
    root: hkdf::Prk,
}

/// The shared secrets of a wire: one to send with, all to accept.
///
/// To rotate: add the new secret as accepted everywhere, make it the primary everywhere, then remove the old one.
#[derive(Clone)]
pub struct KeyRing {
    primary: Secret,
    accepted: Vec<Secret>,
}

impl KeyRing {
    /// Returns a ring that sends with and accepts one secret of at least 16 bytes.
    pub fn new(primary: &[u8]) -> Result<Self, KeyError> {
        Ok(Self { primary: Secret::new(primary)?, accepted: Vec::new() })
    }

    /// Returns the ring with one more secret to accept.
    pub fn accepting(mut self, secret: &[u8]) -> Result<Self, KeyError> {
        self.accepted.push(Secret::new(secret)?);
        Ok(self)
    }

    /// Returns the id of the secret used to send.
    pub fn primary(&self) -> KeyId {
        self.primary.id
    }

    pub(crate) fn sealer(&self, sender: MemberTag, boot: BootId) -> Sealer {
        Sealer { key_id: self.primary.id, sender, boot, key: self.primary.subkey(sender, boot) }
    }

    pub(crate) fn opener(&self, header: &Header) -> Option<Opener> {
        let mut secrets = std::iter::once(&self.primary).chain(&self.accepted);
        let secret = secrets.find(|secret| secret.id == header.key)?;
        Some(Opener { key_id: header.key, key: secret.subkey(header.sender, header.boot) })
    }

    fn ids(&self) -> Vec<KeyId> {
        std::iter::once(&self.primary).chain(&self.accepted).map(|secret| secret.id).collect()
    }
}

impl PartialEq for KeyRing {
    fn eq(&self, other: &Self) -> bool {
        self.ids() == other.ids()
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing").field("ids", &self.ids()).finish_non_exhaustive()
    }
}

/// Length of a key id for HKDF.
struct IdLength;

impl hkdf::KeyType for IdLength {
    fn len(&self) -> usize {
        4
    }
}

impl Secret {
    fn new(secret: &[u8]) -> Result<Self, KeyError> {
        if secret.len() < MIN_SECRET {
            return Err(KeyError::TooShort { length: secret.len() });
        }
        let root = hkdf::Salt::new(hkdf::HKDF_SHA256, b"clarion members v1").extract(secret);
        let mut id = [0; 4];
        root.expand(&[b"key id"], IdLength)
            .and_then(|okm| okm.fill(&mut id))
            .expect("4 bytes are within the limit of HKDF");
        Ok(Self { id: KeyId(u32::from_be_bytes(id)), root })
    }

    fn subkey(&self, sender: MemberTag, boot: BootId) -> aead::LessSafeKey {
        let (sender, boot) = (sender.0.to_be_bytes(), boot.0.to_be_bytes());
        let info: [&[u8]; 3] = [b"datagrams", &sender, &boot];
        let okm = self.root.expand(&info, &aead::AES_256_GCM).expect("32 bytes are within the limit of HKDF");
        aead::LessSafeKey::new(aead::UnboundKey::from(okm))
    }
}

/// The clear part of a datagram, authenticated as associated data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) key: KeyId,
    pub(crate) sender: MemberTag,
    pub(crate) boot: BootId,
    pub(crate) sequence: u64,
}

/// Why the clear part of a datagram is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeaderError {
    Length,
    Version,
}

impl Header {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, HeaderError> {
        let (&version, _) = bytes.split_first().ok_or(HeaderError::Length)?;
        if version != VERSION {
            return Err(HeaderError::Version);
        }
        if bytes.len() < HEADER_LEN + TAG_LEN || bytes.len() > MAX_DATAGRAM {
            return Err(HeaderError::Length);
        }
        let rest = bytes.get(1..).ok_or(HeaderError::Length)?;
        let (key, rest) = rest.split_first_chunk::<4>().ok_or(HeaderError::Length)?;
        let (sender, rest) = rest.split_first_chunk::<8>().ok_or(HeaderError::Length)?;
        let (boot, rest) = rest.split_first_chunk::<8>().ok_or(HeaderError::Length)?;
        let (sequence, _) = rest.split_first_chunk::<8>().ok_or(HeaderError::Length)?;
        Ok(Self {
            key: KeyId(u32::from_be_bytes(*key)),
            sender: MemberTag(u64::from_be_bytes(*sender)),
            boot: BootId(u64::from_be_bytes(*boot)),
            sequence: u64::from_be_bytes(*sequence),
        })
    }

    fn to_bytes(self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        bytes[0] = VERSION;
        bytes[1..5].copy_from_slice(&self.key.0.to_be_bytes());
        bytes[5..13].copy_from_slice(&self.sender.0.to_be_bytes());
        bytes[13..21].copy_from_slice(&self.boot.0.to_be_bytes());
        bytes[21..29].copy_from_slice(&self.sequence.to_be_bytes());
        bytes
    }
}

fn nonce(sequence: u64) -> aead::Nonce {
    let mut bytes = [0; 12];
    bytes[4..].copy_from_slice(&sequence.to_be_bytes());
    aead::Nonce::assume_unique_for_key(bytes)
}

/// Seals the datagrams of this member.
pub(crate) struct Sealer {
    key_id: KeyId,
    sender: MemberTag,
    boot: BootId,
    key: aead::LessSafeKey,
}

impl Sealer {
    /// Returns the datagram; the caller never uses a sequence number twice.
    pub(crate) fn seal(&self, sequence: u64, body: &[u8]) -> Vec<u8> {
        let header = Header { key: self.key_id, sender: self.sender, boot: self.boot, sequence }.to_bytes();
        let mut bytes = Vec::with_capacity(HEADER_LEN + body.len() + TAG_LEN);
        bytes.extend_from_slice(&header);
        bytes.extend_from_slice(body);
        let tag = self
            .key
            .seal_in_place_separate_tag(nonce(sequence), aead::Aad::from(header), &mut bytes[HEADER_LEN..])
            .expect("a body is far below the limit of the cipher");
        bytes.extend_from_slice(tag.as_ref());
        bytes
    }
}

/// Opens the datagrams of one boot of one peer.
pub(crate) struct Opener {
    pub(crate) key_id: KeyId,
    key: aead::LessSafeKey,
}

impl Opener {
    /// Returns the body, or nothing if the datagram is not authentic.
    pub(crate) fn open<'a>(&self, header: &Header, bytes: &[u8], scratch: &'a mut Vec<u8>) -> Option<&'a [u8]> {
        scratch.clear();
        scratch.extend_from_slice(bytes.get(HEADER_LEN..)?);
        let body = self.key.open_in_place(nonce(header.sequence), aead::Aad::from(header.to_bytes()), scratch).ok()?;
        Some(body)
    }
}

#[cfg(test)]
mod tests;
