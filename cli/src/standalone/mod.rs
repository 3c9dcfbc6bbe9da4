//! `clarion standalone`: controller and speaker in one process, fed from a directory of manifests.
//!
//! A change of the directory or of a link runs the whole chain once: manifests, checked configuration, addresses, view, plan,
//! orders for the wire thread. Each step is a pure function of the one before, so hosts with the same directory agree.

pub(crate) mod allocation;
pub(crate) mod configuration;
mod http;
mod options;
pub(crate) mod report;
mod state;

use std::sync::Arc;
use std::time::Instant;

use announce::{DrainPolicy, NodeName, Policy};
use anyhow::Context as _;
use crds::checked::Compiler;
use crds::fault::Severity;
use ipnet::IpNet;
use speaker::drivers::routing::{self, Routing};
use speaker::exclusion::Exclusion;
use speaker::keys::KeysInUse;
use speaker::net::links::{Links, watch_links};
use speaker::roster::{self, Roster};
use speaker::{LinkObserved, Wire, orders, peers, view};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::http::{Port, Pulse, Server, Serves};
use crate::manifests::{Directory, Loaded, Watch};
use crate::speaker::give_up;
use crate::unheard;
use allocation::Allocator;
use configuration::Cluster;
pub use http::FAULTS;
use http::Source;
pub(crate) use options::METRICS_ADDRESS;
pub use options::{Drain, Options};
use report::Decided;

/// How a fault begins that says that a plan came to no end.
const NO_PLAN: &str = "no plan could be made, so the one before stays in effect";

/// Runs until SIGTERM or SIGINT, then hands everything over and returns.
///
/// # Errors
/// Fails at start when the directory, the state, the metrics address or the network cannot be used.
pub async fn run(options: Options) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("watch for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("watch for SIGINT")?;
    let mut hangup = signal(SignalKind::hangup()).context("watch for SIGHUP")?;
    let mut program = Program::start(&options)?;
    let mut changes = Watch::start(&options.manifests);
    // What changed before the watch began is seen now.
    program.reload();
    // A listing that fails ends the program, for nothing can be announced without links.
    let (links, mut links_changed) = watch::channel(Links::new());
    let mut watching = tokio::spawn(watch_links(links));
    links_changed.changed().await.context("list the network links")?;

    let wire = Wire::start(options.wire.config(&options.node)).context("start the wire thread")?;
    let routing = Routing::start(routing::Config::default()).context("start the sessions with routers")?;
    let undecided = Decided { closed: Some("the manifests have not been read yet".to_owned()), ..Decided::default() };
    let (decided, receiver) = watch::channel(Arc::new(undecided));
    let address = options.metrics_address.or(METRICS_ADDRESS);
    let port = Port::open("--metrics-address", address, Serves::Everything)?;
    let source =
        Source { decided: receiver, wire: wire.observer(), routing: routing.observer(), advice: options.wire.advice() };
    let pulse = Pulse::start();
    let mut server = Server::start(vec![port], source, pulse.clone()).context("start the HTTP server")?;
    let unheard = |links: &[LinkObserved]| unheard::faults(&decided.borrow().roster, links, options.wire.advice());
    let logging = unheard::log(wire.observer(), unheard);
    tokio::pin!(logging);

    let mut panics = 0;
    'decide: loop {
        let links = links_changed.borrow_and_update().clone();
        // What one odd object does to a plan must not end the announcements of the others.
        match tasks::caught_in(|| program.decide(&links)) {
            Ok(next) => {
                wire.update(next.wire);
                routing.update(next.routing);
                decided.send_replace(Arc::new(Decided { panics, ..next.decided }));
            }
            Err(panic) => {
                panics += 1;
                let fault = format!(
                    "{NO_PLAN}: {panic}; please report it with the manifests that were changed last, and undo the change"
                );
                tracing::error!("{fault}");
                let before = Decided::clone(&decided.borrow());
                let faults = before.faults.iter().filter(|fault| !fault.starts_with(NO_PLAN)).cloned().chain([fault]);
                decided.send_replace(Arc::new(Decided { faults: faults.collect(), panics, ..before }));
            }
        }
        // The sessions run on this thread too, and are to send what was decided before anything more is read.
        tokio::task::yield_now().await;
        loop {
            pulse.beat();
            tokio::select! {
                () = changes.changed() => program.reload(),
                _ = hangup.recv() => {
                    tracing::info!("SIGHUP: reading the manifests again");
                    program.reload();
                }
                changed = links_changed.changed() => changed.context("the network links are no longer watched")?,
                () = &mut logging => {}
                ended = &mut watching => ended.context("watch the network links")??,
                () = wire.ended() => return give_up(wire, routing, "the wire thread ended by a fault").await,
                () = routing.ended() => return give_up(wire, routing, "the sessions with routers ended by a fault").await,
                () = server.ended() => return give_up(wire, routing, "the HTTP server ended by a fault").await,
                () = pulse.rest() => continue,
                _ = terminate.recv() => break 'decide,
                _ = interrupt.recv() => break 'decide,
            }
            break;
        }
    }
    tracing::info!("handing over and leaving");
    tokio::join!(wire.leave(), routing.leave());
    Ok(())
}

/// Everything between a change and the orders that follow from it.
struct Program {
    options: Options,
    exclusion: Exclusion,
    policy: Policy,
    directory: Directory,
    loaded: Loaded,
    compiler: Compiler,
    allocator: Allocator,
    keys: KeysInUse,
    orders: orders::Sequence,
    roster: Roster,
    /// Faults that were logged already.
    told: Vec<String>,
    /// Chosen once, for another one would reset every session.
    router_id: Option<peers::RouterId>,
}

/// What follows from the manifests and the links.
struct Decision {
    decided: Decided,
    wire: speaker::Desired,
    routing: routing::Desired,
}

impl Program {
    fn start(options: &Options) -> anyhow::Result<Self> {
        let exclusion = match options.interface_exclude.as_slice() {
            [] => Exclusion::default(),
            patterns => Exclusion::new(patterns)?,
        };
        let allocator = Allocator::load(&options.state_dir)?;
        let (directory, loaded) = Directory::load(&options.manifests)?;
        tracing::info!(files = loaded.files.len(), objects = loaded.objects.len(), "read the manifests");
        Ok(Self {
            options: options.clone(),
            exclusion,
            policy: policy(options.ignore_exclude_lb, &options.drain_on),
            directory,
            loaded,
            compiler: Compiler::default(),
            allocator,
            keys: KeysInUse::default(),
            orders: orders::Sequence::default(),
            roster: Roster::default(),
            told: Vec::new(),
            router_id: None,
        })
    }

    fn reload(&mut self) {
        self.loaded = self.directory.reload();
    }

    /// Runs the chain from the manifests to the orders.
    fn decide(&mut self, links: &Links) -> Decision {
        let cluster = Cluster::of(&self.loaded);
        let (written, nodes) = (configuration::written(&self.loaded), cluster.labels());
        let compiled = self.compiler.compile(&written, Some(&nodes), &self.options.namespace);
        let lb_class = self.options.lb_class.as_deref().unwrap_or_default();
        self.allocator.subnets = links.values().flat_map(|link| &link.addresses).map(IpNet::trunc).collect();
        let allocated = self.allocator.allocate(&compiled, &cluster, lb_class);
        let addresses = self.allocator.addresses();
        let Self { policy, exclusion, .. } = self;
        let mut view =
            view::Inputs { config: &compiled.config, nodes: &cluster.nodes, policy, links, exclusion }.view();
        let Cluster { services, slices, .. } = &cluster;
        view::Services { services, slices, allocated: &addresses, lb_class }.put(&mut view, &compiled.config);
        let desired = announce::plan(&view, &NodeName::from(self.options.node.as_str()));
        let (keys, keyless) =
            self.keys.read(&cluster.secrets, &self.options.namespace, &self.options.wire.cluster().unwrap_or_default());
        let me = cluster.nodes.iter().copied().find(|node| node.metadata.name == self.options.node);
        let default_id = || peers::default_router_id(&self.options.node, me, links);
        let peers = peers::Inputs {
            config: &compiled.config,
            node: me,
            secrets: &cluster.secrets,
            namespace: &self.options.namespace,
            router_id: *self.router_id.get_or_insert_with(default_id),
        }
        .peers();

        let mut faults: Vec<String> = self.loaded.faults.iter().map(ToString::to_string).collect();
        let (noted, wrong): (Vec<_>, Vec<_>) =
            compiled.faults.iter().partition(|fault| fault.severity() == Severity::Note);
        faults.extend(wrong.into_iter().map(|fault| configuration::placed(fault, &compiled, &self.loaded)));
        faults.extend(allocated.faults.iter().cloned());
        let node = self.options.node.as_str();
        let closed = orders::closed(node, me.is_some(), &desired, keyless.as_deref().filter(|_| keys.is_none()));
        faults.extend(closed.clone().filter(|_| me.is_none()));
        faults.extend(keyless);
        faults.extend(peers.values().filter_map(|peer| peer.as_ref().err()).map(ToString::to_string));
        let internal = cluster.internal_addresses();
        let neighbours = configuration::neighbours(&cluster.nodes, &self.options.node, &view);
        let mut notes = report::notes(&desired, &cluster);
        notes.extend(noted.into_iter().map(|fault| configuration::placed(fault, &compiled, &self.loaded)));
        notes.extend(configuration::notes(&self.loaded, &compiled));
        self.tell(&faults);
        let unicast = self.options.wire.heartbeat_unicast.then_some(internal);
        let node = orders::NodeOrders { keys, ready: true, draining: false, unicast, macs: Arc::default() };
        let wire = self.orders.next(&desired, links, node);
        self.roster.update(roster::expected(&roster::served(&wire, links), &neighbours), Instant::now());
        let routing = routing::Desired {
            peers,
            routes: desired.routes.clone(),
            export: desired.export.clone(),
            links: Arc::new(links.clone()),
            ready: true,
        };
        let (node, roster) = (self.options.node.clone(), self.roster.clone());
        let decided = Decided { node, closed, allocated, addresses, desired, roster, faults, notes, panics: 0 };
        Decision { decided, wire, routing }
    }

    /// Logs the faults that are new since the last time, and those that are gone.
    fn tell(&mut self, faults: &[String]) {
        for fault in faults.iter().filter(|fault| !self.told.contains(fault)) {
            tracing::warn!("{fault}");
        }
        for fault in self.told.iter().filter(|fault| !faults.contains(fault)) {
            tracing::info!("no longer: {fault}");
        }
        self.told = faults.to_vec();
    }
}

/// Returns the cluster-wide settings that the command line makes.
pub(crate) fn policy(ignore_exclude_label: bool, drain_on: &[Drain]) -> Policy {
    let mut drain = DrainPolicy::default();
    for when in drain_on {
        match when {
            Drain::Cordon => drain.cordoned = true,
            Drain::Shutdown => drain.shutting_down = true,
            Drain::Deletion => drain.deleting = true,
            Drain::Taint(key) => {
                drain.taints.insert(key.as_str().into());
            }
        }
    }
    Policy { ignore_exclude_label, drain }
}
