//! Which parts run when: waiting ones side by side, busy ones alone.

use std::{
    env,
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
    sync::{Mutex, PoisonError},
    thread,
    time::Instant,
};

use anyhow::{Context, ensure};
use clarion::demo::sandbox::MARK;

use crate::{
    Options,
    cluster::Kind,
    failover::Fault,
    figure::{Measured, Subject, Table},
    job::Job,
};

/// Parts that run one after the other.
type Lane = Vec<Job>;

/// The file of figures, and the figures for the table.
struct Results {
    file: File,
    figures: Vec<Measured>,
}

/// Runs everything that was asked for; returns whether every part could be measured.
pub(crate) fn run(options: &Options) -> anyhow::Result<bool> {
    ensure!(options.clarion.exists(), "{} is missing; build it first", options.clarion.display());
    if let Some(directory) = options.out.parent() {
        fs::create_dir_all(directory)?;
    }
    let file = File::create(&options.out).with_context(|| format!("cannot write {}", options.out.display()))?;
    let results = Mutex::new(Results { file, figures: Vec::new() });
    for stage in stages() {
        let wanted = |job: &Job| options.only.is_empty() || options.only.contains(&job.bench());
        thread::scope(|scope| {
            for lane in stage {
                let results = &results;
                scope.spawn(move || {
                    lane.iter().filter(|job| wanted(job)).for_each(|job| run_part(options, job, results))
                });
            }
        });
    }
    let Results { figures, .. } = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    println!("{}", Table(&figures));
    let over = figures.iter().filter(|measured| measured.over_budget()).count();
    println!("{} figures, {over} over budget, in {}", figures.len(), options.out.display());
    Ok(figures.iter().all(|measured| measured.figure.metric != UNMEASURED))
}

/// The metric of a part that could not be measured.
const UNMEASURED: &str = "not_measured";

/// Returns the parts: stages follow each other, the lanes of one run side by side.
fn stages() -> Vec<Vec<Lane>> {
    use Fault::{Cut, Hang, Kill, Pull};
    let waiting = vec![
        vec![Job::Failover(Kind::Clarion, vec![Kill, Hang, Cut, Pull]), Job::Drain, Job::Leave, Job::Rolling],
        vec![Job::Failover(Kind::KeepalivedTenth, vec![Kill, Hang, Cut, Pull]), Job::Idle(10)],
        vec![Job::Failover(Kind::KeepalivedSecond, vec![Kill, Hang])],
        vec![Job::Failover(Kind::KeepalivedSecond, vec![Cut, Pull])],
        vec![Job::Legs],
    ];
    let busy = vec![
        Job::Size,
        Job::Plan,
        Job::Change(10),
        Job::Change(1000),
        Job::RouteChange(10),
        Job::RouteChange(1000),
        Job::ColdStart(10),
        Job::ColdStart(1000),
        Job::ColdStart(10_000),
        Job::Idle(10_000),
        Job::Kubernetes(10),
        Job::Kubernetes(1000),
        Job::Kubernetes(10_000),
        Job::Routes(10),
        Job::Routes(1000),
        Job::Routes(10_000),
        Job::Routes(100_000),
        Job::Starvation,
    ];
    vec![waiting, vec![busy]]
}

fn run_part(options: &Options, job: &Job, results: &Mutex<Results>) {
    let start = Instant::now();
    eprintln!("{job}: begins");
    if let Err(error) = measure(options, job, results) {
        eprintln!("{job}: {error:#}");
        let mut sink = |measured| keep(results, measured);
        let subject = format!("clarion: {job}");
        Subject::new("bench", &subject, &mut sink).add(UNMEASURED, 1.0, "parts", 1, Some(0.0));
    }
    eprintln!("{job}: took {:.0} s", start.elapsed().as_secs_f64());
}

fn measure(options: &Options, job: &Job, results: &Mutex<Results>) -> anyhow::Result<()> {
    let Options { clarion, out, runs, only: _, starvation_minutes, job: _, directory: _ } = options;
    // On the disk of the results: a speaker waits for its state to be safe, which costs nothing in a file system of memory.
    let directory = std::path::absolute(out)?.with_extension("parts").join(job.to_string().replace(' ', "-"));
    // What an earlier run left behind belongs to an earlier failure.
    drop(fs::remove_dir_all(&directory));
    let mut command = Command::new(env::current_exe()?);
    command.arg("--directory").arg(&directory);
    command.arg("--clarion").arg(fs::canonicalize(clarion)?).arg("--out").arg(out);
    command.args(["--runs", &runs.to_string(), "--starvation-minutes", &starvation_minutes.to_string()]);
    command.arg("--job").arg(serde_json::to_string(job)?);
    // Without the mark, the process makes a private world of its own inside of this one.
    let mut child = command.env_remove(MARK).stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let output = child.stdout.take().context("the pipe from a part")?;
    for line in BufReader::new(output).lines() {
        let line = line?;
        keep(results, serde_json::from_str(&line).with_context(|| format!("not a figure: {line}"))?);
    }
    let status = child.wait()?;
    ensure!(status.success(), "ended with {status}; its logs are in {}", directory.display());
    fs::remove_dir_all(&directory).or_else(|error| if directory.exists() { Err(error) } else { Ok(()) })?;
    Ok(())
}

fn keep(results: &Mutex<Results>, measured: Measured) {
    let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
    let line = serde_json::to_string(&measured.figure).expect("a figure is plain text and numbers");
    if let Err(error) = writeln!(results.file, "{line}") {
        eprintln!("cannot write a figure: {error}");
    }
    results.figures.push(measured);
}
