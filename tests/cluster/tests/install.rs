//! Clarion as users install it, on both modes of kube-proxy.

use anyhow::{Context, ensure};
use cluster::{Mode, Trial, eventually, stage::SOON};

/// The bit of CAP_NET_RAW in the sets of /proc/PID/status.
const NET_RAW: u64 = 1 << 13;

#[test]
fn an_installation_serves_with_few_rights_through_both_modes_of_kube_proxy() {
    let Some(mut trial) = Trial::start("install", Mode::Iptables) else { return };
    capabilities_are_few(&trial).expect("the programs have the rights that the manifests name");
    pods_of_every_node_are_reached(&trial).expect("kube-proxy with iptables carries both families");
    trial.cluster.restart_kube_proxy(Mode::Nftables).expect("kube-proxy starts in its other mode");
    pods_of_every_node_are_reached(&trial).expect("kube-proxy with nftables carries both families");
    the_client_is_seen(&trial).expect("a local Service sees its clients");
}

fn capabilities_are_few(trial: &Trial) -> anyhow::Result<()> {
    let mut controllers = 0;
    for node in &trial.cluster.nodes {
        let sets = |component: &str| -> anyhow::Result<Vec<u64>> {
            let mut output = String::new();
            for process in node.processes(&format!("/clarion {component}"))? {
                output.push_str(&String::from_utf8(node.run(&format!("grep ^Cap /proc/{process}/status"))?.stdout)?);
            }
            // No process has ambient or inheritable rights; the bounding set limits what it could ever get.
            let sets = output.lines().filter(|line| !line.starts_with("CapBnd"));
            sets.map(|line| Ok(u64::from_str_radix(line.split_whitespace().nth(1).context("a set")?, 16)?)).collect()
        };
        let speaker = sets("speaker")?;
        ensure!(!speaker.is_empty(), "no speaker on {}", node.name());
        ensure!(speaker.contains(&NET_RAW), "the speaker on {} has {speaker:x?}", node.name());
        ensure!(
            speaker.iter().all(|set| [0, NET_RAW].contains(set)),
            "the speaker on {} has {speaker:x?}",
            node.name()
        );
        let controller = sets("controller")?;
        ensure!(controller.iter().all(|set| *set == 0), "the controller on {} has {controller:x?}", node.name());
        controllers += usize::from(!controller.is_empty());
    }
    ensure!(controllers > 0, "no controller runs");
    Ok(())
}

fn pods_of_every_node_are_reached(trial: &Trial) -> anyhow::Result<()> {
    let cluster = &trial.cluster;
    for vip in &trial.vips {
        let mut pages = Vec::new();
        eventually(SOON, "a pod of every node has answered", || {
            pages.extend(cluster.client.page(*vip));
            cluster.nodes.iter().all(|node| pages.iter().any(|page| page.contains(&format!(" {} ", node.name()))))
        })?;
    }
    trial.lose_nothing("peace", || Ok(()))
}

/// With externalTrafficPolicy Local the pod must see the client's own address, and only a node with a pod may announce.
fn the_client_is_seen(trial: &Trial) -> anyhow::Result<()> {
    let cluster = &trial.cluster;
    let patch = r#"{"spec": {"externalTrafficPolicy": "Local", "selector": {"node": "n2"}}}"#;
    cluster.kubectl(&["--namespace", "shop", "patch", "service", "echo", "--type=merge", "--patch", patch])?;
    for vip in &trial.vips {
        let own = cluster.client.address_like(*vip).to_string();
        eventually(SOON, "the pod sees the client", || {
            cluster.client.page(*vip).is_some_and(|page| page.contains(&format!("on n2 serves {own}\n")))
        })?;
        let owner = cluster.owner(*vip)?;
        ensure!(cluster.nodes[owner].name() == "n2", "{} announces {vip}", cluster.nodes[owner].name());
    }
    Ok(())
}
