//! A client that never stops asking: one datagram and one TCP connection per interval.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::Context;
use tokio::{
    io::AsyncReadExt,
    net::{TcpStream, UdpSocket},
    runtime::Runtime,
    sync::Notify,
    time::{MissedTickBehavior, interval, timeout},
};

use super::{
    network::Host,
    report::{Probe, Report, Series},
    server::ECHO_PORT,
};

/// How often a prober asks.
pub const INTERVAL: Duration = Duration::from_millis(10);

/// How long a prober waits for an answer; below the kernel's first TCP retransmission, so that no connection is saved by it.
pub const PATIENCE: Duration = Duration::from_millis(900);

/// A prober at work on two threads of its own inside a client.
#[derive(Debug)]
pub struct Prober {
    udp: Worker,
    tcp: Worker,
}

#[derive(Debug)]
struct Worker {
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    series: Mutex<Series>,
    stop: Notify,
}

impl Prober {
    /// Starts to ask the example server behind `vip` from `client`.
    pub fn start(client: &Host, vip: IpAddr) -> anyhow::Result<Self> {
        let target = SocketAddr::new(vip, ECHO_PORT);
        let udp = Worker::start(client, "udp", move |shared| async move { probe_udp(target, &shared).await })?;
        let tcp = Worker::start(client, "tcp", move |shared| async move { probe_tcp(target, shared).await })?;
        Ok(Self { udp, tcp })
    }

    /// Returns what was seen so far; probes under way count as lost.
    pub fn so_far(&self) -> Report {
        Report { udp: self.udp.shared.snapshot(), tcp: self.tcp.shared.snapshot() }
    }

    /// Stops several probers as [`Prober::stop`] does, and waits for all of them together.
    pub fn stop_all(probers: Vec<Self>) -> anyhow::Result<Vec<Report>> {
        for prober in &probers {
            prober.hush();
        }
        probers.into_iter().map(Self::stop).collect()
    }

    fn hush(&self) {
        for worker in [&self.udp, &self.tcp] {
            worker.shared.stop.notify_one();
        }
    }

    /// Stops asking, waits for answers that are due, and returns what was seen.
    pub fn stop(self) -> anyhow::Result<Report> {
        self.hush();
        Ok(Report { udp: self.udp.finish()?, tcp: self.tcp.finish()? })
    }
}

impl Worker {
    fn start<F>(
        client: &Host,
        kind: &str,
        probe: impl FnOnce(Arc<Shared>) -> F + Send + 'static,
    ) -> anyhow::Result<Self>
    where
        F: Future<Output = io::Result<()>>,
    {
        let shared = Arc::new(Shared::default());
        let own = Arc::clone(&shared);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let name = format!("probe-{kind}-{}", client.name());
        let thread = client.run(move || {
            // A thread inherits the namespace of the thread that starts it.
            thread::Builder::new().name(name).spawn(move || run(&runtime, probe(own)))
        })?;
        Ok(Self { shared, thread })
    }

    fn finish(self) -> anyhow::Result<Series> {
        self.thread.join().ok().context("a prober's thread panicked")?;
        Ok(self.shared.snapshot())
    }
}

fn run(runtime: &Runtime, probe: impl Future<Output = io::Result<()>>) {
    if let Err(error) = runtime.block_on(probe) {
        tracing::error!(%error, "a prober ended early");
    }
}

impl Shared {
    fn snapshot(&self) -> Series {
        self.series.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn sent(&self) -> usize {
        let mut series = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        series.probes.push(Probe { sent: Instant::now(), answer: None, retried: false });
        series.probes.len() - 1
    }

    fn answered(&self, number: usize, by: &[u8]) {
        let at = Instant::now();
        let mut series = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(probe) = series.probes.get_mut(number) else { return };
        if probe.answer.is_none() && at.duration_since(probe.sent) <= PATIENCE {
            probe.answer = Some((at, String::from_utf8_lossy(by).trim_end().into()));
        }
    }

    fn retried(&self, number: usize) {
        let mut series = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(probe) = series.probes.get_mut(number) {
            probe.retried = true;
        }
    }

    fn all_answered(&self) -> bool {
        let series = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        series.lost() == 0
    }
}

async fn probe_udp(target: SocketAddr, shared: &Shared) -> io::Result<()> {
    let any: IpAddr = if target.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(target).await?;
    let mut ticks = ticks();
    let mut buffer = [0; 512];
    let mut stopped = false;
    let deadline = tokio::time::sleep(Duration::MAX);
    tokio::pin!(deadline);
    while !(stopped && shared.all_answered()) {
        tokio::select! {
            () = shared.stop.notified(), if !stopped => {
                stopped = true;
                deadline.as_mut().reset(tokio::time::Instant::now() + PATIENCE);
            }
            () = &mut deadline, if stopped => break,
            _ = ticks.tick(), if !stopped => {
                let number = shared.sent() as u64;
                // An unreachable VIP is reported here; it shows as a probe without answer.
                drop(socket.try_send(&number.to_be_bytes()));
            }
            received = socket.recv(&mut buffer) => {
                // An error here is an earlier probe's "unreachable", which shows as a probe without answer.
                let Ok(length) = received else { continue };
                let Some((number, name)) = buffer[..length].split_first_chunk() else { continue };
                let number = usize::try_from(u64::from_be_bytes(*number)).unwrap_or(usize::MAX);
                shared.answered(number, name);
            }
        }
    }
    Ok(())
}

async fn probe_tcp(target: SocketAddr, shared: Arc<Shared>) -> io::Result<()> {
    let mut ticks = ticks();
    let mut connections = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            () = shared.stop.notified() => break,
            _ = ticks.tick() => {
                let number = shared.sent();
                connections.spawn(converse(target, number, Arc::clone(&shared)));
            }
            Some(_) = connections.join_next() => {}
        }
    }
    while connections.join_next().await.is_some() {}
    Ok(())
}

/// Makes one connection, and one more at once if the first is reset.
///
/// When an address moves in the middle of a handshake, the rest of it reaches a node that never saw its beginning and resets it.
/// No handover on layer 2 can prevent that; clients connect again, so does the probe, and the report tells how often.
async fn converse(target: SocketAddr, number: usize, shared: Arc<Shared>) {
    let conversation = async {
        let first = connect(target).await;
        if !first.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::ConnectionReset) {
            return first;
        }
        shared.retried(number);
        connect(target).await
    };
    if let Ok(Ok(line)) = timeout(PATIENCE, conversation).await
        && !line.is_empty()
    {
        shared.answered(number, &line);
    }
}

async fn connect(target: SocketAddr) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(target).await?;
    // Reset at the end: ten thousand connections in TIME_WAIT would run the client out of ports.
    stream.set_zero_linger()?;
    let mut line = [0; 64];
    let length = stream.read(&mut line).await?;
    Ok(line[..length].to_vec())
}

fn ticks() -> tokio::time::Interval {
    let mut ticks = interval(INTERVAL);
    // Catching up in a burst would make a busy machine look like a lossy one.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
