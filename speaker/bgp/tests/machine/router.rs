//! A router that learns routes from what a peer sends; an independent codec does the reading.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv6Addr},
};

use bgp::{Family, Prefix};
use rustbgpd_wire::{
    Afi, AsPathSegment, Message, PathAttribute, RouteRefreshSubtype, decode_message,
    validate::{UpdateValidationOptions, validate_update_attributes_with_options},
};

/// A route as the router sees it.
#[derive(Clone, PartialEq, Default, Debug)]
pub(crate) struct Learned {
    pub(crate) next_hop: Option<IpAddr>,
    pub(crate) link_local: Option<Ipv6Addr>,
    /// With the numbers of `AS4_PATH` in place.
    pub(crate) as_path: Vec<u32>,
    pub(crate) med: Option<u32>,
    pub(crate) local_pref: Option<u32>,
    pub(crate) communities: Vec<u32>,
    pub(crate) large_communities: Vec<[u32; 3]>,
    pub(crate) link_bandwidth: Option<f32>,
    pub(crate) only_to_customer: Option<u32>,
}

pub(crate) struct Router {
    pub(crate) four_octet_as: bool,
    pub(crate) internal: bool,
    pub(crate) table: BTreeMap<Prefix, Learned>,
    pub(crate) end_of_rib: BTreeSet<Family>,
    pub(crate) updates: usize,
    pub(crate) longest: usize,
    /// Begin and end marks of refreshes, in order.
    pub(crate) marks: Vec<(Family, bool)>,
    /// Routes heard since the latest begin mark.
    pub(crate) heard: BTreeSet<Prefix>,
    /// Bytes of a message that is not complete yet.
    pub(crate) partial: Vec<u8>,
}

impl Default for Router {
    fn default() -> Self {
        Self {
            four_octet_as: true,
            internal: false,
            table: BTreeMap::new(),
            end_of_rib: BTreeSet::new(),
            updates: 0,
            longest: 0,
            marks: Vec::new(),
            heard: BTreeSet::new(),
            partial: Vec::new(),
        }
    }
}

impl Router {
    /// Reads bytes of a connection; whatever is no UPDATE or ROUTE-REFRESH is skipped.
    pub(crate) fn read(&mut self, bytes: &[u8]) {
        self.partial.extend_from_slice(bytes);
        while self.partial.len() >= 19 {
            let length = usize::from(u16::from_be_bytes([self.partial[16], self.partial[17]]));
            if self.partial.len() < length {
                return;
            }
            let one: Vec<u8> = self.partial.drain(..length).collect();
            self.longest = self.longest.max(length);
            match decode_message(&mut one.into(), u16::MAX).expect("the oracle reads what we send") {
                Message::Update(update) => self.learn(&update),
                Message::RouteRefresh(refresh) => {
                    let family = family(refresh.afi().expect("a known family"));
                    match refresh.subtype() {
                        RouteRefreshSubtype::BoRR => {
                            self.heard.clear();
                            self.marks.push((family, true));
                        }
                        RouteRefreshSubtype::EoRR => self.marks.push((family, false)),
                        _ => {}
                    }
                }
                _ => {}
            }
        }
    }

    fn learn(&mut self, update: &rustbgpd_wire::UpdateMessage) {
        self.updates += 1;
        let revised =
            update.parse_revised(self.four_octet_as, self.internal, false, &[]).expect("the oracle reads what we send");
        assert_eq!(revised.malformed, [], "nothing is malformed");
        let parsed = revised.update;
        let (mut learned, mut reach, mut unreach) = (Learned::default(), None, None);
        for attribute in &parsed.attributes {
            match attribute {
                PathAttribute::MpReachNlri(attribute) => reach = Some(attribute.clone()),
                PathAttribute::MpUnreachNlri(attribute) => unreach = Some(attribute.clone()),
                other => learned.take(other),
            }
        }
        let announces = !parsed.announced.is_empty() || reach.is_some();
        if announces {
            // A link-local address stands alone on unnumbered links.
            let mut options = UpdateValidationOptions::default();
            (options.allow_ipv4_link_local_mp_reach_next_hop, options.link_local_next_hop) = (true, true);
            let classic = !parsed.announced.is_empty();
            validate_update_attributes_with_options(&parsed.attributes, true, classic, !self.internal, options)
                .expect("the oracle finds nothing wrong");
        }
        if parsed.withdrawn.is_empty() && parsed.attributes.is_empty() && !announces {
            self.end_of_rib.insert(Family::Ipv4);
        }
        for withdrawn in &parsed.withdrawn {
            let prefix = Prefix::new(withdrawn.prefix.addr.into(), withdrawn.prefix.len).unwrap();
            assert!(self.table.remove(&prefix).is_some(), "{prefix} was announced before");
        }
        for announced in &parsed.announced {
            self.insert(Prefix::new(announced.prefix.addr.into(), announced.prefix.len).unwrap(), learned.clone());
        }
        if let Some(unreach) = unreach {
            if unreach.withdrawn.is_empty() {
                self.end_of_rib.insert(family(unreach.afi));
            }
            for entry in &unreach.withdrawn {
                let prefix = convert(&entry.prefix);
                assert!(self.table.remove(&prefix).is_some(), "{prefix} was announced before");
            }
        }
        if let Some(reach) = reach {
            learned.next_hop = Some(reach.next_hop);
            learned.link_local = reach.link_local_next_hop;
            for entry in &reach.announced {
                self.insert(convert(&entry.prefix), learned.clone());
            }
        }
    }

    fn insert(&mut self, prefix: Prefix, learned: Learned) {
        self.heard.insert(prefix);
        self.table.insert(prefix, learned);
    }
}

impl Learned {
    fn take(&mut self, attribute: &PathAttribute) {
        match attribute {
            PathAttribute::AsPath(path) => {
                self.as_path = path
                    .segments
                    .iter()
                    .flat_map(|segment| match segment {
                        AsPathSegment::AsSequence(numbers) => numbers.clone(),
                        AsPathSegment::AsSet(_) => panic!("we never send a set"),
                    })
                    .collect();
            }
            PathAttribute::NextHop(address) => self.next_hop = Some((*address).into()),
            PathAttribute::Med(med) => self.med = Some(*med),
            PathAttribute::LocalPref(preference) => self.local_pref = Some(*preference),
            PathAttribute::Communities(communities) => self.communities.clone_from(communities),
            PathAttribute::LargeCommunities(communities) => {
                let parts = |community: &rustbgpd_wire::LargeCommunity| {
                    [community.global_admin, community.local_data1, community.local_data2]
                };
                self.large_communities = communities.iter().map(parts).collect();
            }
            PathAttribute::ExtendedCommunities(communities) => {
                let [community] = communities[..] else { panic!("one extended community") };
                let octets = community.as_u64().to_be_bytes();
                assert_eq!(octets[..2], [0x40, 4], "link bandwidth");
                self.link_bandwidth = Some(f32::from_be_bytes([octets[4], octets[5], octets[6], octets[7]]));
            }
            PathAttribute::OnlyToCustomer(number) => self.only_to_customer = Some(*number),
            PathAttribute::Origin(origin) => assert_eq!(*origin, rustbgpd_wire::Origin::Igp),
            other => panic!("we never send {other:?}"),
        }
    }
}

fn family(afi: Afi) -> Family {
    match afi {
        Afi::Ipv4 => Family::Ipv4,
        Afi::Ipv6 => Family::Ipv6,
        other => panic!("we never send {other:?}"),
    }
}

fn convert(prefix: &rustbgpd_wire::Prefix) -> Prefix {
    match prefix {
        rustbgpd_wire::Prefix::V4(prefix) => Prefix::new(prefix.addr.into(), prefix.len).unwrap(),
        rustbgpd_wire::Prefix::V6(prefix) => Prefix::new(prefix.addr.into(), prefix.len).unwrap(),
    }
}
