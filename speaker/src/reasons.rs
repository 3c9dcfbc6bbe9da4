//! From the reasons of [`announce`] to the words of conditions and events.

use announce::{Exclusion, Mine, NotAnnounced, Verdict};
use crds::reasons::AnnouncedReason;

/// Returns the word for what this node does for a service; none for one that is not ours, which has no condition.
pub fn announced_reason(verdict: &Verdict) -> Option<AnnouncedReason> {
    match verdict.why() {
        Some(why) => reason_of(why),
        None if verdict.l2.mine.is_err() && matches!(verdict.bgp.mine, Mine::Draining(_)) => {
            Some(AnnouncedReason::NodeDraining)
        }
        None => Some(AnnouncedReason::Announced),
    }
}

/// Returns the word for a reason; none where the service is not ours.
pub fn reason_of(why: &NotAnnounced) -> Option<AnnouncedReason> {
    Some(match why {
        NotAnnounced::UnknownService { .. }
        | NotAnnounced::NotLoadBalancer { .. }
        | NotAnnounced::OtherClass { .. } => return None,
        NotAnnounced::Unreadable { .. } => AnnouncedReason::Unreadable,
        NotAnnounced::EndpointsUnknown { .. } => AnnouncedReason::EndpointsUnknown,
        NotAnnounced::NoAddress { .. } => AnnouncedReason::NoAddress,
        NotAnnounced::NotInPool { .. } => AnnouncedReason::NotInPool,
        NotAnnounced::NotAdmitted { .. } => AnnouncedReason::PoolNotAdmitted,
        NotAnnounced::NoAdvertisement { .. } | NotAnnounced::OtherProtocol { .. } => AnnouncedReason::NoAdvertisement,
        NotAnnounced::NoMatchingAdvertisement { .. } => AnnouncedReason::NoMatchingAdvertisement,
        NotAnnounced::SharedIpWithServiceSelector { .. } => AnnouncedReason::SharedIpWithServiceSelector,
        NotAnnounced::NoEndpoints { .. } => AnnouncedReason::NoEndpoints,
        NotAnnounced::NoLocalEndpoints { .. } => AnnouncedReason::NoLocalEndpoints,
        NotAnnounced::ConflictingAdvertisements { .. } => AnnouncedReason::ConflictingAdvertisements,
        NotAnnounced::NoCommonNode { .. } => AnnouncedReason::NoCommonNode,
        NotAnnounced::NoEligibleNode { .. } | NotAnnounced::UnknownNode { .. } => AnnouncedReason::NoEligibleNode,
        NotAnnounced::InterfaceMissing { .. }
        | NotAnnounced::NoInterface { .. }
        | NotAnnounced::InterfaceDown { .. } => AnnouncedReason::NoInterface,
        NotAnnounced::Excluded { node: _, why } => reason_of_exclusion(why),
    })
}

/// Returns the word for why one node is left out.
pub fn reason_of_exclusion(why: &Exclusion) -> AnnouncedReason {
    match why {
        Exclusion::NotSelected(_) => AnnouncedReason::NoMatchingAdvertisement,
        // A node without a peer can have no session.
        Exclusion::NoPeer(_) => AnnouncedReason::NoSession,
        Exclusion::NetworkUnavailable => AnnouncedReason::NodeNetworkUnavailable,
        Exclusion::ExcludeLabel => AnnouncedReason::NodeExcluded,
        Exclusion::NoLocalEndpoint => AnnouncedReason::NoLocalEndpoints,
        Exclusion::Conflict { .. } | Exclusion::ConflictWithSharer { .. } => AnnouncedReason::ConflictingAdvertisements,
        Exclusion::SharerElsewhere { .. } => AnnouncedReason::NoCommonNode,
    }
}

#[cfg(test)]
mod tests;
