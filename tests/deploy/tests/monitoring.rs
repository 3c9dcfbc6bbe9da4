//! Alerts and dashboards ask for metrics that exist: an alert on anything else never fires, and nobody notices.
#![expect(clippy::unwrap_used, reason = "the helpers of a test end it as the test would")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use deploy::{Release, files, folder, repository, run};
use regex::Regex;
use serde_json::Value;
use tempfile::TempDir;

/// Every metric with its labels, as `docs/metrics.md` lists them; a test of the program keeps that list true.
fn metrics() -> Vec<(String, BTreeSet<String>)> {
    let row = Regex::new(r"^\| `((?:metallb|clarion)_\w+)` \| \w+ \| ([^|]*) \|").unwrap();
    let page = fs::read_to_string(repository().join("docs/metrics.md")).unwrap();
    let labels = |list: &str| list.split(',').map(|label| label.trim().trim_matches('`').to_owned()).collect();
    page.lines().filter_map(|line| row.captures(line)).map(|found| (found[1].to_owned(), labels(&found[2]))).collect()
}

/// Every expression of the alerts and of the dashboards, with where it is.
fn expressions() -> Vec<(String, String)> {
    let objects = Release::everything().objects().unwrap();
    let rules = objects.iter().find(|object| object.kind() == "PrometheusRule").unwrap();
    let mut found = Vec::new();
    for rule in rules.list("/spec/groups/0/rules") {
        found.push((rule["alert"].as_str().unwrap().to_owned(), rule["expr"].as_str().unwrap().to_owned()));
    }
    for file in files(&folder().join("dashboards"), "json").unwrap() {
        let dashboard: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        for panel in dashboard["panels"].as_array().unwrap() {
            for target in panel["targets"].as_array().unwrap() {
                let place = format!("{}: {}", file.display(), panel["title"]);
                found.push((place, target["expr"].as_str().unwrap().to_owned()));
            }
        }
    }
    found
}

#[test]
fn every_metric_that_is_asked_for_exists() {
    let sources: String =
        ["controller/src", "speaker/src", "cli/src"].iter().map(|folder| text(&repository().join(folder))).collect();
    let name = Regex::new(r"\b(?:metallb|clarion)_\w+").unwrap();
    let expressions = expressions();
    assert!(expressions.len() > 30, "the expressions were not found");
    for (place, expression) in expressions {
        for metric in name.find_iter(&expression) {
            let exported = sources.contains(&format!("\"{}\"", metric.as_str()));
            assert!(exported, "{place} asks for {}, which nobody exports", metric.as_str());
        }
    }
}

#[test]
fn every_selector_names_labels_that_the_metric_has() {
    let metrics = metrics();
    let selector = Regex::new(r"\b((?:metallb|clarion)_\w+)\{([^}]*)\}").unwrap();
    let label = Regex::new(r#"(\w+)(?:=~|!~|!=|=)""#).unwrap();
    for (place, expression) in expressions() {
        for found in selector.captures_iter(&expression) {
            let Some((_, labels)) = metrics.iter().find(|(name, _)| *name == found[1]) else { continue };
            for used in label.captures_iter(&found[2]) {
                // These come from Prometheus.
                let scraped = ["namespace", "pod"].contains(&&used[1]);
                assert!(scraped || labels.contains(&used[1]), "{place}: {} has no label {}", &found[1], &used[1]);
            }
        }
    }
}

#[test]
fn every_alert_says_what_is_wrong_and_how_bad_it_is() {
    let objects = Release::everything().objects().unwrap();
    let rules = objects.iter().find(|object| object.kind() == "PrometheusRule").unwrap();
    for rule in rules.list("/spec/groups/0/rules").iter().filter(|rule| rule["alert"] != "Mine") {
        for field in ["summary", "description"] {
            let text = rule["annotations"][field].as_str().unwrap_or_default();
            assert!(text.len() > 20, "{rule} has no {field}");
        }
        assert!(rule["labels"]["severity"].is_string(), "{rule} has no severity");
    }
}

/// Series over time and the alerts that fire on them, in the language of `promtool test rules`.
#[test]
#[expect(clippy::print_stdout, reason = "the end of a run lists what was skipped")]
fn alerts_fire_on_what_they_mean_and_on_nothing_else() {
    if Command::new("promtool").arg("--version").output().is_err() {
        let required = std::env::var("CLARION_LAB").is_ok_and(|value| value == "required");
        assert!(!required, "promtool is not installed; it comes with Debian's package prometheus");
        println!("skipped: promtool is not installed; it comes with Debian's package prometheus");
        return;
    }
    let release = Release::standard()
        .set("prometheus.prometheusRule.enabled=true")
        .set("prometheus.prometheusRule.serviceWithoutEndpoints.enabled=true");
    let objects = release.objects().unwrap();
    let rules = objects.iter().find(|object| object.kind() == "PrometheusRule").unwrap();
    let scratch = TempDir::new().unwrap();
    // JSON is YAML.
    fs::write(scratch.path().join("rules.yaml"), rules["spec"].to_string()).unwrap();
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("alerts.yaml");
    fs::copy(cases, scratch.path().join("alerts.yaml")).unwrap();
    run(Command::new("promtool").args(["test", "rules", "alerts.yaml"]).current_dir(scratch.path())).unwrap();
}

#[test]
fn the_dashboards_in_the_chart_are_loaded_by_name() {
    let objects = Release::everything().objects().unwrap();
    for file in files(&folder().join("dashboards"), "json").unwrap() {
        let name = file.file_name().unwrap().to_str().unwrap();
        let map = objects.iter().find(|object| !object["data"][name].is_null()).unwrap();
        let dashboard: Value = serde_json::from_str(map["data"][name].as_str().unwrap()).unwrap();
        assert_eq!(dashboard, serde_json::from_slice::<Value>(&fs::read(&file).unwrap()).unwrap());
        assert_eq!(map["metadata"]["labels"]["grafana_dashboard"], "1");
    }
}

/// All Rust sources below a folder, one after the other.
fn text(folder: &Path) -> String {
    let entries = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
    entries
        .map(|path| match path.extension() {
            _ if path.is_dir() => text(&path),
            Some(extension) if extension == "rs" => fs::read_to_string(&path).unwrap(),
            _ => String::new(),
        })
        .collect()
}
