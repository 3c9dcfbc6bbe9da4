//! What `clarion plan` foresees, and what then happens.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use e2e::controllers::Cluster;

/// What a plan is made of, as an operator asks for it.
const KINDS: &str = "services,nodes,namespaces,ipaddresspools,l2advertisements,bgpadvertisements,bgppeers,bfdprofiles,\
                     communities.metallb.io";

/// Writes the cluster as kubectl shows it into a file.
fn dump(cluster: &Cluster, file: &Path) {
    let shown = cluster.control_plane.kubectl(&["get", "--all-namespaces", "--output=yaml", KINDS]);
    assert!(shown.status.success(), "{}", String::from_utf8_lossy(&shown.stderr));
    fs::write(file, shown.stdout).expect("the directory is ours");
}

fn plan(arguments: &[&Path]) -> (Option<i32>, String) {
    let mut program = Command::new(lab::node::binary());
    let Output { status, stdout, stderr } =
        program.arg("plan").args(arguments).output().expect("the program can be started");
    (status.code(), String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned())
}

#[test]
fn what_is_foreseen_from_kubectls_output_is_what_the_controller_does() {
    let Some(cluster) = Cluster::start() else { return };
    let peer = |asn: u32| {
        format!(
            "{{apiVersion: metallb.io/v1beta2, kind: BGPPeer, metadata: {{name: tor, namespace: metallb-system}}, \
             spec: {{myASN: 65001, peerASN: {asn}, peerAddress: 192.0.2.1}}}}"
        )
    };
    cluster.pool("lan", "192.0.2.10-192.0.2.11");
    cluster.control_plane.apply(&peer(65000));
    cluster.service("web");
    cluster.expect("web", &["192.0.2.10"]);
    cluster.service("api");
    cluster.expect("api", &["192.0.2.11"]);

    let (now, edit) = (cluster.lab.directory().join("now.yaml"), cluster.lab.directory().join("edit.yaml"));
    dump(&cluster, &now);
    let (code, text) = plan(&["-f".as_ref(), now.as_ref()]);
    assert_eq!((code, text.matches("keeps").count()), (Some(0), 2), "{text}");

    let pool = "apiVersion: metallb.io/v1beta1\nkind: IPAddressPool\nmetadata: {name: lan, namespace: metallb-system}\n\
                spec: {addresses: [192.0.2.11-192.0.2.12]}\n---\n";
    fs::write(&edit, format!("{pool}{}", peer(65009))).expect("the directory is ours");
    let (code, text) = plan(&["-f".as_ref(), edit.as_ref(), "--from".as_ref(), now.as_ref(), "--keep-rest".as_ref()]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("moves 192.0.2.10 -> 192.0.2.12") && text.matches("keeps").count() == 1, "{text}");
    assert!(text.contains("closed and opened again (peerASN)"), "{text}");

    cluster.pool("lan", "192.0.2.11-192.0.2.12");
    cluster.expect("web", &["192.0.2.12"]);
    cluster.expect("api", &["192.0.2.11"]);
    let before = now.clone();
    dump(&cluster, &edit);
    let (code, text) = plan(&["-f".as_ref(), edit.as_ref(), "--from".as_ref(), before.as_ref()]);
    assert!(code == Some(2) && text.contains("moves 192.0.2.10 -> 192.0.2.12"), "what happened is told alike: {text}");
}
