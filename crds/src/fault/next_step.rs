use std::net::IpAddr;

use super::Problem;
use super::problem::quoted;
use crate::checked::Special;

impl Problem {
    /// Returns what a person should do, as an instruction.
    pub fn next_step(&self) -> String {
        match self {
            Self::Unreadable { .. } => "compare the field with `kubectl explain`".into(),
            Self::UnknownField => "check its spelling and indentation, or remove it".into(),
            Self::Namespace { expected, .. } => format!("set metadata.namespace to {}", quoted(expected)),
            Self::DuplicateObject => "remove one of the two or rename it".into(),
            Self::NoName => "set metadata.name".into(),
            Self::Empty => "write a value or remove the field".into(),
            Self::Repeated { .. } | Self::RepeatedSelector { .. } => "remove one of the two".into(),
            Self::OutOfRange { minimum, maximum, .. } => format!("write a number from {minimum} to {maximum}"),
            Self::NotAnAddress { .. } => "write one like 192.0.2.1 or 2001:db8::1".into(),
            Self::NotADuration { .. } => "write one like 90s or 1m30s".into(),
            Self::Operator { .. } => "write In, NotIn, Exists or DoesNotExist".into(),
            Self::ValuesMissing { .. } => "list at least one value".into(),
            Self::ValuesUnwanted { .. } => "remove the values".into(),
            Self::LabelKey { .. } => {
                "write [prefix/]name, where the name has at most 63 letters, digits, '-', '_' and '.'".into()
            }
            Self::LabelValue { .. } => "write at most 63 letters, digits, '-', '_' and '.'".into(),
            Self::NoAddresses => "list at least one CIDR or range".into(),
            Self::NotARange { .. } => "write one like 192.0.2.0/24 or 192.0.2.10-192.0.2.20".into(),
            Self::Spaces { text } => format!("write {}", quoted(text.trim())),
            Self::BareAddress { address } => format!("write {address}/{}", host_length(*address)),
            Self::Reversed { .. } => "swap the two addresses".into(),
            Self::MixedFamilies { .. } => "write one range for each family".into(),
            Self::OverlapInside { .. } => "remove the common addresses from one entry".into(),
            Self::Overlap { .. } => "remove the common addresses from one of the pools".into(),
            Self::NotAdvertised => "name it in an L2Advertisement or a BGPAdvertisement".into(),
            Self::NotForHosts { .. } => "write addresses of a network that clients can reach".into(),
            Self::PartlyNotForHosts { .. } => "write an entry without them".into(),
            Self::PeerUnreachable { special: Special::LinkLocal, .. } => {
                "write the name of the link in interface instead, where the router is then found by itself".into()
            }
            Self::PeerUnreachable { .. } => "write the address of the router itself".into(),
            Self::InterfaceName { .. } => "write at most 15 characters without spaces, slashes and colons".into(),
            Self::SourceUnusable { .. } => "write an address of the node, or remove the field".into(),
            Self::Missing { kind, .. } => format!("create the {kind} or correct the name"),
            Self::Invalid { kind, .. } => format!("correct that {kind} first"),
            Self::NoProfile { .. } => "create or correct that BFDProfile, or correct the name".into(),
            Self::AggregationWithSelectors { .. } => {
                "remove the service selectors, or leave the lengths at 32 and 128".into()
            }
            Self::AggregationTooWide { mask, .. } => {
                format!("use a length of at least {mask}, or a wider address entry")
            }
            Self::CommunityFormat { .. } => {
                "write one like 64500:100 or large:64500:1:2, or the name of an alias".into()
            }
            Self::CommunitySection { maximum, .. } => format!("write a number from 0 to {maximum}"),
            Self::CommunityMarker { .. } => "write large: in front of a community of three numbers".into(),
            Self::UnknownAlias { .. } => "define it in a Community, or write the community itself".into(),
            Self::PreferenceConflict { preference, .. } => format!(
                "write one {} in both, or let the two advertisements differ in peers, nodes or aggregation length",
                preference.field()
            ),
            Self::SameSpecification { .. } => "remove one of the two".into(),
            Self::AliasTaken { .. } => "rename one of the two".into(),
            Self::ZeroAsn => "write an AS number from 1 to 4294967295".into(),
            Self::NoAsn => "set peerASN or dynamicASN".into(),
            Self::TwoAsns | Self::TwoPasswords | Self::TwoNextHops => "remove one of the two".into(),
            Self::TwoRouters => "leave only one of them".into(),
            Self::NoRouter => "set peerAddress, peerPrefix or interface".into(),
            Self::NotAPrefix { .. } => "write one like 192.0.2.0/24 or 2001:db8::/64".into(),
            Self::PrefixBits { network, .. } => format!("write {network}"),
            Self::PrefixDials => "write passive or remove the field".into(),
            Self::NextHop { .. } => "write an address of a node or of a gateway".into(),
            Self::InternalRole => "remove role".into(),
            Self::TwoDistances => "remove ebgpMultiHop".into(),
            Self::RouterId { .. } => "write it as an IPv4 address other than 0.0.0.0".into(),
            Self::SourceFamily { router, .. } => {
                format!("write an {} source address", if router.is_ipv4() { "IPv4" } else { "IPv6" })
            }
            Self::HoldTime { .. } => "write 0s or a time from 3s to 65535s".into(),
            Self::Keepalive { .. } => "shorten it to a third of the hold time".into(),
            Self::ConnectTime { .. } => "write one like 10s".into(),
            Self::PasswordLength { .. } => "use 1 to 80 bytes, as TCP MD5 demands".into(),
            Self::PasswordLineBreak => {
                "write it without one, such as by printf in place of echo, unless the router has it as well".into()
            }
            Self::SecretType { .. } => "create it with type kubernetes.io/basic-auth".into(),
            Self::SecretKey { .. } => "put the password under that key".into(),
            Self::InternalMultiHop => "remove ebgpMultiHop".into(),
            Self::SameSession { .. } => {
                "remove one of the two, or let them differ in nodes, port, source or VRF".into()
            }
            Self::EchoOverIpv6 { .. } => "use a profile without echoMode for this router".into(),
            Self::NeverNoticed { field } => format!("remove {field} for a hold time of 90s, or name a bfdProfile"),
            Self::DisableMp => "remove it".into(),
        }
    }
}

fn host_length(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}
