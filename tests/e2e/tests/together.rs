//! Services that the controller gives addresses to and speakers announce, as clients see them.

use std::{net::IpAddr, thread, time::Duration};

use control_plane::{Fault, Faults, Identity, Matching, Mode, Rule};
use e2e::{
    controllers::{self, FIRST_PORT, Replica},
    deployment::NAMESPACE,
    speakers::{Cluster, QUIET, SOON},
};
use serde_json::Value;

/// How long anything may take with a server that is busy, on a machine that is too.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn a_service_without_node_ports_is_served_over_tcp_and_udp_in_both_families() {
    let Some(mut cluster) = Cluster::start(2) else { return };
    let _controller = control(&cluster);
    serve(&mut cluster, "allocateLoadBalancerNodePorts: false, ipFamilyPolicy: RequireDualStack");
    let vips = addresses(&cluster, 2);
    assert!(vips[0].is_ipv4() && vips[1].is_ipv6(), "{vips:?}");
    for vip in vips {
        cluster.lab.eventually(SOON, &format!("a pod answers at {vip}"), || cluster.greeting(vip).is_some());
        // It asks over TCP and UDP.
        let prober = cluster.client.prober(vip);
        thread::sleep(QUIET);
        let report = prober.stop().expect("the prober works");
        assert_eq!(report.interrupted(), 0, "{vip}: {report:?}");
    }
    let ports = service(&cluster)["spec"]["ports"].clone();
    let ports = ports.as_array().expect("the Service has ports");
    assert!(ports.len() == 2 && ports.iter().all(|port| port["nodePort"].is_null()), "{ports:?}");
}

#[test]
fn a_pod_sees_a_node_where_every_node_takes_traffic_and_the_client_where_only_its_own_does() {
    let Some(mut cluster) = Cluster::start(2) else { return };
    let _controller = control(&cluster);
    serve(&mut cluster, "externalTrafficPolicy: Cluster");
    let vip = addresses(&cluster, 1)[0];
    let client = format!("web-1 {}", cluster.client.address_like(vip));
    let mut told = String::new();
    cluster.lab.eventually(SOON, "a pod answers", || {
        told = cluster.greeting(vip).unwrap_or_default();
        !told.is_empty()
    });
    assert!(told.starts_with("web-1 ") && told != client, "{told}");

    let policy = r#"{"spec": {"externalTrafficPolicy": "Local"}}"#;
    cluster.kubectl(&["patch", "service", "web", "--namespace=shop", "--patch", policy]);
    cluster.lab.eventually(SOON, "the node of the pod answers", || cluster.owner(vip) == Some(0));
    cluster.client.forget(vip);
    cluster.lab.eventually(SOON, "the pod sees the client", || cluster.greeting(vip).as_ref() == Some(&client));
    assert_eq!(addresses(&cluster, 1), [vip], "another policy is no reason for another address");
}

#[test]
fn a_server_that_turns_half_of_the_requests_away_delays_and_stops_nothing() {
    let Some(mut cluster) = Cluster::build(2, Mode::Nftables) else { return };
    cluster.announce();
    let mut proxy = cluster.control_plane.fault_proxy();
    // The Lease is left out: a leader that cannot renew it ends, as it must.
    let rules = ["services", "endpointslices", "ipaddresspools", "servicel2statuses", "configurationstates", "events"]
        .map(|resource| {
            let busy = Fault::Answer { status: 429, retry_after: Some(1) };
            Rule::share(0.5, Matching::all().resource(resource), busy)
        });
    proxy.set(Faults { rules: rules.into(), ..Faults::default() });
    let account = |name| Identity::service_account(NAMESPACE, name);
    let kubeconfig = proxy.kubeconfig(&cluster.control_plane, &account("clarion-speaker"));
    for number in 0..2 {
        cluster.speak_with(number, kubeconfig.clone(), &[]);
    }
    let kubeconfig = proxy.kubeconfig(&cluster.control_plane, &account("clarion-controller"));
    let controller = Replica::start(&cluster.lab, "one", FIRST_PORT, &kubeconfig, &[]);
    cluster.lab.eventually(PATIENCE, "the controller leads", || controller.leads());
    cluster.lab.eventually(PATIENCE, "the speakers are ready", || (0..2).all(|number| cluster.is_ready(number)));
    serve(&mut cluster, "");
    let vip = addresses(&cluster, 1)[0];
    cluster.lab.eventually(PATIENCE, "a pod answers", || cluster.greeting(vip).is_some());
    cluster.lab.eventually(PATIENCE, "a node tells that it announces", || {
        cluster.objects("servicel2statuses").iter().any(|status| status["status"]["serviceName"] == "web")
    });
    assert!(proxy.injected() > 0);
}

/// Starts a controller and waits until it leads.
fn control(cluster: &Cluster) -> Replica {
    let kubeconfig = cluster.control_plane.kubeconfig(&controllers::Cluster::identity());
    let controller = Replica::start(&cluster.lab, "one", FIRST_PORT, &kubeconfig, &[]);
    cluster.lab.eventually(SOON, "the controller leads", || controller.leads());
    controller
}

/// Creates a Service of two protocols, with more in its spec, and a pod for it on the first node.
fn serve(cluster: &mut Cluster, more: &str) {
    let pod = cluster.nodes[0].pod("shop", "web-1", &[("app", "web")]);
    cluster.pods.push(pod);
    cluster.control_plane.apply(&format!(
        "{{apiVersion: v1, kind: Service, metadata: {{name: web, namespace: shop}}, spec: {{type: LoadBalancer, selector: {{app: web}}, \
         ports: [{{name: tcp, port: 7}}, {{name: udp, port: 7, protocol: UDP}}], {more}}}}}"
    ));
}

/// Waits until the Service has this many addresses, and returns them.
fn addresses(cluster: &Cluster, count: usize) -> Vec<IpAddr> {
    let mut found = Vec::new();
    cluster.lab.eventually(PATIENCE, &format!("{count} addresses"), || {
        let service = service(cluster);
        let ingress = service["status"]["loadBalancer"]["ingress"].as_array().cloned().unwrap_or_default();
        found = ingress.iter().filter_map(|ingress| ingress["ip"].as_str()?.parse().ok()).collect();
        found.len() == count
    });
    found
}

fn service(cluster: &Cluster) -> Value {
    let text = cluster.kubectl(&["get", "service", "web", "--namespace=shop", "--output=json"]);
    serde_json::from_str(&text).expect("kubectl prints JSON")
}
