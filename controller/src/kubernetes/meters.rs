//! What the controller counts while it works.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use apiserver::{ConfigurationEvent, Event, WriteError};
use ipam::ServiceId;
use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

use super::cluster::ClusterEvent;
use super::secret::Hold;

/// Name, type, labels and help of a metric.
type Family = (&'static str, &'static str, &'static [&'static str], &'static str);

const WRITES: Family = (
    "clarion_controller_writes_total",
    "counter",
    &["kind", "result"],
    "Writes to the API server; the result is `ok`, `conflict`, `gone`, `refused`, `busy` or `unknown`",
);
const PLAN: Family =
    ("clarion_controller_plan_seconds", "histogram", &[], "Time that a plan of the whole cluster took");
const WAITING: Family =
    ("clarion_controller_writes_waiting", "gauge", &[], "Planned writes to Services that have not been sent");
const CONTENDED: Family = (
    "clarion_controller_contended",
    "gauge",
    &["service"],
    "Services that another program, named in their condition, keeps changing, so that they are written once a minute",
);
const KEY: Family = (
    "clarion_controller_key_held",
    "gauge",
    &["reason"],
    "Whether the key of the heartbeats is not made (`lost`) or not changed to the end (`behind`), for the sake of speakers that have another",
);
const PASSED_OVER: Family = (
    "clarion_controller_services_passed_over",
    "gauge",
    &["object_namespace"],
    "Versions of Services for which the namespace has no room, since they were last listed",
);
const UPDATES: Family = ("metallb_k8s_client_updates_total", "counter", &[], "Changes received from the API server");
const ERRORS: Family =
    ("metallb_k8s_client_update_errors_total", "counter", &[], "Changes to objects that cannot be read");

/// Name, type, labels and help of the metrics that only the controller has.
pub const OWN: [(&str, &str, &[&str], &str); 6] = [WRITES, PLAN, WAITING, CONTENDED, KEY, PASSED_OVER];

/// The bounds of the histogram, in seconds: a plan of 10,000 Services takes about 20 ms.
const BOUNDS: [f64; 9] = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0];

/// Counters and gauges; cloning them shares the values.
#[derive(Debug, Clone)]
pub struct Meters {
    writes: IntCounterVec,
    plan: Histogram,
    waiting: IntGauge,
    contended: IntGaugeVec,
    key: IntGaugeVec,
    passed_over: IntGaugeVec,
    updates: IntCounter,
    errors: IntCounter,
    /// Not told as it is, but as part of whether the configuration is stale.
    faults: IntGauge,
}

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The status of a Service.
    Service,
    /// The status of a configuration object.
    Configuration,
    /// The verdict over the configuration.
    ConfigurationState,
    /// The key of the heartbeats.
    Secret,
    /// An event.
    Event,
    /// The Lease of the election.
    Lease,
}

impl Meters {
    /// Returns meters that stand at zero.
    ///
    /// # Errors
    /// Fails only when a name is no name of a metric.
    pub fn new() -> prometheus::Result<Self> {
        let options = |(name, _, _, help): Family| Opts::new(name, help);
        let plan = HistogramOpts::from(options(PLAN)).buckets(BOUNDS.to_vec());
        Ok(Self {
            writes: IntCounterVec::new(options(WRITES), WRITES.2)?,
            plan: Histogram::with_opts(plan)?,
            waiting: IntGauge::with_opts(options(WAITING))?,
            contended: IntGaugeVec::new(options(CONTENDED), CONTENDED.2)?,
            key: IntGaugeVec::new(options(KEY), KEY.2)?,
            passed_over: IntGaugeVec::new(options(PASSED_OVER), PASSED_OVER.2)?,
            updates: IntCounter::with_opts(options(UPDATES))?,
            errors: IntCounter::with_opts(options(ERRORS))?,
            faults: IntGauge::new("faults", "Faults of the configuration")?,
        })
    }

    /// Adds the metrics to a registry that is made for one scrape.
    ///
    /// # Errors
    /// Fails only when one of them is there already.
    pub fn collect(&self, registry: &Registry) -> prometheus::Result<()> {
        let Self { writes, plan, waiting, contended, key, passed_over, updates, errors, faults: _ } = self.clone();
        registry.register(Box::new(writes))?;
        registry.register(Box::new(plan))?;
        registry.register(Box::new(waiting))?;
        registry.register(Box::new(contended))?;
        registry.register(Box::new(key))?;
        registry.register(Box::new(passed_over))?;
        registry.register(Box::new(updates))?;
        registry.register(Box::new(errors))
    }

    /// Says whether something that is written is not in effect as it is written.
    pub fn has_faults(&self) -> bool {
        self.faults.get() > 0
    }

    /// Counts what the API server has told.
    pub(super) fn heard(&self, event: &ClusterEvent) {
        let heard = match event {
            ClusterEvent::Service(event) => heard(event),
            ClusterEvent::Namespace(event) => heard(event),
            ClusterEvent::Node(event) => heard(event),
            ClusterEvent::Speaker(event) => heard(event),
            ClusterEvent::Configuration(ConfigurationEvent::Pool(event)) => heard(event),
            ClusterEvent::Configuration(ConfigurationEvent::L2Advertisement(event)) => heard(event),
            ClusterEvent::Configuration(ConfigurationEvent::BgpAdvertisement(event)) => heard(event),
            ClusterEvent::Configuration(ConfigurationEvent::Peer(event)) => heard(event),
            ClusterEvent::Configuration(ConfigurationEvent::BfdProfile(event)) => heard(event),
            ClusterEvent::Configuration(ConfigurationEvent::Community(event)) => heard(event),
        };
        match heard {
            Heard::Nothing => {}
            Heard::Change => self.updates.inc(),
            Heard::Unreadable => {
                self.updates.inc();
                self.errors.inc();
            }
        }
    }

    /// Notes in which namespaces Services were passed over.
    pub(super) fn passed_over(&self, namespaces: &BTreeMap<Arc<str>, u64>) {
        self.passed_over.reset();
        for (namespace, versions) in namespaces {
            self.passed_over.with_label_values(&[namespace]).set(i64::try_from(*versions).unwrap_or(i64::MAX));
        }
    }

    /// Notes how long a plan took.
    pub(super) fn planned(&self, took: Duration) {
        self.plan.observe(took.as_secs_f64());
    }

    /// Notes how many writes to Services have not been sent.
    pub(super) fn waiting(&self, count: usize) {
        self.waiting.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Notes how many faults the configuration has.
    pub(super) fn faults(&self, count: usize) {
        self.faults.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Notes which Services are contended. With whom is no label: any text can be the name of a field manager.
    pub(super) fn contended(&self, services: &BTreeMap<ServiceId, Arc<str>>) {
        self.contended.reset();
        for service in services.keys() {
            self.contended.with_label_values(&[service.to_string().as_str()]).set(1);
        }
    }

    /// Notes what holds the key of the heartbeats up.
    pub(super) fn held_key(&self, held: Option<&Hold>) {
        self.key.reset();
        let reason = held.map(|held| match held {
            Hold::Lost(_) => "lost",
            Hold::Behind(_) => "behind",
        });
        if let Some(reason) = reason {
            self.key.with_label_values(&[reason]).set(1);
        }
    }

    /// Counts a write.
    pub(super) fn wrote<T>(&self, kind: Kind, result: &Result<T, WriteError>) {
        let result = match result {
            Ok(_) => "ok",
            Err(error) if error.is_conflict() => "conflict",
            Err(error) if error.is_not_found() => "gone",
            Err(WriteError::Refused(_)) => "refused",
            Err(WriteError::Busy(_)) => "busy",
            Err(WriteError::Unknown { .. }) => "unknown",
        };
        self.count(kind, result);
    }

    /// Counts a write to the Lease, which is sent in a way of its own.
    pub(super) fn wrote_lease(&self, result: &'static str) {
        self.count(Kind::Lease, result);
    }

    fn count(&self, kind: Kind, result: &str) {
        let kind = match kind {
            Kind::Service => "service",
            Kind::Configuration => "configuration",
            Kind::ConfigurationState => "configurationstate",
            Kind::Secret => "secret",
            Kind::Event => "event",
            Kind::Lease => "lease",
        };
        self.writes.with_label_values(&[kind, result]).inc();
    }
}

enum Heard {
    Nothing,
    Change,
    Unreadable,
}

fn heard<T>(event: &Event<T>) -> Heard {
    match event {
        Event::Applied(object) if object.value.is_err() => Heard::Unreadable,
        Event::Applied(_) | Event::Deleted(..) => Heard::Change,
        Event::Relisting | Event::Listed | Event::Connected | Event::Lost(_) => Heard::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use apiserver::{Object, ObjectName, Unreadable, Version};

    use super::*;

    #[test]
    fn what_was_heard_and_written_is_told() {
        let meters = Meters::new().expect("the names are names of metrics");
        let unreadable = || Unreadable { reason: "labels: not a map".to_owned(), labels: BTreeMap::new() };
        let namespace = |value| Object { name: ObjectName::new("", "shop"), version: Version(1), value };
        let object = serde_json::from_str(r#"{"metadata":{"name":"shop"}}"#).expect("a namespace");
        meters.heard(&ClusterEvent::Namespace(Event::Applied(namespace(Ok(object)))));
        meters.heard(&ClusterEvent::Namespace(Event::Applied(namespace(Err(unreadable())))));
        meters.heard(&ClusterEvent::Namespace(Event::Listed));
        meters.wrote(Kind::Service, &Ok(()));
        meters.wrote::<()>(Kind::Service, &Err(WriteError::Unknown { cause: "cut".to_owned() }));
        meters.planned(Duration::from_millis(3));
        meters.waiting(7);
        meters.contended(&[(ServiceId::new("shop", "before"), "gone".into())].into());
        meters.contended(&[(ServiceId::new("shop", "web"), "rival".into())].into());
        meters.held_key(Some(&Hold::Behind(vec!["n1".to_owned()])));
        meters.held_key(Some(&Hold::Lost(vec!["n1".to_owned()])));
        let registry = Registry::new();
        meters.collect(&registry).expect("nothing is there twice");
        let text = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).expect("it can be written");
        for line in [
            "metallb_k8s_client_updates_total 2",
            "metallb_k8s_client_update_errors_total 1",
            "clarion_controller_writes_total{kind=\"service\",result=\"ok\"} 1",
            "clarion_controller_writes_total{kind=\"service\",result=\"unknown\"} 1",
            "clarion_controller_plan_seconds_count 1",
            "clarion_controller_writes_waiting 7",
            "clarion_controller_key_held{reason=\"lost\"} 1",
            "clarion_controller_contended{service=\"shop/web\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        for gone in ["before", "behind\"", "rival"] {
            assert!(!text.contains(gone), "{gone} is in\n{text}");
        }
    }
}
