//! What the speakers of other nodes say of themselves, cut down to where they send heartbeats.

use std::collections::BTreeMap;
use std::sync::Arc;

use crds::kinds::SpeakerLink;
use ipnet::IpNet;
use l2::MacAddr;
use serde::Deserialize;

use crate::roster::ServedLink;

/// The label of the objects of speakers.
pub(super) const LABELS: &str = "metallb.io/component-type=speaker";
const NODE: &str = "metallb.io/node-name";

/// The ConfigurationState of a speaker.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "Wire")]
pub(super) struct SpeakerState {
    /// The node it runs on; empty if the object does not say.
    pub(super) node: Arc<str>,
    /// The links it serves; none for the speaker of another program, which writes the same objects.
    pub(super) links: Vec<SpeakerLink>,
}

/// An object as the server sends it.
#[derive(Deserialize)]
struct Wire {
    metadata: WireMetadata,
    #[serde(default)]
    status: Option<WireStatus>,
}

#[derive(Deserialize)]
struct WireMetadata {
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct WireStatus {
    #[serde(default)]
    links: Option<Vec<SpeakerLink>>,
}

impl From<Wire> for SpeakerState {
    fn from(Wire { metadata, status }: Wire) -> Self {
        Self {
            node: metadata.labels.get(NODE).map(String::as_str).unwrap_or_default().into(),
            links: status.and_then(|status| status.links).unwrap_or_default(),
        }
    }
}

impl SpeakerState {
    /// Returns the Ethernet addresses of its links.
    pub(super) fn macs(&self) -> impl Iterator<Item = [u8; 6]> + '_ {
        self.links.iter().filter_map(|link| mac(&link.mac))
    }

    /// Returns the subnets of its links; what cannot be read says nothing.
    pub(super) fn places(&self) -> Vec<IpNet> {
        self.links.iter().flat_map(|link| &link.subnets).filter_map(|subnet| subnet.parse().ok()).collect()
    }
}

/// Reads an Ethernet address as [`link`] writes it.
fn mac(text: &str) -> Option<[u8; 6]> {
    let octets = text.split(':').map(|octet| u8::from_str_radix(octet, 16).ok());
    octets.collect::<Option<Vec<u8>>>()?.try_into().ok()
}

/// Returns what this node says of a link that it serves.
pub(super) fn link(ServedLink { name, mac, subnets }: &ServedLink) -> SpeakerLink {
    SpeakerLink {
        name: name.clone(),
        mac: MacAddr(*mac).to_string(),
        subnets: subnets.iter().map(ToString::to_string).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_speaker_writes_of_its_links_is_what_others_read() {
        let subnets = ["192.0.2.0/24", "2001:db8::/64"].map(|net| net.parse::<IpNet>().unwrap());
        let served = ServedLink { name: "eth0".to_owned(), mac: [2, 0, 0x5e, 0, 0x53, 1], subnets: subnets.into() };
        let object = serde_json::json!({
            "metadata": { "labels": { NODE: "n1" } },
            "status": { "result": "Valid", "conditions": [], "links": [link(&served)] },
        });
        let state: SpeakerState = serde_json::from_value(object).unwrap();
        assert_eq!((&*state.node, state.places()), ("n1", subnets.to_vec()));
        assert_eq!(state.macs().collect::<Vec<_>>(), [served.mac]);
        assert_eq!([mac("02:00"), mac("zz:00:00:00:00:01"), mac("")], [None; 3]);
    }

    #[test]
    fn an_object_without_a_status_or_of_another_program_serves_no_link() {
        for object in [
            serde_json::json!({ "metadata": {} }),
            serde_json::json!({ "metadata": { "labels": {} }, "status": { "result": "Valid" } }),
            serde_json::json!({ "metadata": {}, "status": { "links": null } }),
        ] {
            let state: SpeakerState = serde_json::from_value(object).unwrap();
            assert!(state.links.is_empty() && state.places().is_empty());
        }
    }
}
