//! Tells the API server what the wire does.
//!
//! A task of its own: nothing that announces waits for it, and a server that is away delays nothing but the telling.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use announce::ServiceId;
use apiserver::{
    Collection, Event, Freshness, Occurrence, Pacing, Program, Recorder, Regarding, Table, Verdict, Watch, WriteError,
    Writer,
};
use crds::kinds::GROUP;
use crds::reasons::EventReason;
use futures::{StreamExt as _, stream};
use jiff::Timestamp;
use kube::Client;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::planner::Planned;
use super::statuses::{self, Action, Answered, Told, Unseen};
use crate::drivers::LinkObserved;
use crate::drivers::wire::Observer;

/// A thousand speakers share the server, so each is content with little at once.
const PACING: Pacing = Pacing { in_flight: 4, per_second: 100.0, burst: 500.0, deadline: Duration::from_secs(10) };
/// How soon after a change of the plan the wire is asked what has come of it; then twice as long, and so on.
const FIRST_LOOK: Duration = Duration::from_millis(25);
/// How often the wire is asked in quiet times.
const LAST_LOOK: Duration = Duration::from_secs(1);
/// How long to leave the server alone after a write that failed.
const REST: Duration = Duration::from_secs(5);
/// How long the first listing may take before its absence is told.
const LISTING: Duration = Duration::from_secs(5);
/// Changes of the objects that wait; a full channel makes the watch wait.
const WAITING: usize = 64;

/// Who reports.
#[derive(Debug, Clone)]
pub struct Identity {
    /// This node's name.
    pub node: String,
    /// The namespace that the objects are written in.
    pub namespace: String,
    /// The pod that owns them, by name and uid, so that they go when it does; none outside a cluster.
    pub pod: Option<(String, String)>,
}

/// What was told, and how.
pub struct Reporter {
    identity: Identity,
    client: Client,
    writer: Writer,
    recorder: Recorder,
    state: apiserver::Reporter,
    told: Table<Told>,
    unseen: Unseen,
    /// The Services that events have told of; none before the first look.
    assigned: Option<BTreeSet<ServiceId>>,
    /// The stations that events have complained about.
    conflicts: BTreeSet<(IpAddr, String)>,
    /// The verdict that the server has.
    verdict: Option<Verdict>,
    started: Instant,
    /// The last error, so that it is logged once.
    error: Option<String>,
}

impl Reporter {
    /// Returns a reporter that has told nothing.
    pub fn new(identity: Identity, client: Client) -> Self {
        let program = Program::Speaker { node: identity.node.clone() };
        Self {
            writer: Writer::new(client.clone(), PACING),
            recorder: Recorder::new("clarion-speaker", &identity.node),
            state: apiserver::Reporter { namespace: identity.namespace.clone(), program, pod: identity.pod.clone() },
            identity,
            client,
            told: Table::default(),
            unseen: Unseen::default(),
            assigned: None,
            conflicts: BTreeSet::new(),
            verdict: None,
            started: Instant::now(),
            error: None,
        }
    }

    /// Reports until nobody plans any more.
    ///
    /// `lost` says why changes do not arrive, if so.
    pub async fn run(
        mut self,
        mut planned: watch::Receiver<Arc<Planned>>,
        lost: watch::Receiver<Vec<String>>,
        observer: Observer,
    ) {
        let (sender, mut events) = mpsc::channel(WAITING);
        let collection = Collection::within(&self.identity.namespace, &format!("{GROUP}/v1beta1"), "servicel2statuses");
        let watch = Watch { collection, freshness: Freshness::Cached };
        tokio::spawn(watch.follow(self.client.clone(), sender, |event: Event<Told>| event));
        let mut pace = FIRST_LOOK;
        loop {
            while let Ok(event) = events.try_recv() {
                self.told.take(event);
            }
            let plan = planned.borrow_and_update().clone();
            let outcome = self.report(&plan, &lost, &observer).await;
            self.log(outcome.as_ref().err());
            if outcome.is_err() {
                tokio::time::sleep(REST).await;
                continue;
            }
            let idle = plan.desired.l2.is_empty() && self.is_settled(&plan);
            tokio::select! {
                event = events.recv() => match event {
                    Some(event) => {
                        self.told.take(event);
                    }
                    None => return,
                },
                changed = planned.changed() => match changed {
                    Ok(()) => pace = FIRST_LOOK,
                    Err(_) => return,
                },
                () = tokio::time::sleep(pace), if !idle => pace = (pace * 2).min(LAST_LOOK),
            }
        }
    }

    /// Says whether there is nothing left to tell but what the wire may do.
    fn is_settled(&self, plan: &Planned) -> bool {
        plan.unlisted.is_empty() && self.unseen.deadline().is_none()
    }

    fn log(&mut self, error: Option<&WriteError>) {
        let error = error.map(ToString::to_string);
        if error != self.error {
            match &error {
                Some(error) => tracing::warn!("cannot report what this node announces: {error}"),
                None => tracing::info!("reporting again"),
            }
            self.error = error;
        }
    }

    async fn report(
        &mut self,
        plan: &Planned,
        lost: &watch::Receiver<Vec<String>>,
        observer: &Observer,
    ) -> Result<(), WriteError> {
        let why = lost.borrow().join("\n");
        self.report_configuration(plan, &why).await?;
        if !plan.unlisted.is_empty() || !self.told.is_listed() {
            return Ok(());
        }
        let links = observer.observe().await;
        let answered = statuses::answered(&self.identity.node, &plan.desired, &links);
        self.report_services(&answered).await?;
        self.report_events(plan, &answered, &links).await
    }

    async fn report_configuration(&mut self, plan: &Planned, why: &str) -> Result<(), WriteError> {
        let verdict = if plan.unlisted.is_empty() {
            Verdict::of(&plan.faults, &plan.unreadable)
        } else if self.started.elapsed() >= LISTING {
            Verdict::unknown(why)
        } else {
            return Ok(());
        };
        if self.verdict.as_ref() != Some(&verdict) {
            self.state.report(&self.writer, &verdict, Timestamp::now()).await?;
            self.verdict = Some(verdict);
        }
        Ok(())
    }

    async fn report_services(&mut self, answered: &BTreeMap<ServiceId, Answered>) -> Result<(), WriteError> {
        let now = std::time::Instant::now();
        let names: BTreeSet<&str> = self.told.rows().map(|(name, _)| &*name.name).collect();
        self.unseen.settle(now, |name| names.contains(name));
        let existing = self.told.rows().filter_map(|(name, row)| Some((name, row.value.as_ref()?)));
        let me = &self.identity.node;
        let actions = statuses::reconcile(me, answered, existing, &self.unseen, statuses::random_name);
        self.unseen.send(now, &actions);
        let this = &*self;
        let outcomes = stream::iter(actions).map(|action| async move { this.perform(&action).await });
        let outcomes: Vec<_> = outcomes.buffer_unordered(PACING.in_flight).collect().await;
        outcomes.into_iter().collect()
    }

    async fn perform(&self, action: &Action) -> Result<(), WriteError> {
        let Identity { node, namespace, pod } = &self.identity;
        let requests = statuses::requests(action, namespace, node, pod.as_ref());
        for request in requests.map_err(|error| WriteError::Unknown { cause: error.to_string() })? {
            match self.writer.send(request).await {
                // Somebody else removed it first, and the watch will say so.
                Err(error) if error.is_not_found() => return Ok(()),
                outcome => drop(outcome?),
            }
        }
        Ok(())
    }

    async fn report_events(
        &mut self,
        plan: &Planned,
        answered: &BTreeMap<ServiceId, Answered>,
        links: &[LinkObserved],
    ) -> Result<(), WriteError> {
        let me = self.identity.node.clone();
        // After a restart the objects say what was told before.
        let before = self.assigned.take().unwrap_or_else(|| {
            let mine = self.told.values().filter(|told| *told.node == *me);
            mine.map(|told| told.service.clone()).collect()
        });
        for service in answered.keys().filter(|service| !before.contains(*service)) {
            let message = format!("announcing from node \"{me}\" with protocol \"layer2\"");
            self.record(plan, service, EventReason::NodeAssigned, message).await;
        }
        self.assigned = Some(answered.keys().cloned().collect());
        let mut conflicts = BTreeSet::new();
        for link in links {
            for (vip, mac) in link.conflicts.iter().filter(|(vip, _)| link.answering.contains(vip)) {
                let told = (*vip, mac.to_string());
                if !self.conflicts.contains(&told) {
                    let message = format!(
                        "{mac} answers for {vip} on the network of {} too; take the address away from that machine, or give the Service another one",
                        link.name
                    );
                    for service in plan.desired.l2.get(vip).map(|plan| plan.services.as_slice()).unwrap_or_default() {
                        self.record(plan, service, EventReason::AnnounceFailed, message.clone()).await;
                    }
                }
                conflicts.insert(told);
            }
        }
        self.conflicts = conflicts;
        Ok(())
    }

    /// Writes an event; one that is lost is not worth a second attempt.
    async fn record(&self, plan: &Planned, service: &ServiceId, reason: EventReason, message: String) {
        let uid = plan.addresses.get(service).map(|held| held.uid.to_string()).unwrap_or_default();
        let regarding = Regarding {
            api_version: "v1".to_owned(),
            kind: "Service".to_owned(),
            namespace: service.namespace.to_string(),
            name: service.name.to_string(),
            uid,
        };
        let occurrence = Occurrence { regarding, reason, message };
        if let Err(error) = self.recorder.record(&self.writer, &occurrence, Timestamp::now()).await {
            tracing::debug!(%service, %error, "an event was lost");
        }
    }
}
