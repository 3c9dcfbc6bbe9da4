//! The control plane itself: start, rights, faults of the server, and what it counts.

use std::time::{Duration, Instant};

use control_plane::{ControlPlane, Identity};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret};
use kube::{Api, Error, api::ListParams};
use lab::Lab;

#[test]
fn a_namespace_comes_and_goes_with_what_is_in_it() {
    let Some(lab) = Lab::new() else { return };
    let control_plane = ControlPlane::start(&lab);
    control_plane.apply(
        "{apiVersion: v1, kind: Namespace, metadata: {name: shop}}\n---\n\
         {apiVersion: v1, kind: ConfigMap, metadata: {name: prices, namespace: shop}, data: {apple: '1'}}\n",
    );
    let maps: Api<ConfigMap> = Api::namespaced(control_plane.admin(), "shop");
    assert!(control_plane.run(maps.get("prices")).is_ok());

    let namespaces: Api<Namespace> = Api::all(control_plane.admin());
    control_plane.run(namespaces.delete("shop", &Default::default())).expect("namespaces can be deleted");
    lab.eventually(Duration::from_secs(30), "the namespace is gone", || {
        control_plane.run(namespaces.get_opt("shop")).is_ok_and(|found| found.is_none())
    });
}

#[test]
fn a_service_account_may_do_what_is_bound_to_it_and_nothing_else() {
    let Some(lab) = Lab::new() else { return };
    let control_plane = ControlPlane::start_api_server(&lab);
    control_plane.apply(
        r"
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader, namespace: default}
rules: [{apiGroups: [''], resources: [configmaps], verbs: [list]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: reader, namespace: default}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}
subjects: [{kind: ServiceAccount, name: reader, namespace: default}]
",
    );
    let client = control_plane.client(&Identity::service_account("default", "reader"));
    let maps: Api<ConfigMap> = Api::default_namespaced(client.clone());
    let secrets: Api<Secret> = Api::default_namespaced(client);
    lab.eventually(Duration::from_secs(10), "the binding is known", || {
        control_plane.run(maps.list(&ListParams::default())).is_ok()
    });
    let refusal = control_plane.run(secrets.list(&ListParams::default()));
    assert!(matches!(&refusal, Err(Error::Api(status)) if status.code == 403), "{refusal:?}");
}

#[test]
fn a_paused_server_is_silent_and_a_killed_one_keeps_what_it_stored() {
    let Some(lab) = Lab::new() else { return };
    let mut control_plane = ControlPlane::start_api_server(&lab);
    control_plane.apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: kept}}");
    let maps: Api<ConfigMap> = Api::default_namespaced(control_plane.admin());

    control_plane.pause();
    let begin = Instant::now();
    let answer = control_plane.run(async { tokio::time::timeout(Duration::from_millis(500), maps.get("kept")).await });
    assert!(answer.is_err() && begin.elapsed() >= Duration::from_millis(500));
    control_plane.resume();
    assert!(control_plane.run(maps.get("kept")).is_ok());

    control_plane.kill();
    assert!(control_plane.run(maps.get("kept")).is_err());
    control_plane.restart();
    assert!(control_plane.run(maps.get("kept")).is_ok());
}

#[test]
fn the_server_counts_requests_by_verb_and_resource() {
    let Some(lab) = Lab::new() else { return };
    let control_plane = ControlPlane::start_api_server(&lab);
    let before = control_plane.requests();
    control_plane.apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: counted}}");
    let maps: Api<ConfigMap> = Api::default_namespaced(control_plane.admin());
    for _ in 0..3 {
        control_plane.run(maps.get("counted")).expect("it was just created");
    }
    let new = control_plane.requests().since(&before);
    assert_eq!(new.count(|request| request.resource == "configmaps" && request.verb == "GET"), 3, "{new:?}");
    let writes = new.writes();
    assert_eq!(writes.count(|request| request.resource == "configmaps" && request.verb == "APPLY"), 1, "{writes:?}");
}

#[test]
fn kubectl_speaks_to_the_server() {
    let Some(lab) = Lab::new() else { return };
    let control_plane = ControlPlane::start_api_server(&lab);
    let output = control_plane.kubectl(&["version", "--output=json"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(text.matches("\"gitVersion\": \"v1.").count(), 2, "{text}");
}
