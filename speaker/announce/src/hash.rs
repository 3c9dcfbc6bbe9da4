//! Hashes that never change between versions, platforms and nodes.

use std::net::IpAddr;

/// Returns the key that spreads VIPs over nodes.
///
/// The address is read as one number (IPv4 as 32 bits, marked by a constant) and each half goes through [`mix`].
pub(crate) fn group(address: IpAddr) -> u64 {
    let (high, low) = match address {
        IpAddr::V4(v4) => (0xffff_ffff_ffff_ffff, u64::from(u32::from(v4))),
        IpAddr::V6(v6) => {
            let bits = u128::from(v6);
            ((bits >> 64) as u64, bits as u64)
        }
    };
    mix(mix(high) ^ low)
}

/// Returns a hash of `bytes`, read in little-endian words of up to eight.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    bytes.chunks(8).fold(0, |hash, chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        mix(hash ^ u64::from_le_bytes(word))
    })
}

/// Mixes a number so that near addresses get unrelated keys: two rounds of xor-shift and multiplication by an odd constant, each
/// of which can be undone, so distinct numbers stay distinct.
fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests;
