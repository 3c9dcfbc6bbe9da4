use super::*;

#[test]
fn the_summary_has_the_fields_that_scripts_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a/b/summary.json");
    let service = ServiceSummary {
        name: "shop/web".to_owned(),
        ips: vec!["192.0.2.129".parse().unwrap()],
        owner: "n1".to_owned(),
        owners: vec!["n1".to_owned()],
    };
    let summary = Summary {
        services: vec![service],
        failover_gap_ms: 301.5,
        failover_unanswered_ms: 310.0,
        drain_lost_probes: 0,
        bgp: Some(BgpSummary {
            connections: [("n1".to_owned(), 100), ("n2".to_owned(), 97)].into(),
            legs_gone_ms: 290.0,
            failover_gap_ms: 288.5,
            failover_lost_probes: 31,
            drain_lost_probes: 0,
        }),
    };
    summary.write(&path).unwrap();
    let read: serde_json::Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(read["services"][0]["name"], "shop/web");
    assert_eq!(read["services"][0]["ips"][0], "192.0.2.129");
    assert_eq!(read["services"][0]["owner"], "n1");
    assert_eq!(read["failover_gap_ms"], 301.5);
    assert_eq!(read["drain_lost_probes"], 0);
    assert_eq!(read["bgp"]["connections"]["n2"], 97);
    assert_eq!(read["bgp"]["failover_gap_ms"], 288.5);
    assert_eq!(read["bgp"]["drain_lost_probes"], 0);
}

#[test]
fn the_summary_goes_below_target_only_in_the_repository() {
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(default_path(directory.path()), directory.path().join("summary.json"));
    fs::create_dir_all(directory.path().join("deploy/examples")).unwrap();
    fs::write(directory.path().join("Cargo.toml"), "").unwrap();
    assert_eq!(default_path(directory.path()), directory.path().join("target/demo/summary.json"));
}
