//! How often one Service is written, so that a fight over it with another program costs little and is told.
//!
//! Every Service has a [`Budget`] of writes. Who has spent it rests, and for twice as long each time, until the other program leaves
//! the Service alone.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use apiserver::Budget;
use ipam::ServiceId;

use crate::view::Uid;

/// How long nothing must happen before a fight is over: longer than a rest, and as long as it takes to earn a repair.
const PEACE: Duration = Duration::from_secs(120);
/// How often accounts that are full are looked for and dropped.
const SWEEP: Duration = Duration::from_secs(60);

/// The budgets of the Services that were written lately.
#[derive(Debug, Default)]
pub(super) struct Contention {
    accounts: BTreeMap<ServiceId, Account>,
    fights: BTreeMap<ServiceId, Fight>,
    swept: Option<Instant>,
}

#[derive(Debug)]
struct Account {
    uid: Uid,
    budget: Budget,
    /// Who changed what we wrote, and when, until it is repaired.
    changed: Option<(Instant, String)>,
}

/// A Service that was repaired too often.
#[derive(Debug)]
struct Fight {
    /// Who changed it last.
    rival: Arc<str>,
    /// When it is over, if nothing happens.
    ends: Instant,
}

/// Whether a write was within the budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spent {
    /// It was.
    Within,
    /// It was not.
    Beyond {
        /// Whether this is news: it was not so before, or nobody knew with whom.
        first: bool,
    },
}

/// Who contends, where nobody was seen.
const UNSEEN: &str = "";

impl Contention {
    /// Records that a program has changed what we wrote into the status of a Service.
    pub(super) fn changed(&mut self, now: Instant, service: &ServiceId, uid: &Uid, by: &str) {
        self.account(now, service, uid).changed = Some((now, by.to_owned()));
        if let Some(fight) = self.fights.get_mut(service) {
            fight.ends = now + PEACE;
        }
    }

    /// Records an attempt to write the status of a Service, and whether it was carried out.
    pub(super) fn spend(&mut self, now: Instant, service: &ServiceId, uid: &Uid, carried_out: bool) -> Spent {
        self.sweep(now);
        let account = self.account(now, service, uid);
        let changed = if carried_out { account.changed.take() } else { account.changed.clone() };
        let cost = if carried_out && changed.is_some() { Budget::REPAIR } else { Budget::ORDINARY };
        if account.budget.spend(now, cost) {
            return Spent::Within;
        }
        let known = self.fights.get(service).map(|fight| fight.rival.clone());
        let rival = changed.map(|(_, by)| by.into()).or_else(|| known.clone()).unwrap_or_else(|| UNSEEN.into());
        let first = known.is_none_or(|known| *known == *UNSEEN && *rival != *UNSEEN);
        // What we write ourselves does not prolong a fight.
        let ends = self.fights.get(service).map_or(now + PEACE, |fight| fight.ends);
        self.fights.insert(service.clone(), Fight { rival, ends });
        Spent::Beyond { first }
    }

    /// Returns who keeps changing what we write into the status of a Service, if it is contended.
    pub(super) fn rival(&self, service: &ServiceId) -> Option<&str> {
        self.fights.get(service).map(|fight| &*fight.rival)
    }

    /// Returns the Services that are contended, and with whom.
    pub(super) fn contended(&self) -> BTreeMap<ServiceId, Arc<str>> {
        self.fights.iter().map(|(service, fight)| (service.clone(), fight.rival.clone())).collect()
    }

    /// Returns when the next fight is over if nothing happens.
    pub(super) fn next_wake(&self) -> Option<Instant> {
        self.fights.values().map(|fight| fight.ends).min()
    }

    fn account(&mut self, now: Instant, service: &ServiceId, uid: &Uid) -> &mut Account {
        let fresh = || Account { uid: uid.clone(), budget: Budget::full(now), changed: None };
        let account = self.accounts.entry(service.clone()).or_insert_with(fresh);
        if account.uid != *uid {
            *account = fresh();
            self.fights.remove(service);
        }
        account
    }

    /// Ends the fights in which nothing happened, and drops the accounts that are full.
    pub(super) fn sweep(&mut self, now: Instant) {
        self.fights.retain(|_, fight| now < fight.ends);
        if self.swept.is_some_and(|swept| now < swept + SWEEP) {
            return;
        }
        self.swept = Some(now);
        self.accounts.retain(|_, account| {
            !account.budget.is_full(now) || account.changed.as_ref().is_some_and(|(at, _)| now < *at + SWEEP)
        });
    }
}

#[cfg(test)]
mod tests;
