//! A server in front of the API server that programs under test use in its place, and that fails as networks and busy servers do.
//!
//! It ends TLS and speaks HTTP/1.1 and HTTP/2 to both sides, so it sees single requests of a connection that carries many.
//!
//! ```no_run
//! # fn scenario(lab: &lab::Lab, control_plane: &control_plane::ControlPlane) {
//! use control_plane::{Fault, Faults, Identity, Matching, Rule};
//! let mut proxy = control_plane.fault_proxy();
//! let kubeconfig = proxy.kubeconfig(control_plane, &Identity::service_account("metallb-system", "controller"));
//! // The controller dies with its write accepted and the answer on its way.
//! let writes = Matching::writes("services").subresource("status");
//! proxy.set(Faults { rules: vec![Rule::next(1, writes, Fault::CutAfter)], ..Faults::default() });
//! # }
//! ```

mod connection;
mod listener;
mod relay;
mod rules;

use std::{
    path::PathBuf,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use anyhow::ensure;
use rules::Rules;
pub use rules::{Fault, HowMany, Matching, Rule};
use tokio::sync::watch;

use crate::{ADDRESS, ControlPlane, Identity, PORT, Requests, url};
use listener::Listener;

/// The port of the first proxy; the next one has the next.
const FIRST_PORT: u16 = 7443;

/// What a proxy does wrong; by default nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Faults {
    /// How much later than it came in each request is passed on; zero by default.
    pub latency: Duration,
    /// Whether the proxy can be reached.
    pub network: Network,
    /// What watches do, those that are under way included.
    pub watches: Watches,
    /// What happens to single requests; the first rule that applies counts.
    pub rules: Vec<Rule>,
}

/// Whether a proxy can be reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Network {
    /// It can.
    #[default]
    Up,
    /// Nobody listens: connections are reset, and new ones are refused.
    Refused,
    /// Every packet is dropped, as behind a broken switch: nothing is acknowledged, and nobody learns of it.
    Silent,
}

/// What watches do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Watches {
    /// They tell what changes.
    #[default]
    Flow,
    /// They say nothing, with their connection alive; what they missed comes when they flow again.
    Freeze,
}

/// A running proxy; dropping it ends its connections.
#[derive(Debug)]
pub struct FaultProxy {
    port: u16,
    listener: Listener,
    shared: Arc<Shared>,
    silence: Option<Silence>,
}

/// What the proxy's connections look at.
#[derive(Debug)]
struct Shared {
    rules: Rules,
    latency: watch::Sender<Duration>,
    watches: watch::Sender<Flow>,
}

/// What the bodies of watches look at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Flow {
    watches: Watches,
    /// How often watches were cut; one that is under way breaks off when this changes.
    cuts: u64,
    /// How often watches were ended, in the same way but in order.
    ends: u64,
}

impl ControlPlane {
    /// Starts a proxy in front of the API server, without faults.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    pub fn fault_proxy(&self) -> FaultProxy {
        let mut proxies = self.proxies.lock().expect("nobody panics while adding a proxy");
        let port = FIRST_PORT + *proxies;
        *proxies += 1;
        FaultProxy::start(self, port).expect("a proxy can be started")
    }
}

impl FaultProxy {
    fn start(control_plane: &ControlPlane, port: u16) -> anyhow::Result<Self> {
        let shared = Arc::new(Shared {
            rules: Rules::default(),
            latency: watch::Sender::default(),
            watches: watch::Sender::default(),
        });
        let tls = connection::server_tls(control_plane.credentials.serving(&[ADDRESS])?)?;
        let upstream = connection::upstream(control_plane.credentials.authority())?;
        let server =
            connection::Server { tls, upstream, target: format!("{ADDRESS}:{PORT}"), shared: Arc::clone(&shared) };
        let listener = Listener::start(&control_plane.access, port, server)?;
        Ok(Self { port, listener, shared, silence: None })
    }

    /// Returns the file by which programs on any node talk to the API server through this proxy.
    ///
    /// # Panics
    ///
    /// When a service account's namespace does not exist.
    pub fn kubeconfig(&self, control_plane: &ControlPlane, identity: &Identity) -> PathBuf {
        control_plane.kubeconfig_at(identity, &format!("proxy-{}", self.port), self.port)
    }

    /// Returns the server's URL.
    pub fn url(&self) -> String {
        url(self.port)
    }

    /// Sets what is wrong from now on, in place of what was; it is so when this returns.
    ///
    /// # Panics
    ///
    /// When the network cannot be changed.
    pub fn set(&mut self, faults: Faults) {
        let Faults { latency, network, watches, rules } = faults;
        self.shared.latency.send_replace(latency);
        self.shared.watches.send_modify(|flow| flow.watches = watches);
        self.shared.rules.replace(rules);
        self.silence = (network == Network::Silent).then(|| Silence::fall(self.port).expect("packets can be dropped"));
        self.listener.open(network != Network::Refused);
    }

    /// Ends every fault.
    pub fn heal(&mut self) {
        self.set(Faults::default());
    }

    /// Breaks every watch off in the middle; the connections stay.
    pub fn cut_watches(&self) {
        self.shared.watches.send_modify(|flow| flow.cuts += 1);
    }

    /// Ends every watch in order, as the API server does after half an hour or more.
    pub fn end_watches(&self) {
        self.shared.watches.send_modify(|flow| flow.ends += 1);
    }

    /// Resets every connection; new ones are welcome.
    pub fn cut_connections(&self) {
        self.listener.cut();
    }

    /// Returns how many requests came to their end, by what the API server answered.
    ///
    /// A request that never reached the API server has the status that the proxy made up, or 0 if its connection was cut.
    /// Watches count when they begin.
    pub fn requests(&self) -> Requests {
        self.shared.rules.requests()
    }

    /// Returns how many requests a rule has been applied to.
    pub fn injected(&self) -> u64 {
        self.shared.rules.injected()
    }
}

/// A filter that drops the packets of one port; dropping it removes the filter.
#[derive(Debug)]
struct Silence {
    table: String,
}

impl Silence {
    fn fall(port: u16) -> anyhow::Result<Self> {
        let table = format!("inet silence{port}");
        nft(&format!(
            "add table {table}\ndelete table {table}\n\
             table {table} {{\n\
             chain input {{ type filter hook input priority 0; tcp dport {port} drop; }}\n\
             chain output {{ type filter hook output priority 0; tcp sport {port} drop; }}\n}}\n"
        ))?;
        Ok(Self { table })
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        nft(&format!("delete table {}\n", self.table)).expect("a filter that is there can be removed");
    }
}

fn nft(commands: &str) -> anyhow::Result<()> {
    let mut child = Command::new("nft").args(["-f", "-"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    if let Some(mut input) = child.stdin.take() {
        std::io::Write::write_all(&mut input, commands.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "`nft` refused: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
