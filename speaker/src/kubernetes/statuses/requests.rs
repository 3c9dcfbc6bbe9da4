//! From an action to what is sent.

use announce::ServiceId;
use crds::kinds::GROUP;
use kube::core::Request;
use kube::core::params::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::{Action, Kind, NAMESPACE, NODE, Places, SERVICE};

/// What all objects of a node have in common.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Writing<'a> {
    /// Their kind.
    pub(in super::super) kind: Kind,
    /// Their namespace.
    pub(in super::super) namespace: &'a str,
    /// The node that writes them.
    pub(in super::super) node: &'a str,
    /// The name and uid of the pod that they go with.
    pub(in super::super) owner: Option<&'a (String, String)>,
}

/// Returns the requests that carry an action out, in their order.
pub(in super::super) fn requests(
    action: &Action,
    writing: Writing<'_>,
) -> Result<Vec<http::Request<Vec<u8>>>, kube::core::request::Error> {
    let path = format!("/apis/{GROUP}/v1beta1/namespaces/{}/{}", writing.namespace, writing.kind.plural());
    let request = Request::new(path);
    let status = |name: &str, service: &ServiceId, places: &Places| {
        let status = writing.status(service, places);
        request.patch_subresource("status", name, &PatchParams::default(), &Patch::Merge(status))
    };
    match action {
        Action::Create { name, service, places } => {
            let object = writing.object(name, service);
            let create = request.create(&PostParams::default(), object.to_string().into_bytes())?;
            Ok(vec![create, status(name, service, places)?])
        }
        Action::Update { name, service, places } => Ok(vec![status(name, service, places)?]),
        Action::Delete { name, service: _ } => Ok(vec![request.delete(name, &DeleteParams::default())?]),
    }
}

impl Writing<'_> {
    fn object(&self, name: &str, service: &ServiceId) -> Value {
        let reference =
            |(name, uid): &(String, String)| json!({ "apiVersion": "v1", "kind": "Pod", "name": name, "uid": uid });
        json!({
            "apiVersion": format!("{GROUP}/v1beta1"),
            "kind": self.kind.name(),
            "metadata": {
                "name": name,
                "generateName": self.kind.prefix(),
                "labels": { NODE: self.node, SERVICE: *service.name, NAMESPACE: *service.namespace },
                "ownerReferences": self.owner.map(reference).into_iter().collect::<Vec<Value>>(),
            },
        })
    }

    fn status(&self, service: &ServiceId, places: &Places) -> Value {
        let mut status = json!({
            "node": self.node,
            "serviceName": *service.name,
            "serviceNamespace": *service.namespace,
        });
        let names = places.iter().map(|name| &**name);
        match self.kind {
            Kind::L2 => status["interfaces"] = names.map(|link| json!({ "name": link })).collect(),
            Kind::Bgp => status["peers"] = names.collect(),
        }
        json!({ "status": status })
    }
}
