//! One side of a comparison: the manifests as read, and what they are compiled to.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use anyhow::Context as _;
use crds::checked::{Compiled, Compiler};
use crds::fault::Severity;

use super::{Options, STDIN};
use crate::manifests::{Directory, Kind, Loaded, ObjectId, Subject};
use crate::standalone::configuration::{self, Cluster};

/// Manifests, compiled as the controller does it.
pub(super) struct Side {
    pub(super) loaded: Loaded,
    pub(super) compiled: Compiled,
    pub(super) namespace: String,
    pub(super) lb_class: String,
    /// What is wrong with the objects.
    pub(super) faults: Vec<String>,
    /// What may be meant otherwise.
    pub(super) notes: Vec<String>,
}

impl Side {
    /// Compiles one side; the compiler remembers the side before, as that of a running program does.
    pub(super) fn compile(loaded: Loaded, compiler: &mut Compiler, options: &Options) -> Self {
        let nodes = Cluster::of(&loaded).labels();
        let compiled = compiler.compile(&configuration::written(&loaded), Some(&nodes), &options.namespace);
        let (noted, wrong): (Vec<_>, Vec<_>) =
            compiled.faults.iter().partition(|fault| fault.severity() == Severity::Note);
        let mut faults: Vec<String> = loaded.faults.iter().map(ToString::to_string).collect();
        faults.extend(wrong.into_iter().map(|fault| configuration::placed(fault, &compiled, &loaded)));
        let mut notes: Vec<String> =
            noted.into_iter().map(|fault| configuration::placed(fault, &compiled, &loaded)).collect();
        notes.extend(configuration::notes(&loaded, &compiled));
        if !loaded.skipped.is_empty() {
            let skipped = loaded.skipped.join(", ");
            notes
                .push(format!("not read, because only *.yaml, *.yml and *.json outside subdirectories are: {skipped}"));
        }
        let (namespace, lb_class) = (options.namespace.clone(), options.lb_class.clone().unwrap_or_default());
        Self { loaded, compiled, namespace, lb_class, faults, notes }
    }

    /// Returns the objects that are Kubernetes' own.
    pub(super) fn cluster(&self) -> Cluster<'_> {
        Cluster::of(&self.loaded)
    }
}

/// Reads a directory, a file or standard input.
pub(super) fn read(path: &Path, stdin: &mut impl Read) -> anyhow::Result<Loaded> {
    if path == Path::new(STDIN) {
        return Ok(Loaded::read("standard input", stdin));
    }
    let name = path.display().to_string();
    if fs::metadata(path).with_context(|| format!("read {name}"))?.is_dir() {
        let listed = Directory::load(path).map_err(|error| error.source);
        return Ok(listed.with_context(|| format!("list the directory {name}"))?.1);
    }
    // Another program may be at the other end of a pipe.
    let file = File::open(path).with_context(|| format!("read {name}"))?;
    Ok(Loaded::read(&name, file))
}

/// Adds what one side leaves open and the other one has.
///
/// Nodes, Namespaces and Secrets are seldom written by hand: a side without any is taken to have those of the other. An object
/// that is written wrongly stays as it was, for no API server takes it. With `rest`, so does everything that is not named.
pub(super) fn complete(side: &mut Loaded, other: &Loaded, rest: bool) {
    let of_cluster = [Kind::Node, Kind::Namespace, Kind::Secret];
    let is_absent = |kind: &Kind| side.objects.keys().all(|id| id.kind != *kind);
    let absent: Vec<Kind> = of_cluster.into_iter().filter(is_absent).collect();
    let bad: BTreeSet<&ObjectId> = side.faults.iter().filter_map(|fault| subject(&fault.subject)).collect();
    let stays = |id: &ObjectId| rest || absent.contains(&id.kind) || bad.contains(id);
    let missing = other.objects.iter().filter(|(id, _)| !side.objects.contains_key(*id) && stays(id));
    let missing: Vec<_> = missing.map(|(id, manifest)| (id.clone(), manifest.clone())).collect();
    side.objects.extend(missing);
}

fn subject(subject: &Subject) -> Option<&ObjectId> {
    match subject {
        Subject::Object(id) => Some(id),
        Subject::Text | Subject::Kind(_) => None,
    }
}
