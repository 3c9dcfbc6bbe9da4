use super::*;

#[test]
fn events_keep_the_spelling_and_level_of_metallb() {
    let table = [
        (EventReason::IpAllocated, "IPAllocated", "Normal"),
        (EventReason::ClearAssignment, "ClearAssignment", "Normal"),
        (EventReason::AdditionalAssignFailed, "AdditionalAssignFailed", "Normal"),
        (EventReason::AllocationFailed, "AllocationFailed", "Warning"),
        (EventReason::LoadBalancerFailed, "LoadBalancerFailed", "Warning"),
        (EventReason::NotEnoughClusterIps, "not enough clusterips", "Warning"),
        (EventReason::NoLbIpsFamily, "nolbIPsIPFamily", "Warning"),
        (EventReason::NoClusterIpsFamily, "noclusterIPsIPFamily", "Warning"),
        (EventReason::InternalError, "InternalError", "Warning"),
        (EventReason::DeprecatedAnnotation, "deprecatedAnnotation", "Warning"),
        (EventReason::UnknownAnnotation, "unknownAnnotation", "Warning"),
        (EventReason::NodeAssigned, "nodeAssigned", "Normal"),
        (EventReason::AnnounceFailed, "announceFailed", "Warning"),
        (EventReason::InvalidConfiguration, "InvalidConfiguration", "Warning"),
        (EventReason::Contended, "Contended", "Warning"),
        (EventReason::HeartbeatKey, "HeartbeatKey", "Warning"),
    ];
    for (reason, text, level) in table {
        assert_eq!((reason.as_str(), reason.level().as_str()), (text, level));
    }
}

#[test]
fn states_of_the_configuration_keep_the_words_of_metallb() {
    assert_eq!(ConditionType::PoolReconcilerValid.as_str(), "poolReconcilerValid");
    assert_eq!(ConditionType::ConfigReconcilerValid.as_str(), "configReconcilerValid");
    assert_eq!(ConfigurationReason::ConfigurationError.as_str(), "ConfigurationError");
}

#[test]
fn the_worst_fault_decides_whether_an_object_is_accepted() {
    let reasons = [None, Some(Severity::Note), Some(Severity::Warning), Some(Severity::Error)].map(AcceptedReason::of);
    assert_eq!(reasons.map(AcceptedReason::as_str), ["Accepted", "Accepted", "PartlyAccepted", "Invalid"]);
}
