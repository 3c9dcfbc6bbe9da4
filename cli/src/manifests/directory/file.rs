//! One file of a manifest directory.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::{self, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use super::{Manifest, duplicate};
use crate::manifests::fault::{Fault, Place, Reason, Subject};
use crate::manifests::field_path::FieldPath;
use crate::manifests::mark::FileMark;
use crate::manifests::object::{self, Finding, ObjectId, Schemas};
use crate::manifests::yaml::{self, Flaw};

/// The largest file that is read, in bytes: about 20,000 Services.
pub const MAX_FILE_BYTES: u64 = 16 << 20;

/// How many faults of one file are reported before the rest of it is left unread.
const MAX_FAULTS: usize = 100;

/// What a name in the directory turned out to be.
pub(super) enum Contents {
    Read(Reading),
    /// The file is the one that was read before.
    Unchanged,
    /// A directory, though it is named like a manifest.
    Directory,
    /// Removed after the directory was listed.
    Gone,
}

/// What one file holds.
#[derive(Default)]
pub(super) struct Reading {
    pub(super) objects: BTreeMap<ObjectId, Manifest>,
    pub(super) faults: Vec<Fault>,
    pub(super) ignored: BTreeMap<String, usize>,
    /// What to know the file by; nothing if it must be read again in any case.
    mark: Option<FileMark>,
}

/// Reads one file, unless it is known to be what it was at the last reading.
pub(super) fn read(directory: &Path, name: &Arc<str>, last: Option<&Reading>, schemas: &Schemas) -> Contents {
    let path = directory.join(&**name);
    let had_objects = last.is_some_and(|last| !last.objects.is_empty());
    let mut reading = Reading::default();
    match read_text(&path, last.and_then(|last| last.mark)) {
        Ok(Text::Is { text, .. }) if text.is_empty() && had_objects => reading.fault_of_file(name, Reason::Emptied),
        Ok(Text::Is { text, mark }) => {
            reading.take(name, &text, schemas);
            // Faults depend on what was read before, so files that have some are read every time.
            reading.mark = mark.filter(|_| reading.faults.is_empty());
        }
        Ok(Text::Unchanged) => return Contents::Unchanged,
        Ok(Text::Refused(reason)) => reading.fault_of_file(name, reason),
        Ok(Text::Directory) => return Contents::Directory,
        // A link that leads nowhere is still there, and someone should know.
        Err(error) if error.kind() == io::ErrorKind::NotFound && fs::symlink_metadata(&path).is_err() => {
            return Contents::Gone;
        }
        Err(error) => reading.fault_of_file(name, Reason::Unreadable { what: error.to_string() }),
    }
    Contents::Read(reading)
}

enum Text {
    Is { text: String, mark: Option<FileMark> },
    Unchanged,
    Refused(Reason),
    Directory,
}

fn read_text(path: &Path, last: Option<FileMark>) -> io::Result<Text> {
    // Opening a file wakes whoever watches the directory, this process first of all.
    if last.is_some() && fs::metadata(path).is_ok_and(|metadata| last == Some(FileMark::of(&metadata))) {
        return Ok(Text::Unchanged);
    }
    // Opening a pipe would otherwise wait for someone to write into it.
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Ok(Text::Directory);
    }
    if !metadata.is_file() {
        return Ok(Text::Refused(Reason::NotRegular));
    }
    // The mark is taken before reading, so that a write in between shows the next time.
    let mark = FileMark::of(&metadata);
    if last == Some(mark) {
        return Ok(Text::Unchanged);
    }
    let mark = Some(mark).filter(|mark| mark.is_certain(SystemTime::now()));
    Ok(match decode(file)? {
        Ok(text) => Text::Is { text, mark },
        Err(reason) => Text::Refused(reason),
    })
}

/// Reads what has neither a name nor an earlier version.
pub(super) fn read_stream(name: &Arc<str>, source: impl io::Read, schemas: &Schemas) -> Reading {
    let mut reading = Reading::default();
    match decode(source) {
        Ok(Ok(text)) => reading.take(name, &text, schemas),
        Ok(Err(reason)) => reading.fault_of_file(name, reason),
        Err(error) => reading.fault_of_file(name, Reason::Unreadable { what: error.to_string() }),
    }
    reading
}

fn decode(source: impl io::Read) -> io::Result<Result<String, Reason>> {
    // The size is bounded while reading, because the file may grow meanwhile.
    let mut bytes = Vec::new();
    source.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Ok(Err(Reason::FileTooBig { limit: MAX_FILE_BYTES }));
    }
    Ok(String::from_utf8(bytes).map_err(|_| Reason::NotUtf8))
}

impl Reading {
    fn take(&mut self, file: &Arc<str>, text: &str, schemas: &Schemas) {
        let mut findings = Vec::new();
        for document in yaml::documents(text) {
            match document {
                Ok(document) => object::read(document, schemas, &mut findings),
                Err(flaw) => findings.push(Finding::Bad { subject: Subject::Text, flaw }),
            }
            for finding in findings.drain(..) {
                let line = self.take_finding(file, finding);
                if self.faults.len() >= MAX_FAULTS {
                    let reason = Reason::TooManyFaults { limit: MAX_FAULTS };
                    self.faults.push(fault(file, Subject::Text, Flaw { line, field: FieldPath::default(), reason }));
                    return;
                }
            }
        }
    }

    /// Takes one finding and returns its line.
    fn take_finding(&mut self, file: &Arc<str>, finding: Finding) -> usize {
        match finding {
            Finding::Object { id, object, text } => {
                let line = text.line();
                let place = Place { file: Arc::clone(file), line };
                match self.objects.entry(id) {
                    Entry::Occupied(first) => {
                        let fault = duplicate(first.key(), place, first.get().place.clone());
                        self.faults.push(fault);
                    }
                    Entry::Vacant(free) => {
                        let text = free.key().kind.is_configuration().then(|| Arc::new(text));
                        free.insert(Manifest { object: Arc::new(object), place, is_kept: false, text });
                    }
                }
                line
            }
            Finding::Other { kind, line } => {
                *self.ignored.entry(kind).or_default() += 1;
                line
            }
            Finding::Bad { subject, flaw } => {
                let line = flaw.line;
                self.faults.push(fault(file, subject, flaw));
                line
            }
        }
    }

    fn fault_of_file(&mut self, file: &Arc<str>, reason: Reason) {
        self.faults.push(fault(file, Subject::Text, Flaw { line: 0, field: FieldPath::default(), reason }));
    }
}

fn fault(file: &Arc<str>, subject: Subject, flaw: Flaw) -> Fault {
    let Flaw { line, field, reason } = flaw;
    Fault { place: Place { file: Arc::clone(file), line }, subject, field, reason, kept: Vec::new() }
}
