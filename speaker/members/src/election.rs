//! Who should own a VIP that nobody owns.
//!
//! Everybody computes the same from the same facts: preference, then the node that already owns a VIP of the same
//! group, then rendezvous hashing with bounded loads (a member above 1.25 times the average comes after the others).

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::claims::weight;
use crate::contract::Candidacy;
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
}

/// The facts of one election.
#[derive(Debug)]
pub(crate) struct Ballot<'a> {
    pub(crate) vip: IpAddr,
    pub(crate) candidacy: &'a Candidacy,
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

/// Compares as: willing, score, same group, within the bound, weight, tag.
type Standing = (bool, u32, bool, bool, u64, MemberTag);

impl Ballot<'_> {
    fn standing(&self, contender: &Contender) -> Option<Standing> {
        let score = *self.candidacy.nodes.get(&contender.node)?;
        if self.excluded.contains(&contender.tag) || (contender.listening && !self.with_listeners) {
            return None;
        }
        Some((
            self.last_resort != Some(contender.tag),
            score,
            self.group_owners.contains(&contender.node),
            contender.load < self.bound,
            weight(self.vip, contender.tag),
            contender.tag,
        ))
    }

    /// Elects among `contenders`; nothing if none of them is a candidate.
    pub(crate) fn elect(&self, contenders: &[Contender], me: MemberTag) -> Option<Outcome> {
        let standings: Vec<Option<Standing>> = contenders.iter().map(|contender| self.standing(contender)).collect();
        let ranked = || standings.iter().enumerate().filter_map(|(index, standing)| standing.map(|it| (it, index)));
        let (_, winner) = ranked().max()?;
        let mine = ranked().find(|(standing, _)| standing.5 == me);
        let before_me = mine.map(|(mine, _)| ranked().filter(|(standing, _)| *standing > mine).count());
        Some(Outcome { winner, before_me })
    }
}

#[cfg(test)]
mod tests;
