//! The datapath gate: whether the node can forward what it attracts.
//!
//! A cloud load balancer asks each node before it sends traffic there, and the speaker does the same. A node owns nothing until its
//! datapath has said once that it is ready. One that stops saying so later drains: it hands over to nodes that can take the VIP,
//! and keeps what nobody takes. The rules of a proxy that died stay in the kernel and forward, so silence on every node at once is
//! more likely a change of the proxy than the end of forwarding, and withdrawing everywhere would make an outage of it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use http::Uri;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;

/// How often a datapath that is not ready is asked.
const ASK_CLOSED: Duration = Duration::from_millis(100);
/// How often a datapath that is ready is asked.
const ASK_OPEN: Duration = Duration::from_secs(1);
/// How many answers in a row must be missing or negative until a datapath that was ready no longer counts as such. A proxy that is
/// restarted comes back within these 10 s, and moves nothing.
const PATIENCE: u32 = 10;
/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_millis(900);

/// What to ask, and how much to trust the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// Where the datapath answers; `http` only.
    pub url: Uri,
    /// How long after its first positive answer the datapath really forwards.
    pub settle: Duration,
}

/// What the datapath says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// It has never been ready since this program started: the node owns nothing.
    Never {
        /// What it answered last.
        why: String,
    },
    /// It is ready.
    Ready,
    /// It was ready: the node hands over what others can take.
    Lost {
        /// What it answered last.
        why: String,
    },
}

/// Turns answers into readiness.
#[derive(Debug)]
struct Gate {
    settle: Duration,
    state: State,
}

#[derive(Debug)]
enum State {
    Closed { once: bool, why: String },
    Settling { once: bool, since: Instant },
    Open { failures: u32 },
}

impl Gate {
    fn new(settle: Duration) -> Self {
        Self { settle, state: State::Closed { once: false, why: "not asked yet".to_owned() } }
    }

    fn answer(&mut self, now: Instant, answer: Result<(), String>) {
        self.state = match (std::mem::replace(&mut self.state, State::Open { failures: 0 }), answer) {
            (State::Open { .. }, Ok(())) => State::Open { failures: 0 },
            (State::Open { failures }, Err(_)) if failures + 1 < PATIENCE => State::Open { failures: failures + 1 },
            (State::Open { .. }, Err(why)) => State::Closed { once: true, why },
            (State::Closed { once, .. } | State::Settling { once, .. }, Err(why)) => State::Closed { once, why },
            (State::Closed { once, .. }, Ok(())) => self.settling(now, once, now),
            (State::Settling { once, since }, Ok(())) => self.settling(now, once, since),
        };
    }

    fn settling(&self, now: Instant, once: bool, since: Instant) -> State {
        match now.duration_since(since) >= self.settle {
            true => State::Open { failures: 0 },
            false => State::Settling { once, since },
        }
    }

    fn readiness(&self) -> Readiness {
        let closed = |once: bool, why: String| if once { Readiness::Lost { why } } else { Readiness::Never { why } };
        match &self.state {
            State::Open { .. } => Readiness::Ready,
            State::Closed { once, why } => closed(*once, why.clone()),
            State::Settling { once, .. } => closed(*once, format!("ready, and settling for {:?}", self.settle)),
        }
    }

    fn pause(&self) -> Duration {
        match self.state {
            State::Open { .. } => ASK_OPEN,
            State::Closed { .. } | State::Settling { .. } => ASK_CLOSED,
        }
    }
}

/// Asks until `readiness` has no receiver left.
pub async fn ask(probe: Probe, readiness: watch::Sender<Readiness>) {
    let mut gate = Gate::new(probe.settle);
    loop {
        let answer = tokio::time::timeout(TIMEOUT, probe.once()).await;
        let answer = answer.map_err(|_| format!("{} gives no answer", probe.url));
        let answer = answer.and_then(|answer| answer.map_err(|error| format!("{error:#}")));
        gate.answer(Instant::now(), answer);
        readiness.send_if_modified(|current| {
            let next = gate.readiness();
            let changed = *current != next;
            *current = next;
            changed
        });
        tokio::select! {
            () = tokio::time::sleep(gate.pause()) => {}
            () = readiness.closed() => return,
        }
    }
}

impl Probe {
    /// Parses a URL that can be asked.
    ///
    /// # Errors
    /// Refuses what is not `http://ADDRESS:PORT/PATH`: names would have to be resolved, and a node that asks itself needs no secrecy.
    pub fn new(url: &str, settle: Duration) -> anyhow::Result<Self> {
        let uri: Uri = url.parse().with_context(|| format!("{url:?} is no URL"))?;
        ensure!(uri.scheme_str() == Some("http"), "{url:?} does not begin with http://");
        let probe = Self { url: uri, settle };
        probe.address().with_context(|| format!("{url:?} does not name an IP address and a port"))?;
        Ok(probe)
    }

    fn address(&self) -> anyhow::Result<SocketAddr> {
        let authority = self.url.authority().context("no address")?;
        Ok(authority.as_str().parse()?)
    }

    /// Asks once. The request is so small that a client of its own would be most of this program's connections' code.
    async fn once(&self) -> anyhow::Result<()> {
        let Self { url, settle: _ } = self;
        let mut stream =
            TcpStream::connect(self.address()?).await.with_context(|| format!("{url} cannot be reached"))?;
        let path = url.path_and_query().map_or("/", |path| path.as_str());
        let host = url.authority().map_or("", |authority| authority.as_str());
        // Cilium answers in one word when asked for brevity; others ignore the header.
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nbrief: true\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut head = Vec::new();
        // The status line is all that counts, and the rest is bounded by the peer's patience and ours.
        while head.len() < 1024 && !head.contains(&b'\n') {
            if stream.read_buf(&mut head).await? == 0 {
                break;
            }
        }
        let head = String::from_utf8_lossy(&head);
        match head.split(' ').nth(1) {
            Some("200") => Ok(()),
            Some(code) => bail!("{url} answers {code}"),
            None => bail!("{url} does not speak HTTP"),
        }
    }
}

#[cfg(test)]
mod tests;
