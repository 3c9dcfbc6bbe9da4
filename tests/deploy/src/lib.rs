//! What the tests of `deploy/` read: the chart as Helm renders it, and the objects in it.

mod object;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

pub use object::Object;

/// How long a server that has failed to give a module is left alone.
const PAUSE: Duration = Duration::from_secs(2);

/// Returns the folder `deploy/` of the repository.
pub fn folder() -> PathBuf {
    repository().join("deploy")
}

/// Returns the root of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The chart, installed under a name into a namespace.
#[derive(Debug, Clone)]
pub struct Release {
    name: String,
    namespace: String,
    arguments: Vec<String>,
}

impl Release {
    /// Returns the release that `deploy/clarion.yaml` is.
    pub fn standard() -> Self {
        Self { name: "clarion".to_owned(), namespace: "metallb-system".to_owned(), arguments: Vec::new() }
    }

    /// Returns the release with every optional part and no default value, in another namespace.
    pub fn everything() -> Self {
        let values = Path::new(env!("CARGO_MANIFEST_DIR")).join("values/everything.yaml");
        let release = Self { name: "lan".to_owned(), namespace: "other".to_owned(), arguments: Vec::new() };
        release.values(&values)
    }

    /// Returns its namespace.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Adds a file of values.
    #[must_use]
    pub fn values(mut self, file: &Path) -> Self {
        self.arguments.extend(["--values".to_owned(), file.display().to_string()]);
        self
    }

    /// Adds one value, as `key=value` with the value in JSON.
    #[must_use]
    pub fn set(mut self, assignment: &str) -> Self {
        self.arguments.extend(["--set-json".to_owned(), assignment.to_owned()]);
        self
    }

    /// Renders for an API server that has ValidatingAdmissionPolicies.
    #[must_use]
    pub fn with_policies(mut self) -> Self {
        let kind = "admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy";
        self.arguments.extend(["--api-versions".to_owned(), kind.to_owned()]);
        self
    }

    /// Renders the chart's objects.
    ///
    /// # Errors
    /// Has Helm's message when it refuses the values, and says which document is no object.
    pub fn objects(&self) -> Result<Vec<Object>> {
        objects(&self.helm("template", &[])?)
    }

    /// Renders what a user reads after the installation.
    ///
    /// # Errors
    /// Has Helm's message when it refuses the values.
    pub fn notes(&self) -> Result<String> {
        let output = self.helm("install", &["--dry-run=client"])?;
        let (_, notes) = output.split_once("\nNOTES:\n").context("helm install printed no notes")?;
        Ok(notes.to_owned())
    }

    fn helm(&self, verb: &str, more: &[&str]) -> Result<String> {
        let mut command = Command::new(folder().join("helm/tool/helm.sh"));
        command.args([verb, &self.name]).arg(folder().join("helm/clarion"));
        run(command.args(["--namespace", &self.namespace]).args(&self.arguments).args(more))
    }
}

/// Runs a command and returns its standard output.
///
/// # Errors
/// Has the standard error of a command that fails.
pub fn run(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_owned();
    let Output { status, stdout, stderr } = command.output().with_context(|| format!("{program:?} does not start"))?;
    ensure!(status.success(), "{program:?}: {}", String::from_utf8_lossy(&stderr).trim());
    Ok(String::from_utf8(stdout)?)
}

/// Reads the objects of a text of YAML documents.
///
/// # Errors
/// Says which document cannot be read or is no object.
pub fn objects(text: &str) -> Result<Vec<Object>> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text)?;
    documents.into_iter().filter(|document| !document.is_null()).map(Object::new).collect()
}

/// Reads one YAML document.
///
/// # Errors
/// Says what is wrong with the file.
pub fn read(file: &Path) -> Result<Value> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    serde_saphyr::from_str(&text).with_context(|| file.display().to_string())
}

/// Returns the folder of MetalLB at the version whose chart ours stands in for, fetched in up to three attempts when it is not there yet.
///
/// # Errors
/// Has Go's message when the module cannot be fetched.
pub fn metallb() -> Result<PathBuf> {
    let download = || {
        let mut command = Command::new("go");
        command.args(["mod", "download", "-json", "go.universe.tf/metallb"]).env("GOTOOLCHAIN", "local");
        run(command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("metallb")))
    };
    let again = |_| {
        thread::sleep(PAUSE);
        download()
    };
    let output = download().or_else(again).or_else(again)?;
    let module: Value = serde_json::from_str(&output)?;
    Ok(PathBuf::from(module["Dir"].as_str().context("go says no folder")?))
}

/// Returns the files of a folder with an extension, in order.
///
/// # Errors
/// Fails when the folder cannot be read.
pub fn files(folder: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let entries = folder.read_dir().with_context(|| folder.display().to_string())?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.retain(|path| path.extension() == Some(OsStr::new(extension)));
    paths.sort();
    Ok(paths)
}
