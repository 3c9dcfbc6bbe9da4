//! One 64-bit mix for digests, hashing and jitter; the same on every machine and in every release of this version.

use std::net::IpAddr;

/// Returns the bits of `value`, thoroughly stirred (the finaliser of SplitMix64).
pub(crate) fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// Returns a number for an address; IPv4 and IPv6 addresses do not meet.
pub(crate) fn mix_address(vip: IpAddr) -> u64 {
    match vip {
        IpAddr::V4(address) => mix(u64::from(address.to_bits())),
        IpAddr::V6(address) => {
            let [high, low] = [address.to_bits() >> 64, address.to_bits()]
                .map(|bits| u64::try_from(bits & u128::from(u64::MAX)).expect("64 bits were kept"));
            mix(mix(high ^ 0x6) ^ low)
        }
    }
}

/// Spreads what must not happen in step on all members; not for secrets.
#[derive(Debug)]
pub(crate) struct Jitter(u64);

impl Jitter {
    pub(crate) fn new(seed: u64) -> Self {
        Self(mix(seed))
    }

    /// Returns a number below `bound`, or 0 if `bound` is 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(1);
        mix(self.0).checked_rem(bound).unwrap_or(0)
    }
}
