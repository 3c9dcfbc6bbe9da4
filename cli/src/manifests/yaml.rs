//! Multi-document YAML and JSON text, as trees whose every node knows its line.
//!
//! The tree is built from parser events, without recursion and under a budget, because a ready-made loader follows nesting
//! with the stack: a few kilobytes of `- - - -` would end the process.

mod builder;
mod scalar;

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScanError, StrInput};
use serde_json::Value;

use super::fault::Reason;
use super::field_path::{FieldPath, Segment};
use builder::Builder;

/// How deep collections may nest; the deepest CRD schemas seen in practice stay under 60.
pub(crate) const MAX_DEPTH: usize = 128;

/// How much one document may weigh after its aliases are expanded: its text plus [`NODE_WEIGHT`] for every value.
///
/// A List of 10,000 Services weighs about 40 MB.
pub(crate) const MAX_DOCUMENT_WEIGHT: usize = 64 << 20;

/// What a value weighs on top of its text, which is near what it costs in memory.
pub(crate) const NODE_WEIGHT: usize = 64;

/// A value of a YAML document and the line it is written on.
#[derive(Clone, PartialEq)]
pub(crate) struct Node {
    line: usize,
    content: Content,
}

#[derive(Clone, PartialEq)]
pub(crate) enum Content {
    Scalar(Value),
    Sequence(Vec<Node>),
    Mapping(BTreeMap<String, Node>),
}

impl Node {
    pub(crate) fn new(line: usize, content: Content) -> Self {
        Self { line, content }
    }

    /// Returns the line, counted from one; a field of a mapping is where its key is.
    pub(crate) fn line(&self) -> usize {
        self.line
    }

    /// Returns a field, if it is written.
    pub(crate) fn at(&self, path: &FieldPath) -> Option<&Self> {
        path.segments().iter().try_fold(self, |node, segment| node.step(segment))
    }

    /// Returns the line of a field, or of the innermost of its parents that is written.
    pub(crate) fn line_of(&self, path: &FieldPath) -> usize {
        let mut node = self;
        for segment in path.segments() {
            let Some(inner) = node.step(segment) else { break };
            node = inner;
        }
        node.line
    }

    /// Returns the value without its lines, and without the fields that are null, which Kubernetes reads as absent.
    pub(crate) fn value(&self) -> Value {
        match &self.content {
            Content::Scalar(value) => value.clone(),
            Content::Sequence(items) => items.iter().map(Self::value).collect(),
            Content::Mapping(fields) => {
                let written = fields.iter().filter(|(_, node)| !node.is_null());
                written.map(|(key, node)| (key.clone(), node.value())).collect()
            }
        }
    }

    pub(crate) fn content(&self) -> &Content {
        &self.content
    }

    pub(crate) fn field(&self, key: &str) -> Option<&Self> {
        self.mapping()?.get(key)
    }

    pub(crate) fn mapping(&self) -> Option<&BTreeMap<String, Self>> {
        match &self.content {
            Content::Mapping(fields) => Some(fields),
            Content::Scalar(_) | Content::Sequence(_) => None,
        }
    }

    pub(crate) fn items(&self) -> Option<&[Self]> {
        match &self.content {
            Content::Sequence(items) => Some(items),
            Content::Scalar(_) | Content::Mapping(_) => None,
        }
    }

    /// Returns the items under `items`, which only Lists have.
    pub(crate) fn into_items(self) -> Vec<Self> {
        let Content::Mapping(mut fields) = self.content else { return Vec::new() };
        match fields.remove("items").map(|items| items.content) {
            Some(Content::Sequence(items)) => items,
            Some(Content::Scalar(_) | Content::Mapping(_)) | None => Vec::new(),
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Scalar(value) => value.as_str(),
            Content::Sequence(_) | Content::Mapping(_) => None,
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self.content, Content::Scalar(Value::Null))
    }

    fn step(&self, segment: &Segment) -> Option<&Self> {
        match segment {
            Segment::Key(key) => self.field(key),
            Segment::Index(index) => self.items()?.get(*index),
        }
    }
}

/// A document that could be read, with what is wrong in it short of its syntax.
pub(crate) struct Document {
    pub(crate) root: Node,
    pub(crate) flaws: Vec<Flaw>,
}

/// What is wrong at a place of a text.
#[derive(Debug, PartialEq)]
pub(crate) struct Flaw {
    pub(crate) line: usize,
    pub(crate) field: FieldPath,
    pub(crate) reason: Reason,
}

/// Returns the documents of a text in order; empty ones are left out.
///
/// After a document that cannot be read, reading goes on at the next `---`, which no scalar can contain at the start of a
/// line (YAML 1.2.2 §9.1.2), so a mistake costs one document and not the file.
pub(crate) fn documents(text: &str) -> Documents<'_> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    Documents { rest: text, lines_before: 0, started: 0, parser: Parser::new_from_str(text), done: false }
}

/// Iterates over the documents of a text.
pub(crate) struct Documents<'text> {
    /// What the parser was given.
    rest: &'text str,
    /// How many lines of the text come before `rest`.
    lines_before: usize,
    /// The line of `rest`, counted from one, where the current document starts.
    started: usize,
    parser: Parser<'text, StrInput<'text>>,
    done: bool,
}

impl Iterator for Documents<'_> {
    type Item = Result<Document, Flaw>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.done {
            match self.next_document() {
                Ok(Some(document)) if document.root.is_null() && document.flaws.is_empty() => {}
                Ok(Some(document)) => return Some(Ok(document)),
                Ok(None) => self.done = true,
                Err(flaw) => {
                    self.skip_document();
                    return Some(Err(flaw));
                }
            }
        }
        None
    }
}

impl<'text> Documents<'text> {
    fn next_document(&mut self) -> Result<Option<Document>, Flaw> {
        let mut builder = Builder::new(self.lines_before);
        loop {
            let Some(event) = self.parser.next_event() else { return Ok(None) };
            let (event, span) = event.map_err(|error| self.syntax(&error))?;
            match event {
                Event::DocumentStart(_) => self.started = span.start.line(),
                Event::DocumentEnd => {
                    self.started = span.end.line();
                    return Ok(Some(builder.finish()));
                }
                Event::StreamEnd => return Ok(None),
                Event::Nothing | Event::StreamStart => {}
                Event::Alias(_)
                | Event::Scalar(..)
                | Event::SequenceStart(..)
                | Event::SequenceEnd
                | Event::MappingStart(..)
                | Event::MappingEnd => {
                    builder.on_event(event, span.start.line())?;
                }
            }
        }
    }

    fn syntax(&self, error: &ScanError) -> Flaw {
        Flaw {
            line: self.lines_before + error.marker().line(),
            field: FieldPath::default(),
            reason: Reason::Syntax { what: error.info().to_owned() },
        }
    }

    fn skip_document(&mut self) {
        let mut offset = 0;
        for (index, line) in self.rest.split_inclusive('\n').enumerate() {
            if index >= self.started.max(1) && starts_document(line) {
                self.rest = &self.rest[offset..];
                self.lines_before += index;
                self.started = 1;
                self.parser = Parser::new_from_str(self.rest);
                return;
            }
            offset += line.len();
        }
        self.done = true;
    }
}

fn starts_document(line: &str) -> bool {
    line.strip_prefix("---").is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}

#[cfg(test)]
mod tests;
