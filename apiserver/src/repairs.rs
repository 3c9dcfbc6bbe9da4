//! How often an object is put right that another program keeps changing.
//!
//! Every object has a budget that fills up again slowly. A repair costs much of it, any other write little, so that somebody who
//! tries things out does not notice it. Who has spent it rests, and for twice as long each time, until it is full again.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

#[cfg(test)]
mod tests;

/// What an object may spend after a quiet time.
const BUDGET: u32 = 30;
/// How long it takes to earn one unit. A repair is earned in two minutes, which is more than the longest rest.
const EARNING: Duration = Duration::from_secs(12);
/// How long an object rests after a repair beyond its budget; doubles up to the longest.
const FIRST_REST: Duration = Duration::from_secs(1);
const LONGEST_REST: Duration = Duration::from_secs(60);
/// How often accounts that are full are looked for and dropped.
const SWEEP: Duration = Duration::from_secs(60);

/// What the writes to one object may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    left: u32,
    /// Until when earnings are added.
    counted: Instant,
}

impl Budget {
    /// What a write costs that repairs what another program has changed.
    pub const REPAIR: u32 = 10;
    /// What any other write costs, and one that came too late for the version it was for.
    pub const ORDINARY: u32 = 1;

    /// Returns a budget of which nothing is spent.
    pub fn full(now: Instant) -> Self {
        Self { left: BUDGET, counted: now }
    }

    /// Takes the cost of a write and returns true, or takes everything and returns false if that is not enough.
    pub fn spend(&mut self, now: Instant, cost: u32) -> bool {
        self.earn(now);
        let left = self.left.checked_sub(cost);
        self.left = left.unwrap_or(0);
        left.is_some()
    }

    /// Says whether nothing is spent, or everything earned again.
    pub fn is_full(&mut self, now: Instant) -> bool {
        self.earn(now);
        self.left == BUDGET
    }

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

/// Which objects may be repaired at once, and which rest because another program undoes it every time.
#[derive(Clone, Debug)]
pub struct Repairs<K> {
    accounts: BTreeMap<K, Account>,
    swept: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Account {
    budget: Budget,
    /// The latest rest, and until when it lasts.
    rest: Option<(Duration, Instant)>,
}

impl<K> Default for Repairs<K> {
    fn default() -> Self {
        Self { accounts: BTreeMap::new(), swept: None }
    }
}

impl<K: Ord> Repairs<K> {
    /// Says whether an object has to be left alone for now.
    pub fn is_resting(&self, now: Instant, object: &K) -> bool {
        self.accounts.get(object).is_some_and(|account| account.rest.is_some_and(|(_, until)| now < until))
    }

    /// Books a write to an object; returns whether it was one too many for the first time, which is to be told.
    pub fn book(&mut self, now: Instant, object: K, cost: u32) -> bool {
        self.sweep(now);
        let account = self.accounts.entry(object).or_insert_with(|| Account { budget: Budget::full(now), rest: None });
        if account.budget.is_full(now) {
            account.rest = None;
        }
        if account.budget.spend(now, cost) {
            return false;
        }
        let rest = account.rest.map_or(FIRST_REST, |(last, _)| (last * 2).min(LONGEST_REST));
        account.rest.replace((rest, now + rest)).is_none()
    }

    /// Drops the accounts that are full.
    fn sweep(&mut self, now: Instant) {
        if self.swept.is_none_or(|swept| now >= swept + SWEEP) {
            self.swept = Some(now);
            self.accounts.retain(|_, account| !account.budget.is_full(now));
        }
    }

    /// Returns when the next object has rested long enough.
    pub fn next_wake(&self, now: Instant) -> Option<Instant> {
        self.accounts.values().filter_map(|account| Some(account.rest?.1)).filter(|until| *until > now).min()
    }
}
