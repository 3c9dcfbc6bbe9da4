//! One node: its machine, and what it looks like from outside.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Instant;

use members::{Acquired, Event, Mine, PhaseView, Released, Segment};

pub(crate) struct Node {
    pub(crate) segment: Option<Segment>,
    pub(crate) starts: u64,
    pub(crate) answering: BTreeSet<IpAddr>,
    pub(crate) paused_until: Option<Instant>,
    pub(crate) paused_at: Instant,
    pub(crate) link_up: bool,
    pub(crate) ready: bool,
    pub(crate) stances: BTreeMap<IpAddr, Mine>,
    pub(crate) learns_at: Option<Instant>,
    pub(crate) due: Option<Instant>,
    pub(crate) inbox: VecDeque<(SocketAddr, Rc<[u8]>)>,
    pub(crate) acquired: Vec<(Instant, IpAddr, Acquired)>,
    pub(crate) released: Vec<(Instant, IpAddr, Released)>,
    pub(crate) reasserted: BTreeMap<IpAddr, Instant>,
    pub(crate) events: Vec<Event>,
    /// The frames that its interface has counted.
    pub(crate) frames: u64,
}

impl Node {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            segment: None,
            starts: 0,
            answering: BTreeSet::new(),
            paused_until: None,
            paused_at: now,
            link_up: true,
            ready: true,
            stances: BTreeMap::new(),
            learns_at: None,
            due: None,
            inbox: VecDeque::new(),
            acquired: Vec::new(),
            released: Vec::new(),
            reasserted: BTreeMap::new(),
            events: Vec::new(),
            frames: 0,
        }
    }

    /// Reports whether frames that ask for the VIP get an answer.
    pub(crate) fn answers(&self, vip: IpAddr) -> bool {
        self.segment.is_some() && self.paused_until.is_none() && self.link_up && self.answering.contains(&vip)
    }

    /// Reports whether the node should be able to own the VIP.
    pub(crate) fn is_available(&self, vip: IpAddr) -> bool {
        let active = self.segment.as_ref().is_some_and(|segment| segment.phase() == PhaseView::Active);
        active && self.paused_until.is_none() && self.link_up && self.ready && self.stance(vip) == Mine::Eligible
    }

    pub(crate) fn stance(&self, vip: IpAddr) -> Mine {
        self.stances.get(&vip).copied().unwrap_or(Mine::Eligible)
    }
}
