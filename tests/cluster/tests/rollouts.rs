//! What planned work costs those who use a Service: nothing.

use anyhow::{Context, ensure};
use cluster::{
    Mode, Trial, eventually,
    stage::{CONTROLLER, NAMESPACE, SOON, SPEAKER},
};

/// The image that deploy/ asks for, and another name for the same bytes.
const IMAGE: &str = "ghcr.io/clarion-lb/clarion:v0.1.0";
const NEXT: &str = "ghcr.io/clarion-lb/clarion:next";

#[test]
fn rollouts_of_one_version_and_drains_lose_no_probe() {
    let Some(trial) = Trial::start("rollouts", Mode::Nftables) else { return };
    speakers_and_controllers_are_restarted(&trial).expect("a rolling restart goes unnoticed");
    the_image_is_named_anew(&trial).expect("a rollout by another name of the image goes unnoticed");
    the_owner_is_drained(&trial).expect("a drain goes unnoticed");
    the_owner_is_drained_and_hands_over(&trial).expect("a drain with a policy moves the addresses away");
}

fn speakers_and_controllers_are_restarted(trial: &Trial) -> anyhow::Result<()> {
    let cluster = &trial.cluster;
    trial.lose_nothing_at(cluster.nodes.len(), "restart of controllers and speakers", || {
        cluster.kubectl(&["--namespace", NAMESPACE, "rollout", "restart", SPEAKER, CONTROLLER])?;
        cluster.wait_rollout(NAMESPACE, SPEAKER)?;
        cluster.wait_rollout(NAMESPACE, CONTROLLER)
    })
}

/// The bytes are the same: what is shown is that a rollout by a new image loses nothing, and not that two versions work together.
fn the_image_is_named_anew(trial: &Trial) -> anyhow::Result<()> {
    let cluster = &trial.cluster;
    for node in &cluster.nodes {
        node.run(&format!("ctr --namespace k8s.io images tag {IMAGE} {NEXT}"))?;
    }
    trial.lose_nothing_at(cluster.nodes.len(), "another name for the image of controllers and speakers", || {
        for (workload, container) in [(SPEAKER, "speaker"), (CONTROLLER, "controller")] {
            let image = format!("{container}={NEXT}");
            cluster.kubectl(&["--namespace", NAMESPACE, "set", "image", workload, &image])?;
        }
        cluster.wait_rollout(NAMESPACE, SPEAKER)?;
        cluster.wait_rollout(NAMESPACE, CONTROLLER)
    })
}

/// Without a policy a drain moves pods, and the speaker is a pod that no drain moves.
fn the_owner_is_drained(trial: &Trial) -> anyhow::Result<()> {
    let cluster = &trial.cluster;
    let owner = cluster.owner(trial.vips[0])?;
    let name = cluster.nodes[owner].name();
    trial.lose_nothing("drain of the owner", || {
        cluster.kubectl(&["drain", name, "--ignore-daemonsets", "--timeout=120s"])?;
        cluster.wait_rollout(NAMESPACE, CONTROLLER)
    })?;
    ensure!(cluster.owner(trial.vips[0])? == owner, "the address has moved, and nobody asked for that");
    cluster.kubectl(&["uncordon", name]).map(drop)
}

fn the_owner_is_drained_and_hands_over(trial: &Trial) -> anyhow::Result<()> {
    let cluster = &trial.cluster;
    let argument =
        r#"[{"op": "add", "path": "/spec/template/spec/containers/0/args/-", "value": "--drain-on=cordon"}]"#;
    cluster.kubectl(&["--namespace", NAMESPACE, "patch", SPEAKER, "--type=json", "--patch", argument])?;
    cluster.wait_rollout(NAMESPACE, SPEAKER)?;
    cluster.wait_until_reached(&trial.vips)?;
    let owners: Vec<_> = trial.vips.iter().map(|vip| cluster.owner(*vip)).collect::<Result<_, _>>()?;
    let owner = *owners.first().context("a Service with addresses")?;
    let name = cluster.nodes[owner].name();
    trial.lose_nothing_at(1, "drain of the owner, which hands over", || {
        cluster.kubectl(&["drain", name, "--ignore-daemonsets", "--timeout=120s"])?;
        let gone = || trial.vips.iter().all(|vip| cluster.owner(*vip).is_ok_and(|now| now != owner));
        eventually(SOON, "every address has left the node", gone).map(drop)
    })?;
    cluster.kubectl(&["uncordon", name]).map(drop)
}
