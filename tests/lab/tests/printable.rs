//! Text of tenants, administrators and routers that would rule a terminal or forge a line, through the real program to whoever reads.

use std::{
    io::{self, Read, Write},
    net::TcpListener,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use clarion::demo::speaker::STATUS_ADDRESS;
use lab::{
    manifests::Service,
    node,
    routed::{SOON, Scene},
};

/// Begins a line, clears the screen, colours it, goes back to its start, rings, deletes, starts an escape of one byte (CSI of ISO 6429),
/// and turns the direction of writing.
const CONTROLS: &str = "\nFORGED line\u{1b}[2J\u{1b}[31m\r\u{7}\u{7f}\u{9b}31m\u{202e}";

/// What follows them, longer than anybody reads.
const TAIL: usize = 2000;

/// How long the router of the test waits for the node at most.
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn text_of_others_reaches_log_metrics_and_status_escaped_and_cut() {
    let Some(mut scene) = Scene::build(&["n1"]) else { return };
    let hostile = format!("{CONTROLS}{}", "x".repeat(TAIL));
    let quoted = yaml(&hostile);
    let annotations = format!("{{metallb.io/loadBalancerIPs: {quoted}, metallb.io/address-pool: {quoted}}}");
    scene.manifests.service(Service { name: "tenant", annotations: &annotations, ..Service::default() });
    scene.peer("tor", "peerASN: 65000, peerAddress: 192.0.2.12, connectTime: 1s");
    for (name, field) in [("address", "peerAddress"), ("interface", "interface"), ("profile", "bfdProfile")] {
        let others = if field == "bfdProfile" { "peerAddress: 192.0.2.13, " } else { "" };
        scene.peer(name, &format!("peerASN: 65000, {others}{field}: {quoted}"));
    }
    let listener = scene.router.host.run(|| TcpListener::bind("192.0.2.12:179")).unwrap();
    listener.set_nonblocking(true).unwrap();
    let words = format!("{CONTROLS}router");
    let router = thread::spawn(move || say_goodbye(&listener, &words));
    scene.start();
    let node = &scene.nodes[0];
    router.join().unwrap().unwrap();
    scene.lab.eventually(SOON, "the router's words are shown", || scene.reason("tor").contains("FORGED"));
    scene.lab.eventually(SOON, "what the tenant wrote is shown", || node.fault("FORGED").is_some());

    let page = |path: &str| node.speaker().page(&node.host, path).unwrap();
    let ask = |arguments: &[&str]| {
        let mut command = Command::new(node::binary());
        command.args(["status", "--address", &STATUS_ADDRESS.to_string()]).args(arguments);
        let output = node.host.output(&mut command).unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let texts = [
        ("log", node.log()),
        ("/metrics", page("/metrics")),
        ("/status", page("/status")),
        ("clarion status", ask(&[])),
        ("clarion status --json", ask(&["--json"])),
    ];
    for (name, text) in &texts {
        let bad = text.chars().find(|c| (c.is_control() && *c != '\n') || ('\u{202a}'..='\u{202e}').contains(c));
        assert_eq!(bad, None, "{name}: {text}");
        let forged = text.lines().find(|line| line.trim_start().starts_with("FORGED"));
        assert_eq!(forged, None, "{name}: {text}");
        // The tenant's text is cut at 256 characters, and the message in which it or an administrator's stands at 1,024.
        let longest = text.split(|c| c != 'x').map(str::len).max().unwrap_or_default();
        assert!(longest <= 1024, "{name} quotes {longest} characters: {text}");
        let tenant = text.lines().filter(|line| line.contains("metallb.io/"));
        let longest = tenant.flat_map(|line| line.split(|c| c != 'x')).map(str::len).max().unwrap_or_default();
        assert!(*name == "/status" || longest <= 256, "{name} quotes {longest} characters of a tenant: {text}");
    }
    for name in ["log", "/status", "clarion status"] {
        let text = &texts.iter().find(|(other, _)| *other == name).unwrap().1;
        assert!(text.contains("FORGED") && text.contains("u001b"), "{name} shows what was written, escaped: {text}");
    }
    let status = node.status().unwrap();
    let reasons = status.peers.iter().filter_map(|peer| peer.fault.clone().or_else(|| peer.last_error.clone()));
    for text in status.faults.iter().cloned().chain(reasons) {
        assert!(!text.chars().any(char::is_control), "escaped once more than JSON does: {text:?}");
    }
}

/// Writes a text as YAML has it between quotes.
fn yaml(text: &str) -> String {
    let escape = |c: char| match c {
        ' '..='~' => c.to_string(),
        c => format!("\\u{:04x}", u32::from(c)),
    };
    format!("\"{}\"", text.chars().map(escape).collect::<String>())
}

/// Is a router that agrees to a session and ends it with words of its own (RFC 9003).
fn say_goodbye(listener: &TcpListener, words: &str) -> io::Result<()> {
    let start = Instant::now();
    let mut stream = loop {
        match listener.accept() {
            Ok((stream, _)) => break stream,
            Err(error) => assert!(start.elapsed() < PATIENCE, "the node does not connect: {error}"),
        }
        thread::sleep(Duration::from_millis(10));
    };
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let message = |kind: u8, body: &[u8]| {
        let length = u16::try_from(19 + body.len()).expect("a message is short").to_be_bytes();
        [&[0xff; 16][..], &length, &[kind], body].concat()
    };
    // Version 4, AS 65000, a hold time of 90 s, the identifier, and no capability.
    let open = message(1, &[4, 0xfd, 0xe8, 0, 90, 192, 0, 2, 12, 0]);
    let keepalive = message(4, &[]);
    let mut buffer = [0; 4096];
    assert!(stream.read(&mut buffer)? >= 29, "the node says who it is");
    stream.write_all(&[open, keepalive].concat())?;
    assert!(stream.read(&mut buffer)? >= 19, "the node agrees");
    let text = words.as_bytes();
    let shutdown = [&[6, 2, u8::try_from(text.len()).expect("the text is short")][..], text].concat();
    stream.write_all(&message(3, &shutdown))
}
