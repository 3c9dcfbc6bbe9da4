//! The kinds of the group `metallb.io`, one file each.
//!
//! Fields are optional wherever the schema lets them be absent, and text stays text: a value that is admitted always decodes.
#![expect(unreachable_pub, reason = "the schema derive puts a public twin of each struct into its private module")]
#![expect(clippy::duplicated_attributes, reason = "printer columns share their type")]

mod bfd_profile;
mod bgp_advertisement;
mod bgp_peer;
mod community;
mod configuration_state;
mod ip_address_pool;
mod l2_advertisement;
mod service_bgp_status;
mod service_l2_status;
#[cfg(test)]
mod tests;

pub use bfd_profile::{BfdProfile, BfdProfileFields, BfdProfileSpec};
pub use bgp_advertisement::{BgpAdvertisement, BgpAdvertisementFields, BgpAdvertisementSpec};
pub use bgp_peer::{BgpPeer, BgpPeerSpec, ConnectionMode, DynamicAsn, Role};
pub use community::{Community, CommunityAlias, CommunityFields, CommunitySpec};
pub use configuration_state::{
    ConfigurationResult, ConfigurationState, ConfigurationStateFields, ConfigurationStateStatus, SpeakerLink,
};
pub use ip_address_pool::{IpAddressPool, IpAddressPoolSpec, IpAddressPoolStatus, ServiceAllocation};
pub use l2_advertisement::{L2Advertisement, L2AdvertisementFields, L2AdvertisementSpec, PreferredNodes};
pub use service_bgp_status::{ServiceBgpStatus, ServiceBgpStatusFields, ServiceBgpStatusStatus};
pub use service_l2_status::{InterfaceInfo, ServiceL2Status, ServiceL2StatusFields, ServiceL2StatusStatus};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The API group of every kind.
pub const GROUP: &str = "metallb.io";

/// The status of a configuration object: whether it takes effect.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfigurationStatus {
    /// Whether the object takes effect, and if not which field is wrong and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Option<Vec<Condition>>,
}

/// The empty specification of a kind that only reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EmptySpec {}
