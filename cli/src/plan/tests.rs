use std::fs;
use std::io;

use serde_json::Value;

use super::*;

mod readings;

/// A pool; `rest` is what more its specification has.
fn pool(name: &str, range: &str) -> String {
    format!(
        "apiVersion: metallb.io/v1beta1\nkind: IPAddressPool\nmetadata: {{name: {name}, namespace: metallb-system}}\n\
         spec: {{addresses: [{range}]}}\n---\n\
         apiVersion: metallb.io/v1beta1\nkind: L2Advertisement\nmetadata: {{name: {name}, namespace: metallb-system}}\n\
         spec: {{ipAddressPools: [{name}]}}\n---\n"
    )
}

fn service(name: &str, port: u16, annotations: &str, status: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: shop, annotations: {{{annotations}}}}}\n\
         spec: {{type: LoadBalancer, ports: [{{port: {port}}}]}}\nstatus: {{{status}}}\n---\n"
    )
}

fn held(ip: &str) -> String {
    format!("loadBalancer: {{ingress: [{{ip: {ip}}}]}}")
}

fn peer(fields: &str) -> String {
    format!(
        "apiVersion: metallb.io/v1beta2\nkind: BGPPeer\nmetadata: {{name: tor, namespace: metallb-system}}\n\
         spec: {{myASN: 65001, peerASN: 65000, peerAddress: 192.0.2.1{fields}}}\n---\n"
    )
}

fn node(name: &str, rack: &str) -> String {
    format!("apiVersion: v1\nkind: Node\nmetadata: {{name: {name}, labels: {{rack: {rack}}}}}\n---\n")
}

/// Two Services that share an IP.
fn sharers() -> String {
    let shared = "metallb.io/allow-shared-ip: front";
    service("api", 80, shared, "") + &service("api-tls", 443, shared, "")
}

struct Planned {
    verdict: Verdict,
    text: String,
}

impl Planned {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }
}

/// Plans with NEW on standard input and OLD, if there is one, in a file.
fn plan(new: &str, old: Option<&str>, change: impl FnOnce(&mut Options)) -> anyhow::Result<Planned> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("old.yaml");
    if let Some(old) = old {
        fs::write(&file, old)?;
    }
    let mut options = Options {
        new: STDIN.into(),
        old: old.map(|_| file),
        keep_rest: false,
        namespace: "metallb-system".to_owned(),
        lb_class: None,
        json: false,
    };
    change(&mut options);
    let mut text = Vec::new();
    let verdict = run(&options, new.as_bytes(), &mut text)?;
    // Tables are padded to the right.
    let text = String::from_utf8(text)?.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    Ok(Planned { verdict, text })
}

fn compared(old: &str, new: &str) -> Planned {
    plan(new, Some(old), |_| {}).unwrap()
}

/// Returns what is said of the sessions of the one peer.
fn sessions(old: &str, new: &str) -> (Verdict, Vec<String>) {
    let lines = |planned: &Planned| {
        let tor = planned.text.lines().filter(|line| line.trim_start().starts_with("tor "));
        tor.map(|line| line.split_whitespace().skip(1).collect::<Vec<_>>().join(" ")).collect()
    };
    let planned = compared(old, new);
    (planned.verdict, lines(&planned))
}

#[test]
fn a_comparison_says_who_keeps_gets_moves_waits_and_loses() {
    let old = pool("lan", "192.0.2.0/30")
        + &sharers()
        + &service("gone", 80, "", &held("192.0.2.3"))
        + &service("web", 80, "", &held("192.0.2.2"))
        + &service("wide", 80, "", &held("192.0.2.1"))
        + &peer("");
    let new = pool("lan", "192.0.2.0-192.0.2.1")
        + &pool("far", "198.51.100.7-198.51.100.9")
        + &sharers()
        + &service("late", 80, "metallb.io/address-pool: far", "")
        + &service("new", 80, "", "")
        + &service("web", 80, "", "")
        + &service("wide", 80, "", "")
        + &service("zoo", 80, "", "")
        + &peer(", holdTime: 30s, nextHops: [192.0.2.9]");
    let planned = compared(&old, &new);
    assert_eq!(planned.text, include_str!("tests/compared.txt"), "{}", planned.text);
    assert_eq!(planned.verdict, Verdict::Disruptive);
}

#[test]
fn without_anything_to_compare_with_the_edits_that_end_sessions_are_listed() {
    let planned = plan(&(pool("lan", "192.0.2.0/30") + &sharers() + &peer("")), None, |_| {}).unwrap();
    assert_eq!(planned.text, include_str!("tests/alone.txt"), "{}", planned.text);
    assert_eq!(planned.verdict, Verdict::Undisturbed);
}

#[test]
fn the_status_of_a_cluster_says_what_is_held_and_may_come_as_a_list() {
    let object = |yaml: &str| -> Vec<Value> {
        let documents = crate::manifests::yaml::documents(yaml);
        documents.map(|document| document.expect("the test writes YAML").root.value()).collect()
    };
    let items = object(&(pool("lan", "192.0.2.0/30") + &service("web", 80, "", &held("192.0.2.2"))));
    let list = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string();
    let planned = plan(&list, None, |_| {}).unwrap();
    assert!(planned.text.contains("shop/web") && planned.text.contains("keeps"), "{}", planned.text);
    assert_eq!(planned.verdict, Verdict::Undisturbed);
    let moved = plan(&list.replace("192.0.2.0/30", "192.0.2.0/31"), None, |_| {}).unwrap();
    assert!(moved.text.contains("moves 192.0.2.2 -> 192.0.2.0"), "{}", moved.text);
    assert_eq!(moved.verdict, Verdict::Disruptive);
}

#[test]
fn a_move_that_the_service_asks_for_says_so() {
    let pools = pool("lan", "192.0.2.0/30") + &pool("far", "198.51.100.7-198.51.100.9");
    let old = pools.clone() + &service("web", 80, "", &held("192.0.2.2"));
    for (annotation, reason) in [
        ("metallb.io/address-pool: far", "192.0.2.2 is given up: it lies in pool \"lan\", not in \"far\""),
        ("metallb.io/loadBalancerIPs: 198.51.100.8", "192.0.2.2 is given up: the service requests another address"),
    ] {
        let planned = compared(&old, &(pools.clone() + &service("web", 80, annotation, "")));
        assert!(planned.text.contains(" moves 192.0.2.2 -> ") && planned.text.contains(reason), "{}", planned.text);
    }
}

#[test]
fn what_was_never_applied_is_planned_before_it_is_compared() {
    let old = pool("lan", "192.0.2.0/30") + &service("web", 80, "", "");
    // A name that comes first would get the first address, if nobody had it.
    let new = old.clone() + &service("api", 80, "", "");
    let planned = compared(&old, &new);
    assert_eq!(planned.verdict, Verdict::Undisturbed, "{}", planned.text);
    assert!(planned.text.contains("gets 192.0.2.1") && planned.text.contains("keeps"), "{}", planned.text);
}

#[test]
fn faults_are_named_with_file_object_field_and_next_step_and_decide_the_exit_code() {
    let old = pool("lan", "192.0.2.0/30") + &service("web", 80, "", "");
    let planned = compared(&old, &old.replace("192.0.2.0/30", "192.0.2.9-192.0.2.1"));
    let fault = "fault: standard input:4: IPAddressPool metallb-system/lan: spec.addresses[0]: ";
    assert!(planned.text.contains(fault) && planned.text.contains("; swap the two addresses"), "{}", planned.text);
    assert!(planned.text.contains("keeps"), "a slip takes no IP: {}", planned.text);
    assert!(planned.text.ends_with("The manifests have faults. No IP moves or is lost, and no session ends.\n"));
    assert_eq!(planned.verdict, Verdict::Faulty);
    let misspelt = compared(&old, &old.replace("addresses:", "adresses:"));
    assert!(
        misspelt.text.contains("there is no such field") || misspelt.text.contains("missing field"),
        "{}",
        misspelt.text
    );
    assert!(misspelt.text.contains("keeps"), "what cannot be read stays as it was: {}", misspelt.text);
    assert_eq!(misspelt.verdict, Verdict::Faulty);
}

#[test]
fn faults_of_what_is_being_replaced_are_notes() {
    let new = pool("lan", "192.0.2.0/30") + &service("web", 80, "", &held("192.0.2.1"));
    let planned = compared(&new.replace("type: LoadBalancer", "type: Balancer"), &new);
    assert_ne!(planned.verdict, Verdict::Faulty, "{}", planned.text);
    assert!(planned.text.contains("note: --from: "), "{}", planned.text);
}

#[test]
fn what_cannot_be_read_or_holds_nothing_is_an_error() {
    let error = |new: &str, change: fn(&mut Options)| plan(new, None, change).err().expect("an error").to_string();
    assert!(error("", |_| {}).contains("has no object that Clarion reads"));
    assert!(error("kind: Pod\napiVersion: v1\nmetadata: {name: a}\n", |_| {}).contains("has no object"));
    assert!(error("", |options| options.new = "/nonexistent".into()).contains("/nonexistent"));
    let half = plan(&pool("lan", "192.0.2.0/30"), Some("{"), |_| {}).err().expect("an error").to_string();
    assert!(half.contains("--from: ") && half.contains("is not valid YAML"), "{half}");
    let both = plan("", None, |options| options.old = Some(STDIN.into())).err().expect("an error").to_string();
    assert!(both.contains("cannot both be standard input"), "{both}");
}

#[test]
fn a_directory_is_read_as_standalone_reads_it() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("pool.yaml"), pool("lan", "192.0.2.0/30")).unwrap();
    fs::write(directory.path().join("web.yaml"), service("web", 80, "", "")).unwrap();
    fs::write(directory.path().join("README"), "text").unwrap();
    let path = directory.path().to_owned();
    let planned = plan("", None, move |options| options.new = path).unwrap();
    assert!(planned.text.contains("gets 192.0.2.0"), "{}", planned.text);
    assert!(planned.text.contains("README"), "{}", planned.text);
}

#[test]
fn what_is_not_named_goes_unless_it_is_to_stay() {
    let old = pool("lan", "192.0.2.0/30") + &service("web", 80, "", &held("192.0.2.1"));
    let new = pool("lan", "192.0.2.0/29");
    let gone = compared(&old, &new);
    assert!(gone.text.contains("loses 192.0.2.1") && gone.text.contains("do not have it any more"), "{}", gone.text);
    assert_eq!(gone.verdict, Verdict::Disruptive);
    let kept = plan(&new, Some(&old), |options| options.keep_rest = true).unwrap();
    assert!(kept.text.contains("keeps"), "{}", kept.text);
    assert_eq!(kept.verdict, Verdict::Undisturbed);
}

#[test]
fn a_service_of_another_class_or_type_loses_its_ip() {
    let old = pool("lan", "192.0.2.0/30") + &service("web", 80, "", &held("192.0.2.1"));
    let other =
        compared(&old, &old.replace("type: LoadBalancer", "type: LoadBalancer, loadBalancerClass: a.example/b"));
    assert!(other.text.contains("loses 192.0.2.1") && other.text.contains("another program"), "{}", other.text);
    let inside = compared(&old, &old.replace("type: LoadBalancer", "type: ClusterIP"));
    assert!(inside.text.contains("loses 192.0.2.1") && inside.text.contains("not LoadBalancer"), "{}", inside.text);
}

#[test]
fn sessions_end_for_the_fields_that_need_it_and_for_no_others() {
    let (lan, tor) = (pool("lan", "192.0.2.0/30"), peer(""));
    let edited = |fields: &str| sessions(&(lan.clone() + &tor), &(lan.clone() + &peer(fields)));
    assert_eq!(edited(""), (Verdict::Undisturbed, vec!["every node unchanged".to_owned()]));
    let (verdict, told) = edited(", routerID: 10.0.0.1, connectTime: 5s");
    assert_eq!(
        (verdict, told),
        (Verdict::Disruptive, vec!["every node closed and opened again (routerID)".to_owned()])
    );
    let (verdict, told) = edited(", connectTime: 5s, holdTime: 30s");
    let text = "every node updated in place (connectTime), and with its next session (holdTime)";
    assert_eq!((verdict, told), (Verdict::Undisturbed, vec![text.to_owned()]));
    let opened = sessions(&lan, &(lan.clone() + &tor));
    assert_eq!(opened, (Verdict::Undisturbed, vec!["every node opened".to_owned()]));
    let closed = sessions(&(lan.clone() + &tor), &lan);
    assert_eq!(closed, (Verdict::Disruptive, vec!["every node closed".to_owned()]));
}

#[test]
fn nodes_say_where_sessions_open_and_close() {
    let (lan, nodes) = (pool("lan", "192.0.2.0/30"), node("n1", "a") + &node("n2", "b") + &node("n3", "a"));
    let on = |rack: &str| peer(&format!(", nodeSelectors: [{{matchLabels: {{rack: {rack}}}}}]"));
    // The nodes of the cluster count where only it has them.
    let (verdict, told) = sessions(&(lan.clone() + &nodes + &on("a")), &(lan.clone() + &on("b")));
    assert_eq!((verdict, told), (Verdict::Disruptive, vec!["n2 opened".to_owned(), "n1, n3 closed".to_owned()]));
    let (verdict, told) = sessions(&(lan.clone() + &on("a")), &(lan.clone() + &on("b")));
    let text = "every node opened or closed, as the labels of nodes say (nodeSelectors)";
    assert_eq!((verdict, told), (Verdict::Disruptive, vec![text.to_owned()]));
}

#[test]
fn a_thousand_nodes_make_one_short_row() {
    let nodes: String = (1..=1000).map(|number| node(&format!("n{number:04}"), "a")).collect();
    let side = pool("lan", "192.0.2.0/30") + &peer("") + &nodes;
    let told = sessions(&side, &side.replace("65000", "65009")).1;
    assert_eq!(told, ["n0001, n0002, n0003, n0004, n0005 and 995 more closed and opened again (peerASN)"]);
}

#[test]
fn a_peer_that_names_a_router_of_a_prefix_takes_its_session_over() {
    let rack = peer("").replace("peerAddress: 192.0.2.1", "peerPrefix: 192.0.2.0/24");
    let named = |address: &str| peer("").replace("name: tor", "name: spine").replace("192.0.2.1", address);
    let told = |old: &str, new: &str| sessions(old, new).1;
    let taken = ["every node closed and opened again (routers that spine names more closely)"];
    assert_eq!(told(&rack, &(rack.clone() + &named("192.0.2.1"))), taken);
    assert_eq!(told(&rack, &(rack.clone() + &named("198.51.100.1"))), ["every node unchanged"]);
    let both = rack + &named("192.0.2.1");
    assert_eq!(told(&both, &both), ["every node unchanged"]);
}

#[test]
fn passwords_may_be_left_out_and_count_where_they_are_not() {
    let lan = pool("lan", "192.0.2.0/30");
    let tor = lan.clone() + &peer(", passwordSecret: {name: tor}");
    let assumed = compared(&tor, &tor);
    assert!(assumed.text.contains("taken to be there and unchanged: tor"), "{}", assumed.text);
    assert_eq!(assumed.verdict, Verdict::Undisturbed);
    let secret = |name: &str, password: &str| {
        format!(
            "apiVersion: v1\nkind: Secret\ntype: kubernetes.io/basic-auth\nmetadata: {{name: {name}, namespace: \
             metallb-system}}\nstringData: {{password: {password}}}\n---\n"
        )
    };
    let (old, new) = (tor.clone() + &secret("tor", "old-word"), tor.clone() + &secret("tor", "new-word"));
    let planned = compared(&old, &new);
    assert!(planned.text.contains("unchanged; updated with its next session (password)"), "{}", planned.text);
    assert!(!planned.text.contains("-word"), "a password is never printed");
    let lost = compared(&old, &(tor + &secret("other", "x")));
    assert!(lost.text.contains("Secret tor is missing") && lost.text.contains("unchanged"), "{}", lost.text);
    assert_eq!(lost.verdict, Verdict::Faulty);
}

#[test]
fn json_says_the_same() {
    let (lan, web) = (pool("lan", "192.0.2.0/30"), service("web", 80, "", &held("192.0.2.2")));
    let old = lan + &web + &peer("");
    let new = old.replace("192.0.2.0/30", "192.0.2.0/31").replace("65000", "65009");
    let planned = plan(&new, Some(&old), |options| options.json = true).unwrap().json();
    assert_eq!(planned["verdict"], "disruptive");
    let web = &planned["services"][0];
    assert_eq!((&web["name"], &web["change"]), (&"web".into(), &"moves".into()));
    assert_eq!(
        (&web["before"][0], &web["ips"][0], &web["pool"]),
        (&"192.0.2.2".into(), &"192.0.2.0".into(), &"lan".into())
    );
    assert_eq!(planned["sessions"][0]["change"], "reopened");
    assert_eq!(planned["sessions"][0]["fields"], serde_json::json!(["peerASN"]));
}

#[test]
fn each_verdict_has_its_exit_code() {
    let code = |verdict: Verdict| format!("{:?}", ExitCode::from(verdict));
    assert_eq!(code(Verdict::Undisturbed), format!("{:?}", ExitCode::SUCCESS));
    assert_eq!(code(Verdict::Faulty), format!("{:?}", ExitCode::FAILURE));
    assert_eq!(code(Verdict::Disruptive), format!("{:?}", ExitCode::from(2)));
}

#[test]
fn a_printer_that_takes_nothing_is_an_error() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let options = Options {
        new: STDIN.into(),
        old: None,
        keep_rest: false,
        namespace: "metallb-system".to_owned(),
        lb_class: None,
        json: false,
    };
    assert!(run(&options, pool("lan", "192.0.2.0/30").as_bytes(), &mut Full).is_err());
}
