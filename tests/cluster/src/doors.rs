//! The ways into a running cluster from a second terminal: small scripts that enter its private world.

use std::{
    fs::{self, Permissions},
    net::IpAddr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use cluster::{Cluster, STATE};

use crate::order::PIPE;

/// The scripts, which are removed when this is dropped.
#[derive(Debug)]
pub(crate) struct Doors {
    directory: PathBuf,
    scripts: Vec<&'static str>,
}

impl Doors {
    /// Writes the scripts into `directory`; `process` is the number of the private world's first process on the machine.
    pub(crate) fn open(cluster: &Cluster, directory: &Path, process: &Path) -> anyhow::Result<Self> {
        let (kubectl, kubeconfig) = (cluster.control_plane.program("kubectl"), cluster.control_plane.kubeconfig());
        let inside = format!("nsenter --target {} --mount --net --pid --wd=/ --", process.display());
        let kubectl =
            format!("env KUBECONFIG={} KUBECACHEDIR={STATE}/kubectl {}", kubeconfig.display(), kubectl.display());
        let scripts = [
            ("kubectl", "kubectl, as the administrator", format!("exec {inside} {kubectl} \"$@\"")),
            (
                "on",
                "runs a command in the network of a node or of the client: on client curl http://...",
                format!("host=$1\nshift\nexec {inside} nsenter --net=/run/netns/\"$host\" -- \"$@\""),
            ),
            (
                "node",
                "what befalls a node: node kill|start|unplug|plug n1",
                format!("exec {inside} sh -c 'echo \"$@\" >{STATE}/{PIPE}' orders \"$@\""),
            ),
        ];
        let doors =
            Self { directory: directory.canonicalize()?, scripts: scripts.iter().map(|(name, ..)| *name).collect() };
        for (name, what, body) in scripts {
            let path = doors.directory.join(name);
            fs::write(&path, format!("#!/bin/sh\n# {what}\n{body}\n"))?;
            fs::set_permissions(&path, Permissions::from_mode(0o755))?;
        }
        Ok(doors)
    }

    /// Returns what a newcomer can try; paths are as seen from the folder `here`.
    pub(crate) fn describe(&self, here: &Path, vips: &[IpAddr]) -> String {
        let own = self.directory.strip_prefix(here).unwrap_or(&self.directory).display();
        let mut text = format!(
            "In a second terminal:\n\
             \x20 {own}/kubectl get nodes,pods,services --all-namespaces\n\
             \x20 {own}/kubectl -n metallb-system logs daemonset/clarion-speaker --follow\n"
        );
        for vip in vips {
            let host = if vip.is_ipv4() { vip.to_string() } else { format!("[{vip}]") };
            text.push_str(&format!("  {own}/on client curl http://{host}/\n"));
        }
        text.push_str(&format!(
            "  {own}/node kill n1        # power loss; then `start n1`; or `unplug n1` and `plug n1`\n\
             \x20 {own}/kubectl drain n1 --ignore-daemonsets\n\
             \x20 {own}/kubectl apply -f FILE\n\
             The kubeconfig is {STATE}/kubeconfig in the cluster's private world, where `kubectl` above uses it.\n\
             Logs are in {own}/logs when it ends. Ctrl-C takes everything down.\n"
        ));
        text
    }
}

impl Drop for Doors {
    fn drop(&mut self) {
        for script in &self.scripts {
            // A script that stays says that there is no such process.
            drop(fs::remove_file(self.directory.join(script)));
        }
    }
}
