//! `clarion speaker`: the per-node program of a cluster.
//!
//! What the API server tells goes into a [`Cluster`], and from there through the same pure steps as in `standalone` to the wire
//! thread. What the wire does is reported back by a task of its own, which nothing waits for.

mod exclude;
mod http;
mod options;
mod report;

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, bail};
use speaker::drivers::routing::{self, Routing};
use speaker::kubernetes::datapath::{self, Readiness};
use speaker::kubernetes::{
    Change, Cluster, Identity, Pace, Planned, Planner, Reporter, Settings, Sources, follow, identify,
};
use speaker::net::links::{Links, watch_links};
use speaker::{LinkObserved, Wire};
use tasks::Tasks;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

use crate::http::address::metrics_address;
use crate::http::{Port, Pulse, Server, Serves};
use crate::standalone::policy;
use crate::unheard;
use http::Source;
pub use options::{Datapath, Options};
use report::Decided;
pub use report::{FAMILIES, LOADED, STALE};

/// Changes that wait while a plan is made. A watch whose change finds no place waits, and the server with it, so a burst costs
/// neither memory nor a change.
const WAITING: usize = 256;

/// Runs until SIGTERM or SIGINT, then hands everything over and returns.
///
/// # Errors
/// Fails at start when the credentials, an option, an address or the network cannot be used; a server that is away is waited for.
pub async fn run(options: Options) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("watch for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("watch for SIGINT")?;
    let mut hangup = signal(SignalKind::hangup()).context("watch for SIGHUP")?;
    let connection = apiserver::connect(options.kubeconfig.as_deref()).await?;
    let settings = Settings {
        node: options.node()?,
        namespace: options.namespace(&connection.namespace),
        lb_class: options.lb_class.clone(),
        policy: policy(options.ignore_exclude_lb, &options.drain_on),
        exclusion: exclude::read(&options.exclude_file)?,
        unicast: options.wire.heartbeat_unicast,
        cluster: options.wire.cluster(),
    };
    let is_to_be_identified = settings.cluster.is_none();
    let (node, namespace) = (settings.node.clone(), settings.namespace.clone());
    tracing::info!(node, namespace, server = connection.server, "starting");

    // A listing that fails ends the program, for nothing can be announced without links.
    let (links, mut links_changed) = watch::channel(Links::new());
    let mut watching = tokio::spawn(watch_links(links));
    links_changed.changed().await.context("list the network links")?;
    let (tasks, mut endings) = Tasks::new();
    let (readiness, mut readiness_changed) = watch::channel(Readiness::Ready);
    if let Some(probe) = options.probe()? {
        readiness.send_replace(Readiness::Never { why: "not asked yet".to_owned() });
        let readiness = readiness.clone();
        tasks.keep("the questions to the datapath", move || datapath::ask(probe.clone(), readiness.clone()));
    }

    let wire = Wire::start(options.wire.config(&node)).context("start the wire thread")?;
    let routing = Routing::start(routing::Config::default()).context("start the sessions with routers")?;
    let (planned, receiver) = watch::channel(Arc::new(Planned::default()));
    let (lost, not_following) = watch::channel(Vec::new());
    let source = Source {
        node: node.clone(),
        planned: receiver.clone(),
        lost: not_following.clone(),
        wire: wire.observer(),
        routing: routing.observer(),
        advice: options.wire.advice(),
    };
    let pulse = Pulse::start();
    let mut server = Server::start(ports(&options)?, source, pulse.clone()).context("start the HTTP server")?;
    let identity = Identity { node: node.clone(), namespace: namespace.clone(), pod: options.pod() };
    let sources = Sources { wire: wire.observer(), routing: routing.observer() };
    let (client, advice) = (connection.client.clone(), options.wire.advice());
    tasks.keep("the reports to the API server", move || {
        let reporter = Reporter::new(identity.clone(), client.clone(), advice);
        reporter.run(receiver.clone(), not_following.clone(), sources.clone())
    });
    let unheard = |links: &[LinkObserved]| unheard::faults(&planned.borrow().roster, links, options.wire.advice());
    let logging = unheard::log(wire.observer(), unheard);
    tokio::pin!(logging);

    let (sender, mut changes) = mpsc::channel(WAITING);
    let mut cluster = Cluster::with_secrets(options.secrets());
    follow(&tasks, &connection.client, &namespace, &sender, &cluster);
    if is_to_be_identified {
        let (client, sender) = (connection.client.clone(), sender.clone());
        tasks.keep("the question for the cluster's identity", move || identify(client.clone(), sender.clone()));
    }
    let mut planner = Planner::new(settings);
    let mut told = Told::default();
    let mut batch: Vec<Change> = Vec::with_capacity(WAITING);
    let mut pace = Pace::default();
    loop {
        let links = links_changed.borrow_and_update().clone();
        let ready = readiness_changed.borrow_and_update().clone();
        let began = Instant::now();
        let (next, orders) = planner.plan_or_keep(&mut cluster, &links, &ready, &planned.borrow());
        if let Some(orders) = orders {
            wire.update(orders.wire);
            routing.update(orders.routing);
        }
        let next = Arc::new(next);
        told.tell(&Decided { node: node.clone(), planned: next.clone(), lost: Vec::new() });
        planned.send_replace(next);
        pace.planned(began, Instant::now());
        let mut due = None;
        loop {
            pulse.beat();
            tokio::select! {
                _ = changes.recv_many(&mut batch, WAITING) => {
                    // What comes while a plan is made, and while it rests from that, is one change; the first of a quiet time is
                    // acted on at once.
                    let mut matters = false;
                    for change in batch.drain(..) {
                        matters |= cluster.take(change);
                    }
                    lost.send_if_modified(|lost| replace(lost, cluster.lost()));
                    if matters && due.is_none() {
                        due = Some(pace.due(Instant::now()));
                    }
                }
                () = sleep_until(due) => break,
                changed = links_changed.changed() => {
                    changed.context("the network links are no longer watched")?;
                    break;
                }
                changed = readiness_changed.changed() => {
                    changed.context("the datapath is no longer asked")?;
                    break;
                }
                () = &mut logging => {}
                ended = &mut watching => ended.context("watch the network links")??,
                () = wire.ended() => return give_up(wire, routing, "the wire thread ended by a fault").await,
                () = routing.ended() => return give_up(wire, routing, "the sessions with routers ended by a fault").await,
                ended = endings.first() => return give_up(wire, routing, &ended.to_string()).await,
                () = server.ended() => return give_up(wire, routing, "the HTTP server ended by a fault").await,
                () = pulse.rest() => {}
                _ = hangup.recv() => tracing::info!("SIGHUP is ignored: the configuration comes from the API server"),
                _ = terminate.recv() => return leave(wire, routing).await,
                _ = interrupt.recv() => return leave(wire, routing).await,
            }
        }
    }
}

/// Waits until a time, for ever if there is none.
async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}

/// Replaces a value and returns whether it is another one.
fn replace(current: &mut Vec<String>, next: Vec<String>) -> bool {
    let changed = *current != next;
    *current = next;
    changed
}

async fn leave(wire: Wire, routing: Routing) -> anyhow::Result<()> {
    tracing::info!("handing over and leaving");
    tokio::join!(wire.leave(), routing.leave());
    Ok(())
}

/// Hands over what still can be, and returns the fault that ends the program.
pub(crate) async fn give_up(wire: Wire, routing: Routing, fault: &str) -> anyhow::Result<()> {
    tracing::error!("{fault}; handing over and leaving");
    tokio::join!(wire.leave(), routing.leave());
    bail!("{fault}")
}

/// Opens the ports.
fn ports(options: &Options) -> anyhow::Result<Vec<Port>> {
    let health = (Ipv4Addr::LOCALHOST, options.health_probe_port).into();
    let health = Port::open("--health-probe-port", health, Serves::Health)?;
    let metrics = metrics_address(options.metrics_address, options.port);
    let metrics =
        metrics.map(|address| Port::open("--metrics-address, --port", address, Serves::Metrics)).transpose()?;
    Ok([health].into_iter().chain(metrics).collect())
}

/// What was logged already.
#[derive(Default)]
struct Told(Vec<String>);

impl Told {
    /// Logs the faults that are new since the last time, and those that are gone.
    fn tell(&mut self, decided: &Decided) {
        let faults = decided.troubles();
        for fault in faults.iter().filter(|fault| !self.0.contains(fault)) {
            tracing::warn!("{fault}");
        }
        for fault in self.0.iter().filter(|fault| !faults.contains(fault)) {
            tracing::info!("no longer: {fault}");
        }
        self.0 = faults;
    }
}
