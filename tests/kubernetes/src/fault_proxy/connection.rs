//! One connection of a client, and what happens to its requests.

use std::{convert::Infallible, future::pending, sync::Arc};

use anyhow::Context;
use hyper::{
    Request, Response, StatusCode, Uri,
    body::Incoming,
    header::{CONNECTION, CONTENT_TYPE, HOST, RETRY_AFTER, TRANSFER_ENCODING, UPGRADE},
    http::{HeaderMap, uri::PathAndQuery},
    service::service_fn,
};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};
use serde_json::json;
use tokio::{net::TcpStream, sync::Notify};
use tokio_rustls::TlsAcceptor;

use super::{
    Shared,
    relay::{self, Body},
    rules::{self, Fault},
};
use crate::identity::Serving;

/// What every connection needs.
pub(super) struct Server {
    pub(super) tls: TlsAcceptor,
    pub(super) upstream: Upstream,
    /// Host and port of the API server.
    pub(super) target: String,
    pub(super) shared: Arc<Shared>,
}

pub(super) type Upstream = Client<HttpsConnector<HttpConnector>, Incoming>;

/// Headers that are about one connection and not about the request (RFC 9110 §7.6.1), or that follow from the URI.
const OWN_HEADERS: [hyper::header::HeaderName; 4] = [CONNECTION, HOST, TRANSFER_ENCODING, UPGRADE];

pub(super) fn server_tls(serving: Serving) -> anyhow::Result<TlsAcceptor> {
    let Serving { certificate, key } = serving;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let mut config =
        ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

pub(super) fn upstream(authority: CertificateDer<'static>) -> anyhow::Result<Upstream> {
    let mut roots = RootCertStore::empty();
    roots.add(authority)?;
    let tls = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let connector =
        HttpsConnectorBuilder::new().with_tls_config(tls).https_only().enable_http1().enable_http2().build();
    Ok(Client::builder(TokioExecutor::new()).build(connector))
}

/// Serves a client until it hangs up or a fault cuts it off.
pub(super) async fn serve(server: Arc<Server>, stream: TcpStream) {
    // Small answers must not wait for each other; an error is that of a client which is gone already.
    drop(stream.set_nodelay(true));
    let Ok((stream, mut reset)) = Reset::of(stream) else { return };
    let Ok(stream) = server.tls.accept(stream).await else { return };
    let cut = Arc::new(Notify::new());
    let service = service_fn(|request| answer(Arc::clone(&server), Arc::clone(&cut), request));
    let builder = Builder::new(TokioExecutor::new());
    tokio::select! {
        // The client's own end of it is no fault, whatever it was.
        _ = builder.serve_connection(TokioIo::new(stream), service) => reset.armed = false,
        () = cut.notified() => {}
    }
}

/// Resets the connection instead of closing it when it is dropped, be it because the task was aborted.
struct Reset {
    socket: std::net::TcpStream,
    armed: bool,
}

impl Reset {
    fn of(stream: TcpStream) -> std::io::Result<(TcpStream, Self)> {
        let stream = stream.into_std()?;
        let socket = stream.try_clone()?;
        Ok((TcpStream::from_std(stream)?, Self { socket, armed: true }))
    }
}

impl Drop for Reset {
    fn drop(&mut self) {
        if self.armed {
            // The last handle that is closed sends the reset; a client that is gone needs none.
            drop(socket2::SockRef::from(&self.socket).set_linger(Some(std::time::Duration::ZERO)));
        }
    }
}

async fn answer(
    server: Arc<Server>,
    cut: Arc<Notify>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let Server { shared, .. } = server.as_ref();
    let what = rules::request(request.method(), request.uri());
    let latency = *shared.latency.borrow();
    let fault = shared.rules.next(&what);
    let delay = if let Some(Fault::Delay(more)) = fault { latency + more } else { latency };
    tokio::time::sleep(delay).await;
    match fault {
        Some(Fault::Answer { status, retry_after }) => {
            shared.rules.count(what, status);
            return Ok(made_up(status, retry_after));
        }
        Some(Fault::CutBefore) => {
            shared.rules.count(what, 0);
            return cut_off(&cut).await;
        }
        Some(Fault::CutAfter | Fault::Delay(_)) | None => {}
    }
    let watch = what.verb == "WATCH";
    // An API server that is down looks like one: no answer.
    let Ok(response) = pass_on(&server, request).await else {
        shared.rules.count(what, 0);
        return cut_off(&cut).await;
    };
    shared.rules.count(what, response.status().as_u16());
    if fault == Some(Fault::CutAfter) {
        return cut_off(&cut).await;
    }
    Ok(relay::response(response, watch.then(|| shared.watches.subscribe())))
}

async fn cut_off<T>(cut: &Notify) -> T {
    cut.notify_one();
    pending().await
}

async fn pass_on(server: &Server, request: Request<Incoming>) -> anyhow::Result<Response<Incoming>> {
    let (mut head, body) = request.into_parts();
    let path = head.uri.path_and_query().map_or("/", PathAndQuery::as_str);
    head.uri = Uri::builder().scheme("https").authority(server.target.as_str()).path_and_query(path).build()?;
    // The client's version says nothing about this connection.
    head.version = hyper::Version::default();
    strip(&mut head.headers);
    let mut response =
        server.upstream.request(Request::from_parts(head, body)).await.context("the API server is down")?;
    strip(response.headers_mut());
    *response.version_mut() = hyper::Version::default();
    Ok(response)
}

fn strip(headers: &mut HeaderMap) {
    for header in OWN_HEADERS {
        headers.remove(header);
    }
}

fn made_up(status: u16, retry_after: Option<u64>) -> Response<Body> {
    let status = StatusCode::from_u16(status).expect("a rule answers with an HTTP status");
    let reason = match status {
        StatusCode::CONFLICT => "Conflict",
        StatusCode::FORBIDDEN => "Forbidden",
        StatusCode::GONE => "Expired",
        StatusCode::SERVICE_UNAVAILABLE => "ServiceUnavailable",
        StatusCode::TOO_MANY_REQUESTS => "TooManyRequests",
        _ => "InternalError",
    };
    let text = json!({
        "apiVersion": "v1",
        "kind": "Status",
        "status": "Failure",
        "message": "made up by the fault proxy of the test",
        "reason": reason,
        "code": status.as_u16(),
    });
    let mut response = Response::builder().status(status).header(CONTENT_TYPE, "application/json");
    if let Some(seconds) = retry_after {
        response = response.header(RETRY_AFTER, seconds);
    }
    response.body(relay::whole(text.to_string())).expect("a status and two headers make a response")
}
