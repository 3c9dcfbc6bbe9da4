//! The wire thread: heartbeats, claims, ARP and NDP of all links, on a thread of its own.
//!
//! A burst of JSON on the main runtime must never look like a dead node, so nothing else runs here. Each link is one task with its
//! own machines and sockets; the supervisor only starts and ends them and passes on what the node should do.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{self, JoinError, JoinSet};
use tokio::time::Instant;

use super::link;
use super::observed::{LinkObserved, WireObserved};
use crate::net::links::LinkIndex;
use crate::net::priority::{self, Scheduling};

/// UDP port of the heartbeats unless configured otherwise.
pub const DEFAULT_HEARTBEAT_PORT: u16 = 7473;

/// A link whose task ended by a fault is tried again after this time.
const RETRY: Duration = Duration::from_secs(1);

/// What never changes while the thread runs.
#[derive(Debug, Clone)]
pub struct Config {
    /// This node's name, as its Node object has it.
    pub node: String,
    /// UDP port of the heartbeats on every link.
    pub heartbeat_port: u16,
    /// Timing of heartbeats and claims.
    pub members: members::Timing,
    /// Timing and rates of announcements.
    pub l2: l2::Config,
}

/// What this node should do on the wire.
#[derive(Debug, Clone, Default)]
pub struct Desired {
    /// The links to serve, with what to do on each.
    pub links: BTreeMap<LinkIndex, Arc<LinkDesired>>,
    /// Keys that seal the heartbeats; without one the node neither sends nor answers.
    pub keys: Option<members::KeyRing>,
    /// Everything is listed and the node's datapath can forward.
    pub ready: bool,
    /// The process is about to end: hand everything over.
    pub leave: bool,
}

/// What this node should do on one link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkDesired {
    /// Name of the link.
    pub name: String,
    /// Its hardware address.
    pub mac: [u8; 6],
    /// It is up and has carrier.
    pub running: bool,
    /// Changes when the link's own addresses do, so that memberships which failed before are tried again.
    pub addresses: u64,
    /// Where heartbeats go instead of the multicast groups, if they do: the other nodes' addresses on this link, of which there is
    /// one at least. A link without any keeps the groups: nodes that do not hear each other would all answer.
    pub unicast: Option<Vec<IpAddr>>,
    /// The hardware addresses of the other nodes on this wire as far as the API server knows them, each with the node's name.
    ///
    /// One of them that claims a VIP of this node and is not heard as a member is no stranger but a node that cannot hear us.
    pub nodes: Arc<BTreeMap<[u8; 6], Arc<str>>>,
    /// The VIPs that are announced on this wire, by this node or another.
    pub vips: Arc<BTreeMap<IpAddr, members::Candidacy>>,
}

/// The running thread.
#[derive(Debug)]
pub struct Wire {
    desired: watch::Sender<Arc<Desired>>,
    queries: mpsc::Sender<oneshot::Sender<WireObserved>>,
    thread: thread::JoinHandle<()>,
}

impl Wire {
    /// Starts the thread.
    ///
    /// # Errors
    /// Returns the error of the operating system when it gives no thread or no event loop.
    pub fn start(config: Config) -> io::Result<Self> {
        let (desired, receiver) = watch::channel(Arc::new(Desired::default()));
        // One question at a time is normal (a scrape); a few more may wait, and further askers wait with them.
        let (queries, questions) = mpsc::channel(4);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        #[expect(clippy::disallowed_methods, reason = "its end closes the questions, which `ended` waits for")]
        let thread = thread::Builder::new().name("wire".to_owned()).spawn(move || {
            let scheduling = priority::raise();
            match scheduling {
                Scheduling::Realtime | Scheduling::Nice => tracing::info!("the wire thread has {} priority", scheduling.as_str()),
                Scheduling::Normal => tracing::info!(
                    "the wire thread has normal priority, so a busy node may make it late; give this program CAP_SYS_NICE (speaker.realtime in the chart) if that happens"
                ),
            }
            runtime.block_on(supervise(config, scheduling, receiver, questions));
        })?;
        Ok(Self { desired, queries, thread })
    }

    /// Replaces what the node should do.
    pub fn update(&self, desired: Desired) {
        self.desired.send_replace(Arc::new(desired));
    }

    /// Returns a handle to ask the machines through.
    pub fn observer(&self) -> Observer {
        Observer { queries: self.queries.clone() }
    }

    /// Waits until the thread has ended, which before [`Self::leave`] it does only by a fault.
    pub async fn ended(&self) {
        self.queries.closed().await;
    }

    /// Hands everything over to the other nodes and waits for the thread to end; the machines bound how long that takes.
    pub async fn leave(self) {
        self.desired.send_modify(|desired| Arc::make_mut(desired).leave = true);
        let Self { desired, queries, thread } = self;
        let joined = task::spawn_blocking(|| thread.join()).await;
        if !matches!(joined, Ok(Ok(()))) {
            tracing::error!("the wire thread ended by a fault");
        }
        drop((desired, queries));
    }
}

/// Asks the machines what they do at this moment.
#[derive(Debug, Clone)]
pub struct Observer {
    queries: mpsc::Sender<oneshot::Sender<WireObserved>>,
}

impl Observer {
    /// Returns what the machines of all links say, in the order of the links; empty once the thread has ended.
    pub async fn observe(&self) -> Vec<LinkObserved> {
        self.observe_all().await.links
    }

    /// Returns the same with what is wrong with links that have none.
    pub async fn observe_all(&self) -> WireObserved {
        let (answer, answered) = oneshot::channel();
        if self.queries.send(answer).await.is_err() {
            return WireObserved::default();
        }
        answered.await.unwrap_or_default()
    }
}

/// The tasks of the links, one each.
struct Supervisor {
    config: Arc<Config>,
    scheduling: Scheduling,
    running: BTreeMap<LinkIndex, Running>,
    /// Links that could not be served.
    resting: BTreeMap<LinkIndex, Rest>,
    /// Why the latest attempt to serve a link failed, as it was logged.
    failed: BTreeMap<LinkIndex, String>,
    tasks: JoinSet<()>,
}

struct Rest {
    /// When it is tried again.
    until: Instant,
    /// Why it cannot be served, in words; none where it ended as ordered.
    fault: Option<String>,
}

struct Running {
    task: task::Id,
    name: String,
    orders: watch::Sender<link::Orders>,
    queries: mpsc::Sender<oneshot::Sender<LinkObserved>>,
}

async fn supervise(
    config: Config,
    scheduling: Scheduling,
    mut desired: watch::Receiver<Arc<Desired>>,
    mut questions: mpsc::Receiver<oneshot::Sender<WireObserved>>,
) {
    let mut supervisor = Supervisor {
        config: Arc::new(config),
        scheduling,
        running: BTreeMap::new(),
        resting: BTreeMap::new(),
        failed: BTreeMap::new(),
        tasks: JoinSet::new(),
    };
    loop {
        let now = desired.borrow_and_update().clone();
        supervisor.start_and_stop(&now);
        if now.leave && supervisor.tasks.is_empty() {
            return;
        }
        let retry = supervisor.resting.values().map(|rest| rest.until).min();
        tokio::select! {
            changed = desired.changed() => if changed.is_err() { return },
            Some(ended) = supervisor.tasks.join_next_with_id() => supervisor.on_ended(ended),
            Some(answer) = questions.recv() => {
                let keys = now.keys.iter().flat_map(members::KeyRing::ids).collect();
                let observed = supervisor.observe(keys).await;
                // The asker may have gone; nobody else wants the answer.
                drop(answer.send(observed));
            }
            () = sleep_until(retry) => {}
        }
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

impl Supervisor {
    /// Makes the running tasks match what is desired.
    fn start_and_stop(&mut self, desired: &Desired) {
        // A task hands over and ends when its orders are dropped.
        self.running.retain(|index, running| {
            desired.keys.is_some() && desired.links.get(index).is_some_and(|link| link.name == running.name)
        });
        let now = Instant::now();
        self.resting.retain(|index, rest| desired.links.contains_key(index) && rest.until > now);
        self.failed.retain(|index, _| desired.links.contains_key(index));
        let Some(keys) = &desired.keys else { return };
        for (index, link) in &desired.links {
            let orders =
                link::Orders { link: link.clone(), keys: keys.clone(), ready: desired.ready, leave: desired.leave };
            if let Some(running) = self.running.get(index) {
                running.orders.send_if_modified(|current| {
                    let changed = *current != orders;
                    *current = orders;
                    changed
                });
            } else if !desired.leave && !self.resting.contains_key(index) {
                self.start(*index, orders);
            }
        }
    }

    fn start(&mut self, index: LinkIndex, orders: link::Orders) {
        let name = orders.link.name.clone();
        match link::Driver::open(index, &self.config, &orders) {
            Ok(driver) => {
                if self.failed.remove(&index).is_some() {
                    tracing::info!(link = name, "ARP and NDP are served after all");
                }
                let (orders, receiver) = watch::channel(orders);
                // The supervisor asks one question at a time and waits for the answer.
                let (queries, questions) = mpsc::channel(1);
                let task = self.tasks.spawn(driver.run(receiver, questions)).id();
                self.running.insert(index, Running { task, name, orders, queries });
            }
            Err(error) => {
                let fault = unserved(&name, &error, self.config.heartbeat_port);
                // It is tried again each second, and told again when it fails for another reason.
                if self.failed.insert(index, fault.clone()).as_ref() != Some(&fault) {
                    tracing::warn!("{fault}; trying again every {RETRY:?}");
                }
                self.resting.insert(index, Rest { until: Instant::now() + RETRY, fault: Some(fault) });
            }
        }
    }

    fn on_ended(&mut self, ended: Result<(task::Id, ()), JoinError>) {
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, ())| *id);
        let Some(index) = self.running.iter().find(|(_, running)| running.task == id).map(|(index, _)| *index) else {
            return;
        };
        let name = self.running.remove(&index).map(|running| running.name).unwrap_or_default();
        let (rest, fault) = match ended {
            Ok(_) => (RETRY, None),
            Err(error) => {
                tracing::error!(link = name, %error, "the link's task ended by a fault; starting it again in {RETRY:?}");
                (RETRY, Some(format!("the machines of {name} ended by a fault: {error}; please report it")))
            }
        };
        self.resting.insert(index, Rest { until: Instant::now() + rest, fault });
    }

    async fn observe(&self, keys: Vec<members::KeyId>) -> WireObserved {
        let mut links = Vec::with_capacity(self.running.len());
        for running in self.running.values() {
            let (answer, answered) = oneshot::channel();
            if running.queries.send(answer).await.is_ok()
                && let Ok(link) = answered.await
            {
                links.push(link);
            }
        }
        WireObserved {
            links,
            faults: self.resting.values().filter_map(|rest| rest.fault.clone()).collect(),
            keys,
            scheduling: self.scheduling,
        }
    }
}

/// Returns why a link cannot be served, with the next step.
fn unserved(link: &str, error: &io::Error, port: u16) -> String {
    let next = if error.kind() == io::ErrorKind::PermissionDenied {
        "give this program the capability CAP_NET_RAW".to_owned()
    } else if error.kind() == io::ErrorKind::AddrInUse {
        format!("end the program that has UDP port {port}, or choose another --heartbeat-port")
    } else {
        format!("this program needs CAP_NET_RAW and UDP port {port} for itself")
    };
    format!("cannot serve ARP and NDP on {link}: {error}; {next}")
}
