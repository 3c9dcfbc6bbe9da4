//! How often one Service is written, so that a fight over it with another program costs little and is told.
//!
//! Every Service has a budget of writes that fills up again slowly. A write that repairs what another program has changed costs
//! much of it, any other one little, so that somebody who tries things out does not notice it. Who has spent it rests, and for
//! twice as long each time, until it is full again.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use ipam::ServiceId;

use crate::snapshot::Uid;

/// What a Service may spend after a quiet time.
const BUDGET: u32 = 30;
/// What a write costs that repairs what another program has changed.
const REPAIR: u32 = 10;
/// What any other write costs, and one that came too late for the version it was for.
const ORDINARY: u32 = 1;
/// How long it takes to earn one unit. A repair is earned in two minutes, which is more than the longest rest.
const EARNING: Duration = Duration::from_secs(12);
/// How often accounts that are full are looked for and dropped.
const SWEEP: Duration = Duration::from_secs(60);

/// The budgets of the Services that were written lately.
#[derive(Debug, Default)]
pub(super) struct Contention {
    accounts: BTreeMap<ServiceId, Account>,
    swept: Option<Instant>,
}

#[derive(Debug)]
struct Account {
    uid: Uid,
    left: u32,
    /// Until when earnings are added.
    counted: Instant,
    /// Who changed what we wrote, and when, until it is repaired.
    changed: Option<(Instant, String)>,
    /// Who did so last, once it was too often.
    rival: Option<String>,
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
    }

    /// Records an attempt to write the status of a Service, and whether it was carried out.
    pub(super) fn spend(&mut self, now: Instant, service: &ServiceId, uid: &Uid, carried_out: bool) -> Spent {
        self.sweep(now);
        let account = self.account(now, service, uid);
        let changed = if carried_out { account.changed.take() } else { account.changed.clone() };
        let cost = if carried_out && changed.is_some() { REPAIR } else { ORDINARY };
        if let Some(left) = account.left.checked_sub(cost) {
            account.left = left;
            return Spent::Within;
        }
        account.left = 0;
        let known = account.rival.clone();
        let rival = changed.map(|(_, by)| by).or_else(|| known.clone()).unwrap_or_else(|| UNSEEN.to_owned());
        let first = known.is_none_or(|known| known == UNSEEN && rival != UNSEEN);
        account.rival = Some(rival);
        Spent::Beyond { first }
    }

    /// Returns who keeps changing what we write into the status of a Service, if it is contended.
    pub(super) fn rival(&self, service: &ServiceId) -> Option<&str> {
        self.accounts.get(service)?.rival.as_deref()
    }

    /// Returns the Services that are contended, and with whom.
    pub(super) fn contended(&self) -> impl Iterator<Item = (&ServiceId, &str)> {
        self.accounts.iter().filter_map(|(service, account)| Some((service, account.rival.as_deref()?)))
    }

    fn account(&mut self, now: Instant, service: &ServiceId, uid: &Uid) -> &mut Account {
        let fresh = || Account { uid: uid.clone(), left: BUDGET, counted: now, changed: None, rival: None };
        let account = self.accounts.entry(service.clone()).or_insert_with(fresh);
        if account.uid != *uid {
            *account = fresh();
        }
        account.earn(now);
        account
    }

    /// Drops the accounts that are full, which ends the contention.
    pub(super) fn sweep(&mut self, now: Instant) {
        if self.swept.is_some_and(|swept| now < swept + SWEEP) {
            return;
        }
        self.swept = Some(now);
        self.accounts.retain(|_, account| {
            account.earn(now);
            account.left < BUDGET || account.changed.as_ref().is_some_and(|(at, _)| now < *at + SWEEP)
        });
    }
}

impl Account {
    fn earn(&mut self, now: Instant) {
        let units = now.saturating_duration_since(self.counted).as_secs() / EARNING.as_secs();
        let units = u32::try_from(units).unwrap_or(BUDGET).min(BUDGET);
        self.left = self.left.saturating_add(units).min(BUDGET);
        match self.left == BUDGET {
            true => self.counted = now,
            false => self.counted += EARNING * units,
        }
    }
}

#[cfg(test)]
mod tests;
