//! `clarion plan`: what manifests would do, without a cluster.
//!
//! Reading, compiling and allocating are those of `clarion standalone` and the controller, and what an edit does to a session is
//! what the speaker does.

mod print;
mod services;
mod sessions;
mod side;
#[cfg(test)]
mod tests;

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use crds::checked::Compiler;
use serde::Serialize;
use speaker::peers::{Effect, Setting};

use crate::manifests::Subject;
use services::ServiceChange;
use sessions::SessionChange;
use side::Side;

/// Shows what manifests would do: which Service gets which IP, which ones move, and which BGP sessions end.
///
/// Nothing is asked of a cluster and nothing is changed.
///
/// Exit codes: 0, nothing is disrupted; 1, the manifests have faults or cannot be read, or the command line is wrong;
/// 2, an IP moves or is lost, or a BGP session ends.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// The manifests to plan: a file, a directory as `standalone --manifests` takes it, or - for standard input
    #[arg(short = 'f', long = "filename", value_name = "NEW")]
    pub new: PathBuf,
    /// What is there at present, in the same forms, such as the output of `kubectl get -o yaml`. IPs in the status of Services are
    /// the ones held; Services without any are planned first. Without this, the status in NEW says what is held
    #[arg(long = "from", value_name = "OLD")]
    pub old: Option<PathBuf>,
    /// What OLD has and NEW does not name stays, as with `kubectl apply`; otherwise it goes
    #[arg(long, requires = "old")]
    pub keep_rest: bool,
    /// Namespace whose custom resources and secrets count
    #[arg(long, value_name = "NAMESPACE", default_value = "metallb-system")]
    pub namespace: String,
    /// Plan Services of this loadBalancerClass only; without it, only Services without a class
    #[arg(long, value_name = "CLASS")]
    pub lb_class: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// What stands for standard input.
const STDIN: &str = "-";

/// What a plan comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// Every IP stays where it is, and every session up.
    Undisturbed,
    /// The manifests have faults.
    Faulty,
    /// An IP moves or is lost, or a session ends.
    Disruptive,
}

impl From<Verdict> for ExitCode {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Undisturbed => Self::SUCCESS,
            Verdict::Faulty => Self::FAILURE,
            Verdict::Disruptive => Self::from(2),
        }
    }
}

/// Everything there is to say.
#[derive(Debug, Clone, Serialize)]
struct Report {
    verdict: Verdict,
    /// What is wrong with NEW.
    faults: Vec<String>,
    /// What may be meant otherwise, and what was assumed.
    notes: Vec<String>,
    services: Vec<ServiceChange>,
    /// What happens to the sessions of each peer, where there is something to compare with.
    #[serde(skip_serializing_if = "Option::is_none")]
    sessions: Option<Vec<SessionChange>>,
    /// The edits of a peer that end its sessions, where there is nothing to compare with.
    #[serde(skip_serializing_if = "Option::is_none")]
    edits_that_end_sessions: Option<Vec<CostlyEdit>>,
}

/// A setting of a peer whose change ends its sessions.
#[derive(Debug, Clone, Serialize)]
struct CostlyEdit {
    fields: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remark: Option<&'static str>,
}

/// Plans and prints.
///
/// # Errors
/// Fails when the manifests cannot be read at all, or hold nothing, or when nothing can be printed.
pub fn run(options: &Options, mut stdin: impl Read, out: &mut impl Write) -> anyhow::Result<Verdict> {
    let is_stdin = |path: &Path| path == Path::new(STDIN);
    if is_stdin(&options.new) && options.old.as_deref().is_some_and(is_stdin) {
        bail!("-f and --from cannot both be standard input; write one of them into a file");
    }
    let mut new = side::read(&options.new, &mut stdin)?;
    ensure!(
        !new.objects.is_empty() || !new.faults.is_empty(),
        "{} has no object that Clarion reads; name the file or directory with the manifests",
        options.new.display()
    );
    let mut old = options.old.as_ref().map(|old| side::read(old, &mut stdin)).transpose()?;
    let mut notes = Vec::new();
    if let Some(old) = &mut old {
        // What was there before cannot be told by halves.
        if let Some(fault) = old.faults.iter().find(|fault| fault.subject == Subject::Text) {
            bail!("--from: {fault}");
        }
        notes.extend(old.faults.iter().map(|fault| format!("--from: {fault}")));
        side::complete(&mut new, old, options.keep_rest);
        side::complete(old, &new, false);
    }
    let mut compiler = Compiler::default();
    let old = old.map(|loaded| Side::compile(loaded, &mut compiler, options));
    let new = Side::compile(new, &mut compiler, options);
    let report = report(old.as_ref(), &new, notes);
    if options.json {
        serde_json::to_writer_pretty(&mut *out, &report).context("print the plan")?;
        writeln!(out)?;
    } else {
        print::print(&report, out)?;
    }
    Ok(report.verdict)
}

fn report(old: Option<&Side>, new: &Side, mut notes: Vec<String>) -> Report {
    let mut faults = new.faults.clone();
    notes.extend(new.notes.iter().cloned());
    let services = services::changes(old, new, &mut faults);
    let sessions = sessions::changes(old, new, &mut faults, &mut notes);
    let disruptive =
        services.iter().any(|service| service.change.disrupts()) || sessions.iter().any(|it| it.change.disrupts());
    let verdict = match (faults.is_empty(), disruptive) {
        (false, _) => Verdict::Faulty,
        (true, true) => Verdict::Disruptive,
        (true, false) => Verdict::Undisturbed,
    };
    let has_peers = !new.compiled.config.peers.is_empty();
    Report {
        verdict,
        faults,
        notes,
        services,
        edits_that_end_sessions: (old.is_none() && has_peers).then(costly_edits),
        sessions: old.map(|_| sessions),
    }
}

/// Returns the edits that end sessions, as the speaker has them.
fn costly_edits() -> Vec<CostlyEdit> {
    let costly = Setting::ALL.into_iter().filter(|setting| setting.effect() == Effect::NewSession);
    costly.map(|setting| CostlyEdit { fields: setting.fields().to_vec(), remark: setting.remark() }).collect()
}
