//! Starts of members that were heard and have not proven yet that they live.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::name::{BootId, MemberId, MemberTag};
use crate::seal::{KeyId, Opener};

/// How many are kept; whoever has recordings can show as many as he has recorded.
const LIMIT: usize = 256;
/// How soon one that has not answered is asked again; then after twice the time, and so on.
const FIRST_WAIT: Duration = Duration::from_millis(30);
const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// How often one that is refused is told so at most.
const REFUSED_EVERY: Duration = Duration::from_millis(300);
/// How long one that is no longer heard is kept.
const FORGET_AFTER: Duration = Duration::from_secs(10);

/// A member whose heartbeats arrive and which has not shown yet that it receives those of this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnprovenView {
    /// Its name, which may be that of this member.
    pub member: MemberId,
    /// Where its heartbeats come from.
    pub address: SocketAddr,
    /// When the first of them arrived.
    pub since: Instant,
}

/// How many members are shown that have proven nothing; anybody with recordings can play more.
const SHOWN: usize = 8;

pub(crate) struct Newcomer {
    opener: Option<Opener>,
    address: SocketAddr,
    /// When it was heard first.
    since: Instant,
    heard: Instant,
    ask_at: Instant,
    wait: Duration,
    refuse_at: Instant,
    /// It was reported as a second machine of its name.
    pub(crate) is_reported: bool,
    /// Its name, as long as nothing but a proof is missing.
    unproven: Option<MemberId>,
}

impl Newcomer {
    /// Notes whether nothing but a proof keeps it from counting.
    pub(crate) fn note_unproven(&mut self, member: &MemberId, is_unproven: bool) {
        match (is_unproven, &self.unproven) {
            (true, None) => self.unproven = Some(member.clone()),
            (true, Some(_)) | (false, None) => {}
            (false, Some(_)) => self.unproven = None,
        }
    }

    /// Returns whether it is time to ask it for a proof, and notes that this is done.
    pub(crate) fn is_to_be_asked(&mut self, now: Instant) -> bool {
        if now < self.ask_at {
            return false;
        }
        self.ask_at = now + self.wait;
        self.wait = (self.wait * 2).min(LONGEST_WAIT);
        true
    }

    /// Returns whether it is time to tell it that it is refused, and notes that this is done.
    pub(crate) fn is_to_be_refused(&mut self, now: Instant) -> bool {
        let is_due = now >= self.refuse_at;
        if is_due {
            self.refuse_at = now + REFUSED_EVERY;
        }
        is_due
    }
}

#[derive(Default)]
pub(crate) struct Newcomers(BTreeMap<(MemberTag, BootId), Newcomer>);

impl Newcomers {
    /// Returns the key of one, if it was derived before.
    pub(crate) fn opener(&self, tag: MemberTag, boot: BootId, key: KeyId) -> Option<&Opener> {
        self.0.get(&(tag, boot))?.opener.as_ref().filter(|opener| opener.key_id == key)
    }

    /// Notes that one was heard; in place of too many that one goes which was not heard for the longest time.
    pub(crate) fn hear(
        &mut self,
        now: Instant,
        (tag, boot): (MemberTag, BootId),
        address: SocketAddr,
        opener: Option<Opener>,
    ) -> &mut Newcomer {
        if self.0.len() >= LIMIT && !self.0.contains_key(&(tag, boot)) {
            let oldest = self.0.iter().min_by_key(|(_, newcomer)| newcomer.heard).map(|(key, _)| *key);
            oldest.and_then(|key| self.0.remove(&key));
        }
        let newcomer = self.0.entry((tag, boot)).or_insert_with(|| Newcomer {
            opener: None,
            address,
            since: now,
            heard: now,
            ask_at: now,
            wait: FIRST_WAIT,
            refuse_at: now,
            is_reported: false,
            unproven: None,
        });
        newcomer.heard = now;
        newcomer.address = address;
        newcomer.opener = opener.or_else(|| newcomer.opener.take());
        newcomer
    }

    /// Removes one that has proven itself, and returns its key if it was derived before.
    pub(crate) fn admit(&mut self, tag: MemberTag, boot: BootId) -> Option<Opener> {
        self.0.remove(&(tag, boot))?.opener
    }

    /// Returns when one was heard first.
    pub(crate) fn since(&self, tag: MemberTag, boot: BootId) -> Option<Instant> {
        self.0.get(&(tag, boot)).map(|newcomer| newcomer.since)
    }

    /// Returns where the starts of one member speak from.
    pub(crate) fn addresses(&self, tag: MemberTag) -> Vec<SocketAddr> {
        let range = (tag, BootId(0))..=(tag, BootId(u64::MAX));
        self.0.range(range).map(|(_, newcomer)| newcomer.address).collect()
    }

    /// Reports whether one of another member than `but` was heard since a time.
    pub(crate) fn is_any_heard(&self, since: Instant, but: MemberTag) -> bool {
        let is_heard = |newcomer: &Newcomer| newcomer.heard >= since;
        self.0.iter().any(|((tag, _), newcomer)| *tag != but && is_heard(newcomer))
    }

    /// Returns the members that have proven nothing, those first that have been heard for the longest time.
    pub(crate) fn unproven(&self, is_live: impl Fn(MemberTag) -> bool) -> Vec<UnprovenView> {
        let mut members: BTreeMap<MemberTag, UnprovenView> = BTreeMap::new();
        for ((tag, _), newcomer) in self.0.iter().filter(|((tag, _), _)| !is_live(*tag)) {
            let Newcomer { unproven: Some(member), address, since, .. } = newcomer else { continue };
            let view = UnprovenView { member: member.clone(), address: *address, since: *since };
            let shown = members.entry(*tag).or_insert_with(|| view.clone());
            if view.since < shown.since {
                *shown = view;
            }
        }
        let mut members: Vec<_> = members.into_values().collect();
        members.sort_by_key(|view| view.since);
        members.truncate(SHOWN);
        members
    }

    pub(crate) fn prune(&mut self, now: Instant) {
        self.0.retain(|_, newcomer| now.saturating_duration_since(newcomer.heard) < FORGET_AFTER);
    }

    /// Forgets the keys, because others count.
    pub(crate) fn forget_keys(&mut self) {
        self.0.values_mut().for_each(|newcomer| newcomer.opener = None);
    }
}

#[cfg(test)]
mod tests;
