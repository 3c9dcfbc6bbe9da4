//! What `deploy/clarion.yaml` installs, but for the workloads, which the tests start themselves.

use std::{fs, path::Path};

use control_plane::ControlPlane;

/// The namespace that the manifests install into.
pub const NAMESPACE: &str = "metallb-system";

/// Installs custom resources, service accounts and their rights.
///
/// # Panics
///
/// When the manifests cannot be read or are refused.
pub fn install(control_plane: &ControlPlane) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/clarion.yaml");
    let text = fs::read_to_string(&path).expect("deploy/clarion.yaml can be read");
    let workload = |document: &&str| {
        ["DaemonSet", "Deployment"].iter().any(|kind| document.lines().any(|line| line == format!("kind: {kind}")))
    };
    let documents: Vec<&str> = text.split("\n---\n").filter(|document| !workload(document)).collect();
    control_plane.install_crds();
    control_plane.apply(&documents.join("\n---\n"));
}

/// Installs the admission policies.
///
/// # Panics
///
/// When the manifests cannot be read or are refused.
pub fn install_policies(control_plane: &ControlPlane) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/admission-policies.yaml");
    control_plane.apply(&fs::read_to_string(&path).expect("deploy/admission-policies.yaml can be read"));
}
