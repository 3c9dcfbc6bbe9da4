//! What is said of the configuration: a condition on every object, the counters of the pools, and one verdict over all.
//!
//! Everything is compared with what the objects say already, so that only a change is written, and no value more than once a second.

use std::sync::Arc;

use apiserver::Collection;
use crds::checked::{ByName, Compiled, Written};
use crds::fault::{Fault, ObjectRef, Severity};
use crds::kinds::{GROUP, IpAddressPoolStatus};
use crds::reasons::{AcceptedReason, ConditionType};
use http::{Request, header};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::Resource;
use serde_json::{Value, json};

use super::FIELD_MANAGER;
use crate::plan::Plan;
use crate::pool_status::PoolStatus;

/// Everything that reports are made of.
#[derive(Clone, Default)]
pub(super) struct Situation {
    /// The configuration objects with what their statuses say at present.
    pub written: Arc<Written>,
    /// What takes effect of them.
    pub compiled: Arc<Compiled>,
    /// Objects that this program cannot read, and why.
    pub unreadable: Vec<(ObjectRef, String)>,
    /// How full the pools are.
    pub plan: Arc<Plan>,
    /// The namespaces whose Services are more than there is room for, in words.
    pub crowded: Vec<String>,
    /// Whether all of it is known.
    pub listed: bool,
}

/// What one object is to say of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statement {
    /// The object.
    pub object: ObjectRef,
    /// Its uid.
    pub uid: String,
    /// Its group and version.
    pub api_version: String,
    plural: &'static str,
    /// What it should say.
    pub wanted: Saying,
    /// What it says.
    shown: Saying,
    /// Since when its condition is what it is, if it has one.
    since: Option<Timestamp>,
}

/// The part of a status that the controller writes, without times.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Saying {
    /// The reason of the condition; empty without one.
    pub reason: String,
    /// What is wrong and what to do, a line for each fault.
    pub message: String,
    /// The generation that was judged.
    generation: Option<i64>,
    /// The counters, of a pool.
    counters: Option<PoolStatus>,
}

impl Situation {
    /// Returns what is to be written: only for objects that do not say it yet.
    pub(super) fn statements(&self) -> Vec<Statement> {
        let Written { pools, l2_advertisements, bgp_advertisements, peers, bfd_profiles, communities } = &*self.written;
        let mut all = self.judge("ipaddresspools", pools, |pool| pool.status.as_ref()?.conditions.as_deref());
        for statement in &mut all {
            let Some(pool) = pools.get(&statement.object) else { continue };
            statement.shown.counters = pool.status.as_ref().and_then(shown_counters);
            let usage = self.plan.usage.get(&statement.object.name.as_str().into());
            statement.wanted.counters = usage.map(|usage| PoolStatus::from(*usage)).or(statement.shown.counters);
        }
        all.extend(self.judge("l2advertisements", l2_advertisements, |it| it.status.as_ref()?.conditions.as_deref()));
        all.extend(self.judge("bgpadvertisements", bgp_advertisements, |it| it.status.as_ref()?.conditions.as_deref()));
        all.extend(self.judge("bgppeers", peers, |it| it.status.as_ref()?.conditions.as_deref()));
        all.extend(self.judge("bfdprofiles", bfd_profiles, |it| it.status.as_ref()?.conditions.as_deref()));
        all.extend(self.judge("communities", communities, |it| it.status.as_ref()?.conditions.as_deref()));
        all.retain(|statement| statement.wanted != statement.shown);
        all
    }

    /// Returns how many things are wrong so that what is written is not what is in effect.
    pub(super) fn faults(&self) -> usize {
        let errors = self.compiled.faults.iter().filter(|fault| fault.severity() == Severity::Error);
        errors.count() + self.unreadable.len()
    }

    /// Returns what is wrong with the objects, and what somebody may not have meant, a line for each.
    pub(super) fn lines(&self) -> (Vec<String>, Vec<String>) {
        let (notes, faults): (Vec<&Fault>, Vec<&Fault>) =
            self.compiled.faults.iter().partition(|fault| fault.severity() == Severity::Note);
        let faults = self.unreadable_lines().into_iter().chain(faults.into_iter().map(ToString::to_string));
        (faults.chain(self.crowded.iter().cloned()).collect(), notes.into_iter().map(ToString::to_string).collect())
    }

    /// Returns the objects that the API server accepted and this program cannot read, a line for each.
    pub(super) fn unreadable_lines(&self) -> Vec<String> {
        self.unreadable
            .iter()
            .map(|(object, why)| format!("{object}: cannot be read: {why}; correct the field"))
            .collect()
    }

    fn judge<K: Resource<DynamicType = ()>>(
        &self,
        plural: &'static str,
        objects: &ByName<K>,
        conditions: impl Fn(&K) -> Option<&[Condition]>,
    ) -> Vec<Statement> {
        let statement = |(object, value): (&ObjectRef, &Arc<K>)| {
            let shown = conditions(value).unwrap_or_default();
            let shown = shown.iter().find(|condition| condition.type_ == ConditionType::Accepted.as_str());
            Statement {
                object: object.clone(),
                uid: value.meta().uid.clone().unwrap_or_default(),
                api_version: format!("{GROUP}/{}", K::version(&())),
                plural,
                wanted: self.wanted(object, value.meta().generation),
                shown: shown.map(shown_condition).unwrap_or_default(),
                since: shown.map(|condition| condition.last_transition_time.0),
            }
        };
        objects.iter().map(statement).collect()
    }

    fn wanted(&self, object: &ObjectRef, generation: Option<i64>) -> Saying {
        let faults = self.compiled.faults.iter().filter(|fault| fault.object == *object);
        let mut lines: Vec<String> = faults.clone().map(line).collect();
        let mut reason = AcceptedReason::of(faults.map(Fault::severity).max());
        if let Some((_, why)) = self.unreadable.iter().find(|(unreadable, _)| unreadable == object) {
            reason = AcceptedReason::Invalid;
            lines = vec![format!("cannot be read: {why}; correct the field")];
        }
        let kept = self.compiled.kept.contains(object) || lines.iter().any(|line| line.starts_with("cannot be read"));
        if reason == AcceptedReason::Invalid && kept {
            lines.push("its last good version stays in effect".to_owned());
        }
        Saying { reason: reason.as_str().to_owned(), message: lines.join("\n"), generation, counters: None }
    }
}

impl Statement {
    /// Says whether the object takes effect, in whole or in part.
    pub(super) fn is_accepted(&self) -> bool {
        self.wanted.reason != AcceptedReason::Invalid.as_str()
    }

    /// Says whether the object has become invalid, or is so for another reason.
    pub(super) fn is_news(&self) -> bool {
        !self.is_accepted() && (&self.shown.reason, &self.shown.message) != (&self.wanted.reason, &self.wanted.message)
    }

    /// Returns the request that writes it.
    pub(super) fn request(&self, now: Timestamp) -> Request<Vec<u8>> {
        let Self { object: ObjectRef { kind, namespace, name }, uid, api_version, plural, wanted, shown, since } = self;
        let invalid = AcceptedReason::Invalid.as_str();
        let turned = shown.reason.is_empty() || (shown.reason == invalid) != (wanted.reason == invalid);
        let since = since.filter(|_| !turned).unwrap_or(now);
        let mut condition = json!({
            "type": ConditionType::Accepted.as_str(),
            "status": if self.is_accepted() { "True" } else { "False" },
            "reason": wanted.reason,
            "message": wanted.message,
            "lastTransitionTime": since.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        });
        if let Some(generation) = wanted.generation {
            condition["observedGeneration"] = generation.into();
        }
        let mut status = json!({ "conditions": [condition] });
        if let Some(PoolStatus { assigned_v4, assigned_v6, available_v4, available_v6 }) = wanted.counters {
            status["assignedIPv4"] = assigned_v4.into();
            status["assignedIPv6"] = assigned_v6.into();
            status["availableIPv4"] = available_v4.into();
            status["availableIPv6"] = available_v6.into();
        }
        let body: Value = json!({
            "apiVersion": api_version,
            "kind": kind,
            "metadata": { "name": name, "namespace": namespace, "uid": uid },
            "status": status,
        });
        let path = Collection::within(namespace, api_version, plural).path();
        Request::patch(format!("{path}/{name}/status?fieldManager={FIELD_MANAGER}&force=true"))
            .header(header::CONTENT_TYPE, "application/apply-patch+yaml")
            .body(body.to_string().into_bytes())
            .expect("names of objects are valid in a path")
    }
}

fn line(fault: &Fault) -> String {
    let field = fault.field.as_str();
    let place = if field.is_empty() { String::new() } else { format!("{field}: ") };
    format!("{place}{}; {}", fault.problem, fault.problem.next_step())
}

fn shown_condition(condition: &Condition) -> Saying {
    Saying {
        reason: condition.reason.clone(),
        message: condition.message.clone(),
        generation: condition.observed_generation,
        counters: None,
    }
}

fn shown_counters(status: &IpAddressPoolStatus) -> Option<PoolStatus> {
    Some(PoolStatus {
        assigned_v4: status.assigned_ipv4?,
        assigned_v6: status.assigned_ipv6?,
        available_v4: status.available_ipv4?,
        available_v6: status.available_ipv6?,
    })
}

#[cfg(test)]
mod tests;
