//! One link: who owns which VIP on this wire, and the ARP and NDP answers that follow from it.
//!
//! Both machines of a link share one task, so that a claim that is lost silences the answers before the next frame is read.

mod answers;
mod events;
mod lines;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use l2::{MacAddr, Responder, filter};
use members::{BootId, Candidacy, LinkName, MemberId, NodeName, Segment, To};
use rand::Rng as _;
use tokio::sync::{mpsc, oneshot, watch};

use super::observed::{Counters, LinkObserved, MemberObserved};
use super::turns::{Turns, sleep_until};
use super::wire::{Config, LinkDesired};
use crate::net::counters::frames_received;
use crate::net::groups::Groups;
use crate::net::heartbeat::HeartbeatSockets;
use crate::net::links::LinkIndex;
use crate::net::packet::PacketSocket;
use crate::roster::PATIENCE;
use answers::Claims;
use lines::{Kind, Lines};

const ETHERTYPE_ARP: u16 = 0x0806;
const ETHERTYPE_IPV6: u16 = 0x86dd;
/// Frames or datagrams read before the timers get their turn again.
const READ_BATCH: usize = 64;
/// How long ago the timers may have been served when a frame is answered; far less than the time in which another takes over.
const FRESH: Duration = Duration::from_millis(1);
/// How often a missing address family of the heartbeats is tried.
const REOPEN: Duration = Duration::from_secs(10);
/// Longer than any frame or datagram that passes the filters with a meaning.
const BUFFER_LENGTH: usize = 2048;

/// What the supervisor wants of this link.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Orders {
    pub(super) link: Arc<LinkDesired>,
    pub(super) keys: members::KeyRing,
    pub(super) ready: bool,
    pub(super) leave: bool,
}

/// The machines and sockets of one link.
pub(super) struct Driver {
    index: LinkIndex,
    name: String,
    mac: MacAddr,
    vips: Arc<BTreeMap<IpAddr, Candidacy>>,
    unicast: Option<Vec<IpAddr>>,
    segment: Segment,
    responder: Responder,
    arp: PacketSocket,
    ndp: PacketSocket,
    heartbeats: HeartbeatSockets,
    groups: Groups,
    /// The Ethernet addresses of our nodes, as far as the API server knows them.
    nodes: Arc<BTreeMap<[u8; 6], Arc<str>>>,
    /// Groups that could not be joined, for instance while IPv6 is off; tried again when the link's addresses change.
    unjoined: BTreeSet<Ipv6Addr>,
    claims: Claims,
    lines: Lines,
    counters: Counters,
    heartbeat_port: u16,
    /// When the machines last saw the clock.
    timers_served: Instant,
    /// When an address family that heartbeats could not be opened for is tried again.
    reopen: Instant,
    /// When it began to take part, or to trust itself again after a pause.
    settled: Option<Instant>,
    left: bool,
}

impl Driver {
    /// Opens the sockets and makes the machines, which own nothing yet.
    pub(super) fn open(index: LinkIndex, config: &Config, orders: &Orders) -> io::Result<Self> {
        let LinkDesired { name, mac, .. } = &*orders.link;
        let invalid = |error: members::NameError| io::Error::new(io::ErrorKind::InvalidInput, error);
        let me = MemberId {
            node: NodeName::new(&config.node).map_err(invalid)?,
            link: LinkName::new(name).map_err(invalid)?,
        };
        let timing = members::Config::new(me, config.members.clone())
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let arp = PacketSocket::open(index, ETHERTYPE_ARP, &filter::ARP)?;
        let ndp = PacketSocket::open(index, ETHERTYPE_IPV6, &filter::NDP)?;
        let heartbeats = HeartbeatSockets::open(index, name, config.heartbeat_port)?;
        let now = Instant::now();
        Ok(Self {
            index,
            name: name.clone(),
            mac: MacAddr(*mac),
            vips: Arc::default(),
            nodes: Arc::default(),
            unicast: orders.link.unicast.clone(),
            segment: Segment::new(timing, BootId(rand::rng().next_u64()), rand::rng().next_u64(), now),
            responder: Responder::new(
                config.l2.clone(),
                l2::LinkFacts { mac: MacAddr(*mac) },
                rand::rng().next_u64(),
                now,
            ),
            arp,
            ndp,
            heartbeats,
            groups: Groups::new(index),
            unjoined: BTreeSet::new(),
            claims: Claims::default(),
            lines: Lines::new(now),
            counters: Counters::default(),
            heartbeat_port: config.heartbeat_port,
            timers_served: now,
            reopen: now + REOPEN,
            settled: None,
            left: false,
        })
    }

    /// Serves the link until the segment has left, which it does when it is ordered to or when nobody gives orders any more.
    pub(super) async fn run(
        mut self,
        mut orders: watch::Receiver<Orders>,
        mut questions: mpsc::Receiver<oneshot::Sender<LinkObserved>>,
    ) {
        let mut current: Option<Orders> = None;
        let mut turns = Turns::default();
        let mut ordered = true;
        orders.mark_changed();
        while !self.left {
            let deadline = [self.segment.poll_timeout(), self.responder.poll_timeout()].into_iter().flatten().min();
            tokio::select! { biased;
                () = sleep_until(deadline) => {}
                changed = orders.changed(), if ordered => {
                    ordered = changed.is_ok();
                    let next = if ordered {
                        orders.borrow_and_update().clone()
                    } else {
                        Orders { leave: true, ..orders.borrow().clone() }
                    };
                    self.on_orders(current.as_ref(), &next);
                    current = Some(next);
                }
                Some(answer) = questions.recv() => {
                    // The asker may have gone; nobody else wants the answer.
                    drop(answer.send(self.observed()));
                }
                _ = self.heartbeats.readable() => {}
                _ = self.arp.readable() => {}
                _ = self.ndp.readable() => {}
            }
            self.on_time();
            let cut_short = self.read();
            self.on_time();
            turns.end(cut_short).await;
        }
    }

    /// Reads a batch from every socket, whichever woke the task, and returns whether there may be more in one.
    fn read(&mut self) -> bool {
        let heartbeats = self.read_heartbeats();
        let arp = self.read_frames(Protocol::Arp);
        let ndp = self.read_frames(Protocol::Ndp);
        heartbeats || arp || ndp
    }

    /// Lets both machines see the clock before anything else is read, so that a process that stood still notices it first.
    fn on_time(&mut self) {
        let now = Instant::now();
        self.serve_timers(now);
        self.summarise(now);
        self.retry_heartbeats(now);
    }

    fn serve_timers(&mut self, now: Instant) {
        self.timers_served = now;
        if self.segment.poll_timeout().is_some_and(|deadline| deadline <= now) {
            self.segment.handle(now, members::Input::Timeout);
        }
        self.perform(now);
        if self.responder.poll_timeout().is_some_and(|deadline| deadline <= now) {
            self.responder.handle(now, l2::Input::Timeout);
            self.perform_responder();
        }
    }

    fn on_orders(&mut self, current: Option<&Orders>, next: &Orders) {
        let now = Instant::now();
        let Orders { link, keys, ready, leave } = next;
        let was = current.map(|orders| &*orders.link);
        self.unicast.clone_from(&link.unicast);
        if current.is_none_or(|orders| orders.keys != *keys) {
            self.segment.handle(now, members::Input::Keys(keys.clone()));
        }
        if was.is_none_or(|was| was.mac != link.mac || was.running != link.running) {
            let facts = members::LinkFacts { mac: members::Mac(link.mac), up: link.running };
            self.segment.handle(now, members::Input::Link(facts));
            self.perform(now);
            self.mac = MacAddr(link.mac);
            self.responder.handle(now, l2::Input::Link(l2::LinkFacts { mac: self.mac }));
        }
        if was.is_some_and(|was| !was.running && link.running) {
            self.groups = Groups::new(self.index);
            self.responder.handle(now, l2::Input::LinkUp);
        }
        if was.is_some_and(|was| was.addresses != link.addresses) {
            self.retry_groups();
        }
        if self.nodes != link.nodes {
            self.nodes = link.nodes.clone();
            self.tell_speakers(now);
        }
        if current.is_none_or(|orders| orders.ready != *ready) {
            self.segment.handle(now, members::Input::Ready(*ready));
        }
        if was.is_none_or(|was| was.vips != link.vips) {
            self.vips = link.vips.clone();
            self.segment.handle(now, members::Input::Want((*link.vips).clone()));
        }
        if *leave && !current.is_some_and(|orders| orders.leave) {
            self.segment.handle(now, members::Input::Leave);
        }
        self.perform(now);
        self.perform_responder();
    }

    fn read_heartbeats(&mut self) -> bool {
        let mut buffer = [0; BUFFER_LENGTH];
        for _ in 0..READ_BATCH {
            let Some((length, from)) = self.heartbeats.receive(&mut buffer) else { return false };
            let now = Instant::now();
            self.segment.handle(now, members::Input::Datagram { from, bytes: &buffer[..length] });
            self.perform(now);
        }
        true
    }

    fn read_frames(&mut self, protocol: Protocol) -> bool {
        let mut buffer = [0; BUFFER_LENGTH];
        for _ in 0..READ_BATCH {
            let socket = match protocol {
                Protocol::Arp => &self.arp,
                Protocol::Ndp => &self.ndp,
            };
            let received = socket.receive(&mut buffer);
            // After the read: a process may be stopped within a batch, and what it owned then is no longer its own when it goes on.
            let now = Instant::now();
            if now.saturating_duration_since(self.timers_served) >= FRESH {
                self.serve_timers(now);
            }
            match received {
                Ok(None) => return false,
                Ok(Some(length)) => self.responder.handle(now, l2::Input::Frame(&buffer[..length])),
                // Reported once when the link goes down; its notification follows by netlink.
                Err(_) => self.counters.receive_errors += 1,
            }
            self.perform_responder();
        }
        true
    }

    /// Does what the segment wants, and what follows for the responder at once.
    fn perform(&mut self, now: Instant) {
        while let Some(output) = self.segment.poll_output() {
            match output {
                members::Output::Send { to, bytes } => {
                    let sent = match to {
                        To::Group => self.send_to_all(&bytes),
                        // Two speakers that share no family hear each other's group, and nothing else.
                        To::Peer(address) => self.heartbeats.send(address, &bytes) || self.send_to_all(&bytes),
                    };
                    self.counters.heartbeat_errors += u64::from(!sent);
                }
                members::Output::Acquire { vip, why } => {
                    if self.lines.admit(now, Kind::Announcing) {
                        tracing::info!(link = self.name, %vip, %why, "announcing");
                    }
                    self.responder.handle(now, l2::Input::Announce { vip });
                }
                members::Output::Release { vip, why } => {
                    if self.lines.admit(now, Kind::Silent) {
                        tracing::info!(link = self.name, %vip, %why, "no longer announcing");
                    }
                    self.responder.handle(now, l2::Input::Withdraw { vip });
                }
                members::Output::Reassert { vip } => self.responder.handle(now, l2::Input::Reassert { vip }),
                members::Output::CheckReception => {
                    if let Some(frames) = frames_received(&self.name) {
                        self.segment.handle(now, members::Input::Reception { frames });
                    }
                }
                members::Output::Event(event) => self.on_event(now, &event),
                members::Output::Left => self.left = true,
            }
            self.perform_responder();
        }
    }

    /// Sends to every speaker on the link, and returns whether the kernel took at least one datagram.
    fn send_to_all(&self, bytes: &[u8]) -> bool {
        match &self.unicast {
            None => self.heartbeats.send_to_group(bytes),
            // All are tried, so no short circuit.
            Some(nodes) => nodes.iter().fold(false, |sent, node| sent | self.heartbeats.send_to(*node, bytes)),
        }
    }

    fn observed(&self) -> LinkObserved {
        let view = self.segment.view();
        LinkObserved {
            name: self.name.clone(),
            mac: self.mac,
            phase: view.phase,
            settled_for: self.settled.filter(|_| view.phase == members::PhaseView::Active).map(|since| since.elapsed()),
            damped_for: view.damped_until.and_then(|until| until.checked_duration_since(Instant::now())),
            members: MemberObserved::all(&view),
            owners: self.vips.keys().map(|vip| (*vip, self.segment.owner(*vip).cloned())).collect(),
            answering: self.segment.answering().collect(),
            heartbeats: self.segment.stats().clone(),
            l2: self.responder.stats().clone(),
            deaf: view.deaf,
            duplicate: view.duplicate,
            unproven: view.unproven.into_iter().filter(|unproven| unproven.since.elapsed() > PATIENCE).collect(),
            strangers: view.strangers,
            conflicts: self.claims.strangers().clone(),
            splits: self.splits(),
            unjoined: self.unjoined.clone(),
            counters: self.counters,
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Protocol {
    Arp,
    Ndp,
}
