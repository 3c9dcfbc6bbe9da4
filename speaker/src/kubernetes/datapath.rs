//! The datapath gate: whether the node can forward what it attracts.
//!
//! A cloud load balancer asks each node before it sends traffic there, and the speaker does the same. A node owns nothing until its
//! datapath has said once that it is ready. One that stops saying so later drains: it hands over to nodes that can take the VIP,
//! and keeps what nobody takes. The rules of a proxy that died stay in the kernel and forward, so silence on every node at once is
//! more likely a change of the proxy than the end of forwarding, and withdrawing everywhere would make an outage of it.
//!
//! kube-proxy says that it is healthy before it has made its first rules, since nothing is late yet. Its metrics tell when it has.

mod rules;

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use http::Uri;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;

use rules::Rules;

/// How often a datapath that is not ready is asked.
const ASK_CLOSED: Duration = Duration::from_millis(100);
/// How often a datapath that is ready is asked.
const ASK_OPEN: Duration = Duration::from_secs(1);
/// How many answers in a row must be missing or negative until a datapath that was ready no longer counts as such. A proxy that is
/// restarted comes back within these 10 s, and moves nothing.
const PATIENCE: u32 = 10;
/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_millis(900);
/// More than the metrics of any kube-proxy, in bytes.
const LARGEST_PAGE: u64 = 16 << 20;

/// What to ask, and how much to trust the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// Where the datapath answers; `http` only.
    pub url: Uri,
    /// When a positive answer is believed.
    pub belief: Belief,
}

/// When a datapath that says it is ready is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Belief {
    /// Once it has said so for this long.
    Settled(Duration),
    /// Once the metrics of kube-proxy tell that it has made its rules.
    ///
    /// Where they cannot be read, a proxy that was ready at the first look is believed at once, and one that came later after a time.
    Rules {
        /// Where the metrics are; `http` only.
        metrics: Uri,
        /// How long is waited without them.
        otherwise: Duration,
    },
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

/// What the datapath answers when it is asked once.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Answer {
    /// It forwards.
    Proven,
    /// It says that it is ready.
    Claimed,
    /// It is not ready, or does not answer.
    No(String),
}

/// Turns answers into readiness.
#[derive(Debug)]
struct Gate {
    belief: Belief,
    state: State,
}

#[derive(Debug)]
enum State {
    Unasked,
    Closed { once: bool, why: String },
    Settling { once: bool, since: Instant },
    Open { failures: u32 },
}

impl Gate {
    fn new(belief: Belief) -> Self {
        Self { belief, state: State::Unasked }
    }

    fn answer(&mut self, now: Instant, answer: Answer) {
        let open = State::Open { failures: 0 };
        self.state = match (std::mem::replace(&mut self.state, State::Unasked), answer) {
            (_, Answer::Proven) | (State::Open { .. }, Answer::Claimed) => open,
            (State::Open { failures }, Answer::No(_)) if failures + 1 < PATIENCE => {
                State::Open { failures: failures + 1 }
            }
            (State::Open { .. }, Answer::No(why)) => State::Closed { once: true, why },
            (State::Unasked, Answer::No(why)) => State::Closed { once: false, why },
            (State::Closed { once, .. } | State::Settling { once, .. }, Answer::No(why)) => State::Closed { once, why },
            // A speaker that is started anew on a node that forwards must not wait.
            (State::Unasked, Answer::Claimed) if matches!(self.belief, Belief::Rules { .. }) => open,
            (State::Unasked, Answer::Claimed) => self.settling(now, false, now),
            (State::Closed { once, .. }, Answer::Claimed) => self.settling(now, once, now),
            (State::Settling { once, since }, Answer::Claimed) => self.settling(now, once, since),
        };
    }

    fn settling(&self, now: Instant, once: bool, since: Instant) -> State {
        match now.duration_since(since) >= self.settle() {
            true => State::Open { failures: 0 },
            false => State::Settling { once, since },
        }
    }

    fn settle(&self) -> Duration {
        match self.belief {
            Belief::Settled(time) | Belief::Rules { otherwise: time, .. } => time,
        }
    }

    fn readiness(&self) -> Readiness {
        let closed = |once: bool, why: String| if once { Readiness::Lost { why } } else { Readiness::Never { why } };
        match &self.state {
            State::Open { .. } => Readiness::Ready,
            State::Unasked => closed(false, "not asked yet".to_owned()),
            State::Closed { once, why } => closed(*once, why.clone()),
            State::Settling { once, .. } => closed(*once, format!("ready, and settling for {:?}", self.settle())),
        }
    }

    fn pause(&self) -> Duration {
        match self.state {
            State::Open { .. } => ASK_OPEN,
            State::Unasked | State::Closed { .. } | State::Settling { .. } => ASK_CLOSED,
        }
    }

    /// Returns where to look for a proof; a datapath that is open needs none.
    fn wants_proof(&self) -> Option<&Uri> {
        match (&self.state, &self.belief) {
            (State::Open { .. }, _) | (_, Belief::Settled(_)) => None,
            (State::Unasked | State::Closed { .. } | State::Settling { .. }, Belief::Rules { metrics, .. }) => {
                Some(metrics)
            }
        }
    }
}

/// Asks until `readiness` has no receiver left.
pub async fn ask(probe: Probe, readiness: watch::Sender<Readiness>) {
    let mut gate = Gate::new(probe.belief.clone());
    loop {
        let answer = tokio::time::timeout(TIMEOUT, probe.once(gate.wants_proof())).await;
        let answer = answer.unwrap_or_else(|_| Answer::No(format!("{} gives no answer", probe.url)));
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
    /// Returns a probe of a URL.
    ///
    /// # Errors
    /// Refuses what [`url`] refuses.
    pub fn new(text: &str, belief: Belief) -> anyhow::Result<Self> {
        Ok(Self { url: url(text)?, belief })
    }

    async fn once(&self, metrics: Option<&Uri>) -> Answer {
        if let Err(error) = healthy(&self.url).await {
            return Answer::No(format!("{error:#}"));
        }
        let Some(metrics) = metrics else { return Answer::Claimed };
        match page(metrics).await.map(|page| Rules::read(&page)) {
            Ok(Rules::Made) => Answer::Proven,
            Ok(Rules::Missing) => Answer::No("kube-proxy has not made its rules yet".to_owned()),
            Ok(Rules::Untold) => Answer::Claimed,
            Err(error) => {
                tracing::debug!("{error:#}");
                Answer::Claimed
            }
        }
    }
}

/// Parses a URL that can be asked.
///
/// # Errors
/// Refuses what is not `http://ADDRESS:PORT/PATH`: names would have to be resolved, and a node that asks itself needs no secrecy.
pub fn url(text: &str) -> anyhow::Result<Uri> {
    let uri: Uri = text.parse().with_context(|| format!("{text:?} is no URL"))?;
    ensure!(uri.scheme_str() == Some("http"), "{text:?} does not begin with http://");
    address(&uri).with_context(|| format!("{text:?} does not name an IP address and a port"))?;
    Ok(uri)
}

fn address(url: &Uri) -> anyhow::Result<SocketAddr> {
    Ok(url.authority().context("no address")?.as_str().parse()?)
}

/// Connects to a datapath. Where there is no IPv4, kube-proxy and Cilium listen on ::1 in place of 127.0.0.1.
async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let failure = match TcpStream::connect(address).await {
        Err(failure) if address.ip() == Ipv4Addr::LOCALHOST => failure,
        result => return result,
    };
    // When both fail, the message names the address that was asked for.
    TcpStream::connect((Ipv6Addr::LOCALHOST, address.port())).await.map_err(|_| failure)
}

/// Sends a request. It is so small that a client of its own would be most of this program's connections' code.
async fn request(url: &Uri, version: &str) -> anyhow::Result<TcpStream> {
    let mut stream = connect(address(url)?).await.with_context(|| format!("{url} cannot be reached"))?;
    let path = url.path_and_query().map_or("/", |path| path.as_str());
    let host = url.authority().map_or("", |authority| authority.as_str());
    // Cilium answers in one word when asked for brevity; others ignore the header.
    let request = format!("GET {path} HTTP/{version}\r\nHost: {host}\r\nbrief: true\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    Ok(stream)
}

async fn healthy(url: &Uri) -> anyhow::Result<()> {
    let mut stream = request(url, "1.1").await?;
    let mut head = Vec::new();
    // The status line is all that counts, and the rest is bounded by the peer's patience and ours.
    while head.len() < 1024 && !head.contains(&b'\n') {
        if stream.read_buf(&mut head).await? == 0 {
            break;
        }
    }
    check(url, &String::from_utf8_lossy(&head))
}

/// Returns a whole answer; asked for in the version of HTTP that knows no chunks, so that no line is cut.
async fn page(url: &Uri) -> anyhow::Result<String> {
    let mut page = Vec::new();
    request(url, "1.0").await?.take(LARGEST_PAGE).read_to_end(&mut page).await?;
    let page = String::from_utf8_lossy(&page).into_owned();
    check(url, &page)?;
    Ok(page)
}

fn check(url: &Uri, answer: &str) -> anyhow::Result<()> {
    match answer.split(' ').nth(1) {
        Some("200") => Ok(()),
        Some(code) => bail!("{url} answers {code}"),
        None => bail!("{url} does not speak HTTP"),
    }
}

#[cfg(test)]
mod tests;
