//! The BFD thread: all paths that are watched, on a thread of its own.
//!
//! A burst of JSON or BGP on the main runtime must never look like a dead router, so nothing else runs here. What BFD finds out goes
//! straight to the BGP session of the router.

mod echo;
mod path;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};
use std::{io, thread};

use bfd::{Arrival, Demux, Discriminator, Endpoint, Hops, Input};
use rand::Rng as _;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task;

use super::observed::PathObserved;
use super::turns::{Turns, sleep_until};
use crate::net::links::LinkIndex;
use crate::net::priority;
use crate::net::udp::Receiver;
pub(super) use echo::EchoLink;
use path::Path;

/// Sockets that cannot be opened are tried again after this time.
const RETRY: Duration = Duration::from_secs(1);
/// Datagrams read from a socket before the next one gets its turn.
const READ_BATCH: usize = 256;
/// Longer than any packet of BFD.
const BUFFER_LENGTH: usize = 256;

/// A path as BGP needs to know it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct PathState {
    /// It works in both directions.
    pub(super) up: bool,
    /// How often it failed; a failure counts even if the path has recovered before anybody looked.
    pub(super) failures: u64,
    /// Whether the router's forwarding was apart from its control plane at the latest failure (the C bit).
    pub(super) independent: bool,
}

/// A VRF or link that packets are bound to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Device {
    pub(super) name: String,
    /// A socket hears nothing of another device that has the name of its own; absent while there is none.
    pub(super) index: Option<LinkIndex>,
}

/// How a path is watched.
#[derive(Debug, Clone)]
pub(super) struct Watched {
    pub(super) config: bfd::Config,
    pub(super) device: Option<Device>,
    /// The link that echoes go out by and come back on.
    pub(super) echo_link: Option<EchoLink>,
    /// Who wants to know.
    pub(super) report: watch::Sender<PathState>,
}

#[derive(Debug, Clone, Default)]
struct Desired {
    paths: BTreeMap<Endpoint, Watched>,
    leave: bool,
}

/// The running thread.
#[derive(Debug)]
pub(super) struct BfdThread {
    desired: watch::Sender<Arc<Desired>>,
    queries: mpsc::Sender<oneshot::Sender<Vec<PathObserved>>>,
    thread: thread::JoinHandle<()>,
}

impl BfdThread {
    /// Starts the thread, which sleeps until there is a path to watch.
    pub(super) fn start() -> io::Result<Self> {
        let (desired, receiver) = watch::channel(Arc::new(Desired::default()));
        // The supervisor asks one question at a time and waits for the answer.
        let (queries, questions) = mpsc::channel(1);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        #[expect(clippy::disallowed_methods, reason = "its end closes the questions, which `ended` waits for")]
        let thread = thread::Builder::new().name("bfd".to_owned()).spawn(move || {
            // What the wire thread got, which says so.
            let _ = priority::raise();
            runtime.block_on(Driver::new().run(receiver, questions));
        })?;
        Ok(Self { desired, queries, thread })
    }

    /// Starts a thread that panics at once.
    #[cfg(test)]
    #[expect(clippy::disallowed_methods, reason = "its end is what the test is about")]
    pub(super) fn broken() -> Self {
        let (desired, _) = watch::channel(Arc::new(Desired::default()));
        let (queries, questions) = mpsc::channel(1);
        let thread = thread::spawn(move || {
            let _questions = questions;
            panic!("a test wants it")
        });
        Self { desired, queries, thread }
    }

    /// Watches exactly these paths.
    pub(super) fn update(&self, paths: BTreeMap<Endpoint, Watched>) {
        self.desired.send_if_modified(|current| {
            let same = current.paths.len() == paths.len()
                && current.paths.iter().zip(&paths).all(|((one, before), (other, after))| {
                    one == other
                        && before.config == after.config
                        && before.device == after.device
                        && before.echo_link == after.echo_link
                        && before.report.same_channel(&after.report)
                });
            if !same {
                Arc::make_mut(current).paths = paths;
            }
            !same
        });
    }

    /// Returns what the sessions say; nothing once the thread has ended.
    pub(super) async fn observe(&self) -> Vec<PathObserved> {
        let (answer, answered) = oneshot::channel();
        if self.queries.send(answer).await.is_err() {
            return Vec::new();
        }
        answered.await.unwrap_or_default()
    }

    /// Waits until the thread has ended, which before [`Self::leave`] it does only by a fault.
    pub(super) async fn ended(&self) {
        self.queries.closed().await;
    }

    /// Tells every router that no path has failed, and waits for the thread to end.
    pub(super) async fn leave(self) {
        self.desired.send_modify(|desired| Arc::make_mut(desired).leave = true);
        let Self { desired, queries, thread } = self;
        let joined = task::spawn_blocking(|| thread.join()).await;
        if !matches!(joined, Ok(Ok(()))) {
            tracing::error!("the BFD thread ended by a fault");
        }
        drop((desired, queries));
    }
}

/// Sockets that paths share: one kind of packet and family on one device.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Port {
    device: Option<Device>,
    multi_hop: bool,
    ipv4: bool,
}

impl Port {
    fn of(endpoint: &Endpoint, device: Option<&Device>) -> Self {
        let multi_hop = match endpoint.hops {
            Hops::Single => false,
            Hops::Multi => true,
        };
        Self { device: device.cloned(), multi_hop, ipv4: endpoint.neighbor.is_ipv4() }
    }

    /// Opens the socket; `shared` where others of ours have the same number and family.
    fn open(&self, shared: bool) -> io::Result<Receiver> {
        Receiver::open(self.ipv4, self.number(), self.device.as_ref().map(|device| device.name.as_str()), shared)
    }

    fn number(&self) -> u16 {
        if self.multi_hop { bfd::MULTI_HOP_PORT } else { bfd::SINGLE_HOP_PORT }
    }

    fn hops(&self) -> Hops {
        if self.multi_hop { Hops::Multi } else { Hops::Single }
    }
}

struct Driver {
    demux: Demux,
    paths: BTreeMap<Discriminator, Path>,
    receivers: BTreeMap<Port, Result<Receiver, String>>,
    /// When sockets that could not be opened are tried again.
    retry: Option<Instant>,
}

impl Driver {
    fn new() -> Self {
        Self {
            demux: Demux::new(rand::rng().next_u64()),
            paths: BTreeMap::new(),
            receivers: BTreeMap::new(),
            retry: None,
        }
    }

    /// Serves the paths until ordered to leave, or until nobody gives orders any more.
    async fn run(
        mut self,
        mut desired: watch::Receiver<Arc<Desired>>,
        mut questions: mpsc::Receiver<oneshot::Sender<Vec<PathObserved>>>,
    ) {
        let mut leaving = false;
        let mut turns = Turns::default();
        while !(leaving && self.paths.is_empty()) {
            let deadline = self.deadline();
            tokio::select! { biased;
                changed = desired.changed(), if !leaving => {
                    let next = desired.borrow_and_update().clone();
                    leaving = changed.is_err() || next.leave;
                    let nothing = BTreeMap::new();
                    self.on_desired(if leaving { &nothing } else { &next.paths });
                }
                Some(answer) = questions.recv() => {
                    // The asker may have gone; nobody else wants the answer.
                    drop(answer.send(self.observed()));
                }
                () = self.readable() => {}
                () = sleep_until(deadline) => {}
            }
            // What waits in the sockets comes first, or a process that stood still reports an outage of its own making.
            let cut_short = self.read();
            self.on_time();
            turns.end(cut_short).await;
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.paths.values().filter_map(Path::deadline).chain(self.retry).min()
    }

    /// Waits until a socket can be read.
    fn readable(&self) -> impl Future<Output = ()> {
        std::future::poll_fn(|context| {
            // All are polled, so that each wakes the task.
            let receivers = self.receivers.values().flatten();
            let ready = receivers.filter(|receiver| receiver.poll_readable(context).is_ready()).count();
            let echoes = self.paths.values().filter(|path| path.poll_echo(context).is_ready()).count();
            if ready + echoes > 0 { Poll::Ready(()) } else { Poll::Pending }
        })
    }

    /// Reads a batch from every socket, and returns whether there may be more in one.
    fn read(&mut self) -> bool {
        let mut cut_short = false;
        let mut buffer = [0; BUFFER_LENGTH];
        for (port, receiver) in &self.receivers {
            let Ok(receiver) = receiver else { continue };
            for read in 1..=READ_BATCH {
                // An error is told once, and says that the device is gone; its paths go down by their silence.
                let Ok(Some(datagram)) = receiver.receive(&mut buffer) else { break };
                cut_short |= read == READ_BATCH;
                let arrival = Arrival {
                    hops: port.hops(),
                    source: datagram.source,
                    destination: datagram.destination,
                    link: bfd::LinkIndex(datagram.link.0),
                    device: port.device.as_ref().and_then(|device| device.index).map(|index| bfd::LinkIndex(index.0)),
                };
                if let Some((discriminator, packet)) = self.demux.route(&arrival, &buffer[..datagram.length])
                    && let Some(path) = self.paths.get_mut(&discriminator)
                {
                    path.handle(Input::Packet { packet, ttl: datagram.ttl });
                }
            }
        }
        let echoes: Vec<_> = self.paths.values().flat_map(Path::read_echoes).collect();
        cut_short |= echoes.len() >= echo::READ_BATCH;
        for payload in echoes {
            if let Some((discriminator, packet)) = self.demux.route_echo(&payload)
                && let Some(path) = self.paths.get_mut(&discriminator)
            {
                path.handle(Input::Echo(packet));
            }
        }
        cut_short
    }

    fn on_time(&mut self) {
        let now = Instant::now();
        for path in self.paths.values_mut() {
            path.on_time(now);
        }
        let over: Vec<_> = self.paths.iter().filter(|(_, path)| path.is_over(now)).map(|(id, _)| *id).collect();
        for discriminator in over {
            self.paths.remove(&discriminator);
            self.demux.remove(discriminator);
        }
        if self.retry.is_some_and(|retry| retry <= now) {
            self.open_receivers();
        }
    }

    fn on_desired(&mut self, desired: &BTreeMap<Endpoint, Watched>) {
        for path in self.paths.values_mut() {
            match desired.get(&path.endpoint) {
                Some(watched) => path.update(watched),
                None => path.stop(),
            }
        }
        for (endpoint, watched) in desired {
            if self.paths.values().any(|path| path.endpoint == *endpoint) {
                continue;
            }
            match self.demux.insert(*endpoint) {
                Ok(discriminator) => {
                    self.paths.insert(discriminator, Path::new(*endpoint, discriminator, watched));
                }
                Err(error) => tracing::error!(%error, "a path is not watched"),
            }
        }
        self.open_receivers();
    }

    /// Opens what paths need and closes what none does.
    fn open_receivers(&mut self) {
        self.retry = None;
        let wanted: Vec<Port> =
            self.paths.values().map(|path| Port::of(&path.endpoint, path.device.as_ref())).collect();
        self.receivers.retain(|port, receiver| wanted.contains(port) && receiver.is_ok());
        for port in wanted {
            if self.receivers.contains_key(&port) {
                continue;
            }
            let is_beside = |other: &Port| (other.number(), other.ipv4) == (port.number(), port.ipv4);
            let shared = self.receivers.iter().any(|(other, receiver)| is_beside(other) && receiver.is_ok());
            let opened = port.open(shared).map_err(|error| {
                self.retry = Some(Instant::now() + RETRY);
                let number = port.number();
                let device = port.device.as_ref().map(|device| format!(" on {}", device.name)).unwrap_or_default();
                format!("cannot listen on UDP port {number}{device}: {error}; another BFD on this node must give it up")
            });
            self.receivers.insert(port, opened);
        }
    }

    fn observed(&self) -> Vec<PathObserved> {
        let observe = |path: &Path| {
            let receiver = self.receivers.get(&Port::of(&path.endpoint, path.device.as_ref()));
            path.observed(receiver.and_then(|receiver| receiver.as_ref().err().cloned()))
        };
        self.paths.values().map(observe).collect()
    }
}
