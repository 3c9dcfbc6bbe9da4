//! Which stations claim owned addresses that are not theirs, in memory that no flood can fill.

mod recent;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::config::LONGEST;
use crate::messages::{Claim, Claimant, Event};
use crate::{MacAddr, Speaker};
use recent::Recent;

/// How many strangers are told apart per address, and as many speakers; the claims of more are counted and nothing else.
const TOLD_APART: usize = 4;
/// How long a speaker that is not heard may claim an address before that is a split.
///
/// A speaker that was wrongly taken for dead is heard again within some 100 ms of its return, or falls silent.
const GRACE: Duration = Duration::from_secs(1);

/// The claims to each owned address.
#[derive(Debug)]
pub(crate) struct Conflicts {
    quiet: Duration,
    vips: BTreeMap<IpAddr, Vec<Station>>,
    /// When each station is raised, or forgotten.
    deadlines: BTreeSet<(Instant, IpAddr, MacAddr)>,
    recent: Recent,
    events: VecDeque<Event>,
}

#[derive(Debug)]
struct Station {
    mac: MacAddr,
    claimant: Claimant,
    /// Claims since it is remembered.
    claims: u64,
    raised: bool,
    deadline: Instant,
}

impl Conflicts {
    pub(crate) fn new(quiet: Duration, seed: u64) -> Self {
        Self {
            quiet: quiet.min(LONGEST),
            vips: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            recent: Recent::new(seed),
            events: VecDeque::new(),
        }
    }

    /// Notes a claim of a station that is no speaker that is heard.
    ///
    /// The first few strangers are remembered at once. Afterwards one that claims again takes the place of the one that claimed
    /// least, so that a station which means it is found among any number that are made up.
    pub(crate) fn claim(&mut self, now: Instant, vip: IpAddr, mac: MacAddr, silent: Option<&Speaker>) {
        let claimant = silent.map_or(Claimant::Stranger, |speaker| Claimant::Silent(speaker.node.clone()));
        let stations = self.vips.entry(vip).or_default();
        if let Some(station) = stations.iter_mut().find(|station| station.mac == mac) {
            station.claims += 1;
            if station.raised {
                self.deadlines.remove(&(station.deadline, vip, mac));
                station.deadline = now + self.quiet;
                self.deadlines.insert((station.deadline, vip, mac));
            }
            return;
        }
        let alike = stations.iter().filter(|station| station.claimant.is_stranger() == claimant.is_stranger());
        let mut claims = 1;
        if alike.clone().count() >= TOLD_APART {
            if !self.recent.saw_again(vip, mac) {
                return;
            }
            claims = 2;
            if let Some(weakest) = alike.min_by_key(|station| (station.claims, station.deadline)).map(|weak| weak.mac) {
                self.forget(vip, weakest);
            }
        }
        let raised = claimant.is_stranger();
        let deadline = now + if raised { self.quiet } else { GRACE };
        if raised {
            self.events.push_back(Event::Conflict(Claim { vip, mac, claimant: claimant.clone() }));
        }
        self.deadlines.insert((deadline, vip, mac));
        self.vips.entry(vip).or_default().push(Station { mac, claimant, claims, raised, deadline });
    }

    /// Does what is due: raises the claims of speakers that stayed silent, and forgets stations that claim no more.
    pub(crate) fn run(&mut self, now: Instant) {
        while let Some(&(_, vip, mac)) = self.deadlines.first().filter(|(deadline, _, _)| *deadline <= now) {
            let waiting = self.station(vip, mac).filter(|station| !station.raised);
            let Some(station) = waiting else {
                self.forget(vip, mac);
                continue;
            };
            let (before, claim) = (station.deadline, Claim { vip, mac, claimant: station.claimant.clone() });
            let deadline = now + self.quiet;
            if let Some(station) = self.station(vip, mac) {
                (station.raised, station.deadline) = (true, deadline);
            }
            self.deadlines.remove(&(before, vip, mac));
            self.deadlines.insert((deadline, vip, mac));
            self.events.push_back(Event::Conflict(claim));
        }
    }

    /// Forgets the claims to an address that is no longer owned.
    pub(crate) fn settle_vip(&mut self, vip: IpAddr) {
        let stations: Vec<MacAddr> = self.vips.get(&vip).into_iter().flatten().map(|station| station.mac).collect();
        for mac in stations {
            self.forget(vip, mac);
        }
    }

    /// Forgets the claims of stations about which something else is known now; what they claim from here on is judged by that.
    pub(crate) fn settle_stations(&mut self, is_other: impl Fn(MacAddr, &Claimant) -> bool) {
        let stations = self.vips.iter().flat_map(|(vip, stations)| stations.iter().map(move |station| (*vip, station)));
        let settled: Vec<(IpAddr, MacAddr)> = stations
            .filter(|(_, station)| is_other(station.mac, &station.claimant))
            .map(|(vip, station)| (vip, station.mac))
            .collect();
        for (vip, mac) in settled {
            self.forget(vip, mac);
        }
    }

    /// Returns the claims that are raised, per address the most frequent first.
    pub(crate) fn open(&self) -> impl Iterator<Item = Claim> + '_ {
        self.vips.iter().flat_map(|(vip, stations)| {
            let mut raised: Vec<&Station> = stations.iter().filter(|station| station.raised).collect();
            raised.sort_by_key(|station| std::cmp::Reverse(station.claims));
            raised.into_iter().map(move |station| Claim {
                vip: *vip,
                mac: station.mac,
                claimant: station.claimant.clone(),
            })
        })
    }

    /// Returns the speakers whose claims are remembered although they are not heard.
    pub(crate) fn silent_speakers(&self) -> BTreeMap<MacAddr, Arc<str>> {
        let silent = |station: &Station| match &station.claimant {
            Claimant::Silent(node) => Some((station.mac, node.clone())),
            Claimant::Stranger => None,
        };
        self.vips.values().flatten().filter_map(silent).collect()
    }

    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(deadline, _, _)| *deadline)
    }

    fn station(&mut self, vip: IpAddr, mac: MacAddr) -> Option<&mut Station> {
        self.vips.get_mut(&vip)?.iter_mut().find(|station| station.mac == mac)
    }

    fn forget(&mut self, vip: IpAddr, mac: MacAddr) {
        let Some(stations) = self.vips.get_mut(&vip) else { return };
        let Some(index) = stations.iter().position(|station| station.mac == mac) else { return };
        let station = stations.remove(index);
        if stations.is_empty() {
            self.vips.remove(&vip);
        }
        self.deadlines.remove(&(station.deadline, vip, mac));
        if station.raised {
            self.events.push_back(Event::ConflictCleared(Claim { vip, mac, claimant: station.claimant }));
        }
    }
}
