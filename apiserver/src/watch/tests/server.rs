//! A server that answers as scripted, for what a real one cannot be made to say on demand.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::stream::{self, StreamExt as _};
use http::{Request, Response};
use http_body_util::{BodyExt as _, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use kube::{Client, Config};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

type Answer = Response<UnsyncBoxBody<Bytes, std::io::Error>>;

/// One answer.
pub(super) struct Reply {
    status: u16,
    pieces: Vec<Bytes>,
    end: End,
}

enum End {
    /// The response ends.
    Ended,
    /// It stays open without another word.
    Open,
    /// The stream is reset as soon as the test says so: before it has seen what was sent, the reset would drop that too.
    Broken(oneshot::Receiver<()>),
}

impl Reply {
    pub(super) fn open(text: &str) -> Self {
        Self { end: End::Open, ..Self::ended(text) }
    }

    pub(super) fn ended(text: &str) -> Self {
        Self { status: 200, pieces: vec![Bytes::from(text.to_owned())], end: End::Ended }
    }

    pub(super) fn broken(text: &str, when: oneshot::Receiver<()>) -> Self {
        Self { end: End::Broken(when), ..Self::ended(text) }
    }

    pub(super) fn status(status: u16, text: &str) -> Self {
        Self { status, ..Self::ended(text) }
    }

    pub(super) fn in_pieces(text: &str, size: usize) -> Self {
        Self { pieces: text.as_bytes().chunks(size).map(Bytes::copy_from_slice).collect(), ..Self::open("") }
    }

    fn answer(self) -> Answer {
        let pieces = stream::iter(self.pieces.into_iter().map(|piece| Ok(Frame::data(piece))));
        let body = match self.end {
            End::Ended => pieces.boxed(),
            End::Open => pieces.chain(stream::pending()).boxed(),
            End::Broken(when) => {
                let reset = async {
                    when.await.expect("the test says when");
                    Err(std::io::ErrorKind::ConnectionReset.into())
                };
                pieces.chain(stream::once(reset)).boxed()
            }
        };
        let answer = Response::builder().status(self.status).body(StreamBody::new(body).boxed_unsync());
        answer.expect("the script is a response")
    }
}

/// The server; requests beyond the script are never answered.
///
/// How far its store has come is asked for between other things, so that question is no part of the script.
pub(super) struct Server {
    address: SocketAddr,
    stands_at: Arc<AtomicU64>,
    asked: Arc<Mutex<Vec<String>>>,
    /// The queries by which it was asked where its store stands.
    stand: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(super) async fn start(script: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let script = Arc::new(Mutex::new(script.into_iter().collect()));
        let stands_at = Arc::new(AtomicU64::new(1_000_000));
        let stand = Arc::new(Mutex::new(Vec::new()));
        tokio::spawn(serve(listener, script, asked.clone(), stands_at.clone(), stand.clone()));
        Self { address, stands_at, asked, stand }
    }

    /// Puts the store to a version.
    pub(super) fn stand_at(&self, version: u64) {
        self.stands_at.store(version, Ordering::Relaxed);
    }

    pub(super) fn client(&self) -> Client {
        let url = format!("http://{}", self.address).parse().expect("an address is a url");
        crate::connect::client(&Config::new(url)).expect("nothing of the configuration is read from files")
    }

    /// Returns the queries so far by which it was asked where its store stands.
    pub(super) fn asked_where_it_stands(&self) -> Vec<String> {
        self.stand.lock().expect("nobody panics with the log").clone()
    }

    /// Returns the targets of the requests so far.
    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("nobody panics with the log").clone()
    }
}

async fn serve(
    listener: TcpListener,
    script: Arc<Mutex<VecDeque<Reply>>>,
    asked: Arc<Mutex<Vec<String>>>,
    stands_at: Arc<AtomicU64>,
    stand: Arc<Mutex<Vec<String>>>,
) {
    while let Ok((stream, _)) = listener.accept().await {
        let (script, asked, stands_at, stand) = (script.clone(), asked.clone(), stands_at.clone(), stand.clone());
        let service = service_fn(move |request: Request<Incoming>| {
            let query = request.uri().query().unwrap_or_default();
            let next = if query == "limit=1" || query.starts_with("limit=1&") {
                stand.lock().expect("nobody panics with the log").push(query.to_owned());
                let version = stands_at.load(Ordering::Relaxed);
                Some(Reply::ended(&format!(r#"{{"metadata":{{"resourceVersion":"{version}"}},"items":null}}"#)))
            } else {
                asked.lock().expect("nobody panics with the log").push(request.uri().to_string());
                script.lock().expect("nobody panics with the script").pop_front()
            };
            async move {
                match next {
                    Some(reply) => Ok::<_, Infallible>(reply.answer()),
                    None => std::future::pending().await,
                }
            }
        });
        tokio::spawn(http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service));
    }
}
