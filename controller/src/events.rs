use crds::reasons::EventReason;
use ipam::ServiceId;

use crate::view::Uid;

/// An event about a service. It is planned only when something changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceEvent {
    /// The service it is about.
    pub service: ServiceId,
    /// The uid of that service.
    pub uid: Uid,
    /// What happened.
    pub reason: EventReason,
    /// The details, for a person.
    pub message: String,
}
