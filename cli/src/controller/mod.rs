//! `clarion controller`: the cluster-wide program.

mod http;
mod options;
mod report;

use std::net::Ipv6Addr;

use anyhow::{Context as _, bail};
use controller::kubernetes::{self, Meters, Observed};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::http::address::metrics_address;
use crate::http::{Port, Pulse, Server, Serves};
pub use http::LEADER;
pub use options::Options;

/// Runs until SIGTERM or SIGINT, then leaves the lead to another replica and returns.
///
/// # Errors
/// Fails at start when the credentials, an option or an address cannot be used, and later when the lead is lost; a server that is
/// away is waited for.
pub async fn run(options: Options) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("watch for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("watch for SIGINT")?;
    let mut hangup = signal(SignalKind::hangup()).context("watch for SIGHUP")?;
    let checked = options.checked()?;
    let (observed, receiver) = watch::channel(Observed::default());
    let meters = Meters::new().context("make the metrics")?;
    let source = http::Source { observed: receiver, meters: meters.clone() };
    let pulse = Pulse::start();
    let mut server = Server::start(ports(&options)?, source, pulse.clone()).context("start the HTTP server")?;
    // The main loop polls it in each turn, so it beats as long as that loop turns.
    let stop = async {
        loop {
            pulse.beat();
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                _ = hangup.recv() => tracing::info!("SIGHUP is ignored: the configuration comes from the API server"),
                () = pulse.rest() => {}
            }
        }
        tracing::info!("leaving");
    };
    tokio::select! {
        ended = kubernetes::run(checked, observed, meters, stop) => ended,
        () = server.ended() => bail!("the HTTP server ended by a fault, so nobody can see how this program does"),
    }
}

/// Opens the ports.
fn ports(options: &Options) -> anyhow::Result<Vec<Port>> {
    let health = (Ipv6Addr::UNSPECIFIED, options.health_probe_port).into();
    let health = Port::open("--health-probe-port", health, Serves::Health)?;
    let metrics = metrics_address(options.metrics_address, options.port);
    let metrics =
        metrics.map(|address| Port::open("--metrics-address, --port", address, Serves::Metrics)).transpose()?;
    Ok([health].into_iter().chain(metrics).collect())
}
