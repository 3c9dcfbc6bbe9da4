//! Where objects live.

use std::fmt;
use std::sync::Arc;

/// The name of an object, unique within its kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectName {
    /// The namespace; empty for kinds that belong to the whole cluster.
    pub namespace: Arc<str>,
    /// The name in it.
    pub name: Arc<str>,
}

/// The objects of one kind, in one namespace or in all, perhaps filtered by the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collection {
    group_version: String,
    namespace: Option<String>,
    plural: String,
    fields: Option<String>,
    labels: Option<String>,
}

impl ObjectName {
    /// Returns the name of an object in a namespace.
    pub fn new(namespace: &str, name: &str) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.namespace.is_empty() {
            true => f.write_str(&self.name),
            false => write!(f, "{}/{}", self.namespace, self.name),
        }
    }
}

impl Collection {
    /// Returns all objects of a kind, such as `("v1", "services")` or `("metallb.io/v1beta1", "ipaddresspools")`.
    pub fn everywhere(group_version: &str, plural: &str) -> Self {
        Self {
            group_version: group_version.to_owned(),
            namespace: None,
            plural: plural.to_owned(),
            fields: None,
            labels: None,
        }
    }

    /// Returns the objects of a kind in one namespace.
    pub fn within(namespace: &str, group_version: &str, plural: &str) -> Self {
        Self { namespace: Some(namespace.to_owned()), ..Self::everywhere(group_version, plural) }
    }

    /// Keeps the objects whose fields match, such as `spec.type=LoadBalancer`.
    #[must_use]
    pub fn fields(self, selector: &str) -> Self {
        Self { fields: Some(selector.to_owned()), ..self }
    }

    /// Keeps the objects whose labels match.
    #[must_use]
    pub fn labels(self, selector: &str) -> Self {
        Self { labels: Some(selector.to_owned()), ..self }
    }

    /// Returns the path of the collection on the server.
    pub fn path(&self) -> String {
        let Self { group_version, namespace, plural, .. } = self;
        let root = if group_version.contains('/') { "/apis" } else { "/api" };
        match namespace {
            Some(namespace) => format!("{root}/{group_version}/namespaces/{namespace}/{plural}"),
            None => format!("{root}/{group_version}/{plural}"),
        }
    }

    pub(crate) fn field_selector(&self) -> Option<&str> {
        self.fields.as_deref()
    }

    pub(crate) fn label_selector(&self) -> Option<&str> {
        self.labels.as_deref()
    }
}

impl fmt::Display for Collection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} of {} in namespace {namespace}", self.plural, self.group_version),
            None => write!(f, "{} of {}", self.plural, self.group_version),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_follow_the_groups_and_namespaces() {
        assert_eq!(Collection::everywhere("v1", "services").path(), "/api/v1/services");
        assert_eq!(Collection::within("kube-system", "v1", "secrets").path(), "/api/v1/namespaces/kube-system/secrets");
        assert_eq!(
            Collection::within("clarion", "metallb.io/v1beta1", "ipaddresspools").path(),
            "/apis/metallb.io/v1beta1/namespaces/clarion/ipaddresspools"
        );
    }
}
