//! The objects and the routers' configurations of `docs/bgp.md` work together as they stand there.

use std::{fs, path::Path, time::Duration};

use lab::{
    manifests::Service,
    peers::{Bird, Frr},
    routed::{FOUR, SOON, Scene},
};

/// Less than the ten seconds for which a node that drains goes on advertising.
const DEMOTED: Duration = Duration::from_secs(7);

/// Returns the first block of the page in a language.
fn block(language: &str) -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/bgp.md");
    let text = fs::read_to_string(page).expect("the page is there");
    let block = text.split(&format!("\n```{language}\n")).nth(1).expect("the page has such a block");
    block.split("\n```").next().unwrap_or_default().to_owned() + "\n"
}

/// Builds the network of the page, with a second pool that the router has not heard of.
fn scene() -> Option<Scene> {
    let scene = Scene::build(&["n1", "n2", "n3"])?;
    scene.manifests.remove("bgpadvertisement-lan.yaml");
    scene.manifests.write("page.yaml", &block("yaml"));
    scene.manifests.pool("strange", "[198.51.100.128/25]");
    scene.object("metallb.io/v1beta1", "BGPAdvertisement", "strange", "spec: {ipAddressPools: [strange]}");
    let annotations = "{metallb.io/loadBalancerIPs: 198.51.100.130}";
    scene.manifests.service(Service { name: "strange", annotations, ..Service::default() });
    Some(scene)
}

/// Checks what the page promises of its router.
fn spreads_over_nodes_that_work_and_takes_nothing_else(mut scene: Scene) {
    scene.start();
    let lab = &scene.lab;
    lab.eventually(SOON, "the router spreads over all nodes", || scene.legs(FOUR) == 3);
    let watched = |node: &lab::Node| {
        let peers = node.status().map(|status| status.peers).unwrap_or_default();
        peers.iter().any(|peer| peer.name == "rack" && peer.bfd.as_deref() == Some("Up") && peer.announced == 2)
    };
    lab.eventually(SOON, "BFD watches every session, and both routes were sent", || scene.nodes.iter().all(watched));
    assert_eq!(scene.legs("198.51.100.130"), 0, "the router takes the pool of the page alone");

    scene.nodes[2].cut();
    let gone = lab.eventually(SOON, "a node that is cut off is left out", || scene.legs(FOUR) == 2);
    assert!(gone < Duration::from_secs(3), "it took {gone:?}, and only BFD is that fast");
    scene.nodes[2].heal();
    lab.eventually(SOON, "the node is back", || scene.legs(FOUR) == 3);

    let drained = "apiVersion: v1\nkind: Node\nmetadata: {name: n1, annotations: {metallb.io/drain: \"true\"}}\n";
    scene.manifests.write("node-n1.yaml", drained);
    let avoided = lab.eventually(SOON, "a node that drains is avoided", || scene.legs(FOUR) == 2);
    assert!(avoided < DEMOTED, "after {avoided:?} its route may have been withdrawn");
}

#[test]
fn frr_as_documented_spreads_over_nodes_that_work_and_takes_nothing_else() {
    let Some(scene) = scene().filter(|_| Frr::is_available()) else { return };
    let _frr = Frr::configured(&scene.router.host, scene.lab.directory(), &block("frr"));
    spreads_over_nodes_that_work_and_takes_nothing_else(scene);
}

#[test]
fn bird_as_documented_spreads_over_nodes_that_work_and_takes_nothing_else() {
    let Some(scene) = scene().filter(|_| Bird::is_available()) else { return };
    let _bird = Bird::configured(&scene.router.host, scene.lab.directory(), &block("bird"));
    spreads_over_nodes_that_work_and_takes_nothing_else(scene);
}
