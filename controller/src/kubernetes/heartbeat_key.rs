//! Carries out the steps for the heartbeat Secret, and reports the one that cannot be taken.

use std::time::{Duration, Instant};

use apiserver::{Collection, Event, Freshness, Occurrence, Regarding, Table, Version, Watch, Writer};
use crds::core::Secret;
use crds::reasons::EventReason;
use jiff::Timestamp;
use rand::RngExt as _;

use super::meters::{Kind, Meters};
use super::secret::{self, Circumstances, Hold, Ring, SpeakerState, Speakers, Step};

/// How long a write may take to come back by the watch before it is repeated.
const ECHO: Duration = Duration::from_secs(10);
/// The start of the names of the ConfigurationStates of speakers.
const SPEAKER: &str = "speaker-";

/// The key of the heartbeats as the cluster shows it.
pub(super) struct HeartbeatKey {
    namespace: String,
    /// The name of the Secret.
    name: String,
    /// The least time for the speakers to see a change.
    pause: Duration,
    secrets: Table<Secret>,
    speakers: Table<SpeakerState>,
    /// The keys of the last Secret that had any.
    remembered: Option<Ring>,
    /// The version of the Secret that was acted on.
    acted: Option<(Option<Version>, Instant)>,
    held: Option<Hold>,
}

/// What has come of an attempt to take the next step.
pub(super) struct Tended {
    /// When to look again at the latest.
    pub again: Option<Duration>,
    /// What is to be recorded.
    pub news: Option<Occurrence>,
}

impl HeartbeatKey {
    pub(super) fn new(namespace: &str, name: &str, pause: Duration) -> Self {
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            pause,
            secrets: Table::default(),
            speakers: Table::default(),
            remembered: None,
            acted: None,
            held: None,
        }
    }

    /// Returns the Secret to follow, whose changes [`Self::take_secret`] wants.
    pub(super) fn watch_secret(&self) -> Watch {
        let secrets = Collection::within(&self.namespace, "v1", "secrets");
        Watch { collection: secrets.fields(&format!("metadata.name={}", self.name)), freshness: Freshness::Quorum }
    }

    /// Returns the ConfigurationStates to follow, whose changes [`Self::take_speaker`] wants.
    pub(super) fn watch_speakers(&self) -> Watch {
        let states = Collection::within(&self.namespace, "metallb.io/v1beta1", "configurationstates");
        Watch { collection: states.labels("metallb.io/component-type=speaker"), freshness: Freshness::Quorum }
    }

    pub(super) fn take_secret(&mut self, event: Event<Secret>) {
        self.secrets.take(event);
        if let Some(ring) = self.secrets.values().next().and_then(Ring::of) {
            self.remembered = Some(ring);
        }
    }

    pub(super) fn take_speaker(&mut self, event: Event<SpeakerState>) {
        self.speakers.take(event);
    }

    /// Says why the key cannot be made or changed, if it cannot.
    pub(super) fn trouble(&self) -> Option<String> {
        let Self { namespace, name, held, .. } = self;
        held.as_ref().map(|held| format!("Secret {namespace}/{name}: {held}"))
    }

    /// Takes the next step.
    pub(super) async fn tend(&mut self, writer: &Writer, meters: &Meters) -> Tended {
        if !self.secrets.is_listed() || !self.speakers.is_listed() {
            return Tended { again: None, news: None };
        }
        let (step, version) = self.next_step();
        let held = match &step {
            Step::Hold(hold) => Some(hold.clone()),
            Step::Nothing | Step::Wait(_) | Step::Create(_) | Step::Change(_) => None,
        };
        let news = (self.held != held).then(|| self.report(held, meters)).flatten();
        let again = match &step {
            Step::Nothing | Step::Hold(_) => None,
            Step::Wait(due) => Some(Duration::try_from(due.duration_since(Timestamp::now())).unwrap_or_default()),
            Step::Create(_) | Step::Change(_) => {
                self.carry_out(&step, version, writer, meters).await;
                Some(ECHO)
            }
        };
        Tended { again, news }
    }

    fn next_step(&self) -> (Step, Option<Version>) {
        let row = self.secrets.rows().next();
        let current = row.and_then(|(_, row)| Some((row.value.as_ref()?, row.version)));
        let keys = |(name, row): (&apiserver::ObjectName, &apiserver::Row<SpeakerState>)| {
            let node = name.name.strip_prefix(SPEAKER).unwrap_or(&name.name).to_owned();
            (node, row.value.as_ref().map(SpeakerState::keys).unwrap_or_default())
        };
        let speakers: Speakers = self.speakers.rows().map(keys).collect();
        let circumstances = Circumstances {
            secret: current,
            remembered: self.remembered.as_ref(),
            speakers: &speakers,
            fresh: rand::rng().random(),
            pause: self.pause,
            now: Timestamp::now(),
        };
        (circumstances.next_step(), current.map(|(_, version)| version))
    }

    async fn carry_out(&mut self, step: &Step, version: Option<Version>, writer: &Writer, meters: &Meters) {
        if self.acted.as_ref().is_some_and(|(acted, at)| *acted == version && at.elapsed() < ECHO) {
            return;
        }
        let Some(request) = secret::request(step, &self.namespace, &self.name) else { return };
        let result = writer.send(request).await;
        meters.wrote(Kind::Secret, &result);
        match result {
            Ok(_) if version.is_none() && self.remembered.is_some() => {
                tracing::warn!(secret = self.name, "the Secret was deleted, and was made again with the keys it had");
            }
            Ok(_) => tracing::info!(secret = self.name, "the key of the heartbeats was made or changed"),
            Err(error) => tracing::warn!(secret = self.name, %error, "the key of the heartbeats cannot be written"),
        }
        self.acted = Some((version, Instant::now()));
    }

    /// Takes over what holds the key up; returns what is to be recorded of it.
    fn report(&mut self, held: Option<Hold>, meters: &Meters) -> Option<Occurrence> {
        self.held = held;
        meters.held_key(self.held.as_ref());
        let Some(held) = &self.held else {
            tracing::info!(secret = self.name, "nothing holds up the key of the heartbeats any more");
            return None;
        };
        let message = held.to_string();
        tracing::warn!(secret = self.name, "{message}");
        let secret = self.secrets.values().next();
        let regarding = Regarding {
            api_version: "v1".to_owned(),
            kind: "Secret".to_owned(),
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            uid: secret.and_then(|secret| secret.metadata.uid.clone()).unwrap_or_default(),
        };
        Some(Occurrence { regarding, reason: EventReason::HeartbeatKey, message })
    }
}
