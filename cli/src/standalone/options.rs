//! The command line of `clarion standalone`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::Args;

use crate::http::address::Endpoint;
use crate::wire::WireOptions;

/// Where the program answers unless configured otherwise.
pub(crate) const METRICS_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9120);

/// Controller and speaker in one process, fed from a directory of Kubernetes manifests.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Directory with the manifests (*.yaml, *.yml, *.json); changes take effect at once
    #[arg(long, value_name = "DIR")]
    pub manifests: PathBuf,
    /// Name of this node, as its Node object has it
    #[arg(long, alias = "node-name", value_name = "NAME")]
    pub node: String,
    /// Namespace whose custom resources and secrets count
    #[arg(long, value_name = "NAMESPACE", default_value = "metallb-system")]
    pub namespace: String,
    /// Serve only Services of this loadBalancerClass; without it, only Services without a class
    #[arg(long, value_name = "CLASS")]
    pub lb_class: Option<String>,
    /// Do not announce on interfaces whose name matches, unless an L2Advertisement names them; repeat for several.
    /// Replaces the default list of container and overlay interfaces
    #[arg(long, value_name = "REGEX")]
    pub interface_exclude: Vec<String>,
    /// Where to serve /metrics, /status, /healthz and /readyz: an IP address, a port, or both
    #[arg(long, value_name = "ADDR", default_value_t = Endpoint::from(METRICS_ADDRESS), overrides_with = "metrics_address")]
    pub metrics_address: Endpoint,
    /// Directory that keeps the addresses of Services over a restart
    #[arg(long, value_name = "DIR", default_value = "/var/lib/clarion")]
    pub state_dir: PathBuf,
    /// Hand VIPs over when this node is cordoned, shutting down, being deleted, or has a taint: cordon, shutdown, deletion,
    /// taint=KEY, separated by commas. Nothing drains by default
    #[arg(long, value_name = "WHEN", value_delimiter = ',', value_parser = Drain::parse)]
    pub drain_on: Vec<Drain>,
    /// Announce from nodes labelled node.kubernetes.io/exclude-from-external-load-balancers as well
    #[arg(long)]
    pub ignore_exclude_lb: bool,
    /// How to announce and to hear other speakers.
    #[command(flatten)]
    pub wire: WireOptions,
}

/// What makes a node hand over its VIPs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Drain {
    /// `spec.unschedulable`.
    Cordon,
    /// A shutdown that the kubelet announced.
    Shutdown,
    /// A deletion timestamp on the Node.
    Deletion,
    /// A taint with this key.
    Taint(String),
}

impl Drain {
    /// Reads one of the words that `--drain-on` takes.
    ///
    /// # Errors
    /// Says which words there are.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "cordon" => Ok(Self::Cordon),
            "shutdown" => Ok(Self::Shutdown),
            "deletion" => Ok(Self::Deletion),
            other => match other.strip_prefix("taint=").or_else(|| other.strip_prefix("taint:")) {
                Some(key) if !key.is_empty() => Ok(Self::Taint(key.to_owned())),
                Some(_) | None => Err("use cordon, shutdown, deletion or taint=KEY".to_owned()),
            },
        }
    }
}
