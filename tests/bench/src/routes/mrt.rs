//! A routing table as a file (RFC 6396), the only form in which GoBGP takes many routes at once.

use std::net::Ipv4Addr;

/// TABLE_DUMP_V2.
const TABLE_DUMP: u16 = 13;
/// Subtypes of TABLE_DUMP_V2.
const PEER_INDEX_TABLE: u16 = 1;
const RIB_IPV4_UNICAST: u16 = 2;

/// Returns a dump with a route for each address, all from one router and with the same attributes.
pub(super) fn dump(router: Ipv4Addr, asn: u32, addresses: impl Iterator<Item = Ipv4Addr>) -> Vec<u8> {
    let mut peers = Vec::new();
    // Collector, a view without a name, and one peer with an IPv4 address and a four-octet AS number.
    peers.extend(router.octets());
    peers.extend([0, 0, 0, 1, 2]);
    peers.extend(router.octets());
    peers.extend(router.octets());
    peers.extend(asn.to_be_bytes());
    let mut file = record(PEER_INDEX_TABLE, &peers);

    // ORIGIN IGP, an empty AS_PATH, and the next hop.
    let mut attributes = vec![0x40, 1, 1, 0, 0x40, 2, 0, 0x40, 3, 4];
    attributes.extend(router.octets());
    let length = u16::try_from(attributes.len()).expect("three short attributes");
    for (number, address) in (0_u32..).zip(addresses) {
        let mut entry = number.to_be_bytes().to_vec();
        entry.push(32);
        entry.extend(address.octets());
        // One entry: of peer 0, at time 0.
        entry.extend([0, 1, 0, 0, 0, 0, 0, 0]);
        entry.extend(length.to_be_bytes());
        entry.extend(&attributes);
        file.extend(record(RIB_IPV4_UNICAST, &entry));
    }
    file
}

fn record(subtype: u16, body: &[u8]) -> Vec<u8> {
    let mut record = vec![0; 4];
    record.extend(TABLE_DUMP.to_be_bytes());
    record.extend(subtype.to_be_bytes());
    record.extend(u32::try_from(body.len()).expect("a short record").to_be_bytes());
    record.extend(body);
    record
}
