//! README and `docs/` cannot say something else than the program.

use std::fs;
use std::path::Path;

use clap::{Args as _, Command};
use clarion::standalone;
use speaker::peers::{Effect, Setting};

fn page(name: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
    fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn row(name: &str, kind: &str, labels: &[&str], help: &str) -> String {
    let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
    format!("| `{name}` | {kind} | {} | {help} |", labels.join(", "))
}

#[test]
fn the_table_of_metrics_is_the_programs() {
    let controller = controller::metrics::FAMILIES.iter().map(|(name, labels, help)| row(name, "gauge", labels, help));
    let counted =
        controller::kubernetes::OWN_METRICS.iter().map(|(name, kind, labels, help)| row(name, kind, labels, help));
    let own = [clarion::controller::LEADER];
    // The faults of a speaker have the same name as those of manifests.
    let of_speakers = clarion::speaker::FAMILIES.iter().filter(|family| family.name != standalone::FAULTS.name);
    let faults = [standalone::FAULTS, clarion::http::DROPPED];
    let rest = own.iter().chain(speaker::metrics::FAMILIES.iter()).chain(of_speakers).chain(&faults);
    let rows: Vec<String> = controller
        .chain(counted)
        .chain(rest.map(|family| row(family.name, family.kind, family.labels, family.help)))
        .collect();
    let metrics = page("docs/metrics.md");
    let written: Vec<&str> =
        metrics.lines().filter(|line| line.starts_with("| `metallb_") || line.starts_with("| `clarion_")).collect();
    assert_eq!(written, rows, "the rows that belong into docs/metrics.md:\n{}\n", rows.join("\n"));
}

#[test]
fn the_table_of_edits_is_what_the_speaker_does() {
    let row = |setting: Setting| {
        let fields: Vec<String> = setting.fields().iter().map(|field| format!("`{field}`")).collect();
        let effect = match setting.effect() {
            Effect::NewSession => "**ends it**; another one is opened",
            Effect::NextSession => "waits for the next session",
            Effect::AtOnce => "taken over at once",
        };
        format!("| {} | {} | {effect} | {} |", setting, fields.join(", "), setting.remark().unwrap_or_default())
    };
    let rows: Vec<String> = Setting::ALL.into_iter().map(row).collect();
    let text = rows.join("\n");
    assert!(
        page("docs/session-edits.md").contains(&text),
        "the rows that belong into docs/session-edits.md:\n{text}\n"
    );
}

#[test]
fn every_flag_of_standalone_is_in_the_table_with_its_default() {
    let page = page("docs/standalone.md");
    for argument in standalone::Options::augment_args(Command::new("standalone")).get_arguments() {
        let Some(flag) = argument.get_long() else { continue };
        let row = page.lines().find(|line| line.starts_with(&format!("| `--{flag}")));
        let row = row.unwrap_or_else(|| panic!("docs/standalone.md has no row for --{flag}"));
        for default in argument.get_default_values().iter().filter_map(|default| default.to_str()) {
            if !argument.get_action().takes_values() {
                continue;
            }
            assert!(row.contains(&format!("`{default}`")), "{row} does not say that the default is {default}");
        }
    }
}
