//! Opening a port; what is served there ends with the program.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::Context as _;
use axum::Router;
use tokio::net::TcpListener;

/// Serves a port on every address.
///
/// # Errors
/// Fails when the port is taken; `flag` tells which one it is.
pub(crate) async fn everywhere(flag: &str, port: u16, router: Router) -> anyhow::Result<()> {
    let listener = match TcpListener::bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))).await {
        Ok(listener) => listener,
        // A node without IPv6 refuses the address that means both families.
        Err(_) => bind(flag, (Ipv4Addr::UNSPECIFIED, port).into()).await?,
    };
    serve(listener, router);
    Ok(())
}

/// Serves a port for this machine alone.
///
/// # Errors
/// Fails when the port is taken; `flag` tells which one it is.
pub(crate) async fn locally(flag: &str, port: u16, router: Router) -> anyhow::Result<()> {
    serve(bind(flag, (Ipv4Addr::LOCALHOST, port).into()).await?, router);
    Ok(())
}

async fn bind(flag: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("listen on {address} ({flag})"))
}

fn serve(listener: TcpListener, router: Router) {
    tokio::spawn(axum::serve(listener, router).into_future());
}
