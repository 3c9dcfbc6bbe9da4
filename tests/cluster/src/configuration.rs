//! The configuration files of a node's programs.

use std::path::Path;

use serde_json::{Value, json};

use crate::control_plane::POD_RANGES;

/// Where kube-proxy says that the rules of its node are in place.
pub const HEALTH_PORT: u16 = 10256;

/// The image of the process that holds the namespaces of a pod.
const PAUSE: &str = "cluster.local/pod:1";

/// By which means kube-proxy changes where packets go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// nftables, with tables of its own.
    Nftables,
    /// iptables, as most clusters have it.
    Iptables,
}

/// Returns the configuration of the kubelet, whose paths are those inside the node.
pub(crate) fn kubelet() -> Value {
    json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
        // Not every machine has cgroup v2, nor systemd inside of a node.
        "failCgroupV1": false,
        "cgroupDriver": "cgroupfs",
        "enforceNodeAllocatable": ["pods"],
        // The machine's settings stay as they are.
        "failSwapOn": false,
        "protectKernelDefaults": true,
        "volumePluginDir": "/var/lib/kubelet/volume-plugins",
        "authentication": {
            "anonymous": {"enabled": false},
            "webhook": {"enabled": true},
            "x509": {"clientCAFile": "/var/lib/node/ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "resolvConf": "",
        // The disk is the machine's memory, of which others use most.
        "localStorageCapacityIsolation": false,
        "evictionHard": {
            "memory.available": "0%",
            "nodefs.available": "0%",
            "nodefs.inodesFree": "0%",
            "imagefs.available": "0%",
            "imagefs.inodesFree": "0%",
        },
        "imageGCHighThresholdPercent": 100,
        // A dead node is to be noticed in seconds, and these are what the control plane waits for.
        "nodeStatusUpdateFrequency": "2s",
        "nodeLeaseDurationSeconds": 4,
        "logging": {"verbosity": 2},
    })
}

/// Returns the configuration of containerd, whose paths are those inside the node; `plugins` is the folder of the CNI plugins.
pub(crate) fn containerd(plugins: &Path) -> String {
    let disabled: Vec<_> = ["btrfs", "aufs", "zfs", "devmapper", "native"]
        .map(|snapshotter| format!("\"io.containerd.snapshotter.v1.{snapshotter}\""))
        .into_iter()
        // The former would write to /opt, and nobody listens to the latter.
        .chain(["\"io.containerd.internal.v1.opt\"", "\"io.containerd.tracing.processor.v1.otlp\""].map(str::to_owned))
        .collect();
    format!(
        r#"version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = [{disabled}]

[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{PAUSE}"
disable_apparmor = true
disable_hugetlb_controller = true
# Without CAP_SYS_RESOURCE no process may make itself less killable.
restrict_oom_score_adj = true

[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{plugins}"
conf_dir = "/var/lib/node/cni"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = false
"#,
        disabled = disabled.join(", "),
        plugins = plugins.display(),
    )
}

/// Returns the network of the pods on the node that has these ranges.
pub(crate) fn pod_network(ranges: &[String; 2]) -> Value {
    let [four, six] = ranges;
    json!({
        "cniVersion": "0.4.0",
        "name": "pods",
        "plugins": [
            {
                "type": "ptp",
                "ipMasq": false,
                "ipam": {
                    "type": "host-local",
                    "dataDir": "/run/cni",
                    "ranges": [[{"subnet": four}], [{"subnet": six}]],
                    "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}],
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": true}},
        ],
    })
}

/// Returns the configuration of kube-proxy.
pub(crate) fn kube_proxy(mode: Mode, node: &str, kubeconfig: &Path) -> Value {
    let mode = match mode {
        Mode::Nftables => "nftables",
        Mode::Iptables => "iptables",
    };
    json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": mode,
        "hostnameOverride": node,
        "clientConnection": {"kubeconfig": kubeconfig},
        "clusterCIDR": POD_RANGES,
        "healthzBindAddress": format!("0.0.0.0:{HEALTH_PORT}"),
        "metricsBindAddress": "127.0.0.1:10249",
        // The machine's conntrack limits cannot be set from inside a namespace.
        "conntrack": {"maxPerCore": 0, "min": 0},
    })
}

/// Returns a Node that no kubelet has registered yet, so that it has the ranges of its pods from the first moment on.
pub(crate) fn node(name: &str, ranges: &[String; 2]) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name},
        "spec": {"podCIDR": ranges[0], "podCIDRs": ranges},
    })
}
