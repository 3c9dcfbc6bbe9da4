//! The key of the heartbeats is changed under speakers that use it.

use std::{thread, time::Duration};

use e2e::{
    controllers::{self, FIRST_PORT, Replica},
    deployment::NAMESPACE,
    speakers::{Cluster, QUIET, SOON},
};
use serde_json::Value;

const VIP: &str = "192.0.2.130";

/// Returns the Secret.
fn secret(cluster: &Cluster) -> Value {
    let text = cluster.kubectl(&["get", "secret", "memberlist", "--namespace", NAMESPACE, "--output=json"]);
    serde_json::from_str(&text).expect("kubectl prints JSON")
}

#[test]
fn a_key_is_changed_to_the_end_while_traffic_passes() {
    let Some(mut cluster) = Cluster::start(2) else { return };
    let owner = cluster.serve(VIP);
    let vip = VIP.parse().expect("tests write addresses correctly");
    let kubeconfig = cluster.control_plane.kubeconfig(&controllers::Cluster::identity());
    let _controller = Replica::start(&cluster.lab, "one", FIRST_PORT, &kubeconfig, &["--key-rotation-pause=4"]);
    let first = secret(&cluster)["data"]["secretkey"].clone();
    let prober = cluster.client.prober(vip);
    thread::sleep(QUIET);
    cluster.kubectl(&["annotate", "secret", "memberlist", "metallb.io/rotate-key=now", "--namespace", NAMESPACE]);
    let mut offered = Value::Null;
    cluster.lab.eventually(SOON, "a new key is offered", || {
        offered = secret(&cluster)["data"]["secretkey-accepted"].clone();
        !offered.is_null()
    });
    assert_eq!(secret(&cluster)["data"]["secretkey"], first);
    cluster.lab.eventually(SOON, "it is sent with, and the old one still accepted", || {
        let data = &secret(&cluster)["data"];
        data["secretkey"] == offered && data["secretkey-accepted"] == first
    });
    cluster.lab.eventually(SOON, "the old one is forgotten", || {
        let secret = secret(&cluster);
        secret["data"]["secretkey-accepted"].is_null()
            && secret["metadata"]["annotations"]["metallb.io/key-rotation"].is_null()
    });
    assert_eq!(secret(&cluster)["data"]["secretkey"], offered);
    // A speaker that never knew another key hears the owner, and leaves it alone.
    cluster.leave(1 - owner);
    cluster.speak(1 - owner, &[]);
    cluster.wait_until_ready();
    cluster.lab.always(QUIET, "it leaves the address alone", || !cluster.owners(vip).contains(&(1 - owner)));
    let report = prober.stop().expect("the prober works");
    assert_eq!(report.interrupted(), 0, "{report}");
    cluster.lab.eventually(Duration::from_secs(10), "both hear each other", || {
        (0..2).all(|number| {
            cluster.metrics(number).lines().any(|line| {
                line.starts_with("clarion_members{") && line.contains("state=\"live\"") && line.ends_with(" 1")
            })
        })
    });
}
