//! What the node says of itself: the values behind `/status`, `/readyz` and `/metrics`.

use std::collections::BTreeSet;

use announce::ServiceId;
use prometheus::{GaugeVec, Opts, Registry, TextEncoder};
use speaker::kubernetes::Planned;
use speaker::{LinkObserved, metrics};

use crate::standalone::report::{members_of, vips};
use crate::status::{Service, Status};

/// What the node decided, as values; what it does at this moment is asked of the wire.
#[derive(Debug, Default)]
pub(super) struct Decided {
    /// Name of this node.
    pub node: String,
    /// The latest plan.
    pub planned: Planned,
}

impl Decided {
    /// Returns the status, given what is happening on the wire.
    pub(super) fn status(&self, links: &[LinkObserved]) -> Status {
        Status {
            node: self.node.clone(),
            services: self.services(),
            // How full the pools are is the controller's to say.
            pools: Vec::new(),
            vips: vips(&self.planned.desired, links),
            members: links.iter().flat_map(members_of).collect(),
            peers: Vec::new(),
            faults: self.faults(),
            notes: self.planned.notes.clone(),
        }
    }

    /// Returns why nothing may be announced yet; nothing if everything is known.
    pub(super) fn unready(&self) -> Option<String> {
        let Planned { unlisted, troubles, .. } = &self.planned;
        if unlisted.is_empty() {
            return None;
        }
        let waiting = format!("not listed yet: {}", unlisted.join(", "));
        Some(troubles.iter().fold(waiting, |text, trouble| format!("{text}\n{trouble}")))
    }

    /// Returns what is wrong, in words.
    pub(super) fn faults(&self) -> Vec<String> {
        let Planned { unlisted, faults, troubles, .. } = &self.planned;
        let unlisted = (!unlisted.is_empty())
            .then(|| format!("nothing is announced before it is listed: {}", unlisted.join(", ")));
        unlisted.into_iter().chain(troubles.iter().cloned()).chain(faults.iter().map(ToString::to_string)).collect()
    }

    fn services(&self) -> Vec<Service> {
        let Planned { desired, addresses, .. } = &self.planned;
        let ids: BTreeSet<&ServiceId> = addresses.keys().chain(desired.services.keys()).collect();
        let service = |id: &ServiceId| {
            let held = addresses.get(id);
            Service {
                namespace: id.namespace.to_string(),
                name: id.name.to_string(),
                ips: held.map(|held| held.ips.clone()).unwrap_or_default(),
                pool: held.map(|held| held.pool.clone()),
                state: if held.is_some() { "allocated" } else { "pending" }.to_owned(),
                reason: desired.services.get(id).and_then(announce::Verdict::why).map(ToString::to_string),
            }
        };
        ids.into_iter().map(service).collect()
    }
}

/// Renders all metrics in the text format of Prometheus.
pub(super) fn render(decided: &Decided, links: &[LinkObserved]) -> prometheus::Result<String> {
    let registry = Registry::new();
    #[cfg(target_os = "linux")]
    registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
    metrics::collect(&registry, &decided.node, &decided.planned.desired, links)?;
    let gauge = |name: &str, help: &str, value: f64| -> prometheus::Result<()> {
        let gauge = GaugeVec::new(Opts::new(name, help), &[])?;
        registry.register(Box::new(gauge.clone()))?;
        gauge.with_label_values::<&str>(&[]).set(value);
        Ok(())
    };
    let Planned { unlisted, faults, troubles, .. } = &decided.planned;
    let loaded = unlisted.is_empty();
    let stale = !faults.is_empty();
    gauge(
        "metallb_k8s_client_config_loaded_bool",
        "1 once the whole configuration has been read",
        f64::from(u8::from(loaded)),
    )?;
    gauge(
        "metallb_k8s_client_config_stale_bool",
        "1 while a configuration object does not take effect as written",
        f64::from(u8::from(stale)),
    )?;
    gauge(
        "clarion_config_faults",
        "Faults in the configuration objects; /status has their texts",
        (faults.len() + troubles.len()) as f64,
    )?;
    TextEncoder::new().encode_to_string(&registry.gather())
}
