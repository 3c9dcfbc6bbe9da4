//! Eyes on the wire: who claims which address, and how long an address goes without an answer.
//!
//! A *newcomer* asks for addresses as a host that never heard of them does, so that no warm cache hides an outage.
//! A plain *sniffer* only listens.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::IpAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::Context;
use socket2::SockFilter;

use super::{
    frame::{Claim, arp_request, claim, neighbour_solicitation},
    network::{Host, Link, Mac},
    raw::RawSocket,
    report::{Gap, waits},
};

/// How often a newcomer asks for each address.
pub const ASK_EVERY: Duration = Duration::from_millis(20);

/// How long a watcher sleeps in the kernel before it looks whether it shall stop.
const SLICE: Duration = Duration::from_millis(5);

/// After how long an answer no longer belongs to a question; far above what a busy machine needs for one.
const PATIENCE: Duration = Duration::from_secs(1);

/// Before the end of a watch, how long a question may be open without counting as unanswered.
const PENDING: Duration = Duration::from_millis(300);

/// A watcher at work on threads of its own inside a host; dropping it stops it.
#[derive(Debug)]
pub struct Watcher {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    sightings: Mutex<Sightings>,
    stop: AtomicBool,
}

/// What a watcher asked and saw.
#[derive(Clone, Debug, Default)]
pub struct Sightings {
    /// When each address was asked for.
    pub asked: BTreeMap<IpAddr, Vec<Instant>>,
    /// Every claim, in the order of arrival.
    pub claims: Vec<(Instant, Claim)>,
}

/// Who claimed an address in one stretch of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// When the stretch begins.
    pub from: Instant,
    /// Every Ethernet address that claimed.
    pub macs: BTreeSet<Mac>,
}

impl Watcher {
    /// Starts to record the claims that arrive at one interface of a host.
    pub fn sniffer(host: &Host, link: &Link) -> anyhow::Result<Self> {
        Self::start(host, link, &[], ASK_EVERY)
    }

    /// Starts to ask for `targets` from one interface of a host every [`ASK_EVERY`], and to record the claims that arrive.
    pub fn newcomer(host: &Host, link: &Link, targets: &[IpAddr]) -> anyhow::Result<Self> {
        Self::start(host, link, targets, ASK_EVERY)
    }

    /// Does the same at an interval of one's own, which is the shortest silence between two owners that can be seen.
    pub fn insistent(host: &Host, link: &Link, targets: &[IpAddr], interval: Duration) -> anyhow::Result<Self> {
        Self::start(host, link, targets, interval)
    }

    fn start(host: &Host, link: &Link, targets: &[IpAddr], interval: Duration) -> anyhow::Result<Self> {
        let shared = Arc::new(Shared::default());
        let mut threads = Vec::new();
        for ethertype in [Ethertype::Arp, Ethertype::Ipv6] {
            let socket = host
                .run(|| ethertype.open(&link.interface))
                .with_context(|| format!("cannot listen on {} of {}", link.interface, host.name()))?;
            let questions = ethertype.questions(link, targets)?;
            let socket = Arc::new(socket);
            let (own, ear) = (Arc::clone(&shared), Arc::clone(&socket));
            let name = format!("watch-{}", host.name());
            threads.push(thread::Builder::new().name(name).spawn(move || watch(&ear, &own))?);
            if !questions.is_empty() {
                let own = Arc::clone(&shared);
                let name = format!("ask-{}", host.name());
                threads.push(thread::Builder::new().name(name).spawn(move || {
                    // The kernel wakes a sleeper more exactly than whoever waits for a frame for some time.
                    while !own.stop.load(Ordering::Relaxed) {
                        ask(&socket, &questions, &own);
                        thread::sleep(interval);
                    }
                })?);
            }
        }
        Ok(Self { shared, threads })
    }

    /// Returns what was seen so far.
    pub fn so_far(&self) -> Sightings {
        self.shared.sightings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Stops watching and returns what was seen.
    pub fn stop(mut self) -> Sightings {
        self.halt();
        self.so_far()
    }

    fn halt(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // A panic of the thread has been printed; what was seen before it still counts.
            drop(thread.join());
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.halt();
    }
}

impl Sightings {
    /// Returns the longest time for which `address` was asked for and nobody answered.
    ///
    /// Gratuitous claims do not count: a host that never heard of the address ignores them.
    pub fn longest_silence(&self, address: IpAddr) -> Option<Gap> {
        let asked = self.asked.get(&address)?;
        let answers = self.claims.iter().filter(|(_, claim)| claim.address == address && claim.solicited);
        waits(asked, answers.map(|(at, _)| *at).collect()).into_iter().max_by_key(|gap| gap.length)
    }

    /// Returns when each question for `address` was asked that nobody answered, the last 300 ms of the watch left out.
    ///
    /// An owner answers every question once, however late, so each answer stands for one question: the burst of a successor does
    /// not make up for questions that came between two owners, and a second owner's answer to the same question makes up for none.
    pub fn unanswered(&self, address: IpAddr) -> Vec<Instant> {
        let asked = self.asked.get(&address).map(Vec::as_slice).unwrap_or_default();
        let Some(last) = asked.last() else { return Vec::new() };
        let mut questions = asked.iter().copied().peekable();
        let mut open = Vec::new();
        for (at, _) in self.claims.iter().filter(|(_, claim)| claim.address == address && claim.solicited) {
            while let Some(question) = questions.next_if(|question| question <= at) {
                open.push(question);
            }
            open.pop_if(|newest| at.duration_since(*newest) <= PATIENCE);
        }
        open.extend(questions);
        open.retain(|question| *question + PENDING <= *last);
        open
    }

    /// Returns who claimed `address`, in stretches of `length` from the first claim on; stretches without claims are left out.
    pub fn windows(&self, address: IpAddr, length: Duration) -> Vec<Window> {
        let Some((first, _)) = self.claims_to(address).next() else { return Vec::new() };
        let mut windows: BTreeMap<u128, BTreeSet<Mac>> = BTreeMap::new();
        for (at, mac) in self.claims_to(address) {
            let number = at.duration_since(first).as_nanos() / length.as_nanos().max(1);
            windows.entry(number).or_default().insert(mac);
        }
        let window = |(number, macs)| {
            let number = u32::try_from(number).expect("a run has fewer than four thousand million windows");
            Window { from: first + length * number, macs }
        };
        windows.into_iter().map(window).collect()
    }

    /// Returns every Ethernet address that claimed `address`.
    pub fn macs(&self, address: IpAddr) -> BTreeSet<Mac> {
        self.claims_to(address).map(|(_, mac)| mac).collect()
    }

    /// Returns for how long more than one Ethernet address claimed `address`: the longest time by which a claim came after another's first.
    pub fn overlap(&self, address: IpAddr) -> Duration {
        let mut spans: BTreeMap<Mac, (Instant, Instant)> = BTreeMap::new();
        for (at, mac) in self.claims_to(address) {
            spans.entry(mac).or_insert((at, at)).1 = at;
        }
        let mut spans: Vec<_> = spans.into_values().collect();
        spans.sort();
        spans.windows(2).map(|pair| pair[0].1.saturating_duration_since(pair[1].0)).max().unwrap_or_default()
    }

    /// Returns who claimed `address` last.
    pub fn latest(&self, address: IpAddr) -> Option<Mac> {
        self.claims_to(address).last().map(|(_, mac)| mac)
    }

    fn claims_to(&self, address: IpAddr) -> impl Iterator<Item = (Instant, Mac)> {
        let matching = move |(at, claim): &(Instant, Claim)| (claim.address == address).then_some((*at, claim.mac));
        self.claims.iter().filter_map(matching)
    }
}

#[derive(Clone, Copy, Debug)]
enum Ethertype {
    Arp,
    Ipv6,
}

impl Ethertype {
    fn number(self) -> u16 {
        match self {
            Self::Arp => 0x0806,
            Self::Ipv6 => 0x86dd,
        }
    }

    fn open(self, interface: &str) -> io::Result<RawSocket> {
        let filter = match self {
            Self::Arp => &[] as &[_],
            // The client's own traffic is IPv6 too, and none of it is of interest here.
            Self::Ipv6 => &ADVERTISEMENTS,
        };
        RawSocket::open(interface, self.number(), filter)
    }

    fn questions(self, link: &Link, targets: &[IpAddr]) -> anyhow::Result<Vec<(IpAddr, Vec<u8>)>> {
        let mut questions = Vec::new();
        for target in targets {
            let own = link.address_like(*target).with_context(|| format!("no address to ask for {target} from"))?;
            match (self, own, *target) {
                (Self::Arp, IpAddr::V4(own), IpAddr::V4(wanted)) => {
                    questions.push((*target, arp_request(link.mac, own, wanted)));
                }
                (Self::Ipv6, IpAddr::V6(own), IpAddr::V6(wanted)) => {
                    questions.push((*target, neighbour_solicitation(link.mac, own, wanted)));
                }
                (Self::Arp | Self::Ipv6, IpAddr::V4(_) | IpAddr::V6(_), IpAddr::V4(_) | IpAddr::V6(_)) => {}
            }
        }
        Ok(questions)
    }
}

/// Classic BPF: next header at byte 20 is ICMPv6, type at byte 54 is neighbour advertisement.
const ADVERTISEMENTS: [SockFilter; 6] = [
    SockFilter::new(0x30, 0, 0, 20),
    SockFilter::new(0x15, 0, 3, 58),
    SockFilter::new(0x30, 0, 0, 54),
    SockFilter::new(0x15, 0, 1, 136),
    SockFilter::new(0x06, 0, 0, 0xffff),
    SockFilter::new(0x06, 0, 0, 0),
];

fn watch(socket: &RawSocket, shared: &Shared) {
    let mut buffer = [0; 2048];
    while !shared.stop.load(Ordering::Relaxed) {
        // Errors are the time-out of the slice, or an interface that is down for now.
        let Ok(length) = socket.receive(&mut buffer, SLICE) else { continue };
        let Some(claim) = claim(&buffer[..length]) else { continue };
        let at = Instant::now();
        shared.sightings.lock().unwrap_or_else(PoisonError::into_inner).claims.push((at, claim));
    }
}

fn ask(socket: &RawSocket, questions: &[(IpAddr, Vec<u8>)], shared: &Shared) {
    for (target, frame) in questions {
        let at = Instant::now();
        shared.sightings.lock().unwrap_or_else(PoisonError::into_inner).asked.entry(*target).or_default().push(at);
        if let Err(error) = socket.send(frame) {
            tracing::debug!(%error, %target, "cannot ask");
        }
    }
}

#[cfg(test)]
mod tests;
