//! What the API server is told of heartbeats that do not arrive.

use std::process::Command;

use e2e::speakers::{Cluster, QUIET, SOON};
use serde_json::Value;

const VIP: &str = "192.0.2.130";

#[test]
fn speakers_that_do_not_hear_each_other_say_so_on_their_nodes_warm_and_cold() {
    let Some(mut cluster) = Cluster::start(2) else { return };
    cluster.serve(VIP);
    cluster.lab.eventually(SOON, "both say whom they hear", || (0..2).all(|number| heard(&cluster, number) == "True"));
    for number in 0..2 {
        let state = state(&cluster, number);
        let link = &state["status"]["links"][0];
        assert_eq!(link["name"], "eth0", "{state}");
        assert_eq!(link["mac"], cluster.nodes[number].machine.link.mac.to_string(), "{state}");
        assert!(link["subnets"].as_array().is_some_and(|subnets| subnets.contains(&"192.0.2.0/24".into())), "{state}");
        assert_eq!(state["status"]["result"], "Valid");
    }
    cluster.lab.always(QUIET * 3, "nobody complains", || events(&cluster).is_empty() && is_content(&cluster, 0));

    filter(&cluster, BLOCK);
    cluster.lab.eventually(SOON * 2, "both say so", || (0..2).all(|number| heard(&cluster, number) == "False"));
    for number in 0..2 {
        let other = format!("n{}", 2 - number);
        let message = text(&condition(&cluster, number)["message"]);
        assert!(
            message.starts_with(&format!("no other speaker is heard on eth0, although Node {other} has")),
            "{message}"
        );
        assert!(message.contains("UDP 7473") && message.contains("speaker.heartbeat.unicast"), "{message}");
        assert!(cluster.status(number).is_some_and(|status| status.faults.contains(&message)), "{message}");
        assert_eq!(state(&cluster, number)["status"]["result"], "Valid", "the configuration is as good as before");
        assert!(cluster.metrics(number).contains("clarion_members_expected{link=\"eth0\"} 1"));
        assert!(cluster.metrics(number).contains("clarion_members_heard{link=\"eth0\"} 0"));
        assert!(cluster.page(number, "/readyz").is_some_and(|page| page == format!("ok\n{message}\n")));
    }
    cluster.lab.eventually(SOON, "each Node has its event", || events(&cluster) == ["n1", "n2"]);
    cluster.lab.eventually(SOON, "the Service names the speaker, not another program", || {
        let events = cluster.kubectl(&["get", "events", "--namespace=shop", "--output=json"]);
        events.contains("announces this Service too and replaces its ServiceL2Status") && !events.contains("a MetalLB")
    });
    cluster.lab.always(QUIET * 2, "one event is enough", || events(&cluster) == ["n1", "n2"]);

    filter(&cluster, "delete table inet blind");
    cluster.lab.eventually(SOON, "all is well", || (0..2).all(|number| heard(&cluster, number) == "True"));
    cluster.lab.eventually(SOON, "nobody complains", || (0..2).all(|number| is_content(&cluster, number)));

    for number in 0..2 {
        cluster.kill(number);
    }
    filter(&cluster, BLOCK);
    for number in 0..2 {
        cluster.speak(number, &[]);
    }
    cluster.lab.eventually(SOON * 2, "both say so", || (0..2).all(|number| heard(&cluster, number) == "False"));
    cluster.lab.eventually(SOON, "each Node has another event", || events(&cluster) == ["n1", "n1", "n2", "n2"]);
}

const BLOCK: &str = "add table inet blind; add chain inet blind input { type filter hook input priority 0; }; \
                     add rule inet blind input udp dport 7473 drop";

/// Changes the firewall of every node.
fn filter(cluster: &Cluster, rules: &str) {
    for node in &cluster.nodes {
        let output = node.machine.host.output(Command::new("nft").arg(rules)).expect("nft runs");
        assert!(output.status.success(), "nft: {}", String::from_utf8_lossy(&output.stderr));
    }
}

fn state(cluster: &Cluster, number: usize) -> Value {
    cluster.object("configurationstates", &format!("speaker-n{}", number + 1))
}

fn condition(cluster: &Cluster, number: usize) -> Value {
    let conditions = state(cluster, number)["status"]["conditions"].as_array().cloned().unwrap_or_default();
    conditions.into_iter().find(|condition| condition["type"] == "speakersHeard").unwrap_or_default()
}

fn heard(cluster: &Cluster, number: usize) -> String {
    text(&condition(cluster, number)["status"])
}

fn is_content(cluster: &Cluster, number: usize) -> bool {
    cluster.status(number).is_some_and(|status| !status.faults.iter().any(|fault| fault.contains("heard")))
}

/// Returns the Nodes that have an event of ours, sorted, once for each event.
fn events(cluster: &Cluster) -> Vec<String> {
    let of = "involvedObject.kind=Node,reason=SpeakersNotHeard";
    let json = cluster.kubectl(&["get", "events", "--namespace=default", "--field-selector", of, "--output=json"]);
    let list: Value = serde_json::from_str(&json).expect("kubectl prints JSON");
    let events = list["items"].as_array().cloned().unwrap_or_default();
    let mut nodes: Vec<String> = events.iter().map(|event| text(&event["involvedObject"]["name"])).collect();
    nodes.sort();
    nodes
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
