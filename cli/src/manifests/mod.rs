//! Turns a directory of Kubernetes manifests into objects.
//!
//! `Directory` reads files, `yaml` turns text into trees that know their lines, `object` turns trees into typed objects,
//! and `Watch` says when to read again. Every good object is taken and every bad one is a [`Fault`] that names file, line,
//! object and field: one bad object never stops the others.
//!
//! # What stays when a file goes bad
//!
//! * A file that is deleted, or an object that is removed from a readable file, is gone.
//! * An object that its file still names, but wrongly, stays as it was last read.
//! * A file with a part that cannot be read at all keeps every object that is missing from its readable parts, since any of
//!   them may be the unreadable one.
//! * An empty file counts as one in the middle of being written, not as a wish to remove its objects.
//!
//! # What is not done
//!
//! Subdirectories are not entered, and templates are not expanded.

mod directory;
mod fault;
mod field_path;
mod mark;
mod object;
mod watch;
pub(crate) mod yaml;

pub use directory::{Directory, DirectoryError, Loaded, MAX_FILE_BYTES, Manifest};
pub use fault::{Fault, Place, Reason, Subject};
pub use field_path::{FieldPath, Segment};
pub use object::{Kind, Object, ObjectId};
pub use watch::Watch;
