//! Writes the CustomResourceDefinitions, one file a kind: `crdgen [--check] DIR`.
//!
//! With `--check` nothing is written; the exit code is 1 if a file is missing, differs or should not be there.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool talks to its terminal")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs, io};

const USAGE: &str = "usage: crdgen [--check] DIR";

fn main() -> ExitCode {
    let (flags, directories): (Vec<String>, Vec<String>) =
        env::args().skip(1).partition(|argument| argument.starts_with('-'));
    let ([directory], true) = (directories.as_slice(), flags.iter().all(|flag| flag == "--check")) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let directory = PathBuf::from(directory);
    let outcome = if flags.is_empty() { write(&directory) } else { check(&directory) };
    outcome.unwrap_or_else(|error| {
        eprintln!("crdgen: {}: {error}", directory.display());
        ExitCode::from(2)
    })
}

fn write(directory: &Path) -> io::Result<ExitCode> {
    fs::create_dir_all(directory)?;
    let wanted = crds::definitions::files();
    for name in present(directory)?.keys().filter(|name| !wanted.contains_key(*name)) {
        fs::remove_file(directory.join(name))?;
    }
    for (name, text) in wanted {
        fs::write(directory.join(name), text)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn check(directory: &Path) -> io::Result<ExitCode> {
    let (wanted, present) = (crds::definitions::files(), present(directory)?);
    let stale: Vec<&String> = wanted
        .iter()
        .filter(|(name, text)| present.get(*name) != Some(text))
        .map(|(name, _)| name)
        .chain(present.keys().filter(|name| !wanted.contains_key(*name)))
        .collect();
    for name in &stale {
        println!("stale: {}", directory.join(name).display());
    }
    Ok(if stale.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Returns the definitions that are there already; other files of the directory are none of our business.
fn present(directory: &Path) -> io::Result<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        if name.starts_with(crds::kinds::GROUP) && name.ends_with(".yaml") {
            files.insert(name, fs::read_to_string(entry.path())?);
        }
    }
    Ok(files)
}
