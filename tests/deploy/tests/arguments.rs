//! The manifests call the programs as the programs want to be called.
#![expect(clippy::unwrap_used, reason = "the helpers of a test end it as the test would")]

use std::collections::BTreeSet;

use clap::{Args as _, Command};
use deploy::{Object, Release};

/// Of the whole binary; every subcommand takes them.
const COMMON: [&str; 2] = ["--log-level", "--log-format"];

#[test]
fn the_speaker_takes_every_argument_that_the_chart_can_give() {
    let program = clarion::speaker::Options::augment_args(Command::new("speaker").no_binary_name(true));
    for release in [Release::standard(), Release::everything()] {
        takes(program.clone(), &arguments(&release, "DaemonSet"), "speaker");
    }
}

#[test]
fn the_controller_takes_every_argument_that_the_chart_can_give() {
    let program = clarion::controller::Options::augment_args(Command::new("controller").no_binary_name(true));
    for release in [Release::standard(), Release::everything()] {
        takes(program.clone(), &arguments(&release, "Deployment"), "controller");
    }
}

#[test]
fn the_chart_can_give_every_argument_of_the_speaker() {
    let given = arguments(&Release::everything(), "DaemonSet");
    let given: BTreeSet<&str> = given.iter().filter_map(|argument| argument.split('=').next()).collect();
    // The first three are variables of the environment, and the chart mounts the file where it is looked for.
    let elsewhere = ["--namespace", "--node-name", "--pod-name", "--exclude-file", "--kubeconfig"];
    let program = clarion::speaker::Options::augment_args(Command::new("speaker"));
    for flag in program.get_arguments().filter_map(|argument| argument.get_long()) {
        let flag = format!("--{flag}");
        assert!(given.contains(&*flag) || elsewhere.contains(&&*flag), "no value of the chart sets {flag}");
    }
}

fn takes(program: Command, arguments: &[String], name: &str) {
    let (first, rest) = arguments.split_first().unwrap();
    assert_eq!(first, name);
    let own = rest.iter().filter(|argument| !COMMON.contains(&argument.split('=').next().unwrap()));
    let parsed = program.try_get_matches_from(own);
    assert!(parsed.is_ok(), "{arguments:?}: {}", parsed.unwrap_err());
}

fn arguments(release: &Release, kind: &str) -> Vec<String> {
    let objects = release.objects().unwrap();
    let workload: &Object = objects.iter().find(|object| object.kind() == kind).unwrap();
    let list = workload.list("/spec/template/spec/containers/0/args");
    list.iter().map(|argument| argument.as_str().unwrap().to_owned()).collect()
}
