//! What tests and the scenes of `make cluster` say to the API server.

use std::time::Duration;

use anyhow::ensure;

use crate::Cluster;

/// How long the cluster may take for one step on a machine that does much else.
pub const PATIENCE: Duration = Duration::from_secs(180);

impl Cluster {
    /// Runs kubectl as the administrator and returns what it prints.
    pub fn kubectl(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = self.control_plane.kubectl().args(arguments).output()?;
        let refusal = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "`kubectl {}`: {}", arguments.join(" "), refusal.trim_end());
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Applies manifests by server-side apply.
    pub fn apply(&self, yaml: &str) -> anyhow::Result<()> {
        self.control_plane.apply(yaml)
    }

    /// Waits until every node that has power is Ready.
    pub fn wait_for_nodes(&self) -> anyhow::Result<()> {
        let on = self.nodes.iter().filter(|node| node.is_on());
        let names: Vec<_> = on.map(|node| format!("node/{}", node.name())).collect();
        let mut arguments: Vec<_> = names.iter().map(String::as_str).collect();
        let timeout = format!("--timeout={}s", PATIENCE.as_secs());
        arguments.splice(0..0, ["wait", "--for=condition=Ready", &timeout]);
        self.kubectl(&arguments).map(drop)
    }

    /// Waits until a workload, such as `daemonset/speaker`, runs as its template says on every node that it is to run on.
    pub fn wait_rollout(&self, namespace: &str, workload: &str) -> anyhow::Result<()> {
        let timeout = format!("--timeout={}s", PATIENCE.as_secs());
        self.kubectl(&["--namespace", namespace, "rollout", "status", workload, &timeout]).map(drop)
    }

    /// Returns the log of a workload's or pod's containers.
    pub fn pod_logs(&self, namespace: &str, subject: &str) -> anyhow::Result<String> {
        self.kubectl(&["--namespace", namespace, "logs", subject, "--all-containers", "--tail=200"])
    }
}
