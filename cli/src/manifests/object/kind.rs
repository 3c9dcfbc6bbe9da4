//! The kinds that are read, and how each is written and named.

use std::fmt;

use crds::spelling;

use crate::manifests::fault::NameRule;

/// A kind of object that Clarion reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `v1` Service.
    Service,
    /// `discovery.k8s.io/v1` EndpointSlice.
    EndpointSlice,
    /// `v1` Node.
    Node,
    /// `v1` Namespace.
    Namespace,
    /// `v1` Secret.
    Secret,
    /// `metallb.io/v1beta1` IPAddressPool.
    IpAddressPool,
    /// `metallb.io/v1beta1` L2Advertisement.
    L2Advertisement,
    /// `metallb.io/v1beta1` BGPAdvertisement.
    BgpAdvertisement,
    /// `metallb.io/v1beta2` BGPPeer, or the older `v1beta1`.
    BgpPeer,
    /// `metallb.io/v1beta1` BFDProfile.
    BfdProfile,
    /// `metallb.io/v1beta1` Community.
    Community,
}

/// What an apiVersion and kind mean to us.
pub(super) enum Recognised {
    Ours(Kind),
    /// A kind of someone else, or one that only programs write.
    Other,
    WrongVersion(Kind),
    WrongKind {
        group: &'static str,
        meant: &'static str,
    },
    /// A kind that MetalLB had before 0.13.
    Superseded,
}

/// The API group of our kinds; others' programs have kinds in it, too, such as the operator's MetalLB.
const GROUP: &str = "metallb.io";

/// The kinds of our group that programs write; copies of them in a directory mean nothing.
const WRITTEN_BY_PROGRAMS: [&str; 3] = ["ServiceL2Status", "ServiceBGPStatus", "ConfigurationState"];

/// The kind that IPAddressPool and the advertisements took the place of.
const SUPERSEDED: &str = "AddressPool";

impl Kind {
    const ALL: [Self; 11] = [
        Self::Service,
        Self::EndpointSlice,
        Self::Node,
        Self::Namespace,
        Self::Secret,
        Self::IpAddressPool,
        Self::L2Advertisement,
        Self::BgpAdvertisement,
        Self::BgpPeer,
        Self::BfdProfile,
        Self::Community,
    ];

    pub(super) fn recognise(api_version: &str, written: &str) -> Recognised {
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        let known = Self::ALL.into_iter().find(|kind| kind.name() == written && kind.group() == group);
        match known {
            Some(kind) if kind.api_versions().contains(&api_version) => Recognised::Ours(kind),
            Some(kind) => Recognised::WrongVersion(kind),
            None if group != GROUP || WRITTEN_BY_PROGRAMS.contains(&written) => Recognised::Other,
            None if written == SUPERSEDED => Recognised::Superseded,
            None => match spelling::nearest(
                written,
                Self::ALL.into_iter().filter(|kind| kind.group() == GROUP).map(Self::name),
            ) {
                Some(meant) => Recognised::WrongKind { group: GROUP, meant },
                None => Recognised::Other,
            },
        }
    }

    /// Returns the kind of this name, whatever its group.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Returns the versions that are read, newest first.
    pub fn api_versions(self) -> &'static [&'static str] {
        match self {
            Self::Service | Self::Node | Self::Namespace | Self::Secret => &["v1"],
            Self::EndpointSlice => &["discovery.k8s.io/v1"],
            Self::BgpPeer => &["metallb.io/v1beta2", "metallb.io/v1beta1"],
            Self::IpAddressPool
            | Self::L2Advertisement
            | Self::BgpAdvertisement
            | Self::BfdProfile
            | Self::Community => &["metallb.io/v1beta1"],
        }
    }

    /// Returns true for Clarion's own configuration, whose meaning is checked after decoding.
    ///
    /// The lines of its fields are kept until then; those of ten thousand Services would cost more than the Services.
    pub(crate) fn is_configuration(self) -> bool {
        self.group() == GROUP
    }

    /// Returns true if objects of the kind live in a namespace.
    pub fn is_namespaced(self) -> bool {
        match self {
            Self::Node | Self::Namespace => false,
            Self::Service
            | Self::EndpointSlice
            | Self::Secret
            | Self::IpAddressPool
            | Self::L2Advertisement
            | Self::BgpAdvertisement
            | Self::BgpPeer
            | Self::BfdProfile
            | Self::Community => true,
        }
    }

    /// Returns what the names of the kind may look like.
    pub fn name_rule(self) -> NameRule {
        match self {
            Self::Service | Self::Namespace => NameRule::Label,
            Self::EndpointSlice
            | Self::Node
            | Self::Secret
            | Self::IpAddressPool
            | Self::L2Advertisement
            | Self::BgpAdvertisement
            | Self::BgpPeer
            | Self::BfdProfile
            | Self::Community => NameRule::Subdomain,
        }
    }

    fn group(self) -> &'static str {
        let newest = self.api_versions().first().copied().unwrap_or_default();
        newest.split_once('/').map_or("", |(group, _)| group)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Service => "Service",
            Self::EndpointSlice => "EndpointSlice",
            Self::Node => "Node",
            Self::Namespace => "Namespace",
            Self::Secret => "Secret",
            Self::IpAddressPool => "IPAddressPool",
            Self::L2Advertisement => "L2Advertisement",
            Self::BgpAdvertisement => "BGPAdvertisement",
            Self::BgpPeer => "BGPPeer",
            Self::BfdProfile => "BFDProfile",
            Self::Community => "Community",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
