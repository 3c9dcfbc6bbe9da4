//! The connection.

use std::path::Path;
use std::time::Duration;

use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{self};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kube::client::{Body, ConfigExt as _};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use thiserror::Error;
use tower::{BoxError, ServiceBuilder};

/// How long a connection may take to come up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// After this long without traffic the server is asked for a sign of life.
const PING_EVERY: Duration = Duration::from_secs(10);
/// How long it may take to answer.
const PING_TIMEOUT: Duration = Duration::from_secs(5);
/// What may be under way on the whole connection: a watch that is read slowly must not stop the others.
const CONNECTION_WINDOW: u32 = 16 << 20;
/// What may be under way on one request.
const STREAM_WINDOW: u32 = 1 << 20;

/// A client, and what its configuration says besides.
#[derive(Clone)]
pub struct Connection {
    /// The client; cloning it shares the connection.
    pub client: Client,
    /// The namespace of the service account, or of the kubeconfig's context.
    pub namespace: String,
    /// The server's address, for messages.
    pub server: String,
}

/// Why there is no client.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// The kubeconfig cannot be used.
    #[error("kubeconfig {path}: {source}; name a readable file with --kubeconfig")]
    Kubeconfig {
        /// The file.
        path: String,
        /// What is wrong with it.
        source: kube::config::KubeconfigError,
    },
    /// The process is not in a pod, or its service account is not mounted.
    #[error("no service account in this pod ({0}); run in a cluster, or name a file with --kubeconfig")]
    InCluster(#[from] kube::config::InClusterError),
    /// The credentials or certificates cannot be used.
    #[error("the credentials for the API server cannot be used: {0}")]
    Credentials(#[from] kube::Error),
}

/// Prepares a client from a kubeconfig, or without one from the pod's service account.
///
/// Nothing is sent yet: a server that is away is noticed, and waited for, by whoever uses the client.
///
/// # Errors
/// Fails when the configuration cannot be read.
pub async fn connect(kubeconfig: Option<&Path>) -> Result<Connection, ConnectError> {
    let config = match kubeconfig {
        Some(path) => from_file(path)
            .await
            .map_err(|source| ConnectError::Kubeconfig { path: path.display().to_string(), source })?,
        None => Config::incluster()?,
    };
    Ok(Connection {
        client: client(&config)?,
        namespace: config.default_namespace.clone(),
        server: config.cluster_url.to_string(),
    })
}

async fn from_file(path: &Path) -> Result<Config, kube::config::KubeconfigError> {
    Config::from_custom_kubeconfig(Kubeconfig::read_from(path)?, &KubeConfigOptions::default()).await
}

/// Builds the client around one HTTP/2 connection; the stock one speaks HTTP/1.1, which costs a connection per watch.
pub(crate) fn client(config: &Config) -> Result<Client, kube::Error> {
    // An error only says that a provider is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(config.rustls_client_config()?)
        .https_or_http()
        .enable_http2()
        .wrap_connector(tcp);
    let transport: legacy::Client<_, Body> = legacy::Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        // Without it a cold start races several connections.
        .http2_only(true)
        .http2_keep_alive_interval(PING_EVERY)
        .http2_keep_alive_timeout(PING_TIMEOUT)
        .http2_keep_alive_while_idle(true)
        .http2_initial_connection_window_size(CONNECTION_WINDOW)
        .http2_initial_stream_window_size(STREAM_WINDOW)
        .build(connector);
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer()?)
        .map_err(BoxError::from)
        .service(transport);
    Ok(Client::new(service, config.default_namespace.clone()))
}
