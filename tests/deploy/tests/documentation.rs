//! Values, alerts and policies in README and `docs/` are those of the chart.
#![expect(clippy::unwrap_used, reason = "the helpers of a test end it as the test would")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use deploy::{Object, Release, files, folder, read, repository};
use regex::Regex;
use serde_json::Value;
use tempfile::TempDir;

/// The pages for users, by name.
fn pages() -> BTreeMap<String, String> {
    let docs = files(&repository().join("docs"), "md").unwrap();
    let all = docs.into_iter().chain([repository().join("README.md")]);
    all.map(|path| (path.display().to_string(), fs::read_to_string(&path).unwrap())).collect()
}

fn rules() -> Vec<Object> {
    let release = Release::standard()
        .set("prometheus.prometheusRule.enabled=true")
        .set("prometheus.prometheusRule.serviceWithoutEndpoints.enabled=true");
    release.objects().unwrap().into_iter().filter(|object| object.kind() == "PrometheusRule").collect()
}

#[test]
fn values_that_a_page_shows_are_values_of_the_chart() {
    let block = Regex::new(r"(?s)\n```yaml\n(.*?)\n```").unwrap();
    let mut seen = 0;
    for (page, text) in pages() {
        for found in block.captures_iter(&text).filter(|found| !found[1].contains("apiVersion:")) {
            seen += 1;
            let scratch = TempDir::new().unwrap();
            let file = scratch.path().join("values.yaml");
            fs::write(&file, &found[1]).unwrap();
            Release::standard().values(&file).objects().unwrap_or_else(|error| panic!("{page}: {error:#}"));
        }
    }
    assert!(seen > 0, "the values were not found");
}

#[test]
fn every_alert_is_described_with_its_severity() {
    let row = Regex::new(r"(?m)^\| `((?:MetalLB|Clarion)\w+)` \| (\w+) \|").unwrap();
    let page = fs::read_to_string(repository().join("docs/metrics.md")).unwrap();
    let described: BTreeSet<(String, String)> =
        row.captures_iter(&page).map(|found| (found[1].to_owned(), found[2].to_owned())).collect();
    let field = |value: &Value| value.as_str().unwrap().to_owned();
    let rules = rules();
    let installed = rules[0].list("/spec/groups/0/rules");
    let installed: BTreeSet<(String, String)> =
        installed.iter().map(|rule| (field(&rule["alert"]), field(&rule["labels"]["severity"]))).collect();
    assert_eq!(described, installed);
}

#[test]
fn alerts_that_a_page_names_exist() {
    let name = Regex::new(r"`((?:MetalLB|Clarion)[A-Z]\w+)`").unwrap();
    let rules = rules();
    let alerts: BTreeSet<&str> =
        rules[0].list("/spec/groups/0/rules").iter().map(|rule| rule["alert"].as_str().unwrap()).collect();
    for (page, text) in pages() {
        for found in name.captures_iter(&text) {
            let known = alerts.iter().any(|alert| alert.starts_with(&found[1]));
            assert!(known, "{page} names {}, which is no alert", &found[1]);
        }
    }
}

#[test]
fn every_reason_not_to_announce_is_described() {
    let token = Regex::new(r#"=> "([a-z]\w+)""#).unwrap();
    let sources =
        ["speaker/announce/src/verdict.rs", "speaker/announce/src/exclusion.rs", "speaker/src/unannounced.rs"];
    let sources = sources.map(|file| fs::read_to_string(repository().join(file)).unwrap()).concat();
    // Services of others and without an IP have no series.
    let unseen = ["unknownService", "notLoadBalancer", "otherClass", "noAddress"];
    let declared: BTreeSet<&str> = token.captures_iter(&sources).map(|found| found.get(1).unwrap().as_str()).collect();
    let declared: BTreeSet<&str> = declared.into_iter().filter(|token| !unseen.contains(token)).collect();
    assert!(declared.len() > 15, "the reasons were not found");
    let page = fs::read_to_string(repository().join("docs/metrics.md")).unwrap();
    let section = page.split("\n## Why a node does not announce\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let cells = section.lines().filter(|line| line.starts_with("| `")).map(|line| line.split('|').nth(1).unwrap());
    assert_eq!(cells.flat_map(code).collect::<BTreeSet<&str>>(), declared);
}

#[test]
fn metrics_that_a_page_names_are_in_the_table() {
    let name = Regex::new(r"\b((?:metallb|clarion)_[a-z0-9_]+[a-z0-9])\b").unwrap();
    let table = fs::read_to_string(repository().join("docs/metrics.md")).unwrap();
    for (page, text) in pages() {
        for found in name.captures_iter(&text) {
            assert!(
                table.contains(&format!("\n| `{}` |", &found[1])),
                "{page} names {}, which nobody exports",
                &found[1]
            );
        }
    }
}

/// Returns what stands between backquotes.
fn code(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// Writes a value as a table shows it.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(", ")),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

#[test]
fn the_values_in_the_readme_are_values_of_the_chart_with_their_defaults() {
    let values = read(&folder().join("helm/clarion/values.yaml")).unwrap();
    let readme = fs::read_to_string(repository().join("README.md")).unwrap();
    let table = readme.split("| value | default | |\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let mut compared = 0;
    for row in table.lines().skip(1) {
        let mut cells = row.split('|').skip(1);
        let (keys, defaults) = (code(cells.next().unwrap()), code(cells.next().unwrap()));
        let parent = keys[0].rsplit_once('.').map_or("", |(parent, _)| parent);
        for (number, key) in keys.iter().enumerate() {
            let path = if key.starts_with('.') { format!("{parent}{key}") } else { (*key).to_owned() };
            let value = values.pointer(&format!("/{}", path.replace('.', "/")));
            let value = value.unwrap_or_else(|| panic!("the chart has no value {path}"));
            if let Some(default) = defaults.get(number) {
                compared += 1;
                assert_eq!(shown(value), *default, "the default of {path}");
            }
        }
    }
    assert!(compared > 5, "the defaults were not found");
}
