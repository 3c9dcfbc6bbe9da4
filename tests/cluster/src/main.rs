//! A cluster to try Clarion in, on this machine: three nodes, a client, an example Service, until Ctrl-C.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it speaks to the person who started it")]

use std::{path::PathBuf, process::ExitCode, time::Instant};

use clap::Parser;
use clarion::demo::sandbox::{Side, enter};
use cluster::{Cluster, Mode, Settings};
use nix::sys::signal::{SigSet, Signal};

/// Starts a Kubernetes cluster in a private network of this machine and keeps it until Ctrl-C.
#[derive(Clone, Debug, Parser)]
#[command(name = "cluster", version)]
struct Options {
    /// The folder with the archives of images, which images.sh writes
    #[arg(long, value_name = "DIR", default_value = "target/cluster/images")]
    images: PathBuf,
    /// The folder for logs
    #[arg(long, value_name = "DIR", default_value = "target/cluster/logs")]
    logs: PathBuf,
    /// How many nodes there are
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=100))]
    nodes: u8,
    /// Let kube-proxy work with iptables instead of nftables
    #[arg(long)]
    iptables: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    match run(options) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("cluster: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: Options) -> anyhow::Result<ExitCode> {
    // The program outside waits for the one inside, which ends the cluster in order.
    let interrupt = SigSet::from_iter([Signal::SIGINT]);
    interrupt.thread_block()?;
    if let Side::Outside(status) = enter()? {
        return Ok(ExitCode::from(u8::try_from(status.code().unwrap_or(1))?));
    }
    interrupt.thread_unblock()?;
    let Options { images, logs, nodes, iptables } = options;
    let proxy = if iptables { Mode::Iptables } else { Mode::Nftables };
    let settings = Settings { images: images.canonicalize()?, logs, nodes, proxy };
    let start = Instant::now();
    let cluster = Cluster::start(settings, |step| println!("{:5.1} s  {step}", start.elapsed().as_secs_f64()))?;
    cluster.apply(
        r#"{"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "web", "namespace": "default"}, "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "cluster.local/pod:1", "args": ["serve", "7007", "8080"], "env": [{"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}]}]}}}}"#,
    )?;
    cluster.wait_rollout("default", "daemonset/web")?;
    println!("{:5.1} s ready", start.elapsed().as_secs_f64());
    println!("{}", cluster.kubectl(&["get", "pods,nodes", "-o", "wide"])?);
    Ok(ExitCode::SUCCESS)
}
