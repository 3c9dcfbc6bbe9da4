//! What both ends can do, as announced in their OPEN messages (RFC 5492).

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use super::{OpenFault, reader::Reader};
use crate::Family;

/// A family as numbered on the wire, which may be one we do not know (RFC 4760 §3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct AddressFamily {
    /// Address family identifier.
    pub afi: u16,
    /// Subsequent address family identifier.
    pub safi: u8,
}

const UNICAST: u8 = 1;

impl AddressFamily {
    /// Returns the family if it is one that we announce.
    #[must_use]
    pub fn known(self) -> Option<Family> {
        Family::ALL.into_iter().find(|family| Self::from(*family) == self)
    }

    /// Returns the family as in a multiprotocol capability.
    pub(super) fn octets(self) -> [u8; 4] {
        let [high, low] = self.afi.to_be_bytes();
        [high, low, 0, self.safi]
    }
}

impl From<Family> for AddressFamily {
    fn from(family: Family) -> Self {
        let afi = match family {
            Family::Ipv4 => 1,
            Family::Ipv6 => 2,
        };
        Self { afi, safi: UNICAST }
    }
}

impl fmt::Display for AddressFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.known() {
            Some(family) => family.fmt(f),
            None => write!(f, "AFI {} SAFI {}", self.afi, self.safi),
        }
    }
}

/// The capabilities of one end.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Capabilities {
    /// Families (RFC 4760); none at all means IPv4 unicast.
    pub families: BTreeSet<AddressFamily>,
    /// The real number of the sender's autonomous system (RFC 6793).
    pub four_octet_as: Option<u32>,
    /// Answers requests to send all routes again (RFC 2918).
    pub route_refresh: bool,
    /// Marks begin and end of that (RFC 7313).
    pub enhanced_route_refresh: bool,
    /// Accepts messages of up to 65535 octets (RFC 8654).
    pub extended_message: bool,
    /// Families whose next hop may be of another one, given as AFI (RFC 8950).
    pub extended_next_hop: BTreeSet<(AddressFamily, u16)>,
    /// Graceful restart (RFC 4724); the last one counts when there are several.
    pub graceful_restart: Option<GracefulRestartCapability>,
    /// Roles; more than one is an error unless they agree (RFC 9234 §4.2).
    pub roles: BTreeSet<u8>,
    /// Codes that we do not know.
    pub unknown: BTreeSet<u8>,
}

/// The capability of RFC 4724 with the flag of RFC 8538.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct GracefulRestartCapability {
    /// The R bit: the sender has just restarted.
    pub restarting: bool,
    /// The N bit: routes survive a NOTIFICATION other than a hard reset (RFC 8538).
    pub notification: bool,
    /// Seconds for which the receiver keeps the sender's routes, below 4096.
    pub seconds: u16,
    /// Families whose routes are kept.
    pub families: BTreeMap<AddressFamily, RestartFamily>,
}

/// What graceful restart says of one family.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RestartFamily {
    /// The F bit: traffic kept flowing while the sender restarted.
    pub forwarding: bool,
}

const MULTIPROTOCOL: u8 = 1;
const ROUTE_REFRESH: u8 = 2;
const EXTENDED_NEXT_HOP: u8 = 5;
const EXTENDED_MESSAGE: u8 = 6;
const ROLE: u8 = 9;
const GRACEFUL_RESTART: u8 = 64;
const FOUR_OCTET_AS: u8 = 65;
const ENHANCED_ROUTE_REFRESH: u8 = 70;

const RESTART: u16 = 0x8000;
const NOTIFICATION: u16 = 0x4000;
const SECONDS: u16 = 0x0fff;
const FORWARDING: u8 = 0x80;

impl Capabilities {
    /// Adds what one optional parameter lists.
    pub(super) fn read(&mut self, mut list: Reader<'_>) -> Result<(), OpenFault> {
        while !list.is_empty() {
            let malformed = OpenFault::Malformed { part: "a capability ends before its length" };
            let (code, mut value) = list.u8().zip(list.block8()).ok_or(malformed)?;
            self.read_one(code, &mut value)?;
        }
        Ok(())
    }

    fn read_one(&mut self, code: u8, value: &mut Reader<'_>) -> Result<(), OpenFault> {
        if self.take(code, value).is_some() && value.is_empty() {
            return Ok(());
        }
        Err(OpenFault::Malformed { part: "a capability has an impossible length" })
    }

    fn take(&mut self, code: u8, value: &mut Reader<'_>) -> Option<()> {
        match code {
            MULTIPROTOCOL => {
                self.families.insert(read_family(value)?);
            }
            ROUTE_REFRESH => self.route_refresh = true,
            EXTENDED_NEXT_HOP => self.extended_next_hop.append(&mut read_extended_next_hop(value)?),
            EXTENDED_MESSAGE => self.extended_message = true,
            ROLE => {
                self.roles.insert(value.u8()?);
            }
            GRACEFUL_RESTART => self.graceful_restart = Some(read_graceful_restart(value)?),
            FOUR_OCTET_AS => self.four_octet_as = Some(value.u32()?),
            ENHANCED_ROUTE_REFRESH => self.enhanced_route_refresh = true,
            other => {
                self.unknown.insert(other);
                value.rest();
            }
        }
        Some(())
    }

    /// Returns all capabilities in a row, by ascending code.
    pub(super) fn write(&self) -> Vec<u8> {
        let mut list = Vec::new();
        for family in &self.families {
            put(&mut list, MULTIPROTOCOL, &family.octets());
        }
        if self.route_refresh {
            put(&mut list, ROUTE_REFRESH, &[]);
        }
        if !self.extended_next_hop.is_empty() {
            let octets = |(family, next_hop): &(AddressFamily, u16)| {
                let [afi_high, afi_low, _, safi] = family.octets();
                let [high, low] = next_hop.to_be_bytes();
                [afi_high, afi_low, 0, safi, high, low]
            };
            put(&mut list, EXTENDED_NEXT_HOP, &self.extended_next_hop.iter().flat_map(octets).collect::<Vec<_>>());
        }
        if self.extended_message {
            put(&mut list, EXTENDED_MESSAGE, &[]);
        }
        for role in &self.roles {
            put(&mut list, ROLE, &[*role]);
        }
        if let Some(restart) = &self.graceful_restart {
            put(&mut list, GRACEFUL_RESTART, &restart.octets());
        }
        if let Some(asn) = self.four_octet_as {
            put(&mut list, FOUR_OCTET_AS, &asn.to_be_bytes());
        }
        if self.enhanced_route_refresh {
            put(&mut list, ENHANCED_ROUTE_REFRESH, &[]);
        }
        list
    }
}

impl GracefulRestartCapability {
    fn octets(&self) -> Vec<u8> {
        let flag = |set: bool, bit: u16| if set { bit } else { 0 };
        let first = flag(self.restarting, RESTART) | flag(self.notification, NOTIFICATION) | self.seconds & SECONDS;
        let mut octets = first.to_be_bytes().to_vec();
        for (family, RestartFamily { forwarding }) in &self.families {
            let [high, low, _, safi] = family.octets();
            octets.extend([high, low, safi, if *forwarding { FORWARDING } else { 0 }]);
        }
        octets
    }
}

fn put(list: &mut Vec<u8>, code: u8, value: &[u8]) {
    let length = u8::try_from(value.len()).expect("our capabilities are short");
    list.extend([code, length]);
    list.extend(value);
}

fn read_family(value: &mut Reader<'_>) -> Option<AddressFamily> {
    let (afi, _reserved, safi) = (value.u16()?, value.u8()?, value.u8()?);
    Some(AddressFamily { afi, safi })
}

fn read_extended_next_hop(value: &mut Reader<'_>) -> Option<BTreeSet<(AddressFamily, u16)>> {
    let mut pairs = BTreeSet::new();
    while !value.is_empty() {
        let family = read_family(value)?;
        pairs.insert((family, value.u16()?));
    }
    Some(pairs)
}

fn read_graceful_restart(value: &mut Reader<'_>) -> Option<GracefulRestartCapability> {
    let first = value.u16()?;
    let mut families = BTreeMap::new();
    while !value.is_empty() {
        let family = AddressFamily { afi: value.u16()?, safi: value.u8()? };
        families.insert(family, RestartFamily { forwarding: value.u8()? & FORWARDING != 0 });
    }
    Some(GracefulRestartCapability {
        restarting: first & RESTART != 0,
        notification: first & NOTIFICATION != 0,
        seconds: first & SECONDS,
        families,
    })
}
