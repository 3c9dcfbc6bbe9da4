//! What failures cost those who use a Service.

use std::{env, thread, time::Duration};

use anyhow::{Context, ensure};
use cluster::{
    Mode, Trial, eventually,
    kubectl::PATIENCE,
    stage::{NAMESPACE, SOON, SPEAKER},
    trial::Seen,
};

/// How long an address may stay unanswered when its owner is lost: twice the 0.6 s that all but one of a hundred are promised, on a
/// machine that does the work of three nodes.
const TAKEOVER: Duration = Duration::from_millis(1200);

/// How long the API server is silent, in seconds; `make e2e` has the five minutes that operators fear.
const BLACKOUT: &str = "CLARION_BLACKOUT";

#[test]
fn failures_cost_a_takeover_at_most() {
    let Some(mut trial) = Trial::start("failures", Mode::Nftables) else { return };
    a_speaker_pod_is_deleted(&trial).expect("a deleted pod hands over");
    a_speaker_is_killed(&trial).expect("a killed speaker is replaced");
    a_speaker_runs_out_of_memory(&trial).expect("a speaker without memory is replaced");
    the_api_server_falls_silent(&trial).expect("nobody needs the API server to take over");
    a_kubelet_dies(&trial).expect("pods go on without their kubelet");
    the_owner_loses_power(&mut trial).expect("another node takes over");
}

fn a_speaker_pod_is_deleted(trial: &Trial) -> anyhow::Result<()> {
    let cluster = &trial.cluster;
    let owner = cluster.owner(trial.vips[0])?;
    let pod = cluster.pod_on("speaker", owner)?;
    trial.lose_nothing_at(1, "deletion of the owner's speaker", || {
        cluster.kubectl(&["--namespace", NAMESPACE, "delete", "pod", &pod])?;
        cluster.wait_rollout(NAMESPACE, SPEAKER)
    })
}

/// Clients that know the way go on: kube-proxy has not died.
fn a_speaker_is_killed(trial: &Trial) -> anyhow::Result<()> {
    let owner = trial.cluster.owner(trial.vips[0])?;
    let restarts = restarts(trial, owner)?;
    let seen = trial.observe(|| {
        trial.cluster.nodes[owner].run(&format!("kill -KILL {}", speaker_process(trial, owner)?))?;
        wait_for_restart(trial, owner, restarts)
    })?;
    assert_takeover(trial, "speaker killed", &seen)
}

fn a_speaker_runs_out_of_memory(trial: &Trial) -> anyhow::Result<()> {
    let cluster = &trial.cluster;
    let owner = cluster.owner(trial.vips[0])?;
    let restarts = restarts(trial, owner)?;
    let process = speaker_process(trial, owner)?;
    let seen = trial.observe(|| {
        let node = &cluster.nodes[owner];
        eventually(SOON, "the kernel kills the speaker", || {
            // Part of what it needs may be in use by the moment, so that the first try finds too much.
            drop(node.run(&crowd_out(process)));
            node.run(&format!("kill -0 {process}")).is_err()
        })?;
        wait_for_restart(trial, owner, restarts)
    })?;
    let reason = "--output=jsonpath={.status.containerStatuses[0].lastState.terminated.reason}";
    let pod = cluster.pod_on("speaker", owner)?;
    let said = cluster.kubectl(&["--namespace", NAMESPACE, "get", "pod", &pod, reason])?;
    ensure!(said == "OOMKilled", "the speaker ended by {said}");
    assert_takeover(trial, "speaker out of memory", &seen)
}

fn the_api_server_falls_silent(trial: &Trial) -> anyhow::Result<()> {
    let cluster = &trial.cluster;
    let seconds = env::var(BLACKOUT).map_or(Ok(20), |seconds| seconds.parse())?;
    let half = Duration::from_secs(seconds) / 2;
    let owner = cluster.owner(trial.vips[0])?;
    let seen = trial.observe(|| {
        cluster.control_plane.pause()?;
        thread::sleep(half);
        cluster.nodes[owner].unplug()?;
        let gone = || trial.vips.iter().all(|vip| cluster.owner(*vip).is_ok_and(|now| now != owner));
        eventually(SOON, "another node answers without an API server", gone)?;
        thread::sleep(half);
        cluster.control_plane.resume()?;
        cluster.nodes[owner].plug()
    })?;
    assert_takeover(trial, "failover in a blackout", &seen)?;
    cluster.wait_for_nodes()?;
    cluster.wait_rollout(NAMESPACE, SPEAKER)
}

/// Kubernetes takes the node's pods out of the Service in mid-flight, so others serve it; the address must stay, and every client.
fn a_kubelet_dies(trial: &Trial) -> anyhow::Result<()> {
    let cluster = &trial.cluster;
    let owner = cluster.owner(trial.vips[0])?;
    let node = &cluster.nodes[owner];
    trial.serve_from(Some((owner + 1) % cluster.nodes.len()))?;
    trial.lose_nothing("kubelet of the owner dead", || {
        node.kill_kubelet()?;
        let (name, timeout) = (format!("node/{}", node.name()), format!("--timeout={}s", PATIENCE.as_secs()));
        cluster.kubectl(&["wait", "--for=condition=Ready=Unknown", &timeout, &name])?;
        ensure!(cluster.owner(trial.vips[0])? == owner, "the address has moved, and its owner lives");
        node.start_kubelet()?;
        cluster.wait_for_nodes()
    })?;
    trial.serve_from(None)
}

fn the_owner_loses_power(trial: &mut Trial) -> anyhow::Result<()> {
    let vip = trial.vips[0];
    let owner = trial.cluster.owner(vip)?;
    // Kubernetes takes seconds to learn that pods are lost; what is measured here is who answers.
    let elsewhere = (owner + 1) % trial.cluster.nodes.len();
    trial.serve_from(Some(elsewhere))?;
    let eyes = trial.open_eyes()?;
    trial.cluster.kill(owner)?;
    let cluster = &trial.cluster;
    let gone = || trial.vips.iter().all(|vip| cluster.owner(*vip).is_ok_and(|now| now != owner));
    eventually(SOON, "another node answers", gone)?;
    let seen = trial.close_eyes(eyes)?;
    assert_takeover(trial, "power loss of the owner", &seen)?;
    for seen in &seen {
        ensure!(seen.gap() < TAKEOVER, "the client waited for {:?}", seen.gap());
    }
    trial.cluster.power_on(owner)?;
    trial.cluster.wait_rollout(NAMESPACE, SPEAKER)?;
    trial.serve_from(None)?;
    trial.lose_nothing("the node is back", || Ok(()))
}

fn assert_takeover(trial: &Trial, what: &str, seen: &[Seen]) -> anyhow::Result<()> {
    for seen in seen {
        trial.tell(&format!("{what}: {}", seen.summary()));
        ensure!(seen.silence() < TAKEOVER, "{what}: nobody answered for {:?}", seen.silence());
    }
    Ok(())
}

/// Returns the number of the speaker's process, as the node counts.
fn speaker_process(trial: &Trial, node: usize) -> anyhow::Result<u32> {
    let processes = trial.cluster.nodes[node].processes("/clarion speaker")?;
    ensure!(processes.len() == 1, "the speakers of one node are {processes:?}");
    Ok(processes[0])
}

/// Returns a shell command that leaves a container nine tenths of the memory that it uses where the kernel takes such a limit, and has
/// sixteen other processes ask for more than whatever the limit is.
///
/// A limit alone makes the kernel give back pages of files, which come again. Each of the others is small, so that the kernel chooses
/// the speaker, whose pod the kubelet made the first to go; they are gone when the command ends.
fn crowd_out(process: u32) -> String {
    format!(
        "group=$(sed -n 's/^[0-9]*:memory://p' /proc/{process}/cgroup)
         if [ -n \"$group\" ]; then
             cd \"/sys/fs/cgroup/memory$group\" && echo $(($(cat memory.usage_in_bytes) * 9 / 10)) >memory.limit_in_bytes
             limit=$(cat memory.limit_in_bytes)
         else
             cd \"/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/{process}/cgroup)\" && echo $(($(cat memory.current) * 9 / 10)) >memory.max
             limit=$(cat memory.max)
         fi
         share=$(((limit + (32 << 20)) / 16))
         for hog in $(seq 16); do
             (echo 0 >cgroup.procs; head -c $share /dev/zero | tail -c $share | sleep 10) &
         done
         for try in $(seq 50); do kill -0 {process} || break; sleep 0.1; done
         kill -KILL $(cat cgroup.procs | grep -vx {process})"
    )
}

fn restarts(trial: &Trial, node: usize) -> anyhow::Result<u32> {
    let pod = trial.cluster.pod_on("speaker", node)?;
    let count = "--output=jsonpath={.status.containerStatuses[0].restartCount}";
    let text = trial.cluster.kubectl(&["--namespace", NAMESPACE, "get", "pod", &pod, count])?;
    text.parse().with_context(|| format!("{text:?} is no number of restarts"))
}

fn wait_for_restart(trial: &Trial, node: usize, before: u32) -> anyhow::Result<()> {
    eventually(PATIENCE, "the speaker starts again", || restarts(trial, node).is_ok_and(|now| now > before))?;
    trial.cluster.wait_rollout(NAMESPACE, SPEAKER)
}
