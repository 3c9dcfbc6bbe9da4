//! The exit codes of `clarion plan`, which scripts decide by.

use std::io::Write as _;
use std::process::{Command, Stdio};

const POOL: &str = "apiVersion: metallb.io/v1beta1\nkind: IPAddressPool\nmetadata: {name: lan, namespace: metallb-system}\n\
                    spec: {addresses: [192.0.2.0/30]}\n";

/// Runs the program and returns its exit code and what it printed.
fn clarion(arguments: &[&str], input: &str) -> (i32, String) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_clarion"));
    let mut child = program
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program was just built");
    let mut stdin = child.stdin.take().expect("it is a pipe");
    // A program that refuses its arguments reads nothing.
    drop(stdin.write_all(input.as_bytes()));
    drop(stdin);
    let output = child.wait_with_output().expect("the program ends");
    let text = String::from_utf8(output.stdout).expect("it prints text");
    (output.status.code().expect("no signal ends it"), text)
}

fn service(ip: &str) -> String {
    format!(
        "{POOL}---\napiVersion: v1\nkind: Service\nmetadata: {{name: web}}\nspec: {{type: LoadBalancer, ports: [{{port: 80}}]}}\n\
         status: {{loadBalancer: {{ingress: [{{ip: {ip}}}]}}}}\n"
    )
}

#[test]
fn scripts_can_tell_a_quiet_change_from_a_fault_and_from_a_move() {
    let plan = |input: &str| clarion(&["plan", "-f", "-"], input).0;
    assert_eq!(plan(&service("192.0.2.1")), 0);
    assert_eq!(plan(&service("192.0.2.1").replace("addresses:", "adresses:")), 1);
    assert_eq!(plan(""), 1);
    assert_eq!(plan(&service("192.0.2.9")), 2);
}

#[test]
fn a_wrong_command_line_is_no_move() {
    assert_eq!(clarion(&["plan"], "").0, 1);
    assert_eq!(clarion(&["plan", "-f", "-", "--keep-rest"], POOL).0, 1);
    let (code, text) = clarion(&["plan", "--help"], "");
    assert_eq!(code, 0);
    assert!(text.contains("Exit codes: 0, nothing is disrupted; 1,"), "{text}");
}
