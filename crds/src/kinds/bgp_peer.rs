use k8s_openapi::api::core::v1::SecretReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ConfigurationStatus;
use crate::schema;

/// A router to speak BGP with.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "metallb.io",
    version = "v1beta2",
    kind = "BGPPeer",
    root = "BgpPeer",
    plural = "bgppeers",
    namespaced,
    status = "ConfigurationStatus",
    derive = "PartialEq",
    doc = "A router that nodes open BGP sessions to.",
    printcolumn(name = "Address", type_ = "string", json_path = ".spec.peerAddress"),
    printcolumn(name = "ASN", type_ = "string", json_path = ".spec.peerASN"),
    printcolumn(name = "BFD Profile", type_ = "string", json_path = ".spec.bfdProfile"),
    printcolumn(name = "Multi Hops", type_ = "string", json_path = ".spec.ebgpMultiHop")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("(has(self.peerASN) && self.peerASN != 0) != (has(self.dynamicASN) && size(self.dynamicASN) > 0)")
        .message("set exactly one of peerASN and dynamicASN"),
    validation = Rule::new("(has(self.peerAddress) && size(self.peerAddress) > 0 ? 1 : 0) + (has(self.peerPrefix) && size(self.peerPrefix) > 0 ? 1 : 0) + (has(self.interface) && size(self.interface) > 0 ? 1 : 0) == 1")
        .message("set exactly one of peerAddress, peerPrefix and interface"),
    validation = Rule::new("!(has(self.peerPrefix) && size(self.peerPrefix) > 0) || !has(self.connectionMode) || self.connectionMode == 'passive'")
        .message("routers of a peerPrefix connect by themselves; set connectionMode to passive or remove it"),
    validation = Rule::new("!(has(self.ttlSecurityHops) && has(self.ebgpMultiHop) && self.ebgpMultiHop)")
        .message("set at most one of ttlSecurityHops and ebgpMultiHop"),
    validation = Rule::new("!(has(self.password) && size(self.password) > 0 && has(self.passwordSecret) && has(self.passwordSecret.name) && size(self.passwordSecret.name) > 0)")
        .message("set at most one of password and passwordSecret")
)]
pub struct BgpPeerSpec {
    /// The AS number of this side, from 1 to 4294967295.
    #[serde(rename = "myASN")]
    #[schemars(schema_with = "schema::any_u32")]
    pub my_asn: u32,
    /// The AS number the router must have, from 1 to 4294967295. Exactly one of it and `dynamicASN` is set.
    #[serde(rename = "peerASN", default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::any_u32")]
    pub peer_asn: Option<u32>,
    /// Learns the router's AS number: `internal` accepts only `myASN`, `external` anything else.
    #[serde(rename = "dynamicASN", default, skip_serializing_if = "Option::is_none")]
    pub dynamic_asn: Option<DynamicAsn>,
    /// Another AS number to present to this router in place of `myASN`.
    #[serde(rename = "localASN", default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::nonzero_u32")]
    pub local_asn: Option<u32>,
    /// The router's IP address. Exactly one of it, `peerPrefix` and `interface` is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer_address: Option<String>,
    /// A prefix in place of one address, as `192.0.2.0/24`: every router in it may connect, up to `peerPrefixLimit`. An extension to MetalLB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer_prefix: Option<String>,
    /// How many routers of `peerPrefix` may be connected to a node at once, from 1 to 1000. Defaults to 100. An extension to MetalLB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::neighbors")]
    pub peer_prefix_limit: Option<u32>,
    /// Which side opens the connection: `active` (this one), `passive` (the router) or `both`. Defaults to `active`, with `peerPrefix` to
    /// `passive`. An extension to MetalLB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_mode: Option<ConnectionMode>,
    /// The TCP port of this side that the router connects to unless `connectionMode` is `active`. Defaults to 179, which 0 means as well; ports
    /// below 1024 need the capability NET_BIND_SERVICE. An extension to MetalLB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::port")]
    pub listen_port: Option<u16>,
    /// The interface the router is found on by its link-local address (an unnumbered session).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
    /// The local address to connect from. Without it the kernel chooses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_address: Option<String>,
    /// The router's TCP port. Defaults to 179, which 0 means as well.
    #[serde(default = "bgp_port", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::port")]
    pub peer_port: Option<u16>,
    /// How long a silent router counts as alive, as `90s`: 0 (for ever) or 3 s to 65535 s. Three times `keepaliveTime` if only that is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_time: Option<String>,
    /// How often to send a keepalive, at most `holdTime`. A third of `holdTime` if only that is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keepalive_time: Option<String>,
    /// How long to wait between two connection attempts, in whole seconds from `1s` to `65535s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(
        validation = Rule::new("duration(self).getSeconds() >= 1 && duration(self).getSeconds() <= 65535")
            .message("connectTime must be from 1s to 65535s"),
        validation = Rule::new("duration(self).getMilliseconds() % 1000 == 0")
            .message("connectTime must be a whole number of seconds")
    )]
    pub connect_time: Option<String>,
    /// The BGP identifier of this side, written as an IPv4 address.
    #[serde(rename = "routerID", default, skip_serializing_if = "Option::is_none")]
    pub router_id: Option<String>,
    /// The nodes that connect. One matching selector is enough; without any, every node connects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_selectors: Option<Vec<LabelSelector>>,
    /// The TCP MD5 password, at most 80 bytes. At most one of it and `passwordSecret` is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// A Secret of type `kubernetes.io/basic-auth` in the same namespace whose key `password` is the TCP MD5 password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_secret: Option<SecretReference>,
    /// The BFDProfile to watch the router with. Without it there is no BFD session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bfd_profile: Option<String>,
    /// Whether the router is asked to keep forwarding while this side restarts. It cannot be changed later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("self == oldSelf").message("enableGracefulRestart cannot be changed; delete and create the peer"))]
    pub enable_graceful_restart: Option<bool>,
    /// Whether an external router may be more than one hop away. Defaults to false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ebgp_multi_hop: Option<bool>,
    /// How many hops away the router may be at most, from 1 to 254, proved by the TTL of its packets (GTSM, RFC 5082): it must send with TTL 255.
    /// Without it, the default, their TTL does not matter. Not together with `ebgpMultiHop`. An extension to MetalLB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::hops")]
    pub ttl_security_hops: Option<u32>,
    /// Where the router shall send traffic in place of this side's address on the session: at most one address of each family. An extension to
    /// MetalLB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_hops: Option<Vec<String>>,
    /// What this side is to an external router (RFC 9234), which the router must agree with if it has a role itself. None by default. An
    /// extension to MetalLB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// The VRF device the session is opened in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vrf: Option<String>,
    /// Deprecated and without effect: each family is announced only over sessions of its own unless `dualStackAddressFamily` is set.
    #[serde(rename = "disableMP", default = "no", skip_serializing_if = "Option::is_none")]
    pub disable_mp: Option<bool>,
    /// Whether both families are announced over this one session. Defaults to false: only the family of the session itself.
    #[serde(default = "no", skip_serializing_if = "Option::is_none")]
    pub dual_stack_address_family: Option<bool>,
}

/// How the router's AS number is learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DynamicAsn {
    /// The router's AS number must equal this side's.
    Internal,
    /// The router's AS number must differ from this side's.
    External,
}

/// Which side opens the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ConnectionMode {
    /// This side connects and accepts nothing.
    Active,
    /// The router connects.
    Passive,
    /// Whoever comes first; of two connections one is closed (RFC 4271 §6.8).
    Both,
}

/// What a side of a session is to the other (RFC 9234 §4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// Sells transit to the other side.
    Provider,
    /// Serves routes to the other side.
    RouteServer,
    /// Takes routes from the other side, a route server.
    RouteServerClient,
    /// Buys transit from the other side.
    Customer,
    /// Exchanges its own routes with the other side.
    Peer,
}

fn bgp_port() -> Option<u16> {
    Some(179)
}

fn no() -> Option<bool> {
    Some(false)
}
