//! What strangers can do to a node through its HTTP port, and what a node that cannot work says there.

use std::fs;
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clarion::demo::speaker::fetch;
use lab::cluster::{Cluster, SOON};
use lab::manifests::Service;
use lab::{Lab, Manifests};

/// What a speaker of the chart may have.
const MEMORY: u64 = 128 << 20;

/// Returns the most memory that a process ever had.
fn most_memory(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("the process runs");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("the kernel tells the most memory");
    let kilobytes: u64 = line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("it is a number");
    kilobytes << 10
}

/// Returns a program that changes its own process and then becomes the one under test.
fn wrapper(directory: &Path, name: &str, prelude: &str) -> PathBuf {
    let path = directory.join(name);
    let text = format!("#!/bin/sh\nset -e\n{prelude} {} \"$@\"\n", lab::node::binary().display());
    fs::write(&path, text).expect("the lab's directory can be written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a file of ours can be made executable");
    path
}

#[test]
fn thousands_of_half_open_requests_from_the_lan_leave_a_speaker_its_addresses_and_its_memory() {
    let Some(lab) = Lab::new() else { return };
    let manifests = Manifests::new(&lab.directory().join("manifests"), &["n1"]);
    manifests.service(Service::default());
    let mut cluster = Cluster::build(lab, &["n1"]);
    cluster.lab.speaker(&mut cluster.nodes[0], manifests.path()).arguments(&["--metrics-address", "[::]:7472"]).start();
    cluster.settle(1);
    let node = &cluster.nodes[0];
    let target = SocketAddr::new(node.link.addresses[0].addr(), 7472);
    let half_open = cluster.client.host.run(|| {
        let connect = |_| {
            let mut stream = TcpStream::connect_timeout(&target, Duration::from_secs(1)).ok()?;
            stream.write_all(b"GET /metrics HTTP/1.1\r\nHo").ok()?;
            Some(stream)
        };
        (0..6_500).filter_map(connect).collect::<Vec<_>>()
    });
    // The lab's own limit of open files may come first.
    assert!(half_open.len() > 500, "only {} connections were opened", half_open.len());
    let asked = Instant::now();
    node.speaker().page(&node.host, "/healthz").expect("it is healthy");
    assert!(asked.elapsed() < Duration::from_millis(500), "/healthz took {:?}", asked.elapsed());
    let memory = most_memory(node.speaker().id());
    assert!(memory < MEMORY, "{} MiB", memory >> 20);
    let files = fs::read_dir(format!("/proc/{}/fd", node.speaker().id())).expect("the process runs").count();
    assert!(files < 150, "{files} files are open");
    cluster.wait_for_answers(&cluster.vips);
    drop(half_open);
    // One request is late, and the others were too many.
    cluster.lab.eventually(SOON, "a client is served again", || {
        cluster
            .client
            .host
            .run(|| fetch(target, "/metrics"))
            .is_ok_and(|text| text.contains("clarion_http_connections_dropped_total{reason=\"client_limit\"}"))
    });
    assert!(node.metric("clarion_http_connections_dropped_total", &["client_limit"]) > 400.0);
}

#[test]
fn a_speaker_without_the_right_to_raw_sockets_is_not_ready_and_logs_it_once() {
    let Some(lab) = Lab::new() else { return };
    let manifests = Manifests::new(&lab.directory().join("manifests"), &["n1"]);
    let mut cluster = Cluster::build(lab, &["n1"]);
    let without =
        wrapper(cluster.lab.directory(), "without", "exec setpriv --bounding-set=-net_raw --inh-caps=-net_raw");
    cluster.lab.speaker(&mut cluster.nodes[0], manifests.path()).binary(without).start();
    let node = &cluster.nodes[0];
    let ready = || node.host.run(|| lab_answer("/readyz"));
    cluster.lab.eventually(SOON, "it says why", || ready().is_some_and(|answer| answer.contains("CAP_NET_RAW")));
    assert!(ready().is_some_and(|answer| answer.contains(" 503 ")), "{:?}", ready());
    // It is tried again each second meanwhile.
    std::thread::sleep(Duration::from_secs(4));
    let log = fs::read_to_string(node.speaker().log()).expect("the speaker logs");
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("cannot serve ARP and NDP on")).collect();
    assert_eq!(lines.len(), 1, "{log}");
    assert!(lines[0].contains("CAP_NET_RAW"), "{}", lines[0]);
}

#[test]
fn a_speaker_without_a_key_is_not_ready_until_it_gets_one() {
    let Some(lab) = Lab::new() else { return };
    let manifests = Manifests::new(&lab.directory().join("manifests"), &["n1"]);
    manifests.remove("secret.yaml");
    let mut cluster = Cluster::build(lab, &["n1"]);
    cluster.start_speakers(&manifests);
    let node = &cluster.nodes[0];
    let ready = || node.host.run(|| lab_answer("/readyz"));
    cluster.lab.eventually(SOON, "it says why", || {
        ready().is_some_and(|answer| {
            answer.contains("503") && answer.contains("Secret metallb-system/memberlist is missing")
        })
    });
    manifests.secret("the same sixteen bytes or more");
    cluster.lab.eventually(SOON, "it is ready", || ready().is_some_and(|answer| answer.ends_with("ok\n")));
}

/// Returns the whole answer of the speaker of this host.
fn lab_answer(path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(clarion::demo::speaker::STATUS_ADDRESS).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).ok()?;
    let mut answer = String::new();
    std::io::Read::read_to_string(&mut stream, &mut answer).ok()?;
    Some(answer)
}
