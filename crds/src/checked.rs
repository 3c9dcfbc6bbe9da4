//! The configuration, parsed once.
//!
//! [`Config::compile`] takes all objects and returns what can take effect and a [`Fault`](crate::fault::Fault) for everything that
//! cannot. Validity is per object: an object with an error is left out, and the others take effect. Where two objects contradict
//! each other the one that was edited since it took effect is at fault, else the newer one, by creation time and then name, so that
//! what worked yesterday works today.
//!
//! References are resolved: an advertisement holds the names of the pools and peers it is for, and a peer holds its BFD profile.
//! The rest stays as plain values, so that a consumer converts them in a few lines.

mod age;
mod bfd_profile;
mod bgp_advertisement;
mod community;
mod compile;
mod compiler;
mod duration;
mod interface;
mod l2_advertisement;
mod overlaps;
mod password;
mod peer;
mod pool;
mod preference;
mod range;
mod references;
mod sessions;
mod special;
#[cfg(test)]
mod tests;

pub use bfd_profile::BfdProfile;
pub use bgp_advertisement::BgpAdvertisement;
pub use community::{Community, CommunityValue};
pub use compile::{Config, Objects};
pub use compiler::{ByName, Compiled, Compiler, Written, add};
pub use duration::parse_duration;
pub use l2_advertisement::{L2Advertisement, Preference};
pub use password::{Password, PasswordSource, password_of};
pub use peer::{Peer, RemoteAsn, Router, Timers};
pub use pool::{Pool, ServiceAllocation};
pub use range::{AddressRange, Family};
pub use special::{SPECIAL_BLOCKS, Special};

use std::collections::BTreeMap;

use crate::fault::{FieldPath, Findings, Problem};

/// The labels of the nodes, by node name.
pub type Nodes = BTreeMap<String, BTreeMap<String, String>>;

/// Reports empty and repeated entries of a list of names.
fn check_names(names: Option<&[String]>, field: &FieldPath, findings: &mut Findings) {
    let names = names.unwrap_or_default();
    for (index, name) in names.iter().enumerate() {
        if name.is_empty() {
            findings.add(field.index(index), Problem::Empty);
        } else if names[..index].contains(name) {
            findings.add(field.index(index), Problem::Repeated { value: name.clone() });
        }
    }
}

/// Returns a number if it lies between two bounds, and reports it otherwise.
fn bounded<T>(value: i64, bounds: std::ops::RangeInclusive<i64>, field: FieldPath, findings: &mut Findings) -> Option<T>
where
    T: TryFrom<i64>,
{
    if bounds.contains(&value) {
        return T::try_from(value).ok();
    }
    findings.add(field, Problem::OutOfRange { value, minimum: *bounds.start(), maximum: *bounds.end() });
    None
}
