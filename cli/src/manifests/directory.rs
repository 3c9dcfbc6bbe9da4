//! A directory of manifests, read again whenever it changed.

mod file;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io, mem};

use thiserror::Error;

use super::fault::{Fault, Place, Reason, Subject};
use super::field_path::FieldPath;
use super::object::{Kind, Object, ObjectId, Schemas};
use super::yaml::Node;
pub use file::MAX_FILE_BYTES;
use file::{Contents, Reading};

/// Why a directory could not be read at all.
#[derive(Debug, Error)]
#[error("manifest directory {path} cannot be read; create it, or name another one with --manifests")]
pub struct DirectoryError {
    /// The directory.
    pub path: PathBuf,
    /// The operating system's answer.
    #[source]
    pub source: io::Error,
}

/// One object and where it is written.
#[derive(Clone)]
pub struct Manifest {
    /// The object.
    pub object: Arc<Object>,
    /// Where the object starts.
    pub place: Place,
    /// True if the file names the object no longer in a readable way, and this is how it was last read.
    pub is_kept: bool,
    /// The text, for the kinds whose meaning is checked after reading.
    text: Option<Arc<Node>>,
}

impl Manifest {
    /// Returns where a field is written, such as `spec.addresses[2]`, or where the object starts if that is not known.
    pub fn place_of(&self, field: &str) -> Place {
        let line = self.text.as_ref().map_or(self.place.line, |text| text.line_of(&FieldPath::parse(field)));
        Place { file: Arc::clone(&self.place.file), line }
    }
}

/// What a directory holds.
#[derive(Default)]
pub struct Loaded {
    /// The good objects.
    pub objects: BTreeMap<ObjectId, Manifest>,
    /// What could not be used, in the order of files and lines.
    pub faults: Vec<Fault>,
    /// The files that were read, in the order of their names, which is the order that decides between duplicates.
    pub files: Vec<Arc<str>>,
    /// How many objects of other kinds were passed over, by kind.
    pub ignored: BTreeMap<String, usize>,
    /// The names in the directory that are not read: subdirectories, hidden files, files that are not `.yaml`, `.yml` or `.json`.
    pub skipped: Vec<String>,
}

impl Loaded {
    /// Reads one text by itself, such as a file or what another program prints; `name` stands for it in faults.
    pub fn read(name: &str, source: impl io::Read) -> Self {
        let name = Arc::from(name);
        let reading = file::read_stream(&name, source, &Schemas::new());
        let mut loaded = Self { files: vec![Arc::clone(&name)], ignored: reading.ignored.clone(), ..Self::default() };
        merge(&mut loaded, &BTreeMap::from([(name, reading)]));
        loaded
    }
}

/// A directory of manifests and the last good objects of each of its files.
pub struct Directory {
    path: PathBuf,
    schemas: Schemas,
    /// The last reading of every file, with the objects kept from earlier ones.
    last: BTreeMap<Arc<str>, Reading>,
}

impl Directory {
    /// Reads a directory for the first time.
    ///
    /// # Errors
    ///
    /// Fails if the directory cannot be listed; what is wrong with single files is reported in [`Loaded::faults`].
    pub fn load(path: &Path) -> Result<(Self, Loaded), DirectoryError> {
        let mut directory = Self { path: path.to_owned(), schemas: Schemas::new(), last: BTreeMap::new() };
        let names = Names::list(path).map_err(|source| DirectoryError { path: path.to_owned(), source })?;
        let loaded = directory.read(names);
        Ok((directory, loaded))
    }

    /// Reads the directory again; objects whose text went bad stay as they were (see the module's rules).
    pub fn reload(&mut self) -> Loaded {
        match Names::list(&self.path) {
            Ok(names) => self.read(names),
            Err(error) => self.unreadable(&error),
        }
    }

    fn read(&mut self, names: Names) -> Loaded {
        let mut loaded = Loaded { skipped: names.skipped, ..Loaded::default() };
        let mut last = mem::take(&mut self.last);
        let mut readings = BTreeMap::new();
        for name in names.manifests {
            match file::read(&self.path, &name, last.get(&name), &self.schemas) {
                Contents::Read(reading) => {
                    readings.insert(name, reading);
                }
                Contents::Unchanged => readings.extend(last.remove_entry(&name)),
                Contents::Directory => loaded.skipped.push(name.to_string()),
                Contents::Gone => {}
            }
        }
        keep_last_good(&last, &mut readings);
        loaded.files = readings.keys().cloned().collect();
        merge(&mut loaded, &readings);
        for (kind, count) in readings.values().flat_map(|reading| &reading.ignored) {
            *loaded.ignored.entry(kind.clone()).or_default() += count;
        }
        self.last = readings;
        loaded
    }

    fn unreadable(&self, error: &io::Error) -> Loaded {
        let mut loaded = Loaded::default();
        for (id, manifest) in self.last.values().flat_map(|reading| &reading.objects) {
            let kept = || Manifest { is_kept: true, ..manifest.clone() };
            loaded.objects.entry(id.clone()).or_insert_with(kept);
        }
        loaded.faults.push(Fault {
            place: Place { file: self.path.to_string_lossy().into(), line: 0 },
            subject: Subject::Text,
            field: FieldPath::default(),
            reason: Reason::Unreadable { what: error.to_string() },
            kept: loaded.objects.keys().cloned().collect(),
        });
        loaded
    }
}

/// Puts back the objects that a fault hides, and says so in the fault; an object that another file has now is not hidden.
fn keep_last_good(last: &BTreeMap<Arc<str>, Reading>, readings: &mut BTreeMap<Arc<str>, Reading>) {
    let fresh: BTreeSet<ObjectId> = readings.values().flat_map(|reading| reading.objects.keys().cloned()).collect();
    for (name, reading) in readings {
        for (id, manifest) in last.get(name).into_iter().flat_map(|last| &last.objects) {
            if fresh.contains(id) {
                continue;
            }
            let Some(fault) = hiding_fault(&mut reading.faults, id) else { continue };
            fault.kept.push(id.clone());
            reading.objects.insert(id.clone(), Manifest { is_kept: true, ..manifest.clone() });
        }
    }
}

/// Returns the fault that may be why an object is missing: the object's own, or one in text that could have been any object.
fn hiding_fault<'faults>(faults: &'faults mut [Fault], id: &ObjectId) -> Option<&'faults mut Fault> {
    let own = |fault: &Fault| fault.subject == Subject::Object(id.clone());
    let any = |fault: &Fault| match &fault.subject {
        // What is understood and not read hides nothing.
        _ if fault.reason == Reason::Superseded => false,
        Subject::Text => true,
        // A kind that is none of ours may be one of ours misspelt, or a List of them.
        Subject::Kind(kind) => Kind::named(kind).is_none_or(|kind| kind == id.kind),
        Subject::Object(_) => false,
    };
    let position = faults.iter().position(own).or_else(|| faults.iter().position(any))?;
    faults.get_mut(position)
}

/// Gathers the objects of all files; of two with one identity the first in file order wins, and one read now over one kept.
fn merge(loaded: &mut Loaded, readings: &BTreeMap<Arc<str>, Reading>) {
    for reading in readings.values() {
        let mut faults = reading.faults.clone();
        for (id, manifest) in reading.objects.iter().filter(|(_, manifest)| !manifest.is_kept) {
            match loaded.objects.get(id) {
                Some(first) => faults.push(duplicate(id, manifest.place.clone(), first.place.clone())),
                None => {
                    loaded.objects.insert(id.clone(), manifest.clone());
                }
            }
        }
        faults.sort_by_key(|fault| fault.place.line);
        loaded.faults.append(&mut faults);
    }
    for (id, manifest) in readings.values().flat_map(|reading| &reading.objects) {
        loaded.objects.entry(id.clone()).or_insert_with(|| manifest.clone());
    }
}

fn duplicate(id: &ObjectId, place: Place, first: Place) -> Fault {
    Fault {
        place,
        subject: Subject::Object(id.clone()),
        field: FieldPath::default(),
        reason: Reason::DuplicateObject { first },
        kept: Vec::new(),
    }
}

/// The names in a directory.
struct Names {
    manifests: BTreeSet<Arc<str>>,
    skipped: Vec<String>,
}

impl Names {
    fn list(path: &Path) -> io::Result<Self> {
        let mut names = Self { manifests: BTreeSet::new(), skipped: Vec::new() };
        for entry in fs::read_dir(path)? {
            match entry?.file_name().into_string() {
                Ok(name) if is_manifest(&name) => {
                    names.manifests.insert(name.into());
                }
                Ok(name) => names.skipped.push(name),
                Err(name) => names.skipped.push(name.to_string_lossy().into_owned()),
            }
        }
        names.skipped.sort();
        Ok(names)
    }
}

/// Returns true for names that hold manifests.
///
/// Names that start with a dot are editors' swap files and the `..data` links through which the kubelet swaps a mounted
/// ConfigMap; its visible files are links into that and are read. Names that start with `#` are Emacs' autosaves.
pub(super) fn is_manifest(name: &str) -> bool {
    let extension = Path::new(name).extension().and_then(|extension| extension.to_str());
    !name.starts_with(['.', '#']) && matches!(extension, Some("yaml" | "yml" | "json"))
}

#[cfg(test)]
mod tests;
