//! Who is who on a link: checked names and small identifiers.

use std::fmt;
use std::sync::Arc;

use ring::digest;
use thiserror::Error;

/// Why a node or link name is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NameError {
    /// The name has no characters.
    #[error("{kind} name is empty; give the name under which the cluster knows it")]
    Empty {
        /// "node" or "link".
        kind: &'static str,
    },
    /// The name does not fit a datagram.
    #[error("{kind} name {name:?} has {length} bytes; use at most {limit}")]
    TooLong {
        /// "node" or "link".
        kind: &'static str,
        /// The refused name.
        name: String,
        /// Its length in bytes.
        length: usize,
        /// The largest length in bytes.
        limit: usize,
    },
}

/// Name of a node as the cluster knows it, 1 to 253 bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeName(Arc<str>);

/// Name of a network interface of one node, 1 to 63 bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkName(Arc<str>);

impl NodeName {
    /// The longest name: a DNS subdomain (RFC 1123).
    pub const MAX: usize = 253;

    /// Checks the length and returns the name.
    pub fn new(name: &str) -> Result<Self, NameError> {
        checked("node", name, Self::MAX).map(Self)
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl LinkName {
    /// The longest name; Linux itself stops at 15 bytes.
    pub const MAX: usize = 63;

    /// Checks the length and returns the name.
    pub fn new(name: &str) -> Result<Self, NameError> {
        checked("link", name, Self::MAX).map(Self)
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn checked(kind: &'static str, name: &str, limit: usize) -> Result<Arc<str>, NameError> {
    match name.len() {
        0 => Err(NameError::Empty { kind }),
        length if length > limit => Err(NameError::TooLong { kind, name: name.to_owned(), length, limit }),
        _ => Ok(Arc::from(name)),
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for LinkName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One interface of one node: the unit that owns a VIP on a wire.
///
/// Two interfaces of a node on the same wire are two members, so that exactly one MAC answers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MemberId {
    /// The node.
    pub node: NodeName,
    /// The interface of that node.
    pub link: LinkName,
}

impl MemberId {
    pub(crate) fn tag(&self) -> MemberTag {
        let mut context = digest::Context::new(&digest::SHA256);
        let length = u8::try_from(self.node.as_str().len()).expect("a node name is at most 253 bytes");
        context.update(&[length]);
        context.update(self.node.as_str().as_bytes());
        context.update(self.link.as_str().as_bytes());
        let digest = context.finish();
        let (first, _) = digest.as_ref().split_first_chunk::<8>().expect("SHA-256 has 32 bytes");
        MemberTag(u64::from_be_bytes(*first))
    }
}

impl fmt::Display for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.node, self.link)
    }
}

/// Digest of a [`MemberId`]: fits the clear header and orders members the same way everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct MemberTag(pub(crate) u64);

/// A random number for one start of a speaker on one link.
///
/// An echo of it proves that who sends it has read something of this start, and it makes the keys of this start. So it comes
/// from a good source: using a number twice for one member would repeat AEAD nonces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct BootId(pub u64);

/// Hardware address of a member's interface.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mac(pub [u8; 6]);

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
