//! Authenticated encryption of datagrams.
//!
//! Each start of each member seals under a key of its own, derived by HKDF (RFC 5869) from the shared secret, the
//! cluster, the member and the boot id; the nonce is the sequence number, which never repeats within a boot.

use std::fmt;

use ring::{aead, digest, hkdf};
use thiserror::Error;

use crate::header::{Format, HEADER_LEN, Header, TAG_LEN};
use crate::name::{BootId, MemberTag};

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

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// What tells one cluster from all others, such as the uid of its namespace `kube-system`; the empty one is one like any other.
///
/// Speakers with different ones ignore each other, also with the same secret.
#[derive(Clone, PartialEq, Eq)]
pub struct ClusterId {
    digest: [u8; 32],
}

impl ClusterId {
    /// Returns the identity that a name or uid of any length stands for.
    pub fn new(name: &str) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(b"clarion cluster");
        context.update(name.as_bytes());
        let digest = context.finish();
        Self { digest: digest.as_ref().try_into().expect("SHA-256 has 32 bytes") }
    }

    /// Returns the short form that every datagram carries.
    pub fn tag(&self) -> ClusterTag {
        let [a, b, c, d, ..] = self.digest;
        ClusterTag(u32::from_be_bytes([a, b, c, d]))
    }
}

impl Default for ClusterId {
    fn default() -> Self {
        Self::new("")
    }
}

impl fmt::Debug for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClusterId({})", self.tag())
    }
}

/// Names a cluster on the wire; two clusters meet in the same one once in four thousand million times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClusterTag(pub u32);

impl fmt::Display for ClusterTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

#[derive(Clone)]
struct Secret {
    id: KeyId,
    root: hkdf::Prk,
}

/// The shared secrets of a cluster: one to send with, all to accept.
///
/// To rotate: add the new secret as accepted everywhere, make it the primary everywhere, then remove the old one.
#[derive(Clone)]
pub struct KeyRing {
    cluster: ClusterId,
    primary: Secret,
    accepted: Vec<Secret>,
}

impl KeyRing {
    /// Returns a ring that sends with and accepts one secret of at least 16 bytes.
    pub fn new(primary: &[u8], cluster: &ClusterId) -> Result<Self, KeyError> {
        Ok(Self { cluster: cluster.clone(), primary: Secret::new(primary)?, accepted: Vec::new() })
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

    /// Returns the short form of the cluster.
    pub fn cluster(&self) -> ClusterTag {
        self.cluster.tag()
    }

    /// Returns the ids of all accepted secrets; the first is the one used to send.
    pub fn ids(&self) -> Vec<KeyId> {
        std::iter::once(&self.primary).chain(&self.accepted).map(|secret| secret.id).collect()
    }

    pub(crate) fn sealer(&self, sender: MemberTag, boot: BootId) -> Sealer {
        let header = Header {
            format: Format::OURS,
            flags: 0,
            cluster: self.cluster.tag(),
            key: self.primary.id,
            sender,
            boot,
            sequence: 0,
        };
        Sealer { header, key: self.primary.subkey(&self.cluster, sender, boot) }
    }

    pub(crate) fn has(&self, key: KeyId) -> bool {
        self.secret(key).is_some()
    }

    pub(crate) fn opener(&self, header: &Header) -> Option<Opener> {
        let secret = self.secret(header.key)?;
        Some(Opener { key_id: header.key, key: secret.subkey(&self.cluster, header.sender, header.boot) })
    }

    fn secret(&self, key: KeyId) -> Option<&Secret> {
        std::iter::once(&self.primary).chain(&self.accepted).find(|secret| secret.id == key)
    }
}

impl PartialEq for KeyRing {
    fn eq(&self, other: &Self) -> bool {
        self.ids() == other.ids() && self.cluster == other.cluster
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing").field("cluster", &self.cluster).field("ids", &self.ids()).finish_non_exhaustive()
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

    fn subkey(&self, cluster: &ClusterId, sender: MemberTag, boot: BootId) -> aead::LessSafeKey {
        let (sender, boot) = (sender.0.to_be_bytes(), boot.0.to_be_bytes());
        let info: [&[u8]; 4] = [b"datagrams", &cluster.digest, &sender, &boot];
        let okm = self.root.expand(&info, &aead::AES_256_GCM).expect("32 bytes are within the limit of HKDF");
        aead::LessSafeKey::new(aead::UnboundKey::from(okm))
    }
}

fn nonce(sequence: u64) -> aead::Nonce {
    let mut bytes = [0; 12];
    bytes[4..].copy_from_slice(&sequence.to_be_bytes());
    aead::Nonce::assume_unique_for_key(bytes)
}

/// Seals the datagrams of this member.
pub(crate) struct Sealer {
    /// What the clear part of every datagram says, but for its sequence number.
    header: Header,
    key: aead::LessSafeKey,
}

impl Sealer {
    /// Returns the datagram; the caller never uses a sequence number twice.
    pub(crate) fn seal(&self, sequence: u64, body: &[u8]) -> Vec<u8> {
        self.seal_as(Header { sequence, ..self.header }, body)
    }

    pub(crate) fn seal_as(&self, header: Header, body: &[u8]) -> Vec<u8> {
        let (sequence, header) = (header.sequence, header.to_bytes());
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
