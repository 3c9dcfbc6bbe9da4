//! Who claims what on the wire: the claims of live peers by VIP, and which of two claims is the better one.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::mix::{mix, mix_address};
use crate::name::MemberTag;
use crate::table::{Claim, Epoch};

/// A claim with its claimant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Claimant {
    pub(crate) member: MemberTag,
    pub(crate) claim: Claim,
    /// The claimant stood still and does not answer until it is revalidated.
    pub(crate) suspended: bool,
}

impl Claimant {
    /// Orders the claims to one VIP: who answers, then the later epoch, then a rank that differs from VIP to VIP, so that a healed
    /// partition does not give every VIP to the same side.
    pub(crate) fn strength(&self, vip: IpAddr) -> (bool, Epoch, u64, MemberTag) {
        (!self.suspended, self.claim.epoch, weight(vip, self.member), self.member)
    }
}

/// Returns the rendezvous weight of a member for a VIP.
pub(crate) fn weight(vip: IpAddr, member: MemberTag) -> u64 {
    mix(mix_address(vip) ^ member.0)
}

/// The claims of all live peers.
#[derive(Debug, Default)]
pub(crate) struct Claims(BTreeMap<IpAddr, Vec<Claimant>>);

impl Claims {
    pub(crate) fn set(&mut self, vip: IpAddr, claimant: Claimant) {
        let claimants = self.0.entry(vip).or_default();
        claimants.retain(|other| other.member != claimant.member);
        claimants.push(claimant);
    }

    pub(crate) fn remove(&mut self, vip: IpAddr, member: MemberTag) {
        let Some(claimants) = self.0.get_mut(&vip) else { return };
        claimants.retain(|claimant| claimant.member != member);
        if claimants.is_empty() {
            self.0.remove(&vip);
        }
    }

    pub(crate) fn of(&self, vip: IpAddr) -> &[Claimant] {
        self.0.get(&vip).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn best(&self, vip: IpAddr) -> Option<Claimant> {
        self.of(vip).iter().max_by_key(|claimant| claimant.strength(vip)).copied()
    }

    pub(crate) fn is_claimed_by(&self, vip: IpAddr, member: MemberTag) -> bool {
        self.of(vip).iter().any(|claimant| claimant.member == member)
    }
}
