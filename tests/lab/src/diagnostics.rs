//! What is kept of a failed test, beside the logs that speakers write anyway.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use clarion::demo::network::Host;

/// A host to look at, by the name of its namespace, so that it can be looked at after the test has given it up.
#[derive(Debug)]
pub struct Subject {
    name: String,
    namespace: PathBuf,
}

impl Subject {
    pub(crate) fn new(host: &Host) -> Self {
        Self { name: host.name().to_owned(), namespace: host.namespace().to_owned() }
    }
}

/// Writes the state of the switches and of every host into `directory`.
#[expect(clippy::print_stderr, reason = "a failed test must say where its remains are")]
pub fn collect(directory: &Path, subjects: &[Subject]) {
    record(&directory.join("switches.txt"), None);
    for subject in subjects {
        record(&directory.join(format!("{}.txt", subject.name)), Some(&subject.namespace));
    }
    eprintln!("the lab's logs and network state are in {}", directory.display());
}

/// Returns the panics that programs have printed into the logs below `directory`, each with its file.
pub fn panics(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut found = Vec::new();
    for path in entries {
        if path.is_dir() {
            found.extend(panics(&path));
        } else if path.extension().or_else(|| path.file_name()).is_some_and(|kind| kind == "log") {
            let text = fs::read(&path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
            let lines = text.lines().filter(|line| line.contains("panicked at"));
            found.extend(lines.map(|line| format!("{}: {line}", path.display())));
        }
    }
    found
}

fn record(file: &Path, namespace: Option<&Path>) {
    let questions: [&[&str]; 6] = [
        &["-details", "-statistics", "link"],
        &["address"],
        &["neighbour"],
        &["-4", "route", "show", "table", "all"],
        &["-6", "route", "show", "table", "all"],
        &["maddress"],
    ];
    let mut text = String::new();
    for question in questions {
        let mut command = Command::new("ip");
        if let Some(name) = namespace.and_then(Path::file_name) {
            command.arg("-netns").arg(name);
        }
        let answer = command.args(question).output();
        let answer = answer
            .map_or_else(|error| error.to_string(), |output| String::from_utf8_lossy(&output.stdout).into_owned());
        text.push_str(&format!("# ip {}\n{answer}\n", question.join(" ")));
    }
    // The test has failed already; a second failure here would hide the first.
    drop(fs::write(file, text));
}
