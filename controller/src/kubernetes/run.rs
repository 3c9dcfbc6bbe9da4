use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use apiserver::{Collection, Connection, Freshness, Occurrence, Pacing, Watch, Writer, connect, follow_configuration};
use crds::kinds::GROUP;
use tasks::Tasks;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};

use super::apply::{Applier, Outcome};
use super::clerk::{self, Desk};
use super::cluster::{Cluster, ClusterEvent, Seen};
use super::errands::{self, Sent};
use super::lease::{Candidacy, Standing, stand};
use super::meters::Meters;
use super::report::Situation;
use crate::leader::{Loss, Timing};
use crate::plan::Plan;

/// Events of the watches that wait for the loop: a page of a list and more. When it is full the watches wait, and the server with them.
const CHANGES: usize = 1_024;
/// Events that are taken in before the next plan, so that an endless stream of changes cannot hold it up.
const GATHER: usize = 8_192;
/// How long writes under way are waited for at the end.
const FAREWELL: Duration = Duration::from_secs(3);

/// What the controller is told to do.
#[derive(Debug, Clone)]
pub struct Options {
    /// The kubeconfig; none means the pod's service account.
    pub kubeconfig: Option<PathBuf>,
    /// The namespace of the configuration; none means the one of the service account or of the kubeconfig's context.
    pub namespace: Option<String>,
    /// The class of load balancers that is served; empty means Services without a class.
    pub lb_class: String,
    /// Who this replica is, unique in the cluster at any time.
    pub identity: String,
    /// The name of the Lease to stand for election with; none leads at once, for clusters that run one replica.
    pub lease: Option<String>,
    /// The times of the election.
    pub timing: Timing,
    /// The bounds on status writes.
    pub pacing: Pacing,
    /// The name of the Secret with the key of the heartbeats.
    pub secret: String,
    /// How long a step of a change of the key lasts at least; it ends when every speaker has shown that it took it.
    pub key_rotation_pause: Duration,
}

/// What the controller knows at a moment, for those who ask.
#[derive(Debug, Clone)]
pub struct Observed {
    /// Whether this replica leads.
    pub standing: Standing,
    /// Whether everything was listed once since it leads.
    pub listed: bool,
    /// The latest plan, its changes left out.
    pub plan: Arc<Plan>,
    /// Why changes of some kind do not arrive at present.
    pub lost: Option<String>,
    /// What is wrong with the configuration: object, field, what is wrong and what to do.
    pub faults: Vec<String>,
    /// What takes effect and may not be meant.
    pub notes: Vec<String>,
}

impl Default for Observed {
    fn default() -> Self {
        let (faults, notes) = (Vec::new(), Vec::new());
        Self { standing: Standing::Unknown, listed: false, plan: Arc::default(), lost: None, faults, notes }
    }
}

/// Runs until `stop` is ready, then finishes the writes under way, leaves the lead to another replica and returns. If some of them
/// are not answered in time, the lead is left to run out.
///
/// # Errors
/// Fails when there is no usable configuration for the API server, and when the lead is lost: whoever supervises the process
/// starts it again, as a candidate.
pub async fn run(
    options: Options,
    observed: watch::Sender<Observed>,
    meters: Meters,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let connection = connect(options.kubeconfig.as_deref()).await?;
    let namespace = options.namespace.clone().unwrap_or_else(|| connection.namespace.clone());
    tracing::info!(server = connection.server, namespace, identity = options.identity, "starting");
    let (standing, mut standing_changed) = watch::channel(Standing::Unknown);
    let (resign, resigned) = oneshot::channel();
    let (tasks, mut endings) = Tasks::new();
    #[expect(clippy::disallowed_methods, reason = "its end ends the loop below")]
    let mut office = tokio::spawn(candidacy(&options, &namespace, &meters, standing, resigned));
    let mut leader: Option<Leader> = None;
    tokio::pin!(stop);
    loop {
        let led = async {
            match &mut leader {
                Some(leader) => leader.step(&observed).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            ended = &mut office => {
                ended.context("stand for election")??;
                anyhow::bail!("the election ended by itself");
            }
            () = &mut stop => break,
            // What a task of the leader follows or keeps would be frozen; the lease runs out, and another replica takes over.
            ended = endings.first() => anyhow::bail!("{ended}"),
            Ok(()) = standing_changed.changed() => {
                let standing = *standing_changed.borrow_and_update();
                observed.send_modify(|observed| observed.standing = standing);
                if standing == Standing::Leading && leader.is_none() {
                    leader = Some(Leader::start(&tasks, &connection, &namespace, &options, &meters));
                }
            }
            () = led => {}
        }
    }
    if let Some(leader) = leader
        && !leader.finish().await
    {
        // A write that is still on its way must not arrive after the successor's first list.
        office.abort();
        let _ = office.await;
        return Ok(());
    }
    // An office that is gone has nothing to resign from.
    let _ = resign.send(());
    match tokio::time::timeout(FAREWELL, office).await {
        Ok(ended) => Ok(ended.context("stand for election")??),
        Err(_) => Ok(()),
    }
}

fn candidacy(
    options: &Options,
    namespace: &str,
    meters: &Meters,
    standing: watch::Sender<Standing>,
    resigned: oneshot::Receiver<()>,
) -> impl Future<Output = Result<(), Loss>> + Send + 'static {
    let candidacy = options.lease.as_ref().map(|lease| Candidacy {
        kubeconfig: options.kubeconfig.clone(),
        namespace: namespace.to_owned(),
        lease: lease.clone(),
        identity: options.identity.clone(),
        timing: options.timing,
        meters: meters.clone(),
    });
    async move {
        match candidacy {
            Some(candidacy) => stand(candidacy, standing, resigned).await,
            None => {
                standing.send_replace(Standing::Leading);
                // Resigning and being dropped are the same here.
                let _ = resigned.await;
                Ok(())
            }
        }
    }
}

/// Everything a leader does.
struct Leader {
    cluster: Cluster,
    applier: Applier,
    changes: mpsc::Receiver<ClusterEvent>,
    writer: Arc<Writer>,
    /// How many writes may be under way that have not failed.
    in_flight: usize,
    writes: JoinSet<Sent>,
    occurrences: mpsc::Sender<Occurrence>,
    /// The latest plan, its changes taken out.
    planned: Arc<Plan>,
    /// What the clerk reports.
    situation: watch::Sender<Situation>,
    /// The watches and the clerk.
    running: Vec<JoinHandle<()>>,
    meters: Meters,
}

impl Leader {
    fn start(tasks: &Tasks, connection: &Connection, namespace: &str, options: &Options, meters: &Meters) -> Self {
        let (sender, changes) = mpsc::channel(CHANGES);
        let watch = |collection| Watch { collection, freshness: Freshness::Quorum };
        let client = || connection.client.clone();
        // All Services and not only load balancers: a Service whose type changes has to be cleared, also when it changed while
        // nobody led. Those that do not concern us are dropped as soon as they are decoded, and every kube-proxy of the
        // cluster watches the same.
        let services = watch(Collection::everywhere("v1", "services"));
        let cluster = Cluster::new(namespace, &options.lb_class);
        let following = services.follow_within(client(), sender.clone(), ClusterEvent::Service, cluster.incomplete());
        let services = tasks.spawn("the watch of Services", following);
        let namespaces = watch(Collection::everywhere("v1", "namespaces"));
        let following = namespaces.follow(client(), sender.clone(), ClusterEvent::Namespace);
        let namespaces = tasks.spawn("the watch of Namespaces", following);
        let nodes = watch(Collection::everywhere("v1", "nodes"));
        let nodes = tasks.spawn("the watch of Nodes", nodes.follow(client(), sender.clone(), ClusterEvent::Node));
        let speakers = Collection::within(namespace, &format!("{GROUP}/v1beta1"), "configurationstates");
        let speakers = watch(speakers.labels("metallb.io/component-type=speaker"));
        let following = speakers.follow(client(), sender.clone(), ClusterEvent::Speaker);
        let speakers = tasks.spawn("the watch of speakers", following);
        follow_configuration(
            tasks,
            &connection.client,
            namespace,
            Freshness::Quorum,
            &sender,
            ClusterEvent::Configuration,
        );
        let occurrences = errands::record(tasks, client(), &options.identity, meters);
        let (situation, receiver) = watch::channel(Situation::default());
        let desk = Desk {
            namespace: namespace.to_owned(),
            secret: options.secret.clone(),
            key_rotation_pause: options.key_rotation_pause,
            situation: receiver,
            occurrences: occurrences.clone(),
            meters: meters.clone(),
        };
        let clerk = tasks.spawn("the care for key and conditions", clerk::work(connection.clone(), desk));
        Self {
            cluster,
            applier: Applier::default(),
            changes,
            writer: Arc::new(Writer::new(client(), options.pacing)),
            in_flight: options.pacing.in_flight,
            writes: JoinSet::new(),
            occurrences,
            planned: Arc::default(),
            situation,
            running: vec![services, namespaces, nodes, speakers, clerk],
            meters: meters.clone(),
        }
    }

    /// Waits for something to happen and does what follows from it; may be dropped at any await.
    async fn step(&mut self, observed: &watch::Sender<Observed>) {
        let wake = [self.applier.next_wake(), self.applier.contention.next_wake()].into_iter().flatten().min();
        let rested = async {
            match wake {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            Some(written) = self.writes.join_next() => self.settle(written),
            Some(change) = self.changes.recv() => {
                self.take(change);
                for _ in 0..GATHER {
                    let Ok(change) = self.changes.try_recv() else { break };
                    self.take(change);
                }
            }
            () = rested => {}
        }
        while let Some(written) = self.writes.try_join_next() {
            self.settle(written);
        }
        if self.applier.wake(Instant::now()) {
            self.cluster.replan();
        }
        self.plan(observed);
        self.dispatch();
    }

    fn take(&mut self, change: ClusterEvent) {
        self.meters.heard(&change);
        let Some(Seen { service, changed_by }) = self.cluster.take(change) else { return };
        let (services, ledger) = self.cluster.statuses();
        let Some(view) = services.get(&service) else { return };
        if let Some(by) = changed_by {
            // In a fight the condition and an event say so, once.
            if self.applier.contention.rival(&service).is_none() {
                tracing::warn!(%service, by, "another program has changed the status, which is put right");
            }
            self.applier.contention.changed(Instant::now(), &service, &view.uid, &by);
        }
        if self.applier.was_awaited(view, ledger) {
            self.cluster.replan();
        }
    }

    fn plan(&mut self, observed: &watch::Sender<Observed>) {
        let began = Instant::now();
        self.applier.contention.sweep(began);
        let contended = self.applier.contention.contended();
        self.meters.contended(&contended);
        self.cluster.contend(contended);
        let planned = self.cluster.plan().map(|mut plan| {
            self.meters.planned(began.elapsed());
            self.applier.replace(std::mem::take(&mut plan.changes));
            self.planned = Arc::new(plan);
        });
        if let Some(situation) = self.cluster.situation(&self.planned, planned.is_some()) {
            self.meters.faults(situation.faults());
            self.meters.passed_over(&self.cluster.passed_over());
            observed.send_modify(|observed| (observed.faults, observed.notes) = situation.lines());
            self.situation.send_replace(situation);
        }
        let lost = self.cluster.lost().map(ToString::to_string);
        observed.send_if_modified(|observed| {
            let changed = planned.is_some() || observed.lost != lost;
            if changed {
                (observed.listed, observed.plan, observed.lost) =
                    (self.cluster.is_listed(), self.planned.clone(), lost);
            }
            changed
        });
    }

    fn dispatch(&mut self) {
        let now = Instant::now();
        while self.applier.under_way() < self.in_flight {
            let (services, ledger) = self.cluster.statuses();
            let Some(job) = self.applier.next(now, services, ledger) else { break };
            self.writes.spawn(errands::carry_out(self.writer.clone(), self.meters.clone(), job));
        }
        self.meters.waiting(self.applier.queued());
    }

    fn settle(&mut self, sent: Result<Sent, tokio::task::JoinError>) {
        let (service, outcome, events) = match sent {
            Ok(Sent::Settled { service, outcome, events }) => (service, outcome, events),
            Ok(Sent::Failed(job)) => {
                self.applier.failed(&job.view.id);
                self.writes.spawn(errands::insist(self.writer.clone(), self.meters.clone(), job));
                return;
            }
            Err(_) => return,
        };
        match &outcome {
            Outcome::Accepted(_) => {
                for event in events {
                    tracing::info!(%service, reason = event.reason.as_str(), "{}", event.message);
                    // When too many wait, this one is not recorded.
                    let _ = self.occurrences.try_send(errands::occurrence(event));
                }
            }
            Outcome::Conflict | Outcome::Gone => tracing::debug!(%service, ?outcome, "not written"),
            Outcome::Refused(status) => tracing::warn!(%service, %status, "the status cannot be written"),
        }
        let (services, ledger) = self.cluster.statuses();
        let settled = self.applier.settle(Instant::now(), &service, &outcome, ledger);
        if settled.contended
            && let (Some(view), Some(rival)) = (services.get(&service), self.applier.contention.rival(&service))
        {
            let event = errands::contended(view, rival);
            tracing::warn!(%service, rival, "{}", event.message);
            let _ = self.occurrences.try_send(errands::occurrence(event));
        }
        if settled.replan {
            self.cluster.replan();
        }
    }

    /// Waits for the writes under way; what was only planned is left to the successor. Returns whether all were settled in time.
    async fn finish(mut self) -> bool {
        self.running.iter().for_each(JoinHandle::abort);
        let all = async {
            while let Some(written) = self.writes.join_next().await {
                self.settle(written);
            }
        };
        let settled = tokio::time::timeout(FAREWELL, all).await.is_ok();
        if !settled {
            tracing::warn!(writes = self.writes.len(), "leaving with writes unanswered");
        }
        settled
    }
}

#[cfg(test)]
mod tests;
