//! What speakers show of their keys.

use ring::hkdf;
use serde::Deserialize;

/// The ConfigurationState of a speaker, decoded no further than its keys.
///
/// It belongs to the speaker's pod and goes with it, so that every speaker that may be alive has one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(in super::super) struct SpeakerState {
    status: Status,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    heartbeat_keys: Vec<String>,
}

impl SpeakerState {
    /// Returns the ids of the keys that the speaker has, first the one that it sends with.
    pub(in super::super) fn keys(&self) -> Vec<String> {
        self.status.heartbeat_keys.clone()
    }
}

/// Returns the id under which speakers show a key: 4 bytes by HKDF-SHA256 (RFC 5869) in hexadecimal, as `members` derives them.
pub(super) fn key_id(key: &[u8]) -> String {
    /// The length of the id.
    struct Four;
    impl hkdf::KeyType for Four {
        fn len(&self) -> usize {
            4
        }
    }
    let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"clarion members v1");
    let mut id = [0; 4];
    let derived = salt.extract(key).expand(&[b"key id"], Four).and_then(|derived| derived.fill(&mut id));
    derived.expect("4 bytes are less than HKDF can give");
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}
