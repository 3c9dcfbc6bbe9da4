//! A cluster to try Clarion in, on this machine: three nodes, a client, an example Service, until Ctrl-C.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it speaks to the person who started it")]

mod doors;
mod order;
mod watch;

use std::{
    env, fs,
    net::IpAddr,
    path::{Path, PathBuf},
    process::{ExitCode, exit},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError, SyncSender},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::Context;
use clap::Parser;
use clarion::demo::sandbox::{Side, enter};
use cluster::{Cgroups, Cluster, Mode, Settings};
use doors::Doors;
use nix::sys::signal::{SigSet, Signal};
use order::Order;
use tokio::signal::unix::{SignalKind, signal};
use watch::Watch;

/// Starts a Kubernetes cluster with Clarion in a private network of this machine, and keeps it until Ctrl-C.
#[derive(Clone, Debug, Parser)]
#[command(name = "cluster", version)]
struct Options {
    /// The folder with the archives of images, which images.sh writes
    #[arg(long, value_name = "DIR", default_value = "target/cluster/images")]
    images: PathBuf,
    /// The folder for logs, and for the commands that reach into the cluster
    #[arg(long, value_name = "DIR", default_value = "target/cluster")]
    directory: PathBuf,
    /// How many nodes there are
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=100))]
    nodes: u8,
    /// Let kube-proxy work with iptables instead of nftables
    #[arg(long)]
    iptables: bool,
    /// Start an empty cluster: neither Clarion nor examples
    #[arg(long)]
    bare: bool,
}

/// What the program waits for.
#[derive(Debug)]
enum Event {
    Order(Order),
    Interrupt,
}

/// How often the answers of the example Service are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);

fn main() -> ExitCode {
    match run(Options::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("cluster: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: Options) -> anyhow::Result<ExitCode> {
    // /proc is still the machine's, even in the process that is about to be the first of a private world.
    let process = fs::read_link("/proc/self")?;
    let sweep = Cgroups::sweeper()?;
    // Ctrl-C is for the program inside, which ends the cluster in order; the one outside waits for it.
    let interrupt = SigSet::from_iter([Signal::SIGINT]);
    interrupt.thread_block()?;
    if let Side::Outside(status) = enter()? {
        // A cluster that was interrupted while it started had no time for this.
        sweep();
        return Ok(ExitCode::from(u8::try_from(status.code().unwrap_or(1))?));
    }
    interrupt.thread_unblock()?;
    inside(options, &process)?;
    Ok(ExitCode::SUCCESS)
}

fn inside(options: Options, process: &Path) -> anyhow::Result<()> {
    let Options { images, directory, nodes, iptables, bare } = options;
    // One order is carried out at a time; whoever gives more waits.
    let (sender, events) = mpsc::sync_channel(1);
    let started = Arc::new(AtomicBool::new(false));
    listen_for_interrupts(sender.clone(), Arc::clone(&started))?;
    let images = images.canonicalize().with_context(|| format!("{} is missing", images.display()))?;
    fs::create_dir_all(&directory)?;
    let proxy = if iptables { Mode::Iptables } else { Mode::Nftables };
    let settings = Settings { images, logs: directory.join("logs"), nodes, proxy };

    let start = Instant::now();
    let tell = |step: &str| println!("{:6.1} s  {step}", start.elapsed().as_secs_f64());
    let mut cluster = Cluster::start(settings, tell)?;
    let doors = Doors::open(&cluster, &directory, process)?;
    let vips = if bare { Vec::new() } else { furnish(&cluster, tell)? };
    order::listen(sender)?;
    started.store(true, Ordering::Release);
    println!("\n{}", doors.describe(&env::current_dir()?, &vips));
    serve(&mut cluster, &events, &vips)?;
    tell("taking everything down");
    drop(doors);
    drop(cluster);
    tell("nothing is left");
    Ok(())
}

/// Installs Clarion and the example, and returns the addresses that the Service got.
fn furnish(cluster: &Cluster, tell: impl Fn(&str)) -> anyhow::Result<Vec<IpAddr>> {
    cluster.install()?;
    tell("Clarion is installed from deploy/clarion.yaml: two controllers, a speaker on every node");
    for file in ["namespaces.yaml", "pools.yaml", "shop-web.yaml"] {
        cluster.example(file)?;
    }
    cluster.manifest("web.yaml")?;
    tell("pools and the Service shop/web from deploy/examples, with a pod on every node");
    let vips = cluster.addresses("shop", "web", 2)?;
    let list: Vec<_> = vips.iter().map(IpAddr::to_string).collect();
    tell(&format!("shop/web got {}", list.join(" and ")));
    cluster.wait_until_reached(&vips)?;
    for vip in &vips {
        let page = cluster.client.page(*vip).unwrap_or_default();
        tell(&format!("the client asks {vip}: {}", page.trim_end()));
    }
    Ok(vips)
}

/// Carries out orders and tells who answers, until somebody presses Ctrl-C.
fn serve(cluster: &mut Cluster, events: &Receiver<Event>, vips: &[IpAddr]) -> anyhow::Result<()> {
    let mut watch = vips.first().map(|vip| Watch::start(cluster, *vip)).transpose()?;
    loop {
        match events.recv_timeout(LOOK_EVERY) {
            Ok(Event::Order(order)) => {
                println!("{order}");
                if let Err(error) = order.carry_out(cluster) {
                    eprintln!("{order}: {error:#}");
                }
            }
            Ok(Event::Interrupt) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if let Some(watch) = &mut watch
            && let Some(news) = watch.news(cluster)?
        {
            println!("{news}");
        }
    }
}

fn listen_for_interrupts(sender: SyncSender<Event>, started: Arc<AtomicBool>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // From here on the signal is ours, and no longer ends the program by itself.
    let mut interrupts = runtime.block_on(async { signal(SignalKind::interrupt()) })?;
    thread::Builder::new().name("interrupts".to_owned()).spawn(move || {
        while runtime.block_on(interrupts.recv()).is_some() {
            if !started.load(Ordering::Acquire) {
                // The kernel takes everything down with this process; the one outside sweeps up.
                exit(130);
            }
            if sender.send(Event::Interrupt).is_err() {
                return;
            }
        }
    })?;
    Ok(())
}
