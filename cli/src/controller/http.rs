//! What the controller serves over HTTP.

use controller::kubernetes::{Meters, Observed, Standing};
use prometheus::Registry;
use speaker::metrics::Family;
use tokio::sync::watch;

use super::report;
use crate::http::{self, gauge};
use crate::speaker::{LOADED, STALE};
use crate::status::Status;

/// Whether this replica works.
pub const LEADER: Family = Family {
    name: "clarion_controller_leader",
    kind: "gauge",
    labels: &[],
    help: "Whether this replica of the controller leads",
};

/// What the answers are made from.
pub(super) struct Source {
    pub observed: watch::Receiver<Observed>,
    pub meters: Meters,
}

impl http::Source for Source {
    type Snapshot = (Observed, Meters);

    async fn observe(&self) -> Self::Snapshot {
        (self.observed.borrow().clone(), self.meters.clone())
    }

    fn metrics((observed, meters): &Self::Snapshot, registry: &Registry) -> prometheus::Result<()> {
        controller::metrics::collect(registry, &observed.plan)?;
        meters.collect(registry)?;
        let leading = observed.standing == Standing::Leading;
        let stale = observed.lost.is_some() || meters.has_faults();
        for (family, holds) in [(LEADER, leading), (LOADED, observed.listed || !leading), (STALE, stale)] {
            gauge(registry, family, f64::from(u8::from(holds)))?;
        }
        Ok(())
    }

    fn status((observed, _): &Self::Snapshot) -> Status {
        report::status(observed)
    }

    /// Ready means that the API server has answered, and a leader has listed everything; a replica that waits is ready to take over.
    fn unready((observed, _): &Self::Snapshot) -> Option<String> {
        match observed.standing {
            Standing::Unknown => Some("the API server has not answered yet".to_owned()),
            Standing::Leading if !observed.listed => Some("still listing".to_owned()),
            Standing::Standby | Standing::Leading => None,
        }
    }
}
