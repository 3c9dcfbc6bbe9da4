//! What may go wrong around a speaker: the API server, the process, the datapath, the node.

use std::{fs, net::IpAddr, thread, time::Duration};

use clarion::demo::watch::Sightings;
use control_plane::{Fault, Faults, Identity, Matching, Mode, Network, Rule, Watches};
use e2e::{
    deployment::NAMESPACE,
    speakers::{Cluster, QUIET, SOON},
};
use lab::traffic;

const VIP: &str = "192.0.2.130";

#[test]
fn a_silent_api_server_withdraws_nothing_and_a_failover_works_without_it() {
    without_the_api_server(Network::Silent);
}

#[test]
fn an_absent_api_server_withdraws_nothing_and_a_failover_works_without_it() {
    without_the_api_server(Network::Refused);
}

#[test]
fn after_a_restore_of_the_store_what_is_lost_is_let_go_and_what_is_new_is_announced() {
    let Some(mut cluster) = Cluster::start(1) else { return };
    let [lost, new]: [IpAddr; 2] = ["192.0.2.131", "192.0.2.132"].map(|vip| vip.parse().expect("both are addresses"));
    cluster.serve(VIP);
    let _pods = ["lost", "new"].map(|name| cluster.nodes[0].pod("shop", &format!("{name}-1"), &[("app", name)]));
    cluster.control_plane.back_up();
    cluster.service("lost", "", &["192.0.2.131"]);
    cluster.settled_owner(lost);
    cluster.control_plane.restore();
    // The watches look as soon as they find the server again, which they try less and less often.
    cluster.lab.eventually(SOON * 4, "nobody answers for what is lost", || cluster.owners(lost).is_empty());
    cluster.service("new", "", &["192.0.2.132"]);
    cluster.lab.eventually(SOON * 4, "what is new is announced", || cluster.owner(new) == Some(0));
    assert_eq!(cluster.owner(ip()), Some(0));
}

fn without_the_api_server(network: Network) {
    let Some(mut cluster) = Cluster::build(3, Mode::Nftables) else { return };
    cluster.announce();
    let mut proxy = cluster.control_plane.fault_proxy();
    let identity = Identity::service_account(NAMESPACE, "clarion-speaker");
    let kubeconfig = proxy.kubeconfig(&cluster.control_plane, &identity);
    for number in 0..3 {
        cluster.speak_with(number, kubeconfig.clone(), &[]);
    }
    cluster.wait_until_ready();
    let owner = cluster.serve(VIP);

    proxy.set(Faults { network, ..Faults::default() });
    let report = cluster.probe(VIP, || thread::sleep(Duration::from_secs(3)));
    assert_eq!(report.interrupted(), 0, "the API server alone went away");
    assert_eq!(cluster.owner(ip()), Some(owner));

    cluster.client.forget(ip());
    cluster.kill(owner);
    cluster.lab.eventually(SOON, "another node answers", || cluster.owner(ip()).is_some_and(|other| other != owner));
    let survivor = cluster.owner(ip());
    for number in (0..3).filter(|number| *number != owner) {
        assert!(cluster.page(number, "/healthz").is_some(), "a speaker without an API server is alive");
    }

    proxy.heal();
    cluster.kubectl(&["label", "service", "web", "--namespace=shop", "api=back"]);
    let report = cluster.probe(VIP, || thread::sleep(Duration::from_secs(2)));
    assert_eq!(report.interrupted(), 0, "the API server came back");
    assert_eq!(cluster.owner(ip()), survivor);
}

#[test]
fn watches_that_freeze_withdraw_nothing_and_catch_up() {
    let Some(mut cluster) = Cluster::build(2, Mode::Nftables) else { return };
    cluster.announce();
    let mut proxy = cluster.control_plane.fault_proxy();
    let identity = Identity::service_account(NAMESPACE, "clarion-speaker");
    let kubeconfig = proxy.kubeconfig(&cluster.control_plane, &identity);
    cluster.speak_with(0, kubeconfig.clone(), &[]);
    cluster.speak_with(1, kubeconfig, &[]);
    cluster.wait_until_ready();
    let owner = cluster.serve(VIP);
    proxy.set(Faults { watches: Watches::Freeze, ..Faults::default() });
    cluster.allocate("web", &["192.0.2.131"]);
    cluster.lab.always(QUIET, "the old address stays", || cluster.owner(ip()) == Some(owner));
    proxy.heal();
    let moved: IpAddr = "192.0.2.131".parse().expect("tests write addresses correctly");
    cluster.lab.eventually(SOON, "the new address is answered", || cluster.owner(moved).is_some());
    cluster.lab.eventually(SOON, "the old one is not", || cluster.owners(ip()).is_empty());
}

#[test]
fn a_speaker_that_starts_without_an_api_server_announces_nothing_and_says_why() {
    let Some(mut cluster) = Cluster::build(1, Mode::Nftables) else { return };
    cluster.announce();
    let mut proxy = cluster.control_plane.fault_proxy();
    let identity = Identity::service_account(NAMESPACE, "clarion-speaker");
    let kubeconfig = proxy.kubeconfig(&cluster.control_plane, &identity);
    proxy.set(Faults { network: Network::Refused, ..Faults::default() });
    cluster.speak_with(0, kubeconfig, &[]);
    cluster.lab.eventually(SOON, "the speaker lives", || cluster.page(0, "/healthz").is_some());
    cluster.lab.eventually(SOON, "it says what it waits for", || {
        let faults = cluster.status(0).map(|status| status.faults).unwrap_or_default();
        faults.iter().any(|fault| fault.contains("nothing is announced before it is listed: services"))
            && faults.iter().any(|fault| fault.contains("cannot be reached"))
    });
    assert!(!cluster.is_ready(0));
    proxy.heal();
    cluster.lab.eventually(Duration::from_secs(60), "it is ready", || cluster.is_ready(0));
}

#[test]
fn a_missing_permission_is_named() {
    let Some(mut cluster) = Cluster::build(1, Mode::Nftables) else { return };
    cluster.announce();
    cluster.kubectl(&["delete", "clusterrole", "metallb-system:clarion-speaker"]);
    cluster.speak(0, &[]);
    cluster.lab.eventually(SOON, "it says which", || {
        let faults = cluster.status(0).map(|status| status.faults).unwrap_or_default();
        ["services", "endpointslices", "nodes"].iter().all(|kind| {
            let refused = format!("cannot watch resource \"{kind}\"");
            faults.iter().any(|fault| fault.contains(&refused))
        })
    });
    assert!(!cluster.is_ready(0));
}

#[test]
fn a_role_that_names_the_secrets_is_enough_also_when_watches_are_renewed() {
    let Some(mut cluster) = Cluster::build(1, Mode::Nftables) else { return };
    cluster.announce();
    let names = r#"[{"op": "test", "path": "/rules/1/resources", "value": ["secrets"]},
                    {"op": "add", "path": "/rules/1/resourceNames", "value": ["memberlist"]}]"#;
    cluster.kubectl(&["patch", "role", "clarion-speaker", "--namespace", NAMESPACE, "--type=json", "--patch", names]);
    let mut proxy = cluster.control_plane.fault_proxy();
    let identity = Identity::service_account(NAMESPACE, "clarion-speaker");
    let kubeconfig = proxy.kubeconfig(&cluster.control_plane, &identity);
    cluster.speak_with(0, kubeconfig, &["--password-secrets="]);
    cluster.wait_until_ready();
    let keys =
        |cluster: &Cluster| cluster.object("configurationstates", "speaker-n1")["status"]["heartbeatKeys"].clone();
    let mut before = keys(&cluster);
    cluster.lab.eventually(SOON, "the key is shown", || {
        before = keys(&cluster);
        before.is_array()
    });
    proxy.end_watches();
    let patch = r#"{"stringData": {"secretkey": "another sixteen bytes or more"}}"#;
    cluster.kubectl(&["patch", "secret", "memberlist", "--namespace", NAMESPACE, "--patch", patch]);
    cluster.lab.eventually(SOON, "the other key is shown", || keys(&cluster).is_array() && keys(&cluster) != before);
    let faults = cluster.status(0).map(|status| status.faults).unwrap_or_default();
    assert!(!faults.iter().any(|fault| fault.contains("cannot follow")), "{faults:?}");
    proxy.heal();
}

#[test]
fn a_rolling_upgrade_loses_no_probe() {
    let Some(mut cluster) = Cluster::start(2) else { return };
    cluster.serve(VIP);
    let prober = cluster.client.prober(ip());
    let newcomer = cluster.newcomer.newcomer(&[ip()]);
    thread::sleep(QUIET);
    for number in [0, 1, 0, 1] {
        let time = cluster.leave(number);
        // Whatever were still sent here would be lost.
        traffic::refuse(&cluster.nodes[number].machine.host);
        assert_handed_over(&cluster, number);
        assert!(time < Duration::from_secs(5), "the speaker took {time:?} to leave");
        cluster.speak(number, &[]);
        cluster.wait_until_ready();
        traffic::allow(&cluster.nodes[number].machine.host);
    }
    thread::sleep(QUIET);
    assert_all_answered(&newcomer.stop());
    let report = prober.stop().expect("the prober works");
    assert_eq!(report.interrupted(), 0, "{report}");
}

#[test]
fn a_speaker_that_is_killed_comes_back_without_moving_anything() {
    let Some(mut cluster) = Cluster::start(2) else { return };
    let owner = cluster.serve(VIP);
    cluster.kill(owner);
    cluster.lab.eventually(SOON, "the other node answers", || cluster.owner(ip()) == Some(1 - owner));
    let report = {
        cluster.client.forget(ip());
        let prober = cluster.client.prober(ip());
        cluster.speak(owner, &[]);
        cluster.wait_until_ready();
        thread::sleep(QUIET);
        prober.stop().expect("the prober works")
    };
    assert_eq!(report.interrupted(), 0, "{report}");
    assert_eq!(cluster.owner(ip()), Some(1 - owner));
}

#[test]
fn a_cordoned_node_hands_over_if_asked_to_and_loses_no_probe() {
    let Some(mut cluster) = Cluster::build(2, Mode::Nftables) else { return };
    cluster.announce();
    cluster.speak(0, &["--drain-on", "cordon,taint=example.com/leaving"]);
    cluster.speak(1, &["--drain-on", "cordon,taint=example.com/leaving"]);
    cluster.wait_until_ready();
    let owner = cluster.serve(VIP);
    let (first, second) = (cluster.nodes[owner].name().to_owned(), cluster.nodes[1 - owner].name().to_owned());
    let newcomer = cluster.newcomer.newcomer(&[ip()]);
    let report = cluster.probe(VIP, || {
        cluster.kubectl(&["cordon", &first]);
        cluster.lab.eventually(SOON, "the other node answers", || cluster.owner(ip()) == Some(1 - owner));
        // Whatever were still sent there would be lost.
        traffic::refuse(&cluster.nodes[owner].machine.host);
        assert_handed_over(&cluster, owner);
        // Draining never silences the last announcer.
        cluster.kubectl(&["taint", "node", &second, "example.com/leaving=:NoSchedule"]);
        thread::sleep(QUIET);
    });
    assert_eq!(report.interrupted(), 0, "{report}");
    assert_all_answered(&newcomer.stop());
    cluster.assert_answered_by(1 - owner, ip());
}

#[test]
fn a_node_announces_only_once_kube_proxy_is_ready_and_drains_when_it_is_gone_for_long() {
    let Some(mut cluster) = Cluster::build(2, Mode::Nftables) else { return };
    cluster.announce();
    cluster.nodes[0].kill_kube_proxy();
    cluster.speak(0, &[]);
    cluster.wait_until_listed(0);
    let _pod = cluster.nodes[1].pod("shop", "web-1", &[("app", "web")]);
    cluster.service("web", "", &[VIP]);
    cluster.lab.always(QUIET, "nobody answers", || cluster.owners(ip()).is_empty());
    assert!(!cluster.is_ready(0), "a rollout must not go on to the next node");
    let faults = cluster.status(0).expect("the speaker lives").faults;
    assert!(faults.iter().any(|fault| fault.contains("the datapath of this node is not ready")), "{faults:?}");
    let kubeconfig = cluster.control_plane.kubeconfig(&Identity::KubeProxy);
    cluster.nodes[0].kube_proxy(Mode::Nftables, &kubeconfig);
    cluster.lab.eventually(SOON, "the node answers", || cluster.owner(ip()) == Some(0));
    cluster.speak(1, &[]);
    cluster.wait_until_ready();
    cluster.nodes[0].kill_kube_proxy();
    let patience = Duration::from_secs(40);
    cluster.lab.eventually(patience, "the node with a datapath answers", || cluster.owner(ip()) == Some(1));
    // The last one that can answer goes on, since the rules of a dead proxy forward.
    cluster.kill(0);
    cluster.nodes[1].kill_kube_proxy();
    cluster.lab.eventually(patience, "the loss is noticed", || {
        let faults = cluster.status(1).map(|status| status.faults).unwrap_or_default();
        faults.iter().any(|fault| fault.contains("no longer ready"))
    });
    assert!(cluster.is_ready(1), "a restart would mend nothing");
    cluster.lab.always(QUIET, "it goes on answering", || cluster.owner(ip()) == Some(1));
}

#[test]
fn a_healthy_kube_proxy_is_not_believed_before_it_has_made_rules() {
    let Some(mut cluster) = Cluster::build(1, Mode::Nftables) else { return };
    cluster.announce();
    cluster.nodes[0].kill_kube_proxy();
    let mut api_server = cluster.control_plane.fault_proxy();
    let kubeconfig = api_server.kubeconfig(&cluster.control_plane, &Identity::KubeProxy);
    let busy = Fault::Answer { status: 503, retry_after: Some(1) };
    let endpoints = Matching::all().resource("endpointslices");
    api_server.set(Faults { rules: vec![Rule::share(1.0, endpoints, busy)], ..Faults::default() });
    cluster.speak(0, &[]);
    cluster.wait_until_listed(0);
    cluster.pods.push(cluster.nodes[0].pod("shop", "web-1", &[("app", "web")]));
    cluster.service("web", "", &[VIP]);
    cluster.nodes[0].begin_kube_proxy(Mode::Nftables, &kubeconfig);
    cluster.lab.eventually(SOON, "kube-proxy says that it is healthy", || cluster.nodes[0].healthy());
    cluster.lab.eventually(SOON, "the speaker knows better", || {
        let faults = cluster.status(0).map(|status| status.faults).unwrap_or_default();
        faults.iter().any(|fault| fault.contains("kube-proxy has not made its rules yet"))
    });
    // Longer than what a kube-proxy without metrics is given.
    cluster.lab.always(QUIET * 2, "nobody answers", || cluster.owner(ip()).is_none());
    assert!(cluster.nodes[0].healthy() && !cluster.nodes[0].has_rules());
    api_server.heal();
    cluster.lab.eventually(SOON, "the node answers", || cluster.owner(ip()) == Some(0));
    assert!(cluster.nodes[0].has_rules());
    // A speaker that is started anew does not wait.
    cluster.leave(0);
    cluster.speak(0, &[]);
    cluster.lab.eventually(SOON, "the node answers again", || cluster.owner(ip()) == Some(0));
}

/// Asserts that the speaker of a node let nothing go before it had received the claim of a successor.
fn assert_handed_over(cluster: &Cluster, number: usize) {
    let log = cluster.lab.directory().join(format!("{}.speaker.log", cluster.nodes[number].name()));
    let log = fs::read_to_string(log).expect("the speaker writes a log");
    let releases = log.lines().filter(|line| line.contains("no longer announcing"));
    let early: Vec<_> = releases.filter(|line| !line.ends_with("why=handed_over")).collect();
    assert!(early.is_empty(), "it did not wait for a successor: {early:?}");
}

/// Asserts that a newcomer was answered each time that it asked, by a node that has moved or not.
fn assert_all_answered(sightings: &Sightings) {
    let (unanswered, asked) = (sightings.unanswered(ip()).len(), sightings.asked[&ip()].len());
    assert_eq!(unanswered, 0, "of {asked} questions");
}

fn ip() -> IpAddr {
    VIP.parse().expect("tests write addresses correctly")
}
