//! The events that a speaker writes.

use std::collections::BTreeSet;
use std::sync::Arc;

use announce::ServiceId;
use apiserver::{Occurrence, Regarding, WriteError};
use crds::reasons::EventReason;
use futures::{TryStreamExt as _, stream};
use jiff::Timestamp;
use tokio::time::Instant;

use super::{PACING, Reporter};
use crate::drivers::LinkObserved;
use crate::kubernetes::book::Fight;
use crate::kubernetes::planner::Planned;
use crate::kubernetes::statuses::Kind;
use crate::roster::Reception;

/// An event to be written.
pub(super) struct News {
    pub(super) service: ServiceId,
    pub(super) reason: EventReason,
    pub(super) message: String,
}

impl Reporter {
    /// Writes events; one that is lost is not worth a second attempt, nor are the rest of them once the server does not answer.
    ///
    /// While starting, one that a former process wrote is not written again.
    pub(super) async fn tell(&self, plan: &Planned, news: Vec<News>, starting: bool) {
        let news = stream::iter(news.into_iter().map(Ok));
        let told = news.try_for_each_concurrent(PACING.in_flight, |News { service, reason, message }| {
            let uid = plan.addresses.get(&service).map(|held| held.uid.to_string()).unwrap_or_default();
            let regarding = Regarding {
                api_version: "v1".to_owned(),
                kind: "Service".to_owned(),
                namespace: service.namespace.to_string(),
                name: service.name.to_string(),
                uid,
            };
            let occurrence = Occurrence { regarding, reason, message };
            async move {
                let now = Timestamp::now();
                let written = match starting {
                    true => self.recorder.record_once(&self.writer, &occurrence, now).await,
                    false => self.recorder.record(&self.writer, &occurrence, now).await,
                };
                match written {
                    Err(WriteError::Refused(error)) => {
                        tracing::debug!(%service, %error, "an event was refused");
                        Ok(())
                    }
                    outcome => outcome,
                }
            }
        });
        if let Err(error) = told.await {
            tracing::debug!(%error, "events were lost");
        }
    }

    /// Writes what begins to be wrong with the links of this node on its Node.
    pub(super) async fn tell_node(&mut self, plan: &Planned, links: &[LinkObserved], receptions: &[Reception]) {
        let unheard = receptions.iter().filter(|link| link.is_lasting());
        let unheard = unheard
            .filter_map(|link| Some(((link.link.clone(), EventReason::SpeakersNotHeard), link.fault(self.advice)?)));
        let split = links.iter().filter(|link| !link.splits.is_empty()).map(|link| {
            let faults: Vec<String> = link.splits.iter().take(5).map(|split| split.fault(&link.name)).collect();
            ((link.name.clone(), EventReason::SpeakersSplit), faults.join("\n"))
        });
        let duplicate = links
            .iter()
            .filter_map(|link| Some(((link.name.clone(), EventReason::DuplicateNode), link.duplicate_fault()?)));
        let refused = links.iter().filter_map(|link| {
            let faults: Vec<String> = link.refused_faults().into_iter().take(5).collect();
            (!faults.is_empty()).then(|| ((link.name.clone(), EventReason::HeartbeatsRefused), faults.join("\n")))
        });
        let wrong = unheard.chain(split).chain(duplicate).chain(refused).collect();
        for (reason, message) in self.node_events.update(wrong, Instant::now()) {
            let regarding = Regarding {
                api_version: "v1".to_owned(),
                kind: "Node".to_owned(),
                namespace: String::new(),
                name: self.identity.node.clone(),
                uid: plan.uid.to_string(),
            };
            let occurrence = Occurrence { regarding, reason, message };
            if let Err(error) = self.recorder.record(&self.writer, &occurrence, Timestamp::now()).await {
                tracing::debug!(%error, "an event of the Node was lost");
            }
        }
    }
}

/// Returns the event of a Service whose object others keep changing: speakers of ours that do not hear this one, or another program.
pub(super) fn contended(kind: Kind, fight: Fight, unheard: &BTreeSet<Arc<str>>) -> News {
    let Fight { service, rivals } = fight;
    let name = kind.name();
    let ours: Vec<&str> = rivals.intersection(unheard).map(|node| &**node).collect();
    let message = match ours.as_slice() {
        [] => format!(
            "another program keeps changing the {name} of this Service, so it is put right once a minute at most until that \
             ends; stop that program, such as the speaker of a MetalLB that still runs"
        ),
        nodes => format!(
            "{} announces this Service too and replaces its {name}, because heartbeats between the nodes do not arrive; it is put \
             right once a minute at most until that ends; see the events SpeakersNotHeard of the Nodes for what to open",
            nodes.join(", ")
        ),
    };
    tracing::warn!(%service, "{message}");
    News { service, reason: EventReason::Contended, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fight_is_laid_to_our_own_speakers_only_where_they_are_not_heard() {
        let nodes = |names: &[&str]| -> BTreeSet<Arc<str>> { names.iter().map(|name| Arc::from(*name)).collect() };
        let told = |rivals: &[&str], unheard: &[&str]| {
            let fight = Fight { service: ServiceId::new("shop", "web"), rivals: nodes(rivals) };
            contended(Kind::L2, fight, &nodes(unheard)).message
        };
        let ours = told(&["n2", "n3"], &["n2", "n4"]);
        assert!(ours.starts_with("n2 announces this Service too") && !ours.contains("MetalLB"), "{ours}");
        let others: [(&[&str], &[&str]); 3] = [(&[], &["n2"]), (&["n2"], &[]), (&["n3"], &["n2"])];
        for (rivals, unheard) in others {
            assert!(told(rivals, unheard).contains("a MetalLB that still runs"), "{rivals:?} {unheard:?}");
        }
    }
}
