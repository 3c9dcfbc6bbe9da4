//! Who should own a VIP that nobody owns.
//!
//! Everybody computes the same from the same facts: members that are not damped first, then preference, then the node that already owns a VIP of the same
//! group, then rendezvous hashing with bounded loads (a member above 1.25 times the average comes after the others).

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::claims::weight;
use crate::name::{MemberTag, NodeName};

/// A live member that may own VIPs.
#[derive(Debug, Clone)]
pub(crate) struct Contender {
    pub(crate) tag: MemberTag,
    pub(crate) node: NodeName,
    /// Claims it holds, plus those it was just elected for.
    pub(crate) load: usize,
    /// It still listens; it counts only while a whole wire starts.
    pub(crate) listening: bool,
    /// It lost what it owned too often.
    pub(crate) damped: bool,
}

/// The facts of one election.
#[derive(Debug)]
pub(crate) struct Ballot<'a> {
    pub(crate) vip: IpAddr,
    /// Preference of each contender, if its node is a candidate.
    pub(crate) scores: &'a [Option<u32>],
    /// Members that may not take this VIP, among them those that hand it over.
    pub(crate) excluded: &'a [MemberTag],
    /// Whether listening members count.
    pub(crate) with_listeners: bool,
    /// Nodes that own VIPs of the same group.
    pub(crate) group_owners: &'a BTreeSet<NodeName>,
    /// Comes after everybody else: this member, while it is draining.
    pub(crate) last_resort: Option<MemberTag>,
    /// The load from which on a member comes after the others.
    pub(crate) bound: usize,
}

/// The outcome of one election.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Place of the winner in the list of contenders.
    pub(crate) winner: usize,
    /// How many come before the member asked about; nothing if it is no candidate.
    pub(crate) before_me: Option<usize>,
}

/// Returns 1.25 times the average load, rounded up.
pub(crate) fn load_bound(vips: usize, members: usize) -> usize {
    (vips * 5).div_ceil(members.max(1) * 4)
}

/// Compares as: willing, not damped, score, same group, within the bound, weight, tag.
type Standing = (bool, bool, u32, bool, bool, u64, MemberTag);

impl Ballot<'_> {
    fn standing(&self, index: usize, contender: &Contender) -> Option<Standing> {
        let score = self.scores.get(index).copied().flatten()?;
        if self.excluded.contains(&contender.tag) || (contender.listening && !self.with_listeners) {
            return None;
        }
        Some((
            self.last_resort != Some(contender.tag),
            !contender.damped,
            score,
            self.group_owners.contains(&contender.node),
            contender.load < self.bound,
            weight(self.vip, contender.tag),
            contender.tag,
        ))
    }

    /// Elects among `contenders` and places the one at index `me`; nothing if none of them is a candidate.
    pub(crate) fn elect(&self, contenders: &[Contender], me: Option<usize>) -> Option<Outcome> {
        let mine = me.and_then(|index| self.standing(index, contenders.get(index)?));
        let mut before_me = 0;
        let mut best: Option<(Standing, usize)> = None;
        for (index, contender) in contenders.iter().enumerate() {
            let Some(standing) = self.standing(index, contender) else { continue };
            before_me += usize::from(mine.is_some_and(|mine| standing > mine));
            best = best.max(Some((standing, index)));
        }
        best.map(|(_, winner)| Outcome { winner, before_me: mine.map(|_| before_me) })
    }
}

#[cfg(test)]
mod tests;
