use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use thiserror::Error;

use super::ObjectRef;
use crate::checked::Special;
use crate::printable::Printable;

/// What a fault costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The object takes effect in full; somebody may have meant something else.
    Note,
    /// The object takes effect without the named part.
    Warning,
    /// The object is left out.
    Error,
}

impl Severity {
    /// Returns the name used in conditions, metrics and output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// By what routers prefer one announcement of a prefix to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Preference {
    /// `localPref`
    LocalPref,
    /// `med`
    Med,
    /// `asPathPrepend`
    Prepend,
}

impl Preference {
    /// Returns the name of the field.
    pub fn field(self) -> &'static str {
        match self {
            Self::LocalPref => "localPref",
            Self::Med => "med",
            Self::Prepend => "asPathPrepend",
        }
    }
}

impl fmt::Display for Preference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LocalPref => "local preference",
            Self::Med => "MED",
            Self::Prepend => "AS path prepending",
        })
    }
}

fn words(value: &Option<u32>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| value.to_string())
}

/// Quotes what somebody wrote, as much of it as a message has room for.
pub(super) fn quoted(value: impl fmt::Debug) -> Printable<String> {
    Printable::value(format!("{value:?}"))
}

/// Explains the namespace that nobody wrote.
fn unwritten(namespace: &str) -> &'static str {
    if namespace == "default" { ", as every object without metadata.namespace is" } else { "" }
}

fn article(special: Special) -> String {
    let article = if special == Special::Unspecified { "an" } else { "a" };
    format!("{article} {special} address")
}

/// What is wrong with a field.
///
/// The text says only what is wrong; [`Problem::next_step`] says what to do, and the fault says where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Error)]
#[expect(missing_docs, reason = "the message of each variant is its documentation, and its fields are named in it")]
pub enum Problem {
    // Objects.
    #[error("the object cannot be read: {message}")]
    Unreadable { message: String },
    #[error("field is not known")]
    UnknownField,
    #[error("the object is in namespace {found}{}, but only {expected} is read", unwritten(found), found = quoted(found), expected = quoted(expected))]
    Namespace { found: String, expected: String },
    #[error("an older object has the same kind and name")]
    DuplicateObject,
    #[error("the object has no name")]
    NoName,

    // Values and lists.
    #[error("value is empty")]
    Empty,
    #[error("{value} is listed twice", value = quoted(value))]
    Repeated { value: String },
    #[error("the selector is the same as number {first}")]
    RepeatedSelector { first: usize },
    #[error("{value} is not between {minimum} and {maximum}")]
    OutOfRange { value: i64, minimum: i64, maximum: i64 },
    #[error("{text} is not an IP address", text = quoted(text))]
    NotAnAddress { text: String },
    #[error("{text} is not a duration", text = quoted(text))]
    NotADuration { text: String },

    // Selectors.
    #[error("operator {operator} is not known", operator = quoted(operator))]
    Operator { operator: String },
    #[error("operator {operator} has no values")]
    ValuesMissing { operator: String },
    #[error("operator {operator} takes no values")]
    ValuesUnwanted { operator: String },
    #[error("{key} is not a valid label key", key = quoted(key))]
    LabelKey { key: String },
    #[error("{value} is not a valid label value", value = quoted(value))]
    LabelValue { value: String },

    // Pools.
    #[error("the pool has no addresses")]
    NoAddresses,
    #[error("{text} is neither a CIDR nor a range", text = quoted(text))]
    NotARange { text: String },
    #[error("{text} has spaces around it", text = quoted(text))]
    Spaces { text: String },
    #[error("{address} has no prefix length")]
    BareAddress { address: IpAddr },
    #[error("range {first}-{last} ends before it starts")]
    Reversed { first: IpAddr, last: IpAddr },
    #[error("range {first}-{last} mixes IPv4 and IPv6")]
    MixedFamilies { first: IpAddr, last: IpAddr },
    #[error("{own} overlaps {other} of the same pool")]
    OverlapInside { own: String, other: String },
    #[error("{own} overlaps {other} of {pool}")]
    Overlap { own: String, other: String, pool: ObjectRef },
    #[error("{text} has {special} addresses only, which no Service can be reached at and none gets")]
    NotForHosts { text: String, special: Special },
    #[error("{text} contains {special} addresses, which no Service can be reached at and none gets")]
    PartlyNotForHosts { text: String, special: Special },
    #[error("no advertisement covers the pool, so nobody announces its addresses")]
    NotAdvertised,

    // References.
    #[error("there is no {kind} {name}", name = quoted(name))]
    Missing { kind: &'static str, name: String },
    #[error("{kind} {name} is itself at fault", name = quoted(name))]
    Invalid { kind: &'static str, name: String },
    #[error("there is no usable BFDProfile {name}, so the session runs without BFD", name = quoted(name))]
    NoProfile { name: String },

    // Advertisements.
    #[error("length {length} aggregates addresses, which service selectors do not allow")]
    AggregationWithSelectors { length: u8 },
    #[error(
        "length {length} is shorter than /{mask}, the widest part of {range} of pool {pool}, so the pool is not announced", pool = quoted(pool))]
    AggregationTooWide { length: u8, mask: u8, range: String, pool: String },
    #[error("{text} is not a community", text = quoted(text))]
    CommunityFormat { text: String },
    #[error("section {section} of community {text} is not between 0 and {maximum}", section = quoted(section), text = quoted(text))]
    CommunitySection { text: String, section: String, maximum: u32 },
    #[error("community {text} starts with {marker}", text = quoted(text), marker = quoted(marker))]
    CommunityMarker { text: String, marker: String },
    #[error("no Community object defines {alias}", alias = quoted(alias))]
    UnknownAlias { alias: String },
    #[error("{preference} {} contradicts {} of {other} for pool {pool}", words(.own), words(.theirs), pool = quoted(pool))]
    PreferenceConflict { preference: Preference, own: Option<u32>, theirs: Option<u32>, other: ObjectRef, pool: String },
    #[error("the specification is the same as that of {other}")]
    SameSpecification { other: ObjectRef },

    // Communities.
    #[error("{alias} is defined by {other} too", alias = quoted(alias))]
    AliasTaken { alias: String, other: ObjectRef },

    // Peers.
    #[error("AS number 0 is reserved")]
    ZeroAsn,
    #[error("the router's AS number is not given")]
    NoAsn,
    #[error("peerASN and dynamicASN are both set")]
    TwoAsns,
    #[error("the router is not given")]
    NoRouter,
    #[error("more than one of peerAddress, peerPrefix and interface is set")]
    TwoRouters,
    #[error("{text} is {}, where no router can be reached", article(*special))]
    PeerUnreachable { text: String, special: Special },
    #[error("{text} is not the name of an interface", text = quoted(text))]
    InterfaceName { text: String },
    #[error("{address} is {}, which no connection can come from", article(*special))]
    SourceUnusable { address: IpAddr, special: Special },
    #[error("{text} is not a prefix", text = quoted(text))]
    NotAPrefix { text: String },
    #[error("{text} has bits beyond its prefix length")]
    PrefixBits { text: String, network: IpNet },
    #[error("routers of a peerPrefix connect by themselves, and nobody can connect to them")]
    PrefixDials,
    #[error("another address of the same family is listed")]
    TwoNextHops,
    #[error("{address} cannot be sent traffic to")]
    NextHop { address: IpAddr },
    #[error("the router is in this side's own AS, where nobody has a role")]
    InternalRole,
    #[error("ttlSecurityHops says already how far away the router may be")]
    TwoDistances,
    #[error("{text} is not a BGP identifier", text = quoted(text))]
    RouterId { text: String },
    #[error("source {source_address} and router {router} are of different families")]
    SourceFamily { source_address: IpAddr, router: IpAddr },
    #[error("hold time {text} is neither 0 nor between 3s and 65535s")]
    HoldTime { text: String },
    #[error("keepalive time {keepalive} is longer than hold time {hold}")]
    Keepalive { keepalive: String, hold: String },
    #[error("a hold time of 0 without BFD means that neither side ever notices that the other is dead")]
    NeverNoticed { field: &'static str },
    #[error("connect time {text} is not a whole number of seconds between 1s and 65535s")]
    ConnectTime { text: String },
    #[error("password and passwordSecret are both set")]
    TwoPasswords,
    #[error("the password has {length} bytes")]
    PasswordLength { length: usize },
    #[error("the password ends with a line break, which is a part of it")]
    PasswordLineBreak,
    #[error("secret {name} has type {found}", name = quoted(name), found = quoted(found))]
    SecretType { name: String, found: String },
    #[error("secret {name} has no readable key \"password\"", name = quoted(name))]
    SecretKey { name: String },
    #[error("the router is in this side's own AS, where a session is never limited to one hop")]
    InternalMultiHop,
    #[error("{other} opens the same session on the same nodes")]
    SameSession { other: ObjectRef },
    #[error("echo packets of BFDProfile {profile} exist on IPv4 only, so the session runs without them", profile = quoted(profile))]
    EchoOverIpv6 { profile: String },
    #[error("disableMP is deprecated and has no effect")]
    DisableMp,
}

impl Problem {
    /// Returns what the problem costs. A problem that is not listed here leaves the object out.
    pub fn severity(&self) -> Severity {
        let note = matches!(
            self,
            Self::Missing { .. }
                | Self::Invalid { .. }
                | Self::NotAdvertised
                | Self::SameSpecification { .. }
                | Self::DisableMp
                | Self::NeverNoticed { .. }
                | Self::PartlyNotForHosts { .. }
                | Self::PasswordLineBreak
        );
        let warning = matches!(
            self,
            Self::UnknownField
                | Self::NotForHosts { .. }
                | Self::NoProfile { .. }
                | Self::EchoOverIpv6 { .. }
                | Self::AggregationTooWide { .. }
        );
        match (note, warning) {
            (true, _) => Severity::Note,
            (false, true) => Severity::Warning,
            (false, false) => Severity::Error,
        }
    }
}
