//! Writes the reports and looks after the heartbeat Secret; nothing waits for it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use apiserver::{
    Budget, Connection, Event, Freshness, Occurrence, Pacing, Program, Regarding, Repairs, Reported, Reporter, Shown,
    Verdict, WriteError, Writer,
};
use crds::core::Secret;
use crds::fault::ObjectRef;
use crds::reasons::EventReason;
use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::heartbeat_key::{HeartbeatKey, Tended};
use super::meters::{Kind, Meters};
use super::report::{Saying, Situation, Statement};
use super::secret::SpeakerState;

/// The least time between two passes, so that counters which change with every write are written once a second.
const PACE: Duration = Duration::from_secs(1);
/// How long a write may take to come back by the watch before it is repeated.
const ECHO: Duration = Duration::from_secs(10);
/// Events of the watches that wait; when it is full the watches wait. Few objects are followed, and those of the speakers seldom change.
const HEARD: usize = 16;

/// Whom the clerk works for.
pub(super) struct Desk {
    pub namespace: String,
    /// The name of the heartbeat Secret.
    pub secret: String,
    /// The least time for the speakers to see a change of it.
    pub key_rotation_pause: Duration,
    pub situation: watch::Receiver<Situation>,
    pub occurrences: mpsc::Sender<Occurrence>,
    pub meters: Meters,
}

/// A change of what the clerk looks after.
enum Heard {
    Secret(Event<Secret>),
    Speaker(Event<SpeakerState>),
    Verdict(Event<Shown>),
}

struct Clerk {
    desk: Desk,
    writer: Arc<Writer>,
    reporter: Reporter,
    key: HeartbeatKey,
    /// What was written and has not come back yet.
    said: BTreeMap<ObjectRef, (Saying, Instant)>,
    /// What each object was made to say last: who has to say the same again repairs what another program has changed.
    kept: BTreeMap<ObjectRef, (String, Saying)>,
    repairs: Repairs<ObjectRef>,
}

/// Works until the receiver's sender is gone.
pub(super) async fn work(connection: Connection, desk: Desk) {
    let (sender, mut heard) = mpsc::channel(HEARD);
    let mut watches = JoinSet::new();
    let reporter = Reporter::new(&desk.namespace, Program::Controller, None);
    let key = HeartbeatKey::new(&desk.namespace, &desk.secret, desk.key_rotation_pause);
    watches.spawn(key.watch_secret().follow(connection.client.clone(), sender.clone(), Heard::Secret));
    watches.spawn(key.watch_speakers().follow(connection.client.clone(), sender.clone(), Heard::Speaker));
    let verdict = reporter.watch(Freshness::Quorum);
    watches.spawn(verdict.follow(connection.client.clone(), sender, Heard::Verdict));

    let pacing = Pacing { in_flight: 8, per_second: 50.0, burst: 200.0, ..Pacing::default() };
    let mut clerk = Clerk {
        writer: Arc::new(Writer::new(connection.client.clone(), pacing)),
        reporter,
        desk,
        key,
        said: BTreeMap::new(),
        kept: BTreeMap::new(),
        repairs: Repairs::default(),
    };
    loop {
        let again = clerk.pass().await;
        tokio::time::sleep(PACE).await;
        let later = async {
            match again {
                Some(pause) => tokio::time::sleep(pause).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = clerk.desk.situation.changed() => if changed.is_err() { return },
            Some(event) = heard.recv() => clerk.take(event),
            () = later => {}
        }
        while let Ok(event) = heard.try_recv() {
            clerk.take(event);
        }
    }
}

impl Clerk {
    fn take(&mut self, event: Heard) {
        match event {
            Heard::Secret(event) => self.key.take_secret(event),
            Heard::Speaker(event) => self.key.take_speaker(event),
            Heard::Verdict(event) => self.reporter.take(event),
        }
    }

    /// Writes what is to be written; returns when to look again at the latest.
    async fn pass(&mut self) -> Option<Duration> {
        let situation = self.desk.situation.borrow_and_update().clone();
        self.kept.retain(|object, _| situation.written.contains(object));
        let open = self.say(situation.statements()).await;
        let waits = self.tend_key().await;
        let undecided = if situation.listed { self.judge(&situation).await } else { None };
        let now = Instant::now();
        let rested = self.repairs.next_wake(now).map(|at| at.saturating_duration_since(now));
        [open.then_some(ECHO), rested, undecided, waits].into_iter().flatten().min()
    }

    /// Writes statements that have not just been written; returns whether any has still to come back.
    async fn say(&mut self, statements: Vec<Statement>) -> bool {
        let now = Instant::now();
        self.said.retain(|object, (_, at)| {
            now < *at + ECHO && statements.iter().any(|statement| statement.object == *object)
        });
        let open = !statements.is_empty();
        let mut writes = JoinSet::new();
        for statement in statements {
            let said = self.said.get(&statement.object).is_some_and(|(saying, _)| *saying == statement.wanted);
            if said || self.repairs.is_resting(now, &statement.object) {
                continue;
            }
            let writer = self.writer.clone();
            writes.spawn(async move {
                let result = writer.send(statement.request(Timestamp::now())).await;
                (statement, result.map(drop))
            });
        }
        while let Some(written) = writes.join_next().await {
            let Ok((statement, result)) = written else { continue };
            self.desk.meters.wrote(Kind::Configuration, &result);
            self.conclude(statement, result);
        }
        open
    }

    fn conclude(&mut self, statement: Statement, result: Result<(), WriteError>) {
        let Statement { object, uid, wanted, .. } = &statement;
        match result {
            Ok(()) => {
                let kept = self.kept.insert(object.clone(), (uid.clone(), wanted.clone()));
                if kept.is_some_and(|kept| kept == (uid.clone(), wanted.clone())) {
                    self.repaired(&statement);
                }
                match statement.is_accepted() {
                    true => tracing::info!(%object, reason = wanted.reason, "{}", wanted.message),
                    false => tracing::warn!(%object, reason = wanted.reason, "{}", wanted.message),
                }
                if statement.is_news() {
                    // When too many wait, this one is not recorded; the condition says the same.
                    let _ = self.desk.occurrences.try_send(occurrence(
                        &statement,
                        EventReason::InvalidConfiguration,
                        &wanted.message,
                    ));
                }
                self.said.insert(object.clone(), (wanted.clone(), Instant::now()));
            }
            // Deleted, or made anew; the watch will tell.
            Err(error) if error.is_conflict() || error.is_not_found() => {}
            Err(error) => tracing::warn!(%object, %error, "the status cannot be written"),
        }
    }

    /// Books a repair, and tells of the one that is one too many.
    fn repaired(&mut self, statement: &Statement) {
        let object = &statement.object;
        if self.repairs.book(Instant::now(), object.clone(), Budget::REPAIR) {
            let message = "another program keeps changing the status of this object, so it is written at most once a minute until that ends; \
                           stop that program, such as the controller of a MetalLB that still runs";
            tracing::warn!(%object, "{message}");
            // As for the other events.
            let _ = self.desk.occurrences.try_send(occurrence(statement, EventReason::Contended, message));
        }
    }

    /// Writes the verdict over the whole configuration unless it is shown; returns when to look again at the latest.
    async fn judge(&mut self, situation: &Situation) -> Option<Duration> {
        let lines: Vec<String> = situation.unreadable_lines().into_iter().chain(self.key.trouble()).collect();
        let verdict = Verdict::of(&situation.compiled.faults, &lines);
        let result = self.reporter.report(&self.writer, &verdict.into()).await;
        match &result {
            Ok(Reported::Shown) => return None,
            Ok(Reported::Later(pause)) => return Some(*pause),
            Ok(Reported::Written) => {}
            Err(error) => tracing::warn!(%error, "the ConfigurationState cannot be written"),
        }
        self.desk.meters.wrote(Kind::ConfigurationState, &result);
        Some(ECHO)
    }

    /// Takes the next step for the heartbeat Secret; returns how long to wait for the one after.
    async fn tend_key(&mut self) -> Option<Duration> {
        let Tended { again, news } = self.key.tend(&self.writer, &self.desk.meters).await;
        if let Some(news) = news {
            // As for the other events; the ConfigurationState says the same.
            let _ = self.desk.occurrences.try_send(news);
        }
        again
    }
}

fn occurrence(statement: &Statement, reason: EventReason, message: &str) -> Occurrence {
    let Statement { object: ObjectRef { kind, namespace, name }, uid, api_version, .. } = statement;
    let regarding = Regarding {
        api_version: api_version.clone(),
        kind: kind.clone(),
        namespace: namespace.clone(),
        name: name.clone(),
        uid: uid.clone(),
    };
    Occurrence { regarding, reason, message: message.to_owned() }
}
