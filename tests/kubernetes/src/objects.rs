//! Objects from manifests, and service accounts.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use k8s_openapi::{
    api::{
        authentication::v1::{TokenRequest, TokenRequestSpec},
        core::v1::ServiceAccount,
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client,
    api::{DynamicObject, ListParams, Patch, PatchParams, PostParams},
    core::{GroupVersionKind, TypeMeta},
    discovery::{Scope, pinned_kind},
};
use serde_json::Value;

use crate::{ControlPlane, Identity};

/// Who the API server says has written what a test applies.
pub const FIELD_MANAGER: &str = "test";

/// How long a new kind may take to be served.
const PATIENCE: Duration = Duration::from_secs(20);

impl ControlPlane {
    /// Installs the custom resource definitions of `deploy/crds` and waits until they are served.
    pub fn install_crds(&self) {
        self.apply_manifests(&deploy("crds"));
    }

    /// Installs what `deploy/clarion.yaml` gives a cluster, rights included, but for the workloads.
    pub fn install(&self) {
        self.apply_manifests(&deploy("clarion.yaml"));
    }

    /// Applies the objects of one or more YAML documents by server-side apply, in their order.
    ///
    /// # Panics
    ///
    /// When the API server refuses one; use [`ControlPlane::try_apply`] where that is what is tested.
    pub fn apply(&self, yaml: &str) {
        self.try_apply(yaml).expect("the objects are accepted");
    }

    /// Applies objects as [`ControlPlane::apply`] does, or returns the API server's refusal of the first that is bad.
    pub fn try_apply(&self, yaml: &str) -> anyhow::Result<()> {
        self.run(apply_all(&self.access.client, &documents(yaml)?, Part::Object))
    }

    /// Applies the status of objects that exist, or returns the API server's refusal of the first that is bad.
    pub fn try_apply_status(&self, yaml: &str) -> anyhow::Result<()> {
        self.run(apply_all(&self.access.client, &documents(yaml)?, Part::Status))
    }

    /// Applies the manifests of a file, or of a directory and those below, but for what needs kubelets: workloads and Nodes.
    ///
    /// Namespaces go first, then custom resource definitions, then the rest in the order of their paths.
    /// Every custom resource that is defined is served when this returns.
    ///
    /// # Panics
    ///
    /// When a file cannot be read or an object is refused.
    pub fn apply_manifests(&self, path: &Path) {
        let mut objects = read(path).expect("the manifests can be read");
        assert!(!objects.is_empty(), "{} holds no object", path.display());
        objects.retain(|object| !matches!(object["kind"].as_str(), Some("DaemonSet" | "Deployment" | "Node")));
        objects.sort_by_key(|object| match object["kind"].as_str() {
            Some("Namespace") => 0,
            Some("CustomResourceDefinition") => 1,
            _ => 2,
        });
        self.run(apply_all(&self.access.client, &objects, Part::Object)).expect("the objects are accepted");
        let definitions: Api<CustomResourceDefinition> = Api::all(self.admin());
        let start = Instant::now();
        while !self.run(definitions.list(&ListParams::default())).is_ok_and(|list| list.items.iter().all(established)) {
            assert!(start.elapsed() < PATIENCE, "not every custom resource is served after {PATIENCE:?}");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Returns a fresh token of a service account, as the kubelet would get it, and creates the account if it does not exist.
    ///
    /// # Panics
    ///
    /// When its namespace does not exist.
    pub fn token(&self, namespace: &str, name: &str) -> String {
        let token = self.run(token(self.admin(), namespace, name)).expect("the API server gives out tokens");
        let identity = Identity::service_account(namespace, name);
        self.credentials.keep_token(&identity, &token).expect("a token can be kept");
        token
    }
}

async fn token(client: Client, namespace: &str, name: &str) -> anyhow::Result<String> {
    let accounts: Api<ServiceAccount> = Api::namespaced(client, namespace);
    if accounts.get_opt(name).await?.is_none() {
        let metadata = kube::api::ObjectMeta { name: Some(name.to_owned()), ..Default::default() };
        accounts.create(&PostParams::default(), &ServiceAccount { metadata, ..Default::default() }).await?;
    }
    let spec = TokenRequestSpec { expiration_seconds: Some(3600), ..Default::default() };
    let request = TokenRequest { spec, ..Default::default() };
    let answer = accounts.create_token_request(name, &PostParams::default(), &request).await?;
    Ok(answer.status.context("an answer without a token")?.token)
}

/// Which part of an object is written.
#[derive(Clone, Copy, Debug)]
enum Part {
    /// All but its status.
    Object,
    Status,
}

async fn apply_all(client: &Client, objects: &[Value], part: Part) -> anyhow::Result<()> {
    for object in objects {
        let (kind, name) = (&object["kind"], &object["metadata"]["name"]);
        apply_one(client, object, part).await.with_context(|| format!("cannot apply {kind} {name}"))?;
    }
    Ok(())
}

async fn apply_one(client: &Client, object: &Value, part: Part) -> anyhow::Result<()> {
    let types: TypeMeta = serde_json::from_value(object.clone()).context("no apiVersion and kind")?;
    let kind = GroupVersionKind::try_from(&types)?;
    let name = object["metadata"]["name"].as_str().context("no metadata.name")?;
    let namespace = object["metadata"]["namespace"].as_str().unwrap_or("default");
    let start = tokio::time::Instant::now();
    // The definition of a custom resource is established a moment before its kind is served.
    let (resource, capabilities) = loop {
        match pinned_kind(client, &kind).await {
            Ok(found) => break found,
            Err(error) if start.elapsed() > PATIENCE => bail!(error),
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    let api: Api<DynamicObject> = match capabilities.scope {
        Scope::Cluster => Api::all_with(client.clone(), &resource),
        Scope::Namespaced => Api::namespaced_with(client.clone(), namespace, &resource),
    };
    let (how, patch) = (PatchParams::apply(FIELD_MANAGER).force(), Patch::Apply(object));
    match part {
        Part::Object => api.patch(name, &how, &patch).await?,
        Part::Status => api.patch_status(name, &how, &patch).await?,
    };
    Ok(())
}

fn established(definition: &CustomResourceDefinition) -> bool {
    let conditions = definition.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|condition| condition.type_ == "Established" && condition.status == "True")
}

/// Returns where a part of `deploy` is.
fn deploy(part: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(part)
}

/// Returns the objects of a file, or of every YAML file in a directory and below in the order of their paths.
fn read(path: &Path) -> anyhow::Result<Vec<Value>> {
    let mut objects = Vec::new();
    let files = if path.is_dir() { files(path)? } else { vec![path.to_owned()] };
    for path in files {
        let text = fs::read_to_string(&path)?;
        objects.extend(documents(&text).with_context(|| path.display().to_string())?);
    }
    Ok(objects)
}

fn files(directory: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(directory).with_context(|| directory.display().to_string())?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<Vec<_>>>()?;
    paths.sort();
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            files.extend(self::files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
            files.push(path);
        }
    }
    Ok(files)
}

fn documents(yaml: &str) -> anyhow::Result<Vec<Value>> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(yaml)?;
    let objects: Vec<_> = documents.into_iter().filter(|document| !document.is_null()).collect();
    ensure!(objects.iter().all(Value::is_object), "a document is not an object");
    Ok(objects)
}
