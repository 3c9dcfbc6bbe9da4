//! `clarion controller`: the cluster-wide program.

mod http;
mod options;
mod report;

use anyhow::Context as _;
use controller::kubernetes::{self, Meters, Observed};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::listen;
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
    let checked = options.checked()?;
    let (observed, receiver) = watch::channel(Observed::default());
    let meters = Meters::new().context("make the metrics")?;
    listen::everywhere("--health-probe-port", options.health_probe_port, http::health(receiver.clone())).await?;
    if options.port != 0 {
        listen::everywhere("--port", options.port, http::metrics(receiver, meters.clone())).await?;
    }
    let stop = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("leaving");
    };
    kubernetes::run(checked, observed, meters, stop).await
}
