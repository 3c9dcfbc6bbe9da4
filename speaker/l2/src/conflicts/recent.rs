//! Whether a claim came before, told in constant memory.

use std::net::IpAddr;

use crate::MacAddr;

/// Places for claims, 64 KiB in all. At 200 made-up stations per second a claim is found again for some 80 s.
const PLACES: usize = 1 << 14;

/// A table of fingerprints, each in the place that its hash gives it; a later one takes the place of an earlier one.
#[derive(Debug)]
pub(super) struct Recent {
    /// Keeps outsiders from computing which claims push out which.
    secret: u64,
    /// Empty until it is needed first.
    places: Vec<u32>,
}

impl Recent {
    pub(super) const fn new(secret: u64) -> Self {
        Self { secret, places: Vec::new() }
    }

    /// Returns whether this station claimed this address not long ago, and remembers that it does.
    pub(super) fn saw_again(&mut self, vip: IpAddr, mac: MacAddr) -> bool {
        if self.places.is_empty() {
            self.places = vec![0; PLACES];
        }
        let hash = self.hash(vip, mac);
        let place = &mut self.places[(hash >> 32) as usize % PLACES];
        // Zero stands for an empty place.
        let fingerprint = (hash as u32).max(1);
        std::mem::replace(place, fingerprint) == fingerprint
    }

    fn hash(&self, vip: IpAddr, mac: MacAddr) -> u64 {
        let vip = match vip {
            IpAddr::V4(four) => u128::from(u32::from(four)),
            IpAddr::V6(six) => u128::from(six),
        };
        let [a, b, c, d, e, f] = mac.0;
        let mac = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
        let words = [vip as u64, (vip >> 64) as u64, mac];
        words.into_iter().fold(self.secret, |hash, word| mix(hash ^ word))
    }
}

/// A step of SplitMix64.
const fn mix(value: u64) -> u64 {
    let mixed = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
