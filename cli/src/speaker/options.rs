//! The command line of `clarion speaker`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use speaker::kubernetes::datapath::{Belief, Probe, url};

use crate::environment::from_environment;
use crate::http::address::Endpoint;
use crate::standalone::Drain;
use crate::wire::WireOptions;

/// Where kube-proxy shows when it made its rules last.
const KUBE_PROXY_METRICS: &str = "http://127.0.0.1:10249/metrics";
/// How long a kube-proxy that comes up later than we, and hides its metrics, is given to make its rules.
const WITHOUT_METRICS: Duration = Duration::from_secs(2);
/// How long the Cilium agent says that it is ready before its program is on the link.
const CILIUM_SETTLES: Duration = Duration::from_secs(3);

/// The per-node program of a cluster: announces the addresses of Services by ARP, NDP and BGP.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Name of this node, as its Node object has it [env: CLARION_NODE_NAME, METALLB_NODE_NAME]
    #[arg(long, alias = "node", value_name = "NAME")]
    pub node_name: Option<String>,
    /// Namespace whose custom resources and secrets count [env: CLARION_NAMESPACE, METALLB_NAMESPACE]; by default that of the
    /// service account
    #[arg(long, value_name = "NAMESPACE")]
    pub namespace: Option<String>,
    /// Name of this pod, which with CLARION_POD_UID owns what is written [env: CLARION_POD_NAME, METALLB_POD_NAME]
    #[arg(long, value_name = "NAME")]
    pub pod_name: Option<String>,
    /// How to reach the API server; by default as a pod of the cluster does
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Serve only Services of this loadBalancerClass; without it, only Services without a class
    #[arg(long, value_name = "CLASS", default_value = "")]
    pub lb_class: String,
    /// Port of /metrics; 0 turns it off
    #[arg(long, value_name = "PORT", default_value_t = 9120)]
    pub port: u16,
    /// Where to serve /metrics: an IP address of this node, with or without a port, which goes before --port. Without it, every
    /// address
    #[arg(long, value_name = "ADDR")]
    pub metrics_address: Option<Endpoint>,
    /// Port of /healthz, /readyz and /status, on 127.0.0.1
    #[arg(long, value_name = "PORT", default_value_t = 17472)]
    pub health_probe_port: u16,
    /// Hand VIPs over when this node is cordoned, shutting down, being deleted, or has a taint: cordon, shutdown, deletion,
    /// taint=KEY, separated by commas. Nothing drains by default
    #[arg(long, value_name = "WHEN", value_delimiter = ',', value_parser = Drain::parse)]
    pub drain_on: Vec<Drain>,
    /// Announce from nodes labelled node.kubernetes.io/exclude-from-external-load-balancers as well
    #[arg(long)]
    pub ignore_exclude_lb: bool,
    /// YAML file whose announcedInterfacesToExclude lists regular expressions of interfaces not to announce on; without it, a
    /// default list of container and overlay interfaces
    #[arg(long, value_name = "FILE", default_value = "/etc/metallb/excludel2.yaml")]
    pub exclude_file: PathBuf,
    /// Names of the Secrets that BGPPeers take passwords from, separated by commas. With it, possibly empty, these and the key of the
    /// heartbeats are read, each by its name, and a Role may name them; without it, all Secrets of the namespace
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub password_secrets: Option<Vec<String>>,
    /// How to announce and to hear other speakers.
    #[command(flatten)]
    pub wire: WireOptions,
    /// What must be ready on this node before it announces
    #[arg(long, value_enum, default_value_t = Datapath::KubeProxy)]
    pub datapath: Datapath,
    /// Seconds that the datapath must have been ready before it is believed; by default 3 for cilium, and for kube-proxy until its
    /// metrics at http://127.0.0.1:10249/metrics show that it has made its rules
    #[arg(long, value_name = "SECONDS")]
    pub datapath_settle: Option<u64>,
    /// Where the datapath answers, if not at its usual address; for 127.0.0.1, ::1 counts as well
    #[arg(long, value_name = "URL")]
    pub datapath_url: Option<String>,
}

/// What carries traffic from the node to pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Datapath {
    /// kube-proxy, asked at http://127.0.0.1:10256/healthz
    KubeProxy,
    /// The Cilium agent, asked at http://127.0.0.1:9879/healthz
    Cilium,
    /// Nothing is asked
    Off,
}

impl Options {
    /// Returns the name of this node.
    ///
    /// # Errors
    /// Fails when nobody says it.
    pub fn node(&self) -> anyhow::Result<String> {
        let name = self.node_name.clone().or_else(|| from_environment("NODE_NAME"));
        name.context(
            "the name of this node is not known; pass --node-name, or set CLARION_NODE_NAME from spec.nodeName",
        )
    }

    /// Returns the namespace whose objects count, given that of the service account.
    pub fn namespace(&self, own: &str) -> String {
        self.namespace.clone().or_else(|| from_environment("NAMESPACE")).unwrap_or_else(|| own.to_owned())
    }

    /// Returns the name and the uid of this pod, if somebody says both.
    pub fn pod(&self) -> Option<(String, String)> {
        let name = self.pod_name.clone().or_else(|| from_environment("POD_NAME"))?;
        Some((name, from_environment("POD_UID")?))
    }

    /// Returns the names of the Secrets to read; none to read all of the namespace.
    pub fn secrets(&self) -> Vec<Arc<str>> {
        let Some(passwords) = &self.password_secrets else { return Vec::new() };
        let passwords = passwords.iter().map(|name| name.trim()).filter(|name| !name.is_empty());
        passwords.chain([speaker::keys::SECRET]).map(Arc::from).collect()
    }

    /// Returns how to ask the datapath; nothing if it is not to be asked.
    ///
    /// # Errors
    /// Fails when the URL given cannot be asked.
    pub fn probe(&self) -> anyhow::Result<Option<Probe>> {
        let (usual, belief) = match self.datapath {
            Datapath::KubeProxy => {
                let metrics = url(KUBE_PROXY_METRICS)?;
                ("http://127.0.0.1:10256/healthz", Belief::Rules { metrics, otherwise: WITHOUT_METRICS })
            }
            Datapath::Cilium => ("http://127.0.0.1:9879/healthz", Belief::Settled(CILIUM_SETTLES)),
            Datapath::Off => return Ok(None),
        };
        let belief = self.datapath_settle.map_or(belief, |seconds| Belief::Settled(Duration::from_secs(seconds)));
        Probe::new(self.datapath_url.as_deref().unwrap_or(usual), belief).context("--datapath-url").map(Some)
    }
}
