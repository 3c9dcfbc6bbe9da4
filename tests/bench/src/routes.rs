//! Routers learn many routes from a program that has just started: Clarion, BIRD, FRR and GoBGP with the same ones.
//!
//! The routers are BIRD without a kernel behind it, so that what is measured is the sender. They wait for connections, and each one's
//! time runs from the first byte of the sender's OPEN until its table holds every prefix.

mod mrt;
mod originator;
mod receiver;
mod recorder;

use std::{
    net::Ipv4Addr,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use anyhow::ensure;
use clarion::demo::network::Network;

use crate::{
    Options,
    cluster::Station,
    figure::{Bounds, Sink, Subject, percentile},
    process::{Activity, Memory},
};
use originator::{Kind, Originator};
use receiver::Receiver;
use recorder::Stream;

/// How often each start is repeated.
const RUNS: usize = 3;

/// How many routers learn.
const ROUTERS: [usize; 2] = [1, 4];

/// How long a start may take before it has failed; a hundred thousand manifests take a while.
const PATIENCE: Duration = Duration::from_secs(180);

/// How long the sender has nothing more to say before its bytes are counted.
const QUIET: Duration = Duration::from_millis(300);

/// The first prefix; the others follow without a gap.
const FIRST: Ipv4Addr = Ipv4Addr::new(10, 64, 0, 0);

/// The autonomous system of the senders.
const SENDER_AS: u32 = 65001;
/// The autonomous system of the routers.
const ROUTER_AS: u32 = 65000;

/// One start.
struct Start {
    /// Of the slowest router.
    took: Duration,
    busy: Duration,
    peak: f64,
    streams: Vec<Stream>,
}

/// The machines of this bench.
struct Scene<'a> {
    options: &'a Options,
    origin: Station,
    routers: Vec<Station>,
}

/// Measures every program with so many prefixes.
pub(crate) fn run(options: &Options, prefixes: usize, sink: Sink<'_>) -> anyhow::Result<()> {
    let scene = Scene::build(options)?;
    for routers in ROUTERS {
        let mut best_of_others: Option<f64> = None;
        for kind in Kind::ALL {
            let tell = |error: &anyhow::Error| eprintln!("{}: {error:#}", kind.name());
            let runs = (0..RUNS).map(|run| scene.start(kind, prefixes, routers, run).inspect_err(tell));
            let starts: Vec<Start> = runs.filter_map(Result::ok).collect();
            let times: Vec<_> = starts.iter().map(|start| start.took).collect();
            let budget = best_of_others.filter(|_| kind == Kind::Clarion);
            let name = format!("{}, {prefixes} prefixes, {routers} routers", kind.name());
            report(&mut Subject::new("routes", &name, &mut *sink), &starts, budget);
            if let Some(median) = percentile(&times, 50).map(|time| time.as_secs_f64() * 1000.0) {
                best_of_others = Some(best_of_others.map_or(median, |best| best.min(median)));
            }
        }
    }
    Ok(())
}

fn report(subject: &mut Subject<'_>, starts: &[Start], budget: Option<f64>) {
    let times: Vec<_> = starts.iter().map(|start| start.took).collect();
    subject.distribution("all_learned", &times, Bounds { p50: budget, ..Bounds::default() });
    let busy: Vec<_> = starts.iter().map(|start| start.busy).collect();
    subject.distribution("cpu", &busy, Bounds::default());
    let n = starts.len();
    let most = |of: fn(&Start) -> f64| starts.iter().map(of).fold(0.0, f64::max);
    subject.add("rss.peak", most(|start| start.peak), "MiB", n, None);
    let sum = |of: fn(&Stream) -> usize| starts.iter().map(|start| start.streams.iter().map(of).sum::<usize>()).max();
    subject.add("sent", sum(|stream| stream.bytes).unwrap_or_default() as f64, "bytes", n, None);
    subject.add("updates", sum(|stream| stream.updates).unwrap_or_default() as f64, "messages", n, None);
    subject.add("failed_runs", (RUNS - n) as f64, "runs", RUNS, Some(0.0));
}

impl<'a> Scene<'a> {
    fn build(options: &'a Options) -> anyhow::Result<Self> {
        let network = Network::new()?;
        let lan = network.bridge("lan")?;
        let origin = Station::build(&network, &lan, "n1", 11)?;
        let most = ROUTERS.into_iter().max().unwrap_or_default();
        let router = |number: usize| Station::build(&network, &lan, &format!("r{number}"), 20 + u8::try_from(number)?);
        let routers = (1..=most).map(router).collect::<anyhow::Result<_>>()?;
        Ok(Self { options, origin, routers })
    }

    fn start(&self, kind: Kind, prefixes: usize, routers: usize, run: usize) -> anyhow::Result<Start> {
        let directory = self.options.directory.join(format!("{}-{routers}-{run}", kind.name()));
        let origin = self.origin.four()?;
        let receivers = self.routers[..routers].iter();
        let mut receivers: Vec<_> =
            receivers.map(|station| Receiver::start(station, &directory, origin)).collect::<anyhow::Result<_>>()?;
        let peers: Vec<_> = self.routers[..routers].iter().map(Station::four).collect::<anyhow::Result<_>>()?;
        let originator = Originator::start(kind, self, &directory, prefixes, &peers)?;
        let deadline = Instant::now() + PATIENCE;
        let mut before = None;
        let mut times = vec![None; routers];
        while times.iter().any(Option::is_none) {
            ensure!(Instant::now() < deadline, "{} routers have not learned everything", routers);
            for (receiver, time) in receivers.iter_mut().zip(&mut times).filter(|(_, time)| time.is_none()) {
                let Some(began) = receiver.began() else { continue };
                if before.is_none() {
                    before = Some(Activity::of(originator.id())?);
                }
                if receiver.routes()? >= prefixes {
                    *time = Some(began.elapsed());
                }
            }
            thread::sleep(Duration::from_micros(200));
        }
        let after = Activity::of(originator.id())?;
        thread::sleep(QUIET);
        let peak = Memory::of(originator.id())?.peak;
        let streams = receivers.into_iter().map(Receiver::stop).collect::<anyhow::Result<_>>()?;
        Ok(Start {
            took: times.into_iter().flatten().max().unwrap_or_default(),
            busy: after.since(before.unwrap_or_default()).busy,
            peak,
            streams,
        })
    }

    fn binary(&self) -> &Path {
        &self.options.clarion
    }
}

/// Returns one prefix's address.
fn address(number: usize) -> Ipv4Addr {
    (u32::from(FIRST) + u32::try_from(number).expect("far fewer than 2^32 prefixes")).into()
}
