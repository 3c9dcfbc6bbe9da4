//! `clarion demo` as a user runs it.

use std::{
    fs,
    process::Command,
    time::{Duration, Instant},
};

use clarion::demo::sandbox;
use lab::{Lab, node::binary, peers::Bird};

#[test]
fn the_demo_ends_and_sums_up_what_it_has_shown() {
    let Some(lab) = Lab::new() else { return };
    let summary = lab.directory().join("summary.json");
    let start = Instant::now();
    // Without the mark the demo makes its own private world, as it does outside of tests.
    let output =
        Command::new(binary()).args(["demo", "--summary"]).arg(&summary).env_remove(sandbox::MARK).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(said.lines().last(), Some("demo: ok"));
    // Twice what it takes of a machine that does nothing else.
    assert!(start.elapsed() < Duration::from_secs(40), "it took {:?}", start.elapsed());

    let summary: serde_json::Value = serde_json::from_str(&fs::read_to_string(summary).unwrap()).unwrap();
    assert_eq!(summary["services"].as_array().map(Vec::len), Some(6));
    for service in summary["services"].as_array().unwrap() {
        assert!(!service["ips"].as_array().unwrap().is_empty(), "{service}");
        assert!(service["owner"].as_str().is_some_and(|owner| owner.starts_with('n')), "{service}");
    }
    // Twice a third of a second.
    assert!(summary["failover_gap_ms"].as_f64().is_some_and(|gap| 0.0 < gap && gap < 700.0), "{summary}");
    assert_eq!(summary["drain_lost_probes"], 0);

    if Bird::is_available() {
        let bgp = &summary["bgp"];
        let connections = bgp["connections"].as_object().unwrap();
        assert_eq!(connections.len(), 3, "{bgp}");
        assert!(connections.values().all(|count| count.as_u64() > Some(0)), "{bgp}");
        for figure in ["failover_gap_ms", "legs_gone_ms"] {
            // Twice the time in which BFD of 100 ms x 3 finds out.
            assert!(bgp[figure].as_f64().is_some_and(|time| 0.0 < time && time < 600.0), "{figure} of {bgp}");
        }
        assert_eq!(bgp["drain_lost_probes"], 0);
    }
}
