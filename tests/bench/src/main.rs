//! Measures what the design promises, beside keepalived in the same run, and says which figure is over its budget.
//!
//! Every bench runs as a process of its own in a private network, so that several can run side by side without meeting.
//! A run that fails is a figure too (`failed_runs`); nothing is left out.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a measurement speaks to the person who started it")]

mod change;
mod cluster;
mod cold_start;
mod daemon;
mod failover;
mod figure;
mod idle;
mod job;
mod kubernetes;
mod legs;
mod manifests;
mod moves;
mod plan;
mod process;
mod route_change;
mod routed;
mod routes;
mod schedule;
mod sightings;
mod size;
mod starvation;
mod wire;

use std::{
    path::PathBuf,
    process::{ExitCode, exit},
};

use anyhow::Context;
use clap::Parser;
use clarion::demo::sandbox::{Side, enter};

use job::{Bench, Job};

/// Measures the budgets of the design and prints a table of every figure.
#[derive(Clone, Debug, Parser)]
#[command(name = "bench", version)]
struct Options {
    /// The release build of `clarion`
    #[arg(long, value_name = "FILE")]
    clarion: PathBuf,
    /// Where to write the figures, one JSON object per line
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// How often each failover, drain and leave is repeated; a percentile of few runs says little
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Run only these
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<Bench>,
    /// How long the cores are oversubscribed
    #[arg(long, value_name = "MINUTES", default_value_t = 10)]
    starvation_minutes: u64,
    /// The part that this process measures
    #[arg(long, hide = true)]
    job: Option<String>,
    /// Where that part keeps manifests, states and logs
    #[arg(long, hide = true, default_value = "/run/bench")]
    directory: PathBuf,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let result = match &options.job {
        Some(job) => work(&options, job).map(|()| true),
        None => schedule::run(&options),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Measures one part inside a private world and prints its figures as JSON, one per line.
fn work(options: &Options, job: &str) -> anyhow::Result<()> {
    let job: Job = serde_json::from_str(job).with_context(|| format!("--job {job}"))?;
    match enter()? {
        Side::Inside => {}
        Side::Outside(status) => exit(status.code().unwrap_or(1)),
    }
    let mut told = Ok(());
    job.run(options, &mut |figure| {
        if told.is_ok() {
            told = serde_json::to_string(&figure).map(|line| println!("{line}"));
        }
    })?;
    told.context("cannot tell a figure")
}
