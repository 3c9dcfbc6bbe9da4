//! Nodes, a wire with faults, and virtual time.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use members::{
    BootId, Candidacy, ClusterId, Config, Input, KeyRing, LinkFacts, LinkName, Mac, MemberId, Mine, NodeName, Output,
    Segment, Timing, To,
};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::checks::Checks;
use crate::node::Node;

pub(crate) fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

pub(crate) fn vip(index: usize) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(0x0a64_0000 + u32::try_from(index).unwrap()))
}

fn address(node: usize) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::from_bits(0xc000_0201 + u32::try_from(node).unwrap())), 7946)
}

pub(crate) fn name(node: usize) -> NodeName {
    NodeName::new(&format!("node-{node}")).unwrap()
}

/// What the wire does to frames.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weather {
    pub(crate) loss_percent: u32,
    pub(crate) duplicate_percent: u32,
    pub(crate) delay_us: (u64, u64),
}

pub(crate) const SECRET: &[u8] = b"a secret of the simulation";

/// Keys of the cluster to which every node belongs.
pub(crate) fn ring(secret: &[u8]) -> KeyRing {
    KeyRing::new(secret, &ClusterId::new("a cluster")).unwrap()
}

pub(crate) const CALM: Weather = Weather { loss_percent: 0, duplicate_percent: 0, delay_us: (50, 2000) };

struct Delivery {
    to: usize,
    from: usize,
    bytes: Rc<[u8]>,
}

/// What was sent to the group: when, by which node, and the bytes.
pub(crate) type Tape = Vec<(Duration, usize, Rc<[u8]>)>;

pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) begin: Instant,
    pub(crate) rng: StdRng,
    pub(crate) weather: Weather,
    pub(crate) timing: Timing,
    /// Pairs (from, to) between which nothing passes.
    pub(crate) cut: BTreeSet<(usize, usize)>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) vips: Vec<IpAddr>,
    pub(crate) leaving: BTreeSet<usize>,
    /// Nodes that send and receive nothing.
    pub(crate) rx_dead: BTreeSet<usize>,
    /// Nodes that have the name of another one.
    pub(crate) alias: BTreeMap<usize, usize>,
    /// What was sent to the group while something is recorded, with the time and the sender.
    pub(crate) tape: Option<Tape>,
    pub(crate) checks: Checks,
    pub(crate) bytes_on_wire: u64,
    pub(crate) datagrams: u64,
    log: Vec<(Duration, String)>,
    queue: BTreeMap<(Instant, u64), Delivery>,
    next_id: u64,
    everyone: Arc<BTreeMap<NodeName, u32>>,
}

impl World {
    #[expect(clippy::disallowed_methods, reason = "the one place where virtual time begins")]
    pub(crate) fn new(seed: u64, nodes: usize, vips: usize) -> Self {
        let now = Instant::now() + Duration::from_secs(1000);
        Self {
            now,
            begin: now,
            rng: StdRng::seed_from_u64(seed),
            weather: CALM,
            timing: Timing::default(),
            cut: BTreeSet::new(),
            nodes: (0..nodes).map(|_| Node::new(now)).collect(),
            vips: (0..vips).map(vip).collect(),
            leaving: BTreeSet::new(),
            rx_dead: BTreeSet::new(),
            alias: BTreeMap::new(),
            tape: None,
            checks: Checks::default(),
            bytes_on_wire: 0,
            datagrams: 0,
            log: Vec::new(),
            queue: BTreeMap::new(),
            next_id: 0,
            everyone: Arc::new((0..nodes).map(|node| (name(node), 1)).collect()),
        }
    }

    /// Makes one loss damp for a short time, so that damping begins and ends in the middle of everything else.
    pub(crate) fn damp_soon(&mut self, soon: bool) {
        if soon {
            self.timing.damping_losses = 1;
            self.timing.damping_window = ms(2500);
        }
    }

    pub(crate) fn roll(&mut self, percent: u32) -> bool {
        percent > 0 && self.rng.random_range(0..100) < percent
    }

    pub(crate) fn rng_bool(&mut self) -> bool {
        self.rng.random()
    }

    pub(crate) fn pick(&mut self, bound: usize) -> usize {
        self.rng.random_range(0..bound)
    }

    pub(crate) fn any_vip(&mut self) -> IpAddr {
        let index = self.pick(self.vips.len());
        self.vips[index]
    }

    pub(crate) fn between(&mut self, low: u64, high: u64) -> Duration {
        ms(self.rng.random_range(low..=high))
    }

    pub(crate) fn start(&mut self, node: usize) {
        let me = MemberId {
            node: name(self.alias.get(&node).copied().unwrap_or(node)),
            link: LinkName::new("lan0").unwrap(),
        };
        let config = Config::new(me, self.timing.clone()).unwrap();
        let seed: u64 = self.rng.random();
        let boot = BootId(seed.rotate_left(32) ^ 0x5555_5555_5555_5555);
        self.nodes[node].segment = Some(Segment::new(config, boot, seed, self.now));
        self.nodes[node].starts += 1;
        self.nodes[node].answering.clear();
        self.nodes[node].inbox.clear();
        self.nodes[node].paused_until = None;
        self.leaving.remove(&node);
        self.set_keys(node, ring(SECRET));
        self.set_link(node, self.nodes[node].link_up);
        let ready = self.nodes[node].ready;
        self.feed(node, Input::Ready(ready));
        self.send_want(node);
    }

    pub(crate) fn set_keys(&mut self, node: usize, ring: KeyRing) {
        self.feed(node, Input::Keys(ring));
    }

    /// The story of a VIP, for a person who looks into a seed.
    pub(crate) fn story(&self, vip: IpAddr) -> String {
        let mut lines = self.log.clone();
        for (index, node) in self.nodes.iter().enumerate() {
            let at = |at: &Instant| *at - self.begin;
            let acquired = node.acquired.iter().filter(|(_, it, _)| *it == vip);
            lines.extend(acquired.map(|(when, _, why)| (at(when), format!("node {index} acquires: {why}"))));
            let released = node.released.iter().filter(|(_, it, _)| *it == vip);
            lines.extend(released.map(|(when, _, why)| (at(when), format!("node {index} releases: {why}"))));
            let reasserted = node.reasserted.get(&vip);
            lines.extend(reasserted.map(|when| (at(when), format!("node {index} reasserts for the last time"))));
        }
        lines.sort();
        lines.into_iter().map(|(at, line)| format!("\n  {at:?} {line}")).collect()
    }

    pub(crate) fn note(&mut self, line: String) {
        self.log.push((self.now - self.begin, line));
    }

    pub(crate) fn crash(&mut self, node: usize) {
        self.note(format!("crash or end of {node}"));
        self.nodes[node].segment = None;
        self.nodes[node].due = None;
        self.nodes[node].answering.clear();
        self.nodes[node].paused_until = None;
        self.leaving.remove(&node);
    }

    pub(crate) fn leave(&mut self, node: usize) {
        self.note(format!("leave of {node}"));
        self.leaving.insert(node);
        self.feed(node, Input::Leave);
    }

    pub(crate) fn pause(&mut self, node: usize, time: Duration) {
        self.note(format!("pause of {node} for {time:?}"));
        self.nodes[node].paused_at = self.now;
        self.nodes[node].paused_until = Some(self.now + time);
    }

    pub(crate) fn set_link(&mut self, node: usize, up: bool) {
        self.note(format!("link of {node} up: {up}"));
        self.nodes[node].link_up = up;
        let last = u8::try_from(node).unwrap();
        self.feed(node, Input::Link(LinkFacts { mac: Mac([2, 0, 0, 0, 0, last]), up }));
    }

    pub(crate) fn set_ready(&mut self, node: usize, ready: bool) {
        self.note(format!("ready of {node}: {ready}"));
        self.nodes[node].ready = ready;
        self.feed(node, Input::Ready(ready));
    }

    /// Edits an object: the node itself and all others learn of it within 50 ms, in any order.
    pub(crate) fn set_stance(&mut self, node: usize, vip: IpAddr, mine: Mine) {
        self.note(format!("{node} is {mine:?} for {vip}"));
        self.nodes[node].stances.insert(vip, mine);
        for learner in 0..self.nodes.len() {
            let delay = self.between(0, 50);
            self.nodes[learner].learns_at = Some(self.now + delay);
        }
    }

    pub(crate) fn send_want(&mut self, node: usize) {
        self.nodes[node].learns_at = None;
        let want = self.vips.iter().map(|vip| (*vip, self.candidacy(node, *vip))).collect();
        self.feed(node, Input::Want(want));
    }

    fn candidacy(&self, node: usize, vip: IpAddr) -> Candidacy {
        let group = match vip {
            IpAddr::V4(address) => u64::from(address.to_bits() / 2),
            IpAddr::V6(_) => 0,
        };
        if self.nodes.iter().all(|node| node.stances.is_empty()) {
            return Candidacy { nodes: Arc::clone(&self.everyone), mine: Mine::Eligible, group };
        }
        let score = |stance: Mine| match stance {
            Mine::Eligible => Some(1),
            Mine::Draining => Some(0),
            Mine::Ineligible => None,
        };
        let scores = self.nodes.iter().enumerate().filter_map(|(index, node)| Some((index, score(node.stance(vip))?)));
        Candidacy {
            nodes: Arc::new(scores.map(|(index, score)| (name(index), score)).collect()),
            mine: self.nodes[node].stance(vip),
            group,
        }
    }

    /// Gives an input to a node; one that stands still gets its inputs when it goes on, from the next full state.
    fn feed(&mut self, node: usize, input: Input<'_>) {
        if self.nodes[node].paused_until.is_some() {
            return;
        }
        let now = self.now;
        let Some(segment) = &mut self.nodes[node].segment else { return };
        segment.handle(now, input);
        self.drain(node);
    }

    fn drain(&mut self, node: usize) {
        let mut left = false;
        while let Some(output) = self.nodes[node].segment.as_mut().and_then(Segment::poll_output) {
            let now = self.now;
            let state = &mut self.nodes[node];
            match output {
                Output::Send { to, bytes } => self.transmit(node, to, &bytes),
                Output::Acquire { vip, why } => {
                    assert!(state.answering.insert(vip), "acquired twice");
                    state.acquired.push((now, vip, why));
                    if let Some(fault) = Checks::on_acquire(self, node, vip, why) {
                        self.checks.fault(Some(vip), fault);
                    }
                }
                Output::Release { vip, why } => {
                    assert!(state.answering.remove(&vip), "released without having acquired");
                    state.released.push((now, vip, why));
                    Checks::on_release(self, vip);
                }
                Output::Reassert { vip } => {
                    state.reasserted.insert(vip, now);
                }
                Output::CheckReception => {
                    // Others use the wire as well.
                    state.frames += u64::from(!self.rx_dead.contains(&node));
                    let frames = state.frames;
                    if let Some(segment) = &mut state.segment {
                        segment.handle(now, Input::Reception { frames });
                    }
                }
                Output::Event(event) => state.events.push(event),
                Output::Left => left = true,
            }
        }
        self.nodes[node].due = self.nodes[node].segment.as_ref().and_then(Segment::poll_timeout);
        if left {
            if let Some(vip) = self.nodes[node].answering.first() {
                self.checks.fault(Some(*vip), format!("node {node} left while answering"));
            }
            self.crash(node);
        }
    }

    fn transmit(&mut self, from: usize, to: To, bytes: &[u8]) {
        if bytes.len() >= 1200 {
            self.checks.fault(None, format!("datagram of {} bytes", bytes.len()));
        }
        self.bytes_on_wire += u64::try_from(bytes.len()).unwrap();
        self.datagrams += 1;
        let bytes: Rc<[u8]> = Rc::from(bytes);
        let at = self.now - self.begin;
        if let Some(tape) = self.tape.as_mut().filter(|_| to == To::Group) {
            tape.push((at, from, Rc::clone(&bytes)));
        }
        for node in 0..self.nodes.len() {
            let meant = match to {
                To::Group => node != from,
                To::Peer(peer) => peer == address(node),
            };
            if !meant || !self.nodes[from].link_up {
                continue;
            }
            let copies = if self.roll(self.weather.duplicate_percent) { 2 } else { 1 };
            for _ in 0..copies {
                if self.roll(self.weather.loss_percent) {
                    continue;
                }
                let (low, high) = self.weather.delay_us;
                let delay = Duration::from_micros(self.rng.random_range(low..=high));
                self.next_id += 1;
                let delivery = Delivery { to: node, from, bytes: Rc::clone(&bytes) };
                self.queue.insert((self.now + delay, self.next_id), delivery);
            }
        }
    }

    /// Plays what one node sent, at the pace at which it was recorded.
    pub(crate) fn play(&mut self, tape: &[(Duration, usize, Rc<[u8]>)], recorded: usize) {
        let of_it: Vec<_> = tape.iter().filter(|(_, from, _)| *from == recorded).collect();
        let Some((begin, ..)) = of_it.first() else { return };
        for (at, from, bytes) in &of_it {
            for node in 0..self.nodes.len() {
                self.next_id += 1;
                let delivery = Delivery { to: node, from: *from, bytes: Rc::clone(bytes) };
                self.queue.insert((self.now + (*at - *begin), self.next_id), delivery);
            }
        }
    }

    fn deliver(&mut self, delivery: Delivery) {
        let Delivery { to, from, bytes } = delivery;
        if self.rx_dead.contains(&to)
            || self.cut.contains(&(from, to))
            || !self.nodes[to].link_up
            || self.nodes[to].segment.is_none()
        {
            return;
        }
        if self.nodes[to].paused_until.is_some() {
            // A socket buffer holds about this many small frames and drops the newest.
            if self.nodes[to].inbox.len() < 250 {
                self.nodes[to].inbox.push_back((address(from), bytes));
            }
            return;
        }
        self.feed(to, Input::Datagram { from: address(from), bytes: &bytes });
    }

    fn wake(&mut self, node: usize) {
        let stood_still = self.now - self.nodes[node].paused_at;
        self.nodes[node].paused_until = None;
        self.feed(node, Input::Timeout);
        if let Some(vip) = self.nodes[node].answering.first().filter(|_| stood_still > self.timing.lost_after) {
            self.checks.fault(Some(*vip), format!("node {node} answers right after a pause of {stood_still:?}"));
        }
        while let Some((from, bytes)) = self.nodes[node].inbox.pop_front() {
            self.feed(node, Input::Datagram { from, bytes: &bytes });
        }
        let (up, ready) = (self.nodes[node].link_up, self.nodes[node].ready);
        self.set_link(node, up);
        self.feed(node, Input::Ready(ready));
        self.send_want(node);
    }

    fn next_timer(&self) -> Option<(Instant, usize)> {
        let due = |(index, node): (usize, &Node)| match node.paused_until {
            Some(until) => node.segment.as_ref().map(|_| (until, index)),
            None => [node.due, node.learns_at].into_iter().flatten().min().map(|due| (due, index)),
        };
        self.nodes.iter().enumerate().filter_map(due).min()
    }

    pub(crate) fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        let mut spins = 0;
        loop {
            let timer = self.next_timer();
            let frame = self.queue.first_key_value().map(|((at, _), _)| *at);
            let next = [timer.map(|(at, _)| at), frame].into_iter().flatten().min().filter(|at| *at <= end);
            let Some(next) = next else { break };
            spins = if next <= self.now { spins + 1 } else { 0 };
            assert!(spins < 100_000, "time stands still: a deadline does not move on");
            self.now = self.now.max(next);
            if frame.is_some_and(|at| at <= next) {
                let (_, delivery) = self.queue.pop_first().unwrap();
                self.deliver(delivery);
            } else if let Some((_, node)) = timer {
                if self.nodes[node].paused_until.is_some() {
                    self.wake(node);
                } else if self.nodes[node].learns_at.is_some_and(|at| at <= next) {
                    self.send_want(node);
                } else {
                    self.feed(node, Input::Timeout);
                }
            }
            Checks::run(self);
        }
        self.now = end;
        Checks::run(self);
    }

    pub(crate) fn is_cut(&self, a: usize, b: usize) -> bool {
        self.cut.contains(&(a, b)) || self.cut.contains(&(b, a))
    }

    pub(crate) fn owners(&self, vip: IpAddr) -> Vec<usize> {
        (0..self.nodes.len()).filter(|node| self.nodes[*node].answers(vip)).collect()
    }

    pub(crate) fn alive(&self) -> Vec<usize> {
        (0..self.nodes.len()).filter(|node| self.nodes[*node].segment.is_some()).collect()
    }

    pub(crate) fn dead(&self) -> Vec<usize> {
        (0..self.nodes.len()).filter(|node| self.nodes[*node].segment.is_none()).collect()
    }
}
