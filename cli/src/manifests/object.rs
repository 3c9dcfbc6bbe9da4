//! One document to typed objects, by apiVersion and kind.

mod admission;
mod kind;
mod schema;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crds::kinds::{BfdProfile, BgpAdvertisement, BgpPeer, Community, IpAddressPool, L2Advertisement};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::fault::{Reason, Subject};
use super::field_path::{FieldPath, Segment};
use super::yaml::{Document, Flaw, Node};
use crds::core;
pub use kind::Kind;
use kind::Recognised;
pub(crate) use schema::Schemas;

/// Values in messages are cut here, so that a file cannot fill the log.
const MAX_QUOTED: usize = 200;

/// What makes an object the same object in two places.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectId {
    /// The kind; versions of a kind are the same kind.
    pub kind: Kind,
    /// The namespace; none for kinds that belong to the whole cluster.
    pub namespace: Option<String>,
    /// The name.
    pub name: String,
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} {namespace}/{}", self.kind, self.name),
            None => write!(f, "{} {}", self.kind, self.name),
        }
    }
}

/// An object of a kind that Clarion reads.
#[derive(Clone, Debug)]
pub enum Object {
    /// `v1` Service.
    Service(core::Service),
    /// `discovery.k8s.io/v1` EndpointSlice.
    EndpointSlice(core::EndpointSlice),
    /// `v1` Node.
    Node(core::Node),
    /// `v1` Namespace.
    Namespace(core::Namespace),
    /// `v1` Secret.
    Secret(core::Secret),
    /// `metallb.io/v1beta1` IPAddressPool.
    IpAddressPool(Arc<IpAddressPool>),
    /// `metallb.io/v1beta1` L2Advertisement.
    L2Advertisement(Arc<L2Advertisement>),
    /// `metallb.io/v1beta1` BGPAdvertisement.
    BgpAdvertisement(Arc<BgpAdvertisement>),
    /// `metallb.io/v1beta2` BGPPeer; the older `v1beta1` has the same schema.
    BgpPeer(Arc<BgpPeer>),
    /// `metallb.io/v1beta1` BFDProfile.
    BfdProfile(Arc<BfdProfile>),
    /// `metallb.io/v1beta1` Community.
    Community(Arc<Community>),
}

/// What a document, or an item of a List, turned out to be.
pub(crate) enum Finding {
    /// A good object; its text is kept for kinds whose meaning is checked later, when the line of a field is wanted.
    Object { id: ObjectId, object: Object, text: Node },
    /// An object of a kind that is none of ours.
    Other { kind: String, line: usize },
    /// An object or a document that cannot be used.
    Bad { subject: Subject, flaw: Flaw },
}

/// Adds what a document holds: one finding, or one for each item of a List.
pub(crate) fn read(document: Document, schemas: &Schemas, findings: &mut Vec<Finding>) {
    let Document { root, flaws } = document;
    Reader { schemas, findings }.node(root, flaws, None);
}

/// The apiVersion and kind of the items of a typed List, which an API server leaves out of the items.
struct Inherited {
    api_version: String,
    kind: String,
}

struct Reader<'a> {
    schemas: &'a Schemas,
    findings: &'a mut Vec<Finding>,
}

impl Reader<'_> {
    fn node(&mut self, node: Node, flaws: Vec<Flaw>, inherited: Option<&Inherited>) {
        match Header::read(&node, inherited) {
            Ok(header) if header.is_list(&node) => self.items(node, &header, flaws),
            Ok(header) => self.object(node, &header, flaws),
            Err(flaw) if flaws.is_empty() => self.bad(&Subject::Text, vec![flaw]),
            Err(_) => self.bad(&Subject::Text, flaws),
        }
    }

    fn items(&mut self, list: Node, header: &Header, flaws: Vec<Flaw>) {
        let inherited = header
            .kind
            .strip_suffix("List")
            .filter(|kind| !kind.is_empty())
            .map(|kind| Inherited { api_version: header.api_version.clone(), kind: kind.to_owned() });
        let items = list.into_items();
        let mut flaws_of_items = BTreeMap::<usize, Vec<Flaw>>::new();
        for flaw in flaws {
            match flaw.field.segments() {
                [Segment::Key(key), Segment::Index(index), inner @ ..] if key == "items" => {
                    let field = inner.iter().cloned().collect();
                    flaws_of_items.entry(*index).or_default().push(Flaw { field, ..flaw });
                }
                _ => self.bad(&Subject::Kind(quoted(&header.kind)), vec![flaw]),
            }
        }
        for (index, item) in items.into_iter().enumerate() {
            let flaws = flaws_of_items.remove(&index).unwrap_or_default();
            self.node(item, flaws, inherited.as_ref());
        }
    }

    fn object(&mut self, node: Node, header: &Header, flaws: Vec<Flaw>) {
        let kind = match Kind::recognise(&header.api_version, &header.kind) {
            Recognised::Ours(kind) => kind,
            Recognised::Other if is_old_configuration(header, &node) => {
                self.bad(&Subject::Kind(quoted(&header.kind)), vec![flaw_at(&node, "data.config", Reason::Superseded)]);
                return;
            }
            Recognised::Other => {
                self.findings.push(Finding::Other { kind: quoted(&header.kind), line: node.line() });
                return;
            }
            Recognised::WrongVersion(kind) => {
                let expected = kind.api_versions().join(" or ");
                let reason = Reason::Version { written: quoted(&header.api_version), expected };
                let subject = identify(kind, &node).map_or_else(|_| Subject::Kind(kind.to_string()), Subject::Object);
                self.bad(&subject, vec![flaw_at(&node, "apiVersion", reason)]);
                return;
            }
            Recognised::WrongKind { group, meant } => {
                let flaw = flaw_at(&node, "kind", Reason::UnknownKind { group, meant });
                self.bad(&Subject::Kind(quoted(&header.kind)), vec![flaw]);
                return;
            }
            Recognised::Superseded => {
                self.bad(&Subject::Kind(quoted(&header.kind)), vec![flaw_at(&node, "kind", Reason::Superseded)]);
                return;
            }
        };
        let id = match identify(kind, &node) {
            Ok(id) => id,
            Err(flaw) => {
                self.bad(&Subject::Kind(kind.to_string()), vec![flaw]);
                return;
            }
        };
        match self.decode(&id, &node, flaws) {
            Ok(object) => self.findings.push(Finding::Object { id, object, text: node }),
            Err(flaws) => self.bad(&Subject::Object(id), flaws),
        }
    }

    fn decode(&self, id: &ObjectId, node: &Node, flaws: Vec<Flaw>) -> Result<Object, Vec<Flaw>> {
        if !flaws.is_empty() {
            return Err(flaws);
        }
        let flaws = self.schemas.check(id.kind, node);
        if !flaws.is_empty() {
            return Err(flaws);
        }
        decode_kind(id, node).map_err(|flaw| vec![flaw])
    }

    fn bad(&mut self, subject: &Subject, flaws: Vec<Flaw>) {
        self.findings.extend(flaws.into_iter().map(|flaw| Finding::Bad { subject: subject.clone(), flaw }));
    }
}

/// The two fields that say what the rest of an object means.
struct Header {
    api_version: String,
    kind: String,
}

impl Header {
    fn read(node: &Node, inherited: Option<&Inherited>) -> Result<Self, Flaw> {
        if node.mapping().is_none() {
            return Err(Flaw { line: node.line(), field: FieldPath::default(), reason: Reason::NotAnObject });
        }
        let read =
            |field: &str, default: Option<&String>| match (node.field(field).filter(|value| !value.is_null()), default)
            {
                (None, Some(default)) => Ok(default.clone()),
                (None, None) => Err(flaw_at(node, field, Reason::Missing)),
                (Some(value), _) => {
                    value.text().map(str::to_owned).ok_or_else(|| flaw_at(node, field, Reason::NotText))
                }
            };
        Ok(Self {
            kind: read("kind", inherited.map(|inherited| &inherited.kind))?,
            api_version: read("apiVersion", inherited.map(|inherited| &inherited.api_version))?,
        })
    }

    fn is_list(&self, node: &Node) -> bool {
        self.kind.ends_with("List") && node.field("items").and_then(Node::items).is_some()
    }
}

/// Says whether an object is the ConfigMap that MetalLB read before 0.13.
fn is_old_configuration(header: &Header, node: &Node) -> bool {
    let text = || node.field("data").and_then(|data| data.field("config")).and_then(Node::text);
    let is_key = |line: &str| line.starts_with("address-pools:") || line.starts_with("\"address-pools\":");
    header.kind == "ConfigMap" && text().is_some_and(|text| text.lines().any(is_key))
}

fn identify(kind: Kind, node: &Node) -> Result<ObjectId, Flaw> {
    let metadata = node.field("metadata");
    let written = |field: &str| metadata.and_then(|metadata| metadata.field(field)).filter(|value| !value.is_null());
    let text = |field: &str, value: &Node| {
        value.text().map(str::to_owned).ok_or_else(|| flaw_at(node, &format!("metadata.{field}"), Reason::NotText))
    };
    let Some(name) = written("name") else {
        let generated = written("generateName").is_some();
        let reason = if generated { Reason::GenerateName } else { Reason::Missing };
        return Err(flaw_at(node, "metadata.name", reason));
    };
    let name = text("name", name)?;
    check_name(node, "metadata.name", &name, kind.name_rule())?;
    if !kind.is_namespaced() {
        return Ok(ObjectId { kind, namespace: None, name });
    }
    let namespace = match written("namespace") {
        Some(namespace) => text("namespace", namespace)?,
        None => "default".to_owned(),
    };
    check_name(node, "metadata.namespace", &namespace, Kind::Namespace.name_rule())?;
    Ok(ObjectId { kind, namespace: Some(namespace), name })
}

fn check_name(node: &Node, field: &str, name: &str, rule: super::fault::NameRule) -> Result<(), Flaw> {
    if rule.allows(name) {
        return Ok(());
    }
    Err(flaw_at(node, field, Reason::BadName { name: quoted(name), rule }))
}

fn decode_kind(id: &ObjectId, node: &Node) -> Result<Object, Flaw> {
    let mut value = node.value();
    admission::complete(id, &mut value);
    let kind = id.kind;
    Ok(match kind {
        Kind::Service => {
            let service: core::Service = decode(kind, node, value)?;
            check_known(node, service.unknown_value())?;
            Object::Service(service)
        }
        Kind::EndpointSlice => {
            let slice: core::EndpointSlice = decode(kind, node, value)?;
            check_known(node, slice.unknown_value())?;
            Object::EndpointSlice(slice)
        }
        Kind::Node => Object::Node(decode(kind, node, value)?),
        Kind::Namespace => Object::Namespace(decode(kind, node, value)?),
        Kind::Secret => Object::Secret(decode(kind, node, value)?),
        Kind::IpAddressPool => Object::IpAddressPool(Arc::new(decode(kind, node, value)?)),
        Kind::L2Advertisement => Object::L2Advertisement(Arc::new(decode(kind, node, value)?)),
        Kind::BgpAdvertisement => Object::BgpAdvertisement(Arc::new(decode(kind, node, value)?)),
        Kind::BgpPeer => Object::BgpPeer(Arc::new(decode(kind, node, value)?)),
        Kind::BfdProfile => Object::BfdProfile(Arc::new(decode(kind, node, value)?)),
        Kind::Community => Object::Community(Arc::new(decode(kind, node, value)?)),
    })
}

fn decode<T: DeserializeOwned>(kind: Kind, node: &Node, value: Value) -> Result<T, Flaw> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let field = FieldPath::from(error.path());
        let reason = confidential(kind, &field).unwrap_or_else(|| schema::explain(&error.inner().to_string()));
        Flaw { line: node.line_of(&field), field, reason }
    })
}

/// Refuses a value that an API server would refuse too.
fn check_known(node: &Node, unknown: Option<core::UnknownValue>) -> Result<(), Flaw> {
    let Some(core::UnknownValue { field, known }) = unknown else { return Ok(()) };
    let field = FieldPath::parse(&field);
    let written = node.at(&field).and_then(Node::text).unwrap_or_default();
    let known: Vec<String> = known.iter().map(|value| format!("`{value}`")).collect();
    let what = format!("unknown variant `{}`, expected one of {}", quoted(written), known.join(", "));
    Err(Flaw { line: node.line_of(&field), field, reason: Reason::Type { what } })
}

/// Returns a reason without the value for fields that hold secrets, since serde repeats what it found.
fn confidential(kind: Kind, field: &FieldPath) -> Option<Reason> {
    let key = |segment: &Segment| match segment {
        Segment::Key(key) => Some(key.clone()),
        Segment::Index(_) => None,
    };
    let outermost = field.segments().first().and_then(key);
    let innermost = field.segments().last().and_then(key);
    let expected = match (kind, outermost.as_deref(), innermost.as_deref()) {
        (Kind::Secret, Some("data"), _) => "a mapping of names to base64 text",
        (Kind::Secret, Some("stringData"), _) => "a mapping of names to text; quote numbers and booleans",
        (_, _, Some("password")) => "text; quote numbers and booleans",
        _ => return None,
    };
    Some(Reason::Confidential { expected })
}

fn flaw_at(node: &Node, field: &str, reason: Reason) -> Flaw {
    let field = FieldPath::parse(field);
    Flaw { line: node.line_of(&field), field, reason }
}

/// Returns a text as it may stand in a message: on one line and not too long.
fn quoted(text: &str) -> String {
    let mut cut: String = text.chars().take(MAX_QUOTED).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(MAX_QUOTED).is_some() {
        cut.push_str("...");
    }
    cut
}
