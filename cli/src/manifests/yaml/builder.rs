//! Builds the tree of one document out of parser events.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use saphyr::Scalar;
use saphyr_parser::{Event, ScalarStyle, Tag};
use serde_json::Value;

use super::{Content, Document, Flaw, MAX_DEPTH, MAX_DOCUMENT_WEIGHT, NODE_WEIGHT, Node};
use crate::manifests::fault::Reason;
use crate::manifests::field_path::{FieldPath, Segment};

/// The key whose value's fields join the mapping it stands in (YAML 1.1, which Kubernetes manifests still use).
const MERGE: &str = "<<";

pub(super) struct Builder {
    lines_before: usize,
    open: Vec<Open>,
    anchors: BTreeMap<usize, Anchor>,
    /// What the tree weighs.
    weight: usize,
    /// What the copies kept for aliases weigh.
    kept: usize,
    root: Option<Node>,
    flaws: Vec<Flaw>,
}

/// A collection whose end was not met yet.
struct Open {
    line: usize,
    /// The parser's number of the collection's anchor; zero if it has none.
    anchor: usize,
    weight_before: usize,
    content: OpenContent,
}

enum OpenContent {
    Sequence(Vec<Node>),
    Mapping { fields: BTreeMap<String, Node>, key: Option<Key>, merged: Vec<Node> },
}

struct Key {
    text: String,
    line: usize,
    merge: bool,
}

struct Anchor {
    node: Node,
    weight: usize,
    height: usize,
}

impl Builder {
    pub(super) fn new(lines_before: usize) -> Self {
        Self {
            lines_before,
            open: Vec::new(),
            anchors: BTreeMap::new(),
            weight: 0,
            kept: 0,
            root: None,
            flaws: Vec::new(),
        }
    }

    pub(super) fn finish(self) -> Document {
        let root = self.root.unwrap_or_else(|| Node::new(self.lines_before + 1, Content::Scalar(Value::Null)));
        Document { root, flaws: self.flaws }
    }

    /// Takes the next event of a document, or refuses the document.
    pub(super) fn on_event(&mut self, event: Event<'_>, line: usize) -> Result<(), Flaw> {
        let line = self.lines_before + line;
        match event {
            Event::Scalar(text, style, anchor, tag) => self.on_scalar(text, style, anchor, tag.as_ref(), line),
            Event::Alias(anchor) => self.on_alias(anchor, line),
            Event::SequenceStart(anchor, _) => self.on_start(OpenContent::Sequence(Vec::new()), anchor, line),
            Event::MappingStart(anchor, _) => {
                let content = OpenContent::Mapping { fields: BTreeMap::new(), key: None, merged: Vec::new() };
                self.on_start(content, anchor, line)
            }
            Event::SequenceEnd | Event::MappingEnd => self.on_end(),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => {
                Ok(())
            }
        }
    }

    fn on_scalar(
        &mut self,
        text: Cow<'_, str>,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Cow<'_, Tag>>,
        line: usize,
    ) -> Result<(), Flaw> {
        let weight_before = self.weight;
        self.weigh(NODE_WEIGHT + text.len(), line)?;
        if self.expects_key() {
            let merge = text == MERGE && style == ScalarStyle::Plain;
            // An anchored key may be used as a value elsewhere, so it is remembered like any scalar.
            self.remember(anchor, &Node::new(line, Content::Scalar(Value::from(text.as_ref()))), weight_before)?;
            self.put_key(Key { text: text.into_owned(), line, merge });
            return Ok(());
        }
        let value = scalar(text, style, tag)
            .ok_or_else(|| self.flaw(line, Reason::Tag { tag: tag.map(|tag| tag.to_string()).unwrap_or_default() }))?;
        let node = Node::new(line, Content::Scalar(value));
        self.remember(anchor, &node, weight_before)?;
        self.put(node);
        Ok(())
    }

    fn on_alias(&mut self, anchor: usize, line: usize) -> Result<(), Flaw> {
        let Some(Anchor { node, weight, height }) = self.anchors.get(&anchor) else {
            return Err(self.flaw(line, Reason::AliasInsideItself));
        };
        let (mut node, weight, height) = (node.clone(), *weight, *height);
        if self.open.len() + height > MAX_DEPTH {
            return Err(self.flaw(line, Reason::TooDeep { limit: MAX_DEPTH }));
        }
        self.weigh(weight, line)?;
        if self.expects_key() {
            let Some(text) = node.text().map(str::to_owned) else { return Err(self.flaw(line, Reason::KeyNotText)) };
            self.put_key(Key { text, line, merge: false });
            return Ok(());
        }
        node.line = line;
        self.put(node);
        Ok(())
    }

    fn on_start(&mut self, content: OpenContent, anchor: usize, line: usize) -> Result<(), Flaw> {
        if self.expects_key() {
            return Err(self.flaw(line, Reason::KeyNotText));
        }
        if self.open.len() == MAX_DEPTH {
            return Err(self.flaw(line, Reason::TooDeep { limit: MAX_DEPTH }));
        }
        let weight_before = self.weight;
        self.weigh(NODE_WEIGHT, line)?;
        self.open.push(Open { line, anchor, weight_before, content });
        Ok(())
    }

    fn on_end(&mut self) -> Result<(), Flaw> {
        let Some(Open { line, anchor, weight_before, content }) = self.open.pop() else { return Ok(()) };
        let content = match content {
            OpenContent::Sequence(items) => Content::Sequence(items),
            OpenContent::Mapping { fields, key: _, merged } => Content::Mapping(self.merge(fields, merged)),
        };
        let node = Node::new(line, content);
        self.remember(anchor, &node, weight_before)?;
        self.put(node);
        Ok(())
    }

    fn put_key(&mut self, new: Key) {
        if let Some(Open { content: OpenContent::Mapping { key, .. }, .. }) = self.open.last_mut() {
            *key = Some(new);
        }
    }

    fn put(&mut self, mut node: Node) {
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return;
        };
        match &mut open.content {
            OpenContent::Sequence(items) => items.push(node),
            OpenContent::Mapping { fields, key, merged } => {
                let Some(Key { text, line, merge }) = key.take() else { return };
                node.line = line;
                if merge {
                    merged.push(node);
                    return;
                }
                match fields.entry(text) {
                    Entry::Vacant(free) => {
                        free.insert(node);
                    }
                    Entry::Occupied(taken) => {
                        let (key, first_line) = (taken.key().clone(), taken.get().line);
                        let field = self.path().join(Segment::Key(key.clone()));
                        self.flaws.push(Flaw { line, field, reason: Reason::DuplicateKey { key, first_line } });
                    }
                }
            }
        }
    }

    /// Adds the fields of merged mappings that are not written in the mapping itself; the first of several wins.
    fn merge(&mut self, mut fields: BTreeMap<String, Node>, merged: Vec<Node>) -> BTreeMap<String, Node> {
        for source in merged {
            let line = source.line;
            let sources = match source.content {
                Content::Sequence(items) => items,
                content @ (Content::Mapping(_) | Content::Scalar(_)) => vec![Node::new(line, content)],
            };
            for source in sources {
                let Content::Mapping(inherited) = source.content else {
                    let flaw = Flaw { line, field: self.path(), reason: Reason::MergeNotMapping };
                    self.flaws.push(flaw);
                    continue;
                };
                for (key, node) in inherited {
                    fields.entry(key).or_insert(node);
                }
            }
        }
        fields
    }

    fn remember(&mut self, anchor: usize, node: &Node, weight_before: usize) -> Result<(), Flaw> {
        if anchor == 0 {
            return Ok(());
        }
        let weight = self.weight - weight_before;
        self.kept += weight;
        self.weigh(0, node.line)?;
        self.anchors.insert(anchor, Anchor { node: node.clone(), weight, height: height(node) });
        Ok(())
    }

    fn weigh(&mut self, more: usize, line: usize) -> Result<(), Flaw> {
        self.weight += more;
        if self.weight + self.kept > MAX_DOCUMENT_WEIGHT {
            return Err(self.flaw(line, Reason::DocumentTooBig { limit: MAX_DOCUMENT_WEIGHT }));
        }
        Ok(())
    }

    fn expects_key(&self) -> bool {
        matches!(self.open.last(), Some(Open { content: OpenContent::Mapping { key: None, .. }, .. }))
    }

    fn flaw(&self, line: usize, reason: Reason) -> Flaw {
        Flaw { line, field: self.path(), reason }
    }

    fn path(&self) -> FieldPath {
        let step = |open: &Open| match &open.content {
            OpenContent::Sequence(items) => Some(Segment::Index(items.len())),
            OpenContent::Mapping { key, .. } => key.as_ref().map(|key| Segment::Key(key.text.clone())),
        };
        self.open.iter().filter_map(step).collect()
    }
}

/// Returns a scalar's value by the core schema (YAML 1.2.2 §10.3), or nothing if its tag and text disagree.
fn scalar(text: Cow<'_, str>, style: ScalarStyle, tag: Option<&Cow<'_, Tag>>) -> Option<Value> {
    if style == ScalarStyle::Plain
        && tag.is_none()
        && let Ok(number) = text.parse::<u64>()
    {
        return Some(Value::from(number));
    }
    let written = text.clone();
    Some(match Scalar::parse_from_cow_and_metadata(text, style, tag)? {
        Scalar::Null => Value::Null,
        Scalar::Boolean(value) => Value::from(value),
        Scalar::Integer(value) => Value::from(value),
        // JSON has neither infinity nor NaN, and no field of ours wants one.
        Scalar::FloatingPoint(value) => {
            serde_json::Number::from_f64(*value).map_or_else(|| Value::from(written.as_ref()), Value::from)
        }
        Scalar::String(value) => Value::from(value.into_owned()),
    })
}

fn height(node: &Node) -> usize {
    match &node.content {
        Content::Scalar(_) => 0,
        Content::Sequence(items) => 1 + items.iter().map(height).max().unwrap_or(0),
        Content::Mapping(fields) => 1 + fields.values().map(height).max().unwrap_or(0),
    }
}
