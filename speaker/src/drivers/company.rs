//! What to say of other speakers on a link with which this one does not share its VIPs.

use std::net::IpAddr;

use members::{Stranger, StrangerView};

use super::observed::LinkObserved;

impl LinkObserved {
    /// Returns what is wrong between this speaker and others on the link, in words.
    pub fn company_faults(&self) -> Vec<String> {
        let is_fault = |view: &&StrangerView| match view.stranger {
            Stranger::Cluster { .. } => false,
            Stranger::Key(_) | Stranger::Version(_) => true,
        };
        self.strangers.iter().filter(is_fault).map(|view| self.say(view)).collect()
    }

    /// Returns what there is to know of others on the link and does no harm, in words.
    pub fn company_notes(&self) -> Vec<String> {
        let is_note = |view: &&StrangerView| matches!(view.stranger, Stranger::Cluster { .. });
        self.strangers.iter().filter(is_note).map(|view| self.say(view)).collect()
    }

    fn say(&self, view: &StrangerView) -> String {
        format!("{}: {}", self.name, stranger(view.stranger, view.address.ip()))
    }
}

/// Returns what there is to say of somebody who is not understood.
pub(super) fn stranger(stranger: Stranger, from: IpAddr) -> String {
    match stranger {
        Stranger::Cluster { cluster, has_our_key: false } => {
            format!("speakers of another cluster ({cluster}) share this network, such as {from}; they are left alone")
        }
        Stranger::Cluster { cluster, has_our_key: true } => format!(
            "speakers of another cluster ({cluster}) share this network and the key of this one, such as {from}; they are left \
             alone. Give that cluster a Secret memberlist of its own, or the same --cluster-name if it is this cluster"
        ),
        Stranger::Key(key) => format!(
            "the speaker at {from} seals its heartbeats with key {key}, which is not known here, so neither hears the other and \
             both may answer for the same addresses; give both the same Secret memberlist"
        ),
        Stranger::Version(format) => format!(
            "the speaker at {from} uses version {} of the heartbeats, which is not understood here (it needs version {}), so both \
             may answer for the same addresses; bring all nodes to one version of this program",
            format.version, format.min_version
        ),
    }
}

#[cfg(test)]
mod tests;
