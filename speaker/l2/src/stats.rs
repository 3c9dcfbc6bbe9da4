//! Counters of a responder.

use std::collections::BTreeMap;
use std::net::IpAddr;

/// What a responder has done since it was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// IPv4.
    pub arp: Totals,
    /// IPv6.
    pub ndp: Totals,
    /// Each address that is owned, counted since it was announced.
    pub vips: BTreeMap<IpAddr, VipStats>,
    /// Received frames that were neither answered nor a claim.
    pub drops: BTreeMap<DropReason, u64>,
}

/// Counters of one protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Requests for owned addresses, whether answered or over the limit.
    pub requests_received: u64,
    /// Answers to requests.
    pub responses_sent: u64,
    /// Frames of announcements: bursts, refreshes and defences.
    pub gratuitous_sent: u64,
    /// Probes for duplicates.
    pub probes_sent: u64,
    /// Claims of foreign stations to owned addresses.
    pub foreign_claims: u64,
}

/// Counters of one address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VipStats {
    /// Requests for the address, whether answered or over the limit.
    pub requests_received: u64,
    /// Answers to requests.
    pub responses_sent: u64,
    /// Frames of announcements: bursts, refreshes and defences.
    pub gratuitous_sent: u64,
    /// Claims of foreign stations to the address.
    pub foreign_claims: u64,
}

/// Why a received frame had no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DropReason {
    /// It ends before its headers do.
    Truncated,
    /// It has a VLAN tag, so it belongs to another link.
    Vlan,
    /// It carries neither ARP nor IPv6.
    EtherType,
    /// ARP for something else than IPv4 over Ethernet.
    ArpFormat,
    /// ARP that is neither request nor reply.
    ArpOperation,
    /// Not IPv6 in spite of its Ethernet type.
    Ipv6Format,
    /// IPv6, but neither solicitation nor advertisement.
    NotNeighborDiscovery,
    /// The hop limit is not 255: it was routed, or forged from afar.
    HopLimit,
    /// The ICMPv6 checksum is wrong.
    Checksum,
    /// A neighbour discovery message that RFC 4861 §7.1 calls invalid.
    NdpFormat,
    /// The sender's hardware address is zero or a group.
    Sender,
    /// This link sent it.
    Own,
    /// Its Ethernet destination is another station.
    Destination,
    /// It concerns no owned address.
    NotOwned,
    /// Another speaker announces or probes an address that is owned here, as happens while it moves.
    KnownSpeaker,
    /// The sender asks faster than the limit.
    RateLimited,
}

impl DropReason {
    /// Returns the value of the metric label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Truncated => "truncated",
            Self::Vlan => "vlan",
            Self::EtherType => "ether_type",
            Self::ArpFormat => "arp_format",
            Self::ArpOperation => "arp_operation",
            Self::Ipv6Format => "ipv6_format",
            Self::NotNeighborDiscovery => "not_neighbor_discovery",
            Self::HopLimit => "hop_limit",
            Self::Checksum => "checksum",
            Self::NdpFormat => "ndp_format",
            Self::Sender => "sender",
            Self::Own => "own",
            Self::Destination => "destination",
            Self::NotOwned => "not_owned",
            Self::KnownSpeaker => "known_speaker",
            Self::RateLimited => "rate_limited",
        }
    }
}

impl Stats {
    pub(crate) fn count_drop(&mut self, reason: DropReason) {
        *self.drops.entry(reason).or_insert(0) += 1;
    }

    pub(crate) fn totals(&mut self, vip: IpAddr) -> &mut Totals {
        match vip {
            IpAddr::V4(_) => &mut self.arp,
            IpAddr::V6(_) => &mut self.ndp,
        }
    }

    pub(crate) fn count_request(&mut self, vip: IpAddr) {
        self.totals(vip).requests_received += 1;
        self.vip(vip).requests_received += 1;
    }

    pub(crate) fn count_response(&mut self, vip: IpAddr) {
        self.totals(vip).responses_sent += 1;
        self.vip(vip).responses_sent += 1;
    }

    pub(crate) fn count_gratuitous(&mut self, vip: IpAddr) {
        self.totals(vip).gratuitous_sent += 1;
        self.vip(vip).gratuitous_sent += 1;
    }

    pub(crate) fn count_claim(&mut self, vip: IpAddr) {
        self.totals(vip).foreign_claims += 1;
        self.vip(vip).foreign_claims += 1;
    }

    fn vip(&mut self, vip: IpAddr) -> &mut VipStats {
        self.vips.entry(vip).or_default()
    }
}
