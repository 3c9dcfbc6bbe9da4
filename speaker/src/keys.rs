//! The key of the heartbeats, from a Secret.

use crds::core::Secret;
use members::{ClusterId, KeyError, KeyRing};
use thiserror::Error;

/// Name of the Secret; the one that MetalLB uses, so that a cluster that moves over has it already.
pub const SECRET: &str = "memberlist";
/// The entry that every speaker sends with.
const PRIMARY: &str = "secretkey";
/// The entry that is accepted as well while keys are changed.
const ACCEPTED: &str = "secretkey-accepted";

/// Why there is no key.
#[derive(Debug, Error)]
pub enum KeysError {
    /// There is no such Secret.
    #[error(
        "Secret {namespace}/{SECRET} is missing, so heartbeats cannot be sealed and nothing is announced by ARP or NDP; \
         create it with one entry {PRIMARY} of at least 16 random bytes, the same for all nodes"
    )]
    Missing {
        /// The namespace it was looked for in.
        namespace: String,
    },
    /// The Secret has no entry to send with.
    #[error("Secret {SECRET}: entry {PRIMARY} is missing; add at least 16 random bytes")]
    NoPrimary,
    /// An entry is too short.
    #[error("Secret {SECRET}: entry {entry}: {source}")]
    Weak {
        /// The entry.
        entry: &'static str,
        /// Why it is refused.
        source: KeyError,
    },
}

/// The keys in use: a Secret that is lost or spoilt takes none away, for all nodes would fall silent at once.
#[derive(Debug, Default)]
pub struct KeysInUse(Option<KeyRing>);

impl KeysInUse {
    /// Reads the Secret in `namespace`, and returns the keys of this cluster with what is wrong with it, in words.
    ///
    /// There are none before it could be read once; there is no fallback to heartbeats that anybody can forge.
    pub fn read(
        &mut self,
        secrets: &[&Secret],
        namespace: &str,
        cluster: &ClusterId,
    ) -> (Option<KeyRing>, Option<String>) {
        let fault = match key_ring(secrets, namespace, cluster) {
            Ok(keys) => {
                self.0 = Some(keys);
                None
            }
            Err(error) if self.0.is_some() => {
                Some(format!("the key of the heartbeats stays what it was, and a node that starts has none: {error}"))
            }
            Err(error) => Some(error.to_string()),
        };
        (self.0.clone(), fault)
    }
}

/// Reads the keys out of the Secret in `namespace`.
fn key_ring(secrets: &[&Secret], namespace: &str, cluster: &ClusterId) -> Result<KeyRing, KeysError> {
    let secret = secrets
        .iter()
        .find(|secret| secret.metadata.name == SECRET && secret.metadata.namespace.as_deref() == Some(namespace))
        .ok_or_else(|| KeysError::Missing { namespace: namespace.to_owned() })?;
    let primary = secret.value(PRIMARY).ok_or(KeysError::NoPrimary)?;
    let ring = KeyRing::new(primary, cluster).map_err(|source| KeysError::Weak { entry: PRIMARY, source })?;
    match secret.value(ACCEPTED) {
        Some(accepted) => ring.accepting(accepted).map_err(|source| KeysError::Weak { entry: ACCEPTED, source }),
        None => Ok(ring),
    }
}

#[cfg(test)]
mod tests;
