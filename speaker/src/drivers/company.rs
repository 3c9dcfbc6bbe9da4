//! What to say of other speakers on a link with which this one does not share its VIPs.

use std::net::IpAddr;

use members::{DuplicateView, PhaseView, Stranger, StrangerView, UnprovenView};

use super::observed::LinkObserved;

impl LinkObserved {
    /// Returns why this node may announce nothing on the link yet, in words.
    pub fn unready(&self) -> Option<String> {
        match self.phase {
            PhaseView::Listening => Some(format!("still listening on {}", self.name)),
            PhaseView::Duplicate => self.duplicate_fault(),
            PhaseView::Down | PhaseView::Active | PhaseView::Revalidating | PhaseView::Ended => None,
        }
    }

    /// Returns which machine runs under the name of this node, in words.
    pub fn duplicate_fault(&self) -> Option<String> {
        let DuplicateView { mac, address } = self.duplicate?;
        let consequence = if self.phase == PhaseView::Duplicate {
            "so this one announces nothing there until it is gone"
        } else {
            "and is kept out"
        };
        Some(format!(
            "{}: another machine ({mac}, reported by {}) runs under the name of this node, {consequence}; give each machine a name of \
             its own",
            self.name,
            address.ip()
        ))
    }

    /// Returns what is wrong between this speaker and others on the link, in words.
    pub(super) fn company_faults(&self) -> Vec<String> {
        let deaf = self.deaf.then(|| {
            format!(
                "{}: all other speakers fell silent at once and this link has received no frame since, so this node takes nothing \
                 over there; look at the cable, the port and its VLAN",
                self.name
            )
        });
        deaf.into_iter()
            .chain(self.duplicate_fault())
            .chain(self.one_way_fault())
            .chain(self.refused_faults())
            .collect()
    }

    /// Returns whose heartbeats arrive and do not count, in words.
    pub fn refused_faults(&self) -> Vec<String> {
        let is_fault = |view: &&StrangerView| match view.stranger {
            Stranger::Cluster { .. } => false,
            Stranger::Key(_) | Stranger::Version(_) => true,
        };
        let strangers = self.strangers.iter().filter(is_fault).map(|view| self.say(view));
        unproven_text(&self.name, &self.unproven).into_iter().chain(strangers).collect()
    }

    fn one_way_fault(&self) -> Option<String> {
        let nodes: Vec<&str> = self
            .members
            .iter()
            .filter(|member| member.is_one_way())
            .map(|member| member.member.node.as_str())
            .collect();
        (!nodes.is_empty()).then(|| {
            format!(
                "{}: the heartbeats of this node do not arrive at {}, while the other direction works; look for what drops its \
                 frames on the way there: a filter of UDP, a switch port, a cable",
                self.name,
                nodes.join(", ")
            )
        })
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

/// Returns what there is to say of speakers that have not shown that they receive the heartbeats of this node.
fn unproven_text(link: &str, unproven: &[UnprovenView]) -> Option<String> {
    let name = |view: &UnprovenView| format!("{} at {}", view.member.node, view.address.ip());
    let nodes: Vec<String> = unproven.iter().map(name).collect();
    let (they_have, they_count) = match nodes.len() {
        0 => return None,
        1 => ("it has", "it counts"),
        _ => ("they have", "they count"),
    };
    Some(format!(
        "{link}: heartbeats of {} arrive, but {they_have} not shown that those of this node arrive there, so {they_count} as absent \
         and more than one node may answer for the same address; look for what drops the frames of this node on the way: a filter \
         of UDP, a switch port, a cable. If no such node runs, somebody sends recorded heartbeats",
        nodes.join(", ")
    ))
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
