//! When each address is announced: a burst after takeover, then a slow refresh, both paced for the whole link.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::Config;
use crate::config::LONGEST;
use crate::limit::Pace;

/// PROBE_NUM of RFC 5227 §1.1. A later probe finds a holder that missed the first one.
const PROBES: u8 = 3;
const SHORTEST_REFRESH: Duration = Duration::from_secs(1);

/// What is sent for an address at its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    Burst { vip: IpAddr, probe: bool },
    Refresh { vip: IpAddr },
}

impl Turn {
    /// Returns how many frames the turn takes: ARP announces in request and in reply form, but refreshes with the request alone.
    pub(crate) fn frames(self) -> u32 {
        match self {
            Self::Burst { vip, probe } => u32::from(probe) + if vip.is_ipv4() { 2 } else { 1 },
            Self::Refresh { .. } => 1,
        }
    }
}

/// The next announcement of an address.
#[derive(Clone, Copy, Debug)]
struct Entry {
    phase: Phase,
    due: Instant,
    probes: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    First,
    /// The value counts announcements of this burst that are done.
    Repeat(usize),
    Refresh,
}

type Queue = BTreeSet<(Instant, IpAddr)>;

/// All announcements to come, each operation logarithmic in the number of addresses.
#[derive(Debug)]
pub(crate) struct Schedule {
    repeats: Vec<Duration>,
    refresh: Option<Duration>,
    entries: BTreeMap<IpAddr, Entry>,
    first: Queue,
    repeated: Queue,
    refreshed: Queue,
    bursts: Pace,
    refreshes: Pace,
    random: u64,
}

impl Schedule {
    pub(crate) fn new(config: &Config, seed: u64, now: Instant) -> Self {
        Self {
            repeats: config.repeats.iter().map(|&offset| offset.min(LONGEST)).collect(),
            refresh: config.refresh.map(|interval| interval.clamp(SHORTEST_REFRESH, LONGEST)),
            entries: BTreeMap::new(),
            first: Queue::new(),
            repeated: Queue::new(),
            refreshed: Queue::new(),
            bursts: Pace::new(config.burst_limit, now),
            refreshes: Pace::new(config.refresh_limit, now),
            random: seed,
        }
    }

    /// Starts a burst with probes.
    pub(crate) fn announce(&mut self, now: Instant, vip: IpAddr) {
        self.put(vip, Entry { phase: Phase::First, due: now, probes: PROBES });
    }

    /// Starts the burst anew, unless its first announcement is still waiting for its turn.
    pub(crate) fn reassert(&mut self, now: Instant, vip: IpAddr) {
        let entry = self.entries.get(&vip);
        if entry.is_none_or(|entry| entry.phase != Phase::First) {
            let probes = entry.map_or(0, |entry| entry.probes);
            self.put(vip, Entry { phase: Phase::First, due: now, probes });
        }
    }

    /// Brings the next announcement forward to now; a burst in progress goes on from it.
    pub(crate) fn defend(&mut self, now: Instant, vip: IpAddr) {
        let last = self.repeats.len();
        let (done, probes) = match self.entries.get(&vip).map(|entry| (entry.phase, entry.probes)) {
            Some((Phase::First, _)) => return,
            Some((Phase::Repeat(done), probes)) => (done, probes),
            Some((Phase::Refresh, _)) | None => (last, 0),
        };
        self.put(vip, Entry { phase: Phase::Repeat(done), due: now, probes });
    }

    /// Forgets the address.
    pub(crate) fn withdraw(&mut self, vip: IpAddr) {
        if let Some(entry) = self.entries.remove(&vip) {
            self.queue(entry.phase).remove(&(entry.due, vip));
        }
    }

    /// Takes the next announcement that is due and within the pace.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<Turn> {
        let (_, turn) = self.heads().into_iter().flatten().find(|(ready, _)| *ready <= now)?;
        match turn {
            Turn::Burst { vip, probe } => {
                self.bursts.take(now, turn.frames());
                self.plan_after_burst(now, vip, probe);
            }
            Turn::Refresh { vip } => {
                self.refreshes.take(now, turn.frames());
                self.plan_refresh(now, vip);
            }
        }
        Some(turn)
    }

    /// Returns when [`Schedule::pop`] has something.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.heads().into_iter().flatten().map(|(ready, _)| ready).min()
    }

    /// First announcements go before repetitions, however late those are; refreshes have a pace of their own.
    fn heads(&self) -> [Option<(Instant, Turn)>; 2] {
        let burst = self.first.first().or_else(|| self.repeated.first()).map(|&(due, vip)| {
            let probe = self.entries.get(&vip).is_some_and(|entry| entry.probes > 0);
            let turn = Turn::Burst { vip, probe };
            (due.max(self.bursts.ready_at(turn.frames())), turn)
        });
        let refresh = self.refreshed.first().map(|&(due, vip)| {
            let turn = Turn::Refresh { vip };
            (due.max(self.refreshes.ready_at(turn.frames())), turn)
        });
        [burst, refresh]
    }

    /// Gaps count from the announcement that was really sent, so that a full queue delays a burst but never bunches it.
    fn plan_after_burst(&mut self, now: Instant, vip: IpAddr, probed: bool) {
        let entry = *self.entries.get(&vip).expect("every queued address has an entry");
        let done = match entry.phase {
            Phase::First | Phase::Refresh => 0,
            Phase::Repeat(done) => done,
        };
        let Some(&offset) = self.repeats.get(done) else { return self.plan_refresh(now, vip) };
        let before = done.checked_sub(1).map_or(Duration::ZERO, |previous| self.repeats[previous]);
        let due = now + offset.saturating_sub(before);
        self.put(vip, Entry { phase: Phase::Repeat(done + 1), due, probes: entry.probes - u8::from(probed) });
    }

    fn plan_refresh(&mut self, now: Instant, vip: IpAddr) {
        match self.refresh {
            Some(interval) => {
                let due = now + interval.mul_f64(0.8 + 0.4 * self.fraction());
                self.put(vip, Entry { phase: Phase::Refresh, due, probes: 0 });
            }
            None => self.withdraw(vip),
        }
    }

    fn put(&mut self, vip: IpAddr, entry: Entry) {
        self.withdraw(vip);
        self.entries.insert(vip, entry);
        self.queue(entry.phase).insert((entry.due, vip));
    }

    fn queue(&mut self, phase: Phase) -> &mut Queue {
        match phase {
            Phase::First => &mut self.first,
            Phase::Repeat(_) => &mut self.repeated,
            Phase::Refresh => &mut self.refreshed,
        }
    }

    /// Returns the next number in 0..1 of a SplitMix64 sequence: jitter needs to be spread, not secret.
    fn fraction(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        (mixed >> 11) as f64 / (1_u64 << 53) as f64
    }
}
