//! The CustomResourceDefinitions of every kind, as written to `deploy/crds`.

use std::collections::BTreeMap;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use saphyr::{LoadableYamlNode, Yaml, YamlEmitter};
use serde_json::{Value, json};

use crate::kinds;

#[cfg(test)]
mod tests;

/// The deprecated version of BGPPeer, served with the schema of the stored one.
pub const DEPRECATED_PEER_VERSION: &str = "v1beta1";

/// Returns the definition of every kind, in alphabetical order of their plural names.
pub fn definitions() -> Vec<Value> {
    let peer = with_deprecated_version(definition(kinds::BgpPeer::crd()));
    vec![
        definition(kinds::BfdProfile::crd()),
        definition(kinds::BgpAdvertisement::crd()),
        peer,
        definition(kinds::Community::crd()),
        definition(kinds::ConfigurationState::crd()),
        definition(kinds::IpAddressPool::crd()),
        definition(kinds::L2Advertisement::crd()),
        definition(kinds::ServiceBgpStatus::crd()),
        definition(kinds::ServiceL2Status::crd()),
    ]
}

/// Returns the files of `deploy/crds`: name to YAML text.
pub fn files() -> BTreeMap<String, String> {
    definitions().iter().map(|definition| (file_name(definition), yaml(definition))).collect()
}

fn file_name(definition: &Value) -> String {
    let plural = definition["spec"]["names"]["plural"].as_str().expect("every kind has a plural name");
    format!("{}_{plural}.yaml", kinds::GROUP)
}

fn definition(derived: CustomResourceDefinition) -> Value {
    let mut definition = serde_json::to_value(derived).expect("a definition is plain data");
    let names = definition["spec"]["names"].as_object_mut().expect("a definition has names");
    names.retain(|_, value| value.as_array().is_none_or(|list| !list.is_empty()));
    let kind = names["kind"].as_str().expect("a definition names its kind").to_owned();
    names.insert("listKind".into(), format!("{kind}List").into());
    for version in versions(&mut definition) {
        let schema = &mut version["schema"]["openAPIV3Schema"];
        relax_spec(schema);
        describe_type_fields(schema);
        tidy(schema);
    }
    definition
}

fn versions(definition: &mut Value) -> &mut Vec<Value> {
    definition["spec"]["versions"].as_array_mut().expect("a definition has versions")
}

// `kubectl explain` shows these two for every kind.
fn describe_type_fields(schema: &mut Value) {
    schema["properties"]["apiVersion"] =
        json!({ "type": "string", "description": "The group and version of this object." });
    schema["properties"]["kind"] = json!({ "type": "string", "description": "The kind of this object." });
    schema["properties"]["metadata"] = json!({ "type": "object" });
}

/// Lets `spec` be absent where none of its fields is required.
fn relax_spec(schema: &mut Value) {
    let spec_needed = schema["properties"]["spec"].get("required").is_some();
    let Some(root) = schema.as_object_mut() else { return };
    root.remove("title");
    if !spec_needed {
        root.remove("required");
    }
}

/// Brings the derived schema to the form MetalLB's definitions have.
///
/// A null is refused at admission, bounds are whole numbers, and a label selector or a reference is owned as one piece.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            fields.retain(|key, value| !(key == "nullable" && value.is_boolean()));
            let properties = &fields.get("properties").cloned().unwrap_or_default();
            let reference = properties.as_object().is_some_and(|all| all.keys().eq(["name", "namespace"]));
            if properties.get("matchLabels").is_some() || reference {
                fields.insert("x-kubernetes-map-type".into(), "atomic".into());
            }
            fields.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        Value::Number(number) => {
            if let Some(whole) = number.as_f64().filter(|float| float.fract() == 0.0) {
                *number = (whole as i64).into();
            }
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

fn with_deprecated_version(mut definition: Value) -> Value {
    definition["spec"]["conversion"] = json!({ "strategy": "None" });
    let versions = versions(&mut definition);
    let mut deprecated = versions[0].clone();
    deprecated["name"] = DEPRECATED_PEER_VERSION.into();
    deprecated["storage"] = false.into();
    deprecated["deprecated"] = true.into();
    deprecated["deprecationWarning"] = "metallb.io/v1beta1 BGPPeer is deprecated; write metallb.io/v1beta2".into();
    versions.insert(0, deprecated);
    definition
}

fn yaml(definition: &Value) -> String {
    let text = definition.to_string();
    // JSON is YAML, so loading its text keeps this free of a conversion between the two value types.
    let documents = Yaml::load_from_str(&text).expect("JSON is YAML");
    let mut out = String::new();
    YamlEmitter::new(&mut out).dump(&documents[0]).expect("writing to a string cannot fail");
    out.push('\n');
    out
}
