//! A port: who is let in, and for how long.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::connections::{Connections, Drop, Place};
use super::{Shared, Source, request};

/// How long a client may take for its request.
const REQUEST_TIME: Duration = Duration::from_secs(5);
/// How long a connection may last, the reading of the answer included: as long as Prometheus waits for a scrape.
const CONNECTION_TIME: Duration = Duration::from_secs(10);
/// Bytes of a request, of which the programs read nothing but the path.
const REQUEST_BYTES: usize = 8 << 10;
/// Header fields of a request.
const REQUEST_FIELDS: usize = 64;
/// Bytes of an answer that wait in the kernel, which are memory of ours as well.
const SEND_BUFFER: usize = 64 << 10;
/// How long to wait when the kernel gives no connection, for want of a file descriptor.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// What is served at a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Serves {
    /// `/metrics`, `/status`, `/healthz` and `/readyz`.
    Everything,
    /// `/metrics`.
    Metrics,
    /// `/healthz` and `/readyz`, and to those who ask a loopback address `/status` as well.
    Health,
}

/// A port that is open and not served yet.
#[derive(Debug)]
pub(crate) struct Port {
    listener: TcpListener,
    serves: Serves,
}

impl Port {
    /// Opens a port at an address, of which the unspecified IPv6 one means every address of both families.
    ///
    /// # Errors
    /// Fails when the address is not of this machine or the port is taken; `flag` tells which one it is.
    pub(crate) fn open(flag: &str, address: SocketAddr, serves: Serves) -> anyhow::Result<Self> {
        let listener = match TcpListener::bind(address) {
            // A node without IPv6 refuses the address that means both families.
            Err(_) if address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED) => {
                TcpListener::bind((Ipv4Addr::UNSPECIFIED, address.port()))
            }
            opened => opened,
        };
        let listener = listener.and_then(|listener| listener.set_nonblocking(true).map(|()| listener));
        Ok(Self { listener: listener.with_context(|| format!("listen on {address} ({flag})"))?, serves })
    }

    /// Returns where the port is.
    #[cfg(test)]
    pub(super) fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("an open port has an address")
    }

    /// Hands the port over to the event loop that this is called in.
    pub(super) fn listener(self) -> io::Result<(tokio::net::TcpListener, Serves)> {
        Ok((tokio::net::TcpListener::from_std(self.listener)?, self.serves))
    }
}

/// Serves a port for ever.
pub(super) async fn accept<S: Source>(listener: tokio::net::TcpListener, serves: Serves, shared: Arc<Shared<S>>) {
    let connections = Connections::default();
    let mut served = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(ended) = served.join_next() => {
                if let Err(error) = ended {
                    tracing::error!(%error, "an HTTP connection ended by a fault; please report it");
                }
                continue;
            }
        };
        let (stream, client) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::debug!(%error, "cannot accept an HTTP connection");
                tokio::time::sleep(ACCEPT_AGAIN).await;
                continue;
            }
        };
        match connections.admit(client.ip()) {
            Ok(place) => {
                served.spawn(serve(stream, place, serves, shared.clone()));
            }
            Err(full) => {
                shared.drops.count(full);
                // Nothing of it stays in the kernel.
                drop(stream.set_zero_linger());
            }
        }
    }
}

/// Serves one request and ends the connection.
async fn serve<S: Source>(stream: TcpStream, place: Place, serves: Serves, shared: Arc<Shared<S>>) {
    // Without them the connection works as well.
    drop((stream.set_nodelay(true), SockRef::from(&stream).set_send_buffer_size(SEND_BUFFER)));
    let from_this_machine = stream.local_addr().is_ok_and(|address| address.ip().to_canonical().is_loopback());
    let drops = shared.drops.clone();
    let answer = service_fn(move |request| {
        let shared = shared.clone();
        async move { Ok::<_, Infallible>(request::answer(&request, serves, from_this_machine, &shared).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .keep_alive(false)
        .header_read_timeout(REQUEST_TIME)
        .max_buf_size(REQUEST_BYTES)
        .max_headers(REQUEST_FIELDS)
        .serve_connection(TokioIo::new(stream), answer);
    match tokio::time::timeout(CONNECTION_TIME, pin!(connection)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) if error.is_timeout() => drops.count(Drop::Timeout),
        Ok(Err(error)) => tracing::debug!(%error, "an HTTP connection failed"),
        Err(_) => drops.count(Drop::Timeout),
    }
    drop(place);
}
