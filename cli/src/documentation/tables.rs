//! Tables of the pages that repeat what the code declares.

use std::collections::BTreeSet;

use ::speaker::exclusion::DEFAULT_PATTERNS;
use ::speaker::peers::{Effect, Setting};
use clap::{Args, Command};
use clarion::{controller, speaker, standalone};
use crds::reasons::AllocatedReason;
use members::DropReason;

use super::pages::Page;

fn row(name: &str, kind: &str, labels: &[&str], help: &str) -> String {
    let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
    format!("| `{name}` | {kind} | {} | {help} |", labels.join(", "))
}

/// Returns the lines of a page that begin so.
fn rows<'a>(page: &'a Page, beginnings: &[&str]) -> Vec<&'a str> {
    page.text.lines().filter(|line| beginnings.iter().any(|beginning| line.starts_with(beginning))).collect()
}

/// Returns what stands between the first backquotes of each line of a table.
fn names(page: &Page, heading: &str) -> Vec<String> {
    let section = page.text.split(&format!("\n## {heading}\n")).nth(1).expect("the heading is there");
    let section = section.split("\n## ").next().unwrap_or_default();
    let first = |line: &str| Some(line.strip_prefix("| `")?.split('`').next()?.to_owned());
    section.lines().filter_map(first).collect()
}

#[test]
fn the_table_of_metrics_is_the_programs() {
    let controller =
        ::controller::metrics::FAMILIES.iter().map(|(name, labels, help)| row(name, "gauge", labels, help));
    let counted =
        ::controller::kubernetes::OWN_METRICS.iter().map(|(name, kind, labels, help)| row(name, kind, labels, help));
    let own = [controller::LEADER];
    // The faults of a speaker have the same name as those of manifests.
    let of_speakers = speaker::FAMILIES.iter().filter(|family| family.name != standalone::FAULTS.name);
    let faults = [standalone::FAULTS, clarion::http::DROPPED];
    let rest = own.iter().chain(::speaker::metrics::FAMILIES.iter()).chain(of_speakers).chain(&faults);
    let expected: Vec<String> = controller
        .chain(counted)
        .chain(rest.map(|family| row(family.name, family.kind, family.labels, family.help)))
        .collect();
    let page = Page::read("docs/metrics.md");
    let written = rows(&page, &["| `metallb_", "| `clarion_"]);
    assert_eq!(written, expected, "the rows that belong into {}:\n{}\n", page.name, expected.join("\n"));
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
    let expected: Vec<String> = Setting::ALL.into_iter().map(row).collect();
    let text = expected.join("\n");
    let page = Page::read("docs/session-edits.md");
    assert!(page.text.contains(&text), "the rows that belong into {}:\n{text}\n", page.name);
}

/// Holds the one table of flags of a page to the flags of a command.
fn check_flags<T: Args>(name: &str) {
    let page = Page::read(name);
    let written = rows(&page, &["| `--"]);
    let mut known = BTreeSet::new();
    for argument in T::augment_args(Command::new("clarion")).get_arguments() {
        let Some(flag) = argument.get_long() else { continue };
        let is_row =
            |line: &&&str| line.strip_prefix("| `--").and_then(|rest| rest.split([' ', '`']).next()) == Some(flag);
        let row = written.iter().find(is_row).unwrap_or_else(|| panic!("{name} has no row for --{flag}"));
        known.insert(*row);
        for default in argument.get_default_values().iter().filter_map(|default| default.to_str()) {
            if default.is_empty() || !argument.get_action().takes_values() {
                continue;
            }
            assert!(row.contains(&format!("`{default}`")), "{name}: {row} does not say that the default is {default}");
        }
    }
    let unknown: Vec<&&str> = written.iter().filter(|row| !known.contains(**row)).collect();
    assert!(unknown.is_empty(), "{name}: no flag is called so: {unknown:?}");
}

#[test]
fn every_flag_of_standalone_is_in_its_table_with_its_default() {
    check_flags::<standalone::Options>("docs/standalone.md");
}

#[test]
fn every_flag_of_a_speaker_is_in_its_table_with_its_default() {
    check_flags::<speaker::Options>("README.md");
}

#[test]
fn every_flag_of_a_controller_is_in_its_table_with_its_default() {
    check_flags::<controller::Options>("docs/allocation.md");
}

#[test]
fn every_reason_of_an_allocation_is_in_the_table() {
    let written = names(&Page::read("docs/allocation.md"), "Why a Service waits");
    assert_eq!(written, AllocatedReason::ALL.map(AllocatedReason::as_str));
}

#[test]
fn every_reason_to_refuse_a_heartbeat_is_in_the_table() {
    let written = names(&Page::read("docs/layer2.md"), "Heartbeats that are not accepted");
    assert_eq!(written, DropReason::ALL.map(DropReason::as_str));
}

#[test]
fn the_interfaces_that_are_left_out_are_the_programs() {
    let list: Vec<String> = DEFAULT_PATTERNS.iter().map(|pattern| format!("`{pattern}`")).collect();
    let page = Page::read("docs/layer2.md");
    assert!(page.text.contains(&format!("{}.\n", list.join(", "))), "{} does not list {list:?}", page.name);
}

#[test]
fn every_annotation_of_a_service_is_in_the_readme() {
    let readme = Page::read("README.md");
    for annotation in [
        crds::annotations::ADDRESS_POOL,
        crds::annotations::LOAD_BALANCER_IPS,
        crds::annotations::ALLOW_SHARED_IP,
        crds::annotations::ALLOCATED_FROM,
    ] {
        assert!(readme.text.contains(&format!("| `{annotation}`")), "README.md has no row for {annotation}");
    }
}

#[test]
fn the_ports_are_in_the_readme() {
    let readme = Page::read("README.md");
    let ports = [::speaker::DEFAULT_HEARTBEAT_PORT.into(), 179, 3784, 4784, 3785, 9120, 17472_u32];
    for port in ports {
        let is_row = |line: &str| line.starts_with("| UDP ") || line.starts_with("| TCP ");
        let named = readme.text.lines().filter(|line| is_row(line)).any(|line| {
            let first = line.split('|').nth(1).unwrap_or_default();
            first.split([' ', ',']).any(|word| word == port.to_string())
        });
        assert!(named, "README.md has no row for port {port}");
    }
}
