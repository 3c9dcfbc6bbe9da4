//! `clarion controller`: the cluster-wide program.

mod http;
mod options;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::Context as _;
use axum::Router;
use controller::kubernetes::{self, Observed};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

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
    listen("--health-probe-port", options.health_probe_port, http::health(receiver.clone())).await?;
    if options.port != 0 {
        listen("--port", options.port, http::metrics(receiver)).await?;
    }
    let stop = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("leaving");
    };
    kubernetes::run(checked, observed, stop).await
}

/// Serves a port on every address, by a task that ends with the program.
async fn listen(flag: &str, port: u16, router: Router) -> anyhow::Result<()> {
    let listener = match TcpListener::bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))).await {
        Ok(listener) => listener,
        // A node without IPv6 refuses the address that means both families.
        Err(_) => TcpListener::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)))
            .await
            .with_context(|| format!("listen on port {port} ({flag})"))?,
    };
    tokio::spawn(axum::serve(listener, router).into_future());
    Ok(())
}
