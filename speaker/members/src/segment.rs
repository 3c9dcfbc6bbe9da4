//! The machine of one link: state, contract, and the order in which an input is worked off.

mod admission;
mod damping;
mod duplicate;
mod elect;
mod liveness;
mod ownership;
mod phase;
mod receive;
mod reception;
mod send;
mod view;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::Instant;

use crate::claims::Claims;
use crate::config::{Config, LAST_LOOK};
use crate::contract::{Candidacy, Event, Input, LinkFacts, Output};
use crate::damping::Damping;
use crate::deadlines::Deadlines;
use crate::mix::Jitter;
use crate::name::{BootId, MemberTag};
use crate::newcomers::Newcomers;
use crate::pace::Pace;
use crate::peer::Peer;
use crate::seal::{KeyRing, Sealer};
use crate::stats::Stats;
use crate::strangers::Strangers;
use crate::table::{Epoch, OwnTable};
use duplicate::Twin;
use phase::Phase;
use reception::Reception;
use send::Sending;
pub use view::{DuplicateView, MemberState, MemberView, PhaseView, View};

/// Datagrams per second of unknown senders that are verified, at some 5 microseconds each; one that knows no secret could
/// otherwise take all the time there is.
const VERIFIED_RATE: u32 = 2000;
/// How many of them may come at once: those of a wire that starts.
const VERIFIED_BURST: u32 = 512;

/// Datagrams per second to senders that have proven nothing, so that a recording makes little traffic.
const ASKED_RATE: u32 = 200;
/// How many of them may go out at once.
const ASKED_BURST: u32 = 100;

/// Membership and ownership on one link.
///
/// Contract, as for every machine of this product:
/// 1. call [`Segment::handle`] with what happened; time never goes back;
/// 2. drain [`Segment::poll_output`] to `None` and do what it says, in order;
/// 3. sleep until [`Segment::poll_timeout`], then `Input::Timeout`.
///
/// After a sleep the driver gives `Input::Timeout` **before** it reads sockets, and then reads all that waits: a process
/// that stood still must find that out before it believes old frames, and a peer is lost only if nothing of it waits.
pub struct Segment {
    config: Config,
    tag: MemberTag,
    boot: BootId,
    jitter: Jitter,
    keys: Option<Keys>,
    link: Option<LinkFacts>,
    phase: Phase,
    ready: bool,
    /// Set once the speaker stops: when it ends at the latest.
    leave_by: Option<Instant>,
    /// Set after a late call: until then nothing is concluded from silence.
    look_until: Option<Instant>,
    want: BTreeMap<IpAddr, Candidacy>,
    groups: BTreeMap<u64, BTreeSet<IpAddr>>,
    own: OwnTable,
    /// The own claims that this member answers for; all of them but during a revalidation.
    answering: BTreeSet<IpAddr>,
    /// When an ineligible owner gives up waiting for a successor.
    graces: Deadlines,
    damping: Damping,
    peers: BTreeMap<MemberTag, Peer>,
    newcomers: Newcomers,
    /// Earlier starts of the peers.
    retired: BTreeMap<MemberTag, VecDeque<BootId>>,
    twin: Option<Twin>,
    reception: Reception,
    claims: Claims,
    /// The greatest epoch ever seen of each VIP.
    seen: BTreeMap<IpAddr, Epoch>,
    /// VIPs that want an owner, with the member expected to take them.
    vacancies: BTreeMap<IpAddr, Option<MemberTag>>,
    /// When this member claims a vacant VIP.
    claim_at: Deadlines,
    replan: bool,
    /// Before this the next plan must not be made.
    plan_after: Instant,
    /// Until then listening members count as candidates, because a whole wire may be starting.
    starting_until: Option<Instant>,
    /// When this member gives way to a rival that does not hear it.
    contests: Deadlines,
    /// Rivals to which this member gave way, until their claim ends or they hear it again.
    deferred: BTreeMap<IpAddr, MemberTag>,
    /// Owners as last reported.
    owners: BTreeMap<IpAddr, MemberTag>,
    sending: Sending,
    strangers: Strangers,
    /// Bounds what is spent on senders of whom nothing is known.
    verifying: Pace,
    /// Bounds what is sent to senders that have proven nothing.
    asking: Pace,
    outputs: VecDeque<Output>,
    stats: Stats,
    scratch: Vec<u8>,
}

struct Keys {
    ring: KeyRing,
    sealer: Sealer,
}

impl Segment {
    /// Makes the machine of one link, down until link and keys are known.
    ///
    /// `boot` is random; `seed` only spreads beats.
    pub fn new(config: Config, boot: BootId, seed: u64, now: Instant) -> Self {
        let sending = Sending::new(&config, now);
        Self {
            tag: config.me.tag(),
            config,
            boot,
            jitter: Jitter::new(seed),
            keys: None,
            link: None,
            phase: Phase::Down,
            ready: false,
            leave_by: None,
            look_until: None,
            want: BTreeMap::new(),
            groups: BTreeMap::new(),
            own: OwnTable::default(),
            answering: BTreeSet::new(),
            graces: Deadlines::default(),
            damping: Damping::default(),
            peers: BTreeMap::new(),
            newcomers: Newcomers::default(),
            retired: BTreeMap::new(),
            twin: None,
            reception: Reception::Good,
            claims: Claims::default(),
            seen: BTreeMap::new(),
            vacancies: BTreeMap::new(),
            claim_at: Deadlines::default(),
            replan: false,
            plan_after: now,
            starting_until: None,
            contests: Deadlines::default(),
            deferred: BTreeMap::new(),
            owners: BTreeMap::new(),
            sending,
            strangers: Strangers::default(),
            verifying: Pace::new(VERIFIED_RATE, VERIFIED_BURST, now),
            asking: Pace::new(ASKED_RATE, ASKED_BURST, now),
            outputs: VecDeque::new(),
            stats: Stats::default(),
            scratch: Vec::new(),
        }
    }

    /// Takes in what happened and works off everything that is due.
    pub fn handle(&mut self, now: Instant, input: Input<'_>) {
        if matches!(self.phase, Phase::Ended) {
            return;
        }
        self.sending.advance(now);
        self.notice_lateness(now);
        self.notice_pause(now);
        self.run_damping(now);
        match input {
            Input::Datagram { from, bytes } => {
                self.on_frame(now);
                self.on_datagram(now, from, bytes);
            }
            Input::Reception { frames } => self.on_reception(now, frames),
            Input::Want(want) => self.on_want(now, want),
            Input::Ready(ready) => self.on_ready(now, ready),
            Input::Keys(ring) => self.on_keys(now, ring),
            Input::Link(facts) => self.on_link(now, facts),
            Input::Leave => self.on_leave(now),
            Input::Timeout => {}
        }
        self.run_liveness(now);
        self.run_reception(now);
        self.run_contests(now);
        self.run_graces(now);
        self.run_phase(now);
        self.run_election(now);
        self.run_leave(now);
        self.transmit(now);
        self.check_invariants();
    }

    /// Returns the next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Returns when `Input::Timeout` is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if !self.is_up() {
            return None;
        }
        [
            Some(self.sending.due()),
            self.liveness_due(),
            self.contests.first().map(|due| self.not_while_looking(due)),
            self.graces.first(),
            self.damping.until(),
            self.reception_due(),
            self.phase_due(),
            self.election_due(),
            self.leave_by,
            self.look_until,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Returns the counters.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// After a late call the frames of the time in between still wait in the socket: nothing is concluded from silence
    /// until they had a chance to be read. It delays conclusions once, so that a machine that is always late still acts.
    fn notice_lateness(&mut self, now: Instant) {
        if self.look_until.is_some_and(|until| until <= now) {
            self.look_until = None;
            return;
        }
        let due = self.poll_timeout();
        if self.look_until.is_none() && due.is_some_and(|due| now > due + LAST_LOOK) {
            self.look_until = Some(now + LAST_LOOK);
        }
    }

    fn is_looking(&self) -> bool {
        self.look_until.is_some()
    }

    fn not_while_looking(&self, due: Instant) -> Instant {
        self.look_until.map_or(due, |until| due.max(until))
    }

    fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    fn check_invariants(&self) {
        debug_assert!(self.answering.len() <= self.own.len(), "answers only for claimed VIPs");
        debug_assert!(self.own.len() <= self.want.len(), "claims only desired VIPs");
        debug_assert!(self.own.is_empty() || self.is_up(), "claims nothing while down");
    }
}

#[cfg(test)]
mod tests;
