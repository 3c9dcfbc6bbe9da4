//! What CI makes of the report of a run.

use std::fs;
use std::process::Command;

use deploy::repository;
use tempfile::TempDir;

/// Returns whether a report with one test passes, and what is said of it.
fn judge(test: &str) -> (bool, String) {
    let scratch = TempDir::new().expect("a directory can be made");
    let report = scratch.path().join("junit.xml");
    fs::write(&report, format!("<testsuites><testsuite>\n{test}\n</testsuite></testsuites>\n"))
        .expect("a file can be written");
    let output = Command::new(repository().join(".ci/outputs")).arg(&report).output().expect("bash and awk are there");
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn a_panic_that_a_test_printed_and_did_not_ask_for_fails_the_run() {
    let panic = "thread 'bfd' panicked at session.rs:75:9:\n";
    let passed = |name: &str, output: &str| {
        format!(
            "<testcase name=\"{name}\" classname=\"a\"><system-out></system-out><system-err>{output}</system-err></testcase>"
        )
    };
    let (fine, text) = judge(&passed("tests::it_works", panic));
    assert!(!fine && text.contains("tests::it_works"), "{text}");
    assert!(judge(&passed("tests::a_panic_is_told", panic)).0, "its name asks for one");
    assert!(judge(&passed("tests::it_works", "fine")).0);
    let failed = format!("<testcase name=\"it_fails\"><failure type=\"test failure\">{panic}</failure></testcase>");
    assert!(judge(&failed).0, "nextest has said so already");
    let (fine, text) = judge(&passed("lab", "skipped: no namespaces\n"));
    assert!(fine && text.contains("lab: skipped: no namespaces"), "{text}");
}
