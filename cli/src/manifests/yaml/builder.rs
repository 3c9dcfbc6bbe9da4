//! Builds the tree of one document out of parser events.

use std::borrow::Cow;
use std::collections::BTreeMap;

use saphyr_parser::{Event, ScalarStyle, Tag};
use serde_json::Value;

use super::scalar;
use super::{Content, Document, Flaw, MAX_DEPTH, MAX_DOCUMENT_WEIGHT, NODE_WEIGHT, Node};
use crate::manifests::fault::Reason;
use crate::manifests::field_path::{FieldPath, Segment};

/// The key whose value's fields join the mapping it stands in (YAML 1.1).
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
    Mapping {
        fields: BTreeMap<String, Node>,
        /// The fields that are written in the mapping itself, with their lines.
        written: BTreeMap<String, usize>,
        key: Option<Key>,
    },
}

struct Key {
    text: String,
    line: usize,
    merge: bool,
}

struct Anchor {
    node: Node,
    /// The text of a scalar as written, for use as a key.
    written: String,
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
                let content = OpenContent::Mapping { fields: BTreeMap::new(), written: BTreeMap::new(), key: None };
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
        let is_merge = text == MERGE && tag.map_or(style == ScalarStyle::Plain, |tag| tag.suffix == "merge");
        if self.expects_key() && is_merge {
            self.put_key(Key { text: text.into_owned(), line, merge: true });
            return Ok(());
        }
        let written = text.to_string();
        let tag = tag.map(Cow::as_ref);
        let value = scalar::resolve(text, style, tag).map_err(|reason| self.flaw(line, reason))?;
        let node = Node::new(line, Content::Scalar(value));
        let key = self.expects_key().then(|| self.key(&written, &node, line)).transpose()?;
        // An anchored key may be used as a value elsewhere, so it is remembered like any scalar.
        self.remember(anchor, &node, written, weight_before)?;
        match key {
            Some(key) => self.put_key(key),
            None => self.put(node),
        }
        Ok(())
    }

    fn key(&self, written: &str, node: &Node, line: usize) -> Result<Key, Flaw> {
        let text = match &node.content {
            Content::Scalar(value) => scalar::key(written, value),
            Content::Sequence(_) | Content::Mapping(_) => None,
        };
        let text = text.ok_or_else(|| self.flaw(line, Reason::KeyNotText))?;
        Ok(Key { text, line, merge: false })
    }

    fn on_alias(&mut self, anchor: usize, line: usize) -> Result<(), Flaw> {
        let Some(Anchor { node, written, weight, height }) = self.anchors.get(&anchor) else {
            return Err(self.flaw(line, Reason::AliasInsideItself));
        };
        let (mut node, written, weight, height) = (node.clone(), written.clone(), *weight, *height);
        if self.open.len() + height > MAX_DEPTH {
            return Err(self.flaw(line, Reason::TooDeep { limit: MAX_DEPTH }));
        }
        self.weigh(weight, line)?;
        if self.expects_key() {
            let key = self.key(&written, &node, line)?;
            self.put_key(key);
            return Ok(());
        }
        if self.merges() && node.mapping().is_none() {
            return Err(self.flaw(line, Reason::MergeNotMapping));
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
            OpenContent::Mapping { fields, written: _, key: _ } => Content::Mapping(fields),
        };
        let node = Node::new(line, content);
        self.remember(anchor, &node, String::new(), weight_before)?;
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
            OpenContent::Mapping { fields, written, key } => {
                let Some(Key { text, line, merge }) = key.take() else { return };
                node.line = line;
                if merge {
                    if !merge_into(fields, node) {
                        let flaw = Flaw { line, field: self.path(), reason: Reason::MergeNotMapping };
                        self.flaws.push(flaw);
                    }
                    return;
                }
                match written.insert(text.clone(), line) {
                    None => {
                        fields.insert(text, node);
                    }
                    Some(first_line) => {
                        written.insert(text.clone(), first_line);
                        let field = self.path().join(Segment::Key(text.clone()));
                        self.flaws.push(Flaw { line, field, reason: Reason::DuplicateKey { key: text, first_line } });
                    }
                }
            }
        }
    }

    fn remember(&mut self, anchor: usize, node: &Node, written: String, weight_before: usize) -> Result<(), Flaw> {
        if anchor == 0 {
            return Ok(());
        }
        let weight = self.weight - weight_before;
        self.kept += weight;
        self.weigh(0, node.line)?;
        self.anchors.insert(anchor, Anchor { node: node.clone(), written, weight, height: height(node) });
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

    fn merges(&self) -> bool {
        matches!(
            self.open.last(),
            Some(Open { content: OpenContent::Mapping { key: Some(Key { merge: true, .. }), .. }, .. })
        )
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

/// Sets the fields of a mapping, or of those in a list, and says whether there was one; the first of a list wins.
///
/// They replace the fields that are written before the merge key, and those written after it replace them: that is the order
/// in which Kubernetes reads, whatever YAML says.
fn merge_into(fields: &mut BTreeMap<String, Node>, source: Node) -> bool {
    let sources = match source.content {
        Content::Sequence(items) => items,
        content @ (Content::Mapping(_) | Content::Scalar(_)) => vec![Node::new(source.line, content)],
    };
    for source in sources.into_iter().rev() {
        let Content::Mapping(inherited) = source.content else { return false };
        fields.extend(inherited);
    }
    true
}

fn height(node: &Node) -> usize {
    match &node.content {
        Content::Scalar(_) => 0,
        Content::Sequence(items) => 1 + items.iter().map(height).max().unwrap_or(0),
        Content::Mapping(fields) => 1 + fields.values().map(height).max().unwrap_or(0),
    }
}
