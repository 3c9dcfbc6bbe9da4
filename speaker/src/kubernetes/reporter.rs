//! Tells the API server what the wire does and what routers were told.
//!
//! A task of its own: nothing that announces waits for it, and a server that is away delays nothing but the telling.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use apiserver::{
    Event, Freshness, Pacing, Program, Recorder, Report, Reported, Shown, Verdict, Watch, WriteError, Writer,
};
use crds::reasons::EventReason;
use futures::{StreamExt as _, stream};
use kube::Client;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::book::Book;
use super::complaints::Complaints;
use super::node_events::NodeEvents;
use super::planner::Planned;
use super::speakers;
use super::statuses::{Author, Kind, Situation, Told, Writing, requests};
use crate::advertised::{Heard as HeardByRouters, advertised};
use crate::drivers::LinkObserved;
use crate::drivers::routing::RoutingObserver;
use crate::drivers::wire::Observer;
use crate::roster::{Advice, Reception};
use events::{News, contended};

mod events;

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
/// How long after the first plan what a former process told is believed, while wires are listened to and sessions come up.
const STARTING: Duration = Duration::from_secs(15);
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

/// Who tells what happens.
#[derive(Debug, Clone)]
pub struct Sources {
    /// The wire thread.
    pub wire: Observer,
    /// The sessions with routers.
    pub routing: RoutingObserver,
}

/// What was told, and how.
pub struct Reporter {
    identity: Identity,
    advice: Advice,
    client: Client,
    writer: Writer,
    recorder: Recorder,
    state: apiserver::Reporter,
    links: Book,
    routers: Book,
    /// What the last report of routers followed from: while it stays so, and the objects do, there is nothing to compare.
    heard: Option<(Arc<Planned>, HeardByRouters)>,
    complaints: Complaints,
    node_events: NodeEvents,
    /// The speakers that should be heard and are not, in words; nothing before any link has listened long enough.
    unheard: Option<String>,
    /// The server has our verdict.
    judged: bool,
    started: Instant,
    /// When everything was known first.
    planned: Option<Instant>,
    /// The last error, so that it is logged once.
    error: Option<String>,
}

/// What the server tells of the objects that this node writes.
enum Heard {
    Status(Kind, Event<Told>),
    State(Event<Shown>),
}

impl Reporter {
    /// Returns a reporter that has told nothing.
    pub fn new(identity: Identity, client: Client, advice: Advice) -> Self {
        let program = Program::Speaker { node: identity.node.clone() };
        Self {
            writer: Writer::new(client.clone(), PACING),
            recorder: Recorder::new("clarion-speaker", &identity.node),
            state: apiserver::Reporter::new(&identity.namespace, program, identity.pod.clone()),
            identity,
            advice,
            client,
            links: Book::new(Kind::L2),
            routers: Book::new(Kind::Bgp),
            heard: None,
            complaints: Complaints::default(),
            node_events: NodeEvents::default(),
            unheard: None,
            judged: false,
            started: Instant::now(),
            planned: None,
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
        sources: Sources,
    ) {
        let mut watches = JoinSet::new();
        let mut events = self.follow(&mut watches);
        let mut pace = FIRST_LOOK;
        loop {
            while let Ok(heard) = events.try_recv() {
                self.take(heard);
            }
            let plan = planned.borrow_and_update().clone();
            let (outcome, heard) = hear_during(self.report(&plan, &lost, &sources), &mut events).await;
            heard.into_iter().for_each(|heard| self.take(heard));
            self.log(outcome.as_ref().err());
            if outcome.is_err() {
                let ((), heard) = hear_during(tokio::time::sleep(REST), &mut events).await;
                heard.into_iter().for_each(|heard| self.take(heard));
                continue;
            }
            let announces =
                !plan.desired.l2.is_empty() || plan.desired.routes.values().any(|routes| !routes.is_empty());
            let idle = !announces && plan.roster.is_empty() && self.is_settled(&plan);
            tokio::select! {
                Some(ended) = watches.join_next() => match ended {
                    // The reporter starts again with all of its watches.
                    Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                    Ok(()) | Err(_) => return,
                },
                event = events.recv() => match event {
                    Some(heard) => self.take(heard),
                    None => return,
                },
                changed = planned.changed() => match changed {
                    Ok(()) => pace = FIRST_LOOK,
                    Err(_) => return,
                },
                () = tokio::time::sleep(pace), if !idle => {
                    pace = (pace * 2).min(LAST_LOOK);
                    continue;
                }
            }
            // A look takes the time of those who act on the change, and changes seldom come alone.
            tokio::time::sleep(FIRST_LOOK).await;
        }
    }

    /// Starts to follow the objects that this node writes.
    fn follow(&self, watches: &mut JoinSet<()>) -> mpsc::Receiver<Heard> {
        let (sender, events) = mpsc::channel(WAITING);
        for kind in [Kind::L2, Kind::Bgp] {
            let collection = kind.collection(&self.identity.namespace, &self.identity.node);
            let watch = Watch { collection, freshness: Freshness::Cached };
            watches.spawn(watch.follow(self.client.clone(), sender.clone(), move |event| Heard::Status(kind, event)));
        }
        watches.spawn(self.state.watch(Freshness::Cached).follow(self.client.clone(), sender, Heard::State));
        events
    }

    fn take(&mut self, heard: Heard) {
        match heard {
            Heard::Status(kind, event) => self.book(kind).take(event),
            Heard::State(event) => self.state.take(event),
        }
    }

    fn book(&mut self, kind: Kind) -> &mut Book {
        match kind {
            Kind::L2 => &mut self.links,
            Kind::Bgp => &mut self.routers,
        }
    }

    /// Says whether there is nothing left to tell but what the wire and the routers may do.
    fn is_settled(&self, plan: &Planned) -> bool {
        plan.unlisted.is_empty() && self.judged && self.links.is_quiet() && self.routers.is_quiet()
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
        plan: &Arc<Planned>,
        lost: &watch::Receiver<Vec<String>>,
        sources: &Sources,
    ) -> Result<(), WriteError> {
        let links = sources.wire.observe().await;
        let receptions = plan.roster.compare(&links, std::time::Instant::now());
        self.listen(plan, &receptions);
        let why = lost.borrow().join("\n");
        let mut outcome = self.report_configuration(plan, &why).await;
        if !plan.unlisted.is_empty() {
            return outcome;
        }
        let since = *self.planned.get_or_insert_with(Instant::now);
        let starting = since.elapsed() < STARTING;
        let peers = sources.routing.observe().await;
        let heard = (plan.clone(), HeardByRouters::of(&peers));
        self.links.meet(&plan.ready_nodes, &links);
        let mut situations = vec![(Kind::L2, Situation::on_links(&self.identity.node, &plan.desired, &links))];
        if starting || !self.has_reported(&heard) || !self.routers.is_quiet() {
            let addresses = plan.addresses.iter().map(|(service, held)| (service, held.ips.as_slice()));
            let advertised = advertised(&plan.desired, addresses, &peers);
            situations.push((Kind::Bgp, Situation::with_routers(&plan.desired, &advertised)));
        }
        let unheard = receptions.iter().flat_map(|link| link.unheard.iter().cloned()).collect();
        let mut news = Vec::new();
        for (kind, situation) in &situations {
            // One kind that cannot be written does not silence the others.
            match self.report_services(*kind, situation, starting, &unheard).await {
                Ok(assigned) => news.extend(assigned),
                Err(error) => outcome = Err(error),
            }
        }
        self.heard = (outcome.is_ok() && !starting).then_some(heard);
        self.tell(plan, news, starting).await;
        let conflicts = self.conflicts(plan, &links);
        self.tell(plan, conflicts, false).await;
        self.tell_node(plan, &links, &receptions).await;
        outcome
    }

    fn has_reported(&self, (plan, heard): &(Arc<Planned>, HeardByRouters)) -> bool {
        self.heard.as_ref().is_some_and(|(before, told)| Arc::ptr_eq(before, plan) && told == heard)
    }

    async fn report_configuration(&mut self, plan: &Planned, why: &str) -> Result<(), WriteError> {
        let verdict = if plan.unlisted.is_empty() {
            self.state.name_heartbeat_keys(plan.heartbeat_keys.clone());
            Verdict::of(&plan.faults, &plan.unreadable)
        } else if self.started.elapsed() >= LISTING {
            Verdict::unknown(why)
        } else {
            return Ok(());
        };
        let links = plan.served.iter().map(speakers::link).collect();
        let report = Report { verdict, unheard: self.unheard.clone(), links };
        self.judged = self.state.report(&self.writer, &report).await? == Reported::Shown;
        Ok(())
    }

    /// Takes over who is not heard, once it is known: a process that has just started does not say that all is well.
    fn listen(&mut self, plan: &Planned, receptions: &[Reception]) {
        let settled = |link: &Reception| link.settled || link.heard == link.expected && link.expected > 0;
        let known = self.unheard.is_some() || plan.roster.is_empty() || receptions.iter().any(settled);
        if known && plan.roster.is_known() && plan.unlisted.is_empty() {
            let lasting = receptions.iter().filter(|link| link.is_lasting());
            let faults: Vec<String> = lasting.filter_map(|link| link.fault(self.advice)).collect();
            self.unheard = Some(faults.join("\n"));
        }
    }

    /// Makes the objects of a kind say what is so, and returns an event for each Service that this node has taken on, or whose object
    /// another program keeps changing.
    async fn report_services(
        &mut self,
        kind: Kind,
        situation: &Situation,
        starting: bool,
        unheard: &BTreeSet<Arc<str>>,
    ) -> Result<Vec<News>, WriteError> {
        let Identity { node, namespace, pod } = self.identity.clone();
        let book = self.book(kind);
        if !book.told.is_listed() {
            return Ok(Vec::new());
        }
        let me = Author { node: &node, pod: pod.as_ref().map(|(_, uid)| uid.as_str()), starting };
        let (actions, fights) = book.actions(me, situation, std::time::Instant::now());
        let writing = Writing { kind, namespace: &namespace, node: &node, owner: pod.as_ref() };
        let writer = &self.writer;
        let outcomes = stream::iter(actions).map(|action| async move {
            let requests = requests(&action, writing).map_err(|error| WriteError::Unknown { cause: error.to_string() });
            send(writer, requests?).await
        });
        let outcomes: Vec<_> = outcomes.buffer_unordered(PACING.in_flight).collect().await;
        self.book(kind).answered(std::time::Instant::now());
        outcomes.into_iter().collect::<Result<(), _>>()?;
        let message = format!("announcing from node \"{node}\" with protocol \"{}\"", kind.protocol());
        let news = |service| News { service, reason: EventReason::NodeAssigned, message: message.clone() };
        let taken_on = self.book(kind).taken_on(&node, situation).into_iter().map(news);
        Ok(taken_on.chain(fights.into_iter().map(|fight| contended(kind, fight, unheard))).collect())
    }

    /// Returns the events that are due about machines which are none of our nodes and answer for Services as well.
    fn conflicts(&mut self, plan: &Planned, links: &[LinkObserved]) -> Vec<News> {
        let claims = links.iter().flat_map(|link| link.conflicts.iter().map(move |(vip, macs)| (link, vip, macs)));
        let claims: Vec<_> = claims.filter(|(link, vip, _)| link.answering.contains(vip)).collect();
        let mut due = self.complaints.due(Instant::now(), &claims.iter().map(|(_, vip, _)| **vip).collect());
        let mut news = Vec::new();
        for (link, vip, macs) in claims.into_iter().filter(|(_, vip, _)| due.remove(vip)) {
            let macs: Vec<String> = macs.iter().map(ToString::to_string).collect();
            let (macs, answer) = (macs.join(", "), if macs.len() == 1 { "answers" } else { "answer" });
            let message = format!(
                "{macs} {answer} for {vip} on the network of {} too; take the address away from that machine, or give the Service another one",
                link.name
            );
            let services = plan.desired.l2.get(vip).map(|plan| plan.services.as_slice()).unwrap_or_default();
            let reason = EventReason::AnnounceFailed;
            news.extend(services.iter().map(|service| News {
                service: service.clone(),
                reason,
                message: message.clone(),
            }));
        }
        news
    }
}

/// Does something to its end, and returns what the server told meanwhile: a watch that nobody listens to falls behind, and what was
/// written a while ago would count as lost.
async fn hear_during<T>(doing: impl Future<Output = T>, events: &mut mpsc::Receiver<Heard>) -> (T, Vec<Heard>) {
    let mut heard = Vec::new();
    tokio::pin!(doing);
    loop {
        tokio::select! {
            outcome = &mut doing => return (outcome, heard),
            Some(event) = events.recv() => heard.push(event),
        }
    }
}

/// Sends the requests of one action, in their order.
async fn send(writer: &Writer, requests: Vec<http::Request<Vec<u8>>>) -> Result<(), WriteError> {
    for request in requests {
        match writer.send(request).await {
            // Somebody else removed it first, and the watch will say so.
            Err(error) if error.is_not_found() => return Ok(()),
            outcome => drop(outcome?),
        }
    }
    Ok(())
}
