use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use thiserror::Error;

use crate::family::{Families, Family};
use crate::name::{PoolName, ServiceId};
use crate::range::Range;

/// What one service wants and what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The service; ids are unique in a call, the older of two equal ones counts.
    pub service: ServiceId,
    /// The age that decides who is served first; ties go by id.
    pub created: Created,
    /// The families of its cluster IPs; `None` while it has no cluster IP.
    pub families: Option<Families>,
    /// Its `ipFamilyPolicy`.
    pub policy: FamilyPolicy,
    /// What it asks for.
    pub demand: Demand,
    /// Its sharing key; `None` or an empty text keeps its addresses to itself.
    pub sharing_key: Option<String>,
    /// Its pod selector as text under `externalTrafficPolicy: Local`, else empty; sharers must agree on it.
    pub backend_key: String,
    /// The ports it listens on; sharers must not overlap in them.
    pub ports: BTreeSet<Port>,
    /// Whether the three above are not as they were when it was given what it holds: then the services that it does not fit
    /// any more keep the address, and it moves.
    pub edited: bool,
    /// The addresses it holds, in their order.
    pub held: Vec<IpAddr>,
    /// Whether it only claims to hold them: it keeps those that nobody else holds.
    pub claimed: bool,
}

/// The creation time of a service in seconds since the epoch; smaller is older.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Created(pub i64);

/// The `ipFamilyPolicy` of a service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum FamilyPolicy {
    /// One family.
    #[default]
    SingleStack,
    /// Both families when they can be had, else one.
    PreferDualStack,
    /// Both families or nothing.
    RequireDualStack,
}

/// What a service asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Demand {
    /// Any address of a pool that hands out by itself.
    Any,
    /// Any address of this pool.
    Pool(PoolName),
    /// Exactly these addresses.
    Addresses {
        /// The addresses.
        wanted: Requested,
        /// The pool they must lie in, if one was named as well.
        pool: Option<PoolName>,
    },
    /// Nothing: what it holds is kept while legal, because the rest of its wishes cannot be read.
    Hold,
}

/// Requested addresses: one, or one of each family, IPv4 first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requested(Vec<IpAddr>);

/// Says why a list of addresses cannot be requested.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RequestedError {
    /// The list is empty.
    #[error("the list of requested addresses is empty; name one address, or one of each family")]
    Empty,
    /// More than two addresses are listed.
    #[error("{count} addresses are requested; a service can have one of each family")]
    TooMany {
        /// How many are listed.
        count: usize,
    },
    /// Two addresses of one family are listed.
    #[error("{first} and {second} are both {family}; request one address of each family")]
    SameFamily {
        /// The family of both.
        family: Family,
        /// The address listed first.
        first: IpAddr,
        /// The address listed second.
        second: IpAddr,
    },
}

/// A transport protocol a service can listen on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

/// A port of a service as clients see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Port {
    /// The protocol.
    pub protocol: Protocol,
    /// The number.
    pub number: u16,
}

/// Cluster-wide rules of an allocation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// Who may share an address with whom; defaults to MetalLB's rule.
    pub sharing: Sharing,
    /// Addresses that are never handed out, such as those of nodes and gateways; one that is held already stays and is reported.
    pub reserved: BTreeSet<IpAddr>,
    /// The subnets that nodes are on, whose network, broadcast and subnet-router anycast addresses are no host's; treated as
    /// `reserved`.
    pub subnets: BTreeSet<IpNet>,
    /// What no host can have, such as loopback addresses: not handed out, and counted nowhere; one that is held already stays.
    pub excluded: Vec<Range>,
}

/// How far a sharing key reaches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sharing {
    /// Any two services with equal keys may share, as in MetalLB: whoever knows a key can join its address.
    #[default]
    AcrossNamespaces,
    /// Only services of one namespace may share.
    WithinNamespace,
}

impl Requested {
    /// Checks a list of one or two addresses; an IPv4-mapped IPv6 address counts as the IPv4 address it maps.
    pub fn new(addresses: &[IpAddr]) -> Result<Self, RequestedError> {
        let mut addresses: Vec<IpAddr> = addresses.iter().map(IpAddr::to_canonical).collect();
        match addresses.as_slice() {
            [] => return Err(RequestedError::Empty),
            [_] => {}
            [first, second] if Family::of(*first) == Family::of(*second) => {
                return Err(RequestedError::SameFamily { family: Family::of(*first), first: *first, second: *second });
            }
            [_, _] => {}
            more => return Err(RequestedError::TooMany { count: more.len() }),
        }
        addresses.sort_unstable();
        Ok(Self(addresses))
    }

    /// Returns the addresses, IPv4 first.
    pub fn addresses(&self) -> &[IpAddr] {
        &self.0
    }

    /// Returns the families of the addresses.
    pub fn families(&self) -> Families {
        Families::collect(self.0.iter().map(|address| Family::of(*address)))
            .expect("a checked list has at least one address")
    }
}

impl Demand {
    /// Returns the pool that was asked for by name.
    pub fn pool(&self) -> Option<&PoolName> {
        match self {
            Self::Pool(pool) => Some(pool),
            Self::Addresses { pool, .. } => pool.as_ref(),
            Self::Any | Self::Hold => None,
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
            Self::Sctp => "SCTP",
        })
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.protocol, self.number)
    }
}
