//! What is wrong with a manifest, where, and what to do about it.

use std::fmt;
use std::sync::Arc;

use thiserror::Error;

use super::field_path::FieldPath;
use super::object::ObjectId;

/// A line of a file of the manifest directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file's name inside the directory.
    pub file: Arc<str>,
    /// The line, counted from one; zero stands for the file as a whole.
    pub line: usize,
}

/// What a fault is about, as far as the text could be understood.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// The file, or a part of it whose kind cannot be told.
    Text,
    /// An object of this kind whose name cannot be told.
    Kind(String),
    /// An object.
    Object(ObjectId),
}

/// Something in a manifest that could not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where it is.
    pub place: Place,
    /// What it belongs to.
    pub subject: Subject,
    /// The field inside the object; the root if it is about the object as a whole.
    pub field: FieldPath,
    /// What is wrong and what to do.
    pub reason: Reason,
    /// The objects that stay in use as they were last read because of this fault.
    pub kept: Vec<ObjectId>,
}

/// Why a manifest could not be used; the text says what is wrong, then what to do.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Reason {
    /// The operating system refused to give the file or the directory.
    #[error("cannot be read ({what}); restore it, or make it readable for the user Clarion runs as")]
    Unreadable {
        /// The operating system's words.
        what: String,
    },
    /// The name belongs to a device, a pipe or a socket.
    #[error("is not a regular file; put a file in its place or remove it")]
    NotRegular,
    /// The file is larger than is ever read.
    #[error("is larger than {limit} bytes; split it into several files")]
    FileTooBig {
        /// The largest size, in bytes.
        limit: u64,
    },
    /// The file is empty though it had objects before.
    #[error("is empty; delete the file if its objects are to go")]
    Emptied,
    /// The bytes are not text.
    #[error("is not UTF-8 text; save it as UTF-8")]
    NotUtf8,
    /// The text is neither YAML nor JSON.
    #[error("is not valid YAML: {what}; correct the text near this line")]
    Syntax {
        /// The parser's words.
        what: String,
    },
    /// The file has so many mistakes that the rest was not read.
    #[error("has {limit} mistakes up to here and is not read further; correct those first")]
    TooManyFaults {
        /// How many faults one file may have.
        limit: usize,
    },
    /// Collections nest too deep.
    #[error("nests deeper than {limit} levels; flatten it")]
    TooDeep {
        /// The deepest level allowed.
        limit: usize,
    },
    /// The document is too large once its aliases are expanded.
    #[error("is larger than {limit} bytes once its aliases are expanded; split it into several documents")]
    DocumentTooBig {
        /// The largest weight allowed, in bytes.
        limit: usize,
    },
    /// An alias stands inside the value that its anchor names.
    #[error("an alias refers to the value it stands in; write the value out")]
    AliasInsideItself,
    /// A key of a mapping is a collection, a fraction or null.
    #[error("a key is not text; write it as plain text, or in quotes")]
    KeyNotText,
    /// A number is infinite or none.
    #[error("{text} is no number to Kubernetes; write a number, or put it in quotes")]
    NotFinite {
        /// The number as written.
        text: String,
    },
    /// A key is written twice in one mapping.
    #[error("key {key:?} is written twice, first on line {first_line}; remove one of the two")]
    DuplicateKey {
        /// The key.
        key: String,
        /// Where it is written first.
        first_line: usize,
    },
    /// `<<` merges something without fields.
    #[error("the merge key \"<<\" needs a mapping or a list of mappings; write the fields out")]
    MergeNotMapping,
    /// A tag does not fit its value or is unknown.
    #[error("the tag {tag} does not fit the value; remove the tag")]
    Tag {
        /// The tag.
        tag: String,
    },
    /// A document is a list or a scalar.
    #[error("is not a Kubernetes object; write apiVersion, kind and metadata at the top of the document")]
    NotAnObject,
    /// A field that names the object is missing.
    #[error("is missing; every object needs apiVersion, kind and metadata.name, so add it")]
    Missing,
    /// The object asks the API server for a name.
    #[error("is missing; generateName works on an API server only, so write a name")]
    GenerateName,
    /// A field that names the object is not text.
    #[error("is not text; put it in quotes")]
    NotText,
    /// A name breaks the rules of its kind.
    #[error("{name:?} is not a valid name: {rule}; rename it")]
    BadName {
        /// The name as written.
        name: String,
        /// The rule it breaks.
        rule: NameRule,
    },
    /// The kind is known under other versions only.
    #[error("{written:?} is not read for this kind; write {expected}")]
    Version {
        /// The apiVersion as written.
        written: String,
        /// The versions that are read.
        expected: String,
    },
    /// The API group is ours, and the kind is almost one of ours.
    #[error("is not a kind of {group}; did you mean {meant}?")]
    UnknownKind {
        /// The API group.
        group: &'static str,
        /// The kind that was probably meant.
        meant: &'static str,
    },
    /// The object is one that versions of MetalLB before 0.13 read.
    #[error(
        "is configuration of MetalLB before 0.13, which is not read; write an IPAddressPool and an L2Advertisement or a BGPAdvertisement, with a BGPPeer for each router"
    )]
    Superseded,
    /// A field has the wrong type or value.
    #[error("is {found}, and must be {expected}")]
    Wrong {
        /// What is written.
        found: String,
        /// What may be written.
        expected: String,
    },
    /// A field that the kind needs is missing.
    #[error("is missing; add it")]
    Required,
    /// A field stands at the top of the object, and belongs further down.
    #[error("there is no such field here; indent it below {parent}")]
    Misplaced {
        /// The field it belongs below.
        parent: &'static str,
    },
    /// A field cannot be decoded for another reason.
    #[error("{what}; correct the field")]
    Type {
        /// What was found and what was expected.
        what: String,
    },
    /// A field that holds a secret has the wrong type; the value is not repeated.
    #[error("is not {expected}; correct the field (its value is not shown)")]
    Confidential {
        /// What was expected.
        expected: &'static str,
    },
    /// The kind has no such field.
    #[error("there is no such field; {}", step(meant.as_deref()))]
    UnknownField {
        /// The field that was probably meant.
        meant: Option<String>,
    },
    /// Another object has the same identity.
    #[error("is also written at {first}, which is used; remove one of the two")]
    DuplicateObject {
        /// The object that is used.
        first: Place,
    },
}

fn step(meant: Option<&str>) -> String {
    meant.map_or_else(|| "correct its name or remove it".to_owned(), |meant| format!("did you mean {meant}?"))
}

/// A rule for the names of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameRule {
    /// An RFC 1123 label.
    Label,
    /// An RFC 1123 subdomain.
    Subdomain,
}

impl NameRule {
    /// Returns true if the name follows the rule.
    pub fn allows(self, name: &str) -> bool {
        match self {
            Self::Label => is_label(name),
            Self::Subdomain => name.len() <= 253 && name.split('.').all(is_subdomain_part),
        }
    }
}

fn is_label(text: &str) -> bool {
    text.len() <= 63 && is_subdomain_part(text)
}

/// A part of a subdomain may be longer than a label; only the whole is bounded (Kubernetes' reading of RFC 1123).
fn is_subdomain_part(text: &str) -> bool {
    let edge = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let bytes = text.as_bytes();
    edge(bytes.first()) && edge(bytes.last()) && bytes.iter().all(|&byte| edge(Some(&byte)) || byte == b'-')
}

impl fmt::Display for NameRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Label => "at most 63 lower-case letters, digits and '-', starting and ending with a letter or digit",
            Self::Subdomain => {
                "at most 253 lower-case letters, digits, '-' and '.', every part starting and ending with a letter or digit"
            }
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.file),
            line => write!(f, "{}:{line}", self.file),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// A List of thousands would fill a screen; its first names are enough to know which.
        const NAMED: usize = 5;

        write!(f, "{}: ", self.place)?;
        match &self.subject {
            Subject::Text => {}
            Subject::Kind(kind) => write!(f, "{kind}: ")?,
            Subject::Object(id) => write!(f, "{id}: ")?,
        }
        if !self.field.is_root() {
            write!(f, "{}: ", self.field)?;
        }
        write!(f, "{}", self.reason)?;
        for (position, id) in self.kept.iter().take(NAMED).enumerate() {
            f.write_str(if position == 0 { "; still used as last read: " } else { ", " })?;
            write!(f, "{id}")?;
        }
        match self.kept.len().saturating_sub(NAMED) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}
