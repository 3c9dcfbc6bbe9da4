//! Values that no version of Kubernetes known to this program has.

use super::{AddressType, EndpointSlice, IpFamily, IpFamilyPolicy, Protocol, Service, ServiceType, TrafficPolicy};

/// A field whose value is not one of those that are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownValue {
    /// The path of the field, such as `spec.ports[0].protocol`.
    pub field: String,
    /// The values that are known.
    pub known: &'static [&'static str],
}

impl Service {
    /// Returns the first field whose value is unknown.
    pub fn unknown_value(&self) -> Option<UnknownValue> {
        let spec = &self.spec;
        let found = |field: String, known| Some(UnknownValue { field, known });
        if spec.kind == ServiceType::Unknown {
            return found("spec.type".to_owned(), &["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"]);
        }
        if let Some(index) = spec.ip_families.iter().position(|family| *family == IpFamily::Unknown) {
            return found(format!("spec.ipFamilies[{index}]"), &["IPv4", "IPv6"]);
        }
        if spec.ip_family_policy == Some(IpFamilyPolicy::Unknown) {
            let known = &["SingleStack", "PreferDualStack", "RequireDualStack"];
            return found("spec.ipFamilyPolicy".to_owned(), known);
        }
        if spec.external_traffic_policy == TrafficPolicy::Unknown {
            return found("spec.externalTrafficPolicy".to_owned(), &["Cluster", "Local"]);
        }
        let index = spec.ports.iter().position(|port| port.protocol == Protocol::Unknown)?;
        found(format!("spec.ports[{index}].protocol"), &["TCP", "UDP", "SCTP"])
    }
}

impl EndpointSlice {
    /// Returns the first field whose value is unknown.
    pub fn unknown_value(&self) -> Option<UnknownValue> {
        let unknown = self.address_type == AddressType::Unknown;
        unknown.then(|| UnknownValue { field: "addressType".to_owned(), known: &["IPv4", "IPv6", "FQDN"] })
    }
}
