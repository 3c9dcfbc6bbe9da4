//! The chart renders what it promises, and refuses what it cannot do.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use deploy::{Object, Release, folder, metallb, read, run};
use serde_json::Value;

#[test]
fn the_generated_files_are_what_the_chart_gives() {
    run(Command::new(folder().join("manifests.sh")).arg("--check")).unwrap();
}

#[test]
fn the_default_installation_has_these_objects_and_no_others() {
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for object in Release::standard().objects().unwrap() {
        *kinds.entry(object.kind().to_owned()).or_default() += 1;
    }
    let definitions = deploy::files(&folder().join("crds"), "yaml").unwrap().len();
    let expected = [
        ("ClusterRole", 2),
        ("ClusterRoleBinding", 2),
        ("CustomResourceDefinition", definitions),
        ("DaemonSet", 1),
        ("Deployment", 1),
        ("PodDisruptionBudget", 1),
        ("Role", 2),
        ("RoleBinding", 2),
        ("ServiceAccount", 2),
    ];
    assert_eq!(kinds, expected.map(|(kind, count)| (kind.to_owned(), count)).into());
}

#[test]
fn every_optional_part_renders() {
    let kinds: BTreeSet<String> =
        Release::everything().objects().unwrap().iter().map(|object| object.kind().to_owned()).collect();
    for kind in ["ConfigMap", "NetworkPolicy", "PrometheusRule", "Service", "ServiceMonitor"] {
        assert!(kinds.contains(kind), "there is no {kind} among {kinds:?}");
    }
    let monitors = Release::standard()
        .set("prometheus.podMonitor.enabled=true")
        .set(r#"prometheus.serviceAccount="prometheus""#)
        .set(r#"prometheus.namespace="monitoring""#);
    assert_eq!(of_kind(&monitors.objects().unwrap(), "PodMonitor").count(), 2);
}

#[test]
fn everything_is_in_the_namespace_of_the_release_and_selects_its_own_pods() {
    for release in [Release::standard(), Release::everything().with_policies()] {
        for object in release.objects().unwrap() {
            let policy = object.kind().starts_with("ValidatingAdmissionPolicy");
            let cluster_wide =
                policy || ["ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition"].contains(&object.kind());
            let namespace = (!cluster_wide).then(|| release.namespace());
            assert_eq!(object.namespace(), namespace, "{} {}", object.kind(), object.name());
            let Some(selector) = object.pointer("/spec/selector/matchLabels") else { continue };
            let Some(labels) = object.pointer("/spec/template/metadata/labels") else { continue };
            for (key, value) in selector.as_object().unwrap() {
                assert_eq!(labels.get(key), Some(value), "{} does not select its own pods", object.name());
            }
        }
    }
}

#[test]
fn monitors_and_policies_name_ports_that_the_pods_have() {
    let objects = Release::everything().objects().unwrap();
    let ports: BTreeSet<&str> = workloads(&objects)
        .flat_map(|workload| workload.list("/spec/template/spec/containers/0/ports"))
        .filter_map(|port| port["name"].as_str())
        .collect();
    let monitored = of_kind(&objects, "ServiceMonitor").map(|monitor| &monitor["spec"]["endpoints"][0]["port"]);
    let allowed = of_kind(&objects, "NetworkPolicy").map(|policy| &policy["spec"]["ingress"][0]["ports"][0]["port"]);
    let served = of_kind(&objects, "Service").map(|service| &service["spec"]["ports"][0]["targetPort"]);
    for port in monitored.chain(allowed).chain(served).filter_map(Value::as_str) {
        assert!(ports.contains(port), "no pod has a port {port}; there are {ports:?}");
    }
}

#[test]
fn the_values_of_metallbs_chart_are_taken_as_they_are() {
    let release = Release::standard().values(&metallb().unwrap().join("charts/metallb/values.yaml"));
    for workload in workloads(&release.objects().unwrap()) {
        let image = workload.pointer("/spec/template/spec/containers/0/image").and_then(Value::as_str).unwrap();
        assert!(image.starts_with("ghcr.io/clarion-lb/clarion:"), "{} runs {image}", workload.name());
    }
}

#[test]
fn every_value_of_metallbs_chart_is_used_or_named_as_ignored() {
    let values = metallb().unwrap().join("charts/metallb/values.yaml");
    let release = Release::standard().values(&values).set("speaker.bgpDebounceTimeout=3000");
    let notes = release.set(r#"controller.image.repository="mirror.example/metallb/controller""#).notes().unwrap();
    let ignored: Vec<&str> =
        notes.lines().filter_map(|line| line.strip_prefix("  ")?.split_once(": ")).map(|(key, _)| key).collect();
    let own = read(&folder().join("helm/clarion/values.yaml")).unwrap();
    for path in leaves(&read(&values).unwrap()) {
        let named = ignored.iter().any(|key| path == *key || path.starts_with(&format!("{key}.")));
        let used = own.pointer(&format!("/{}", path.replace('.', "/"))).is_some();
        assert!(named || used, "{path} of MetalLB is neither used nor named in the notes:\n{notes}");
    }
}

#[test]
fn no_part_of_metallbs_image_is_run_whatever_the_mirror_and_each_is_named() {
    let ours = "registry.example/clarion:v0.1.0".replace("v0.1.0", concat!("v", env!("CARGO_PKG_VERSION")));
    let default = format!("ghcr.io/clarion-lb/clarion:v{}", env!("CARGO_PKG_VERSION"));
    let own = r#"image.repository="registry.example/clarion""#;
    let rows: [(&[&str], &str, &str); 11] = [
        (&[own, r#"speaker.image.tag="v0.16.1""#], &ours, "speaker.image.tag: v0.16.1 without"),
        (&[own, r#"speaker.image.tag="v0.9.3""#], &ours, "speaker.image.tag: v0.9.3 without"),
        (&[own, r#"speaker.image.tag="sha256:00""#], &ours, "speaker.image.tag: sha256:00 without"),
        (&[r#"speaker.image={"repository": "quay.io/metallb/speaker", "tag": "v0.16.1"}"#], &default, "is MetalLB's"),
        (&[own, r#"speaker.image={"repository": "registry.corp/mirror/metallb/speaker"}"#], &ours, "is MetalLB's"),
        (&[r#"speaker.image.repository="harbor.example/quay/speaker""#], &default, "from harbor.example alone"),
        (&[r#"speaker.image.repository="docker.io/bitnami/metallb-speaker""#], &default, "is MetalLB's"),
        (&[r#"image.repository="quay.io/metallb/speaker""#], &default, "image.repository: quay.io/metallb/speaker is"),
        (&[own, r#"image.tag="v9""#], "registry.example/clarion:v9", ""),
        (&[r#"speaker.image={"repository": "registry.example/lb", "tag": "v9"}"#], "registry.example/lb:v9", ""),
        (
            &[r#"speaker.image={"repository": "registry.example/clarion/speaker", "tag": "v9"}"#],
            "registry.example/clarion/speaker:v9",
            "",
        ),
    ];
    for (values, expected, named) in rows {
        let release = values.iter().fold(Release::standard(), |release, value| release.set(value));
        let objects = release.objects().unwrap();
        let speaker = of_kind(&objects, "DaemonSet").next().unwrap();
        assert_eq!(speaker.pointer("/spec/template/spec/containers/0/image").unwrap(), expected, "{values:?}");
        let notes = release.notes().unwrap();
        assert!(notes.contains(named), "{values:?}: {notes}");
        assert_eq!(notes.contains("no meaning here"), !named.is_empty(), "{values:?}: {notes}");
    }
}

#[test]
fn values_that_may_do_harm_are_warned_of() {
    let warned = |value: &str| Release::standard().set(value).notes().unwrap().contains("Warning:");
    assert!(warned(r#"speaker.resources.limits.cpu="100m""#));
    assert!(!warned(r#"controller.resources.limits.cpu="100m""#));
    assert!(warned(r#"speaker.image.repository="registry.corp/mirror/metallb/speaker""#));
    assert!(!warned(r#"speaker.image.repository="quay.io/metallb/speaker""#));
}

#[test]
fn keys_that_metallbs_chart_passes_over_are_taken_and_named() {
    for key in ["ignore-exclude-lb", "speaker.ignore-exclude-lb", "prometheus.serviceMonitor.prometheusRule"] {
        let notes = Release::standard().set(&format!(r#"{key}={{"enabled": true}}"#)).notes().unwrap();
        assert!(notes.contains(&format!("  {key}: it is ")), "{notes}");
    }
}

#[test]
fn admission_policies_are_there_where_the_api_server_has_them_and_name_the_release_and_its_accounts() {
    let policies = |release: &Release| {
        let objects = release.objects().unwrap();
        objects.into_iter().filter(|object| object.kind().starts_with("ValidatingAdmissionPolicy")).collect::<Vec<_>>()
    };
    assert!(policies(&Release::standard()).is_empty(), "Kubernetes 1.25 has none");
    let newer = Release::everything().with_policies();
    assert!(policies(&newer.clone().set("admissionPolicies.enabled=false")).is_empty());
    let found =
        policies(&newer.set(r#"loadBalancerClass="example.com/ours""#).set("admissionPolicies.exemptGroups=null"));
    let names: BTreeSet<&str> = of_kind(&found, "ValidatingAdmissionPolicy").map(Object::name).collect();
    assert_eq!(names.len(), 3);
    for binding in of_kind(&found, "ValidatingAdmissionPolicyBinding") {
        assert!(names.contains(binding["spec"]["policyName"].as_str().unwrap()));
        assert_eq!(binding["spec"]["validationActions"], serde_json::json!(["Deny"]));
    }
    let text = serde_json::to_string(&found.iter().map(|policy| policy["spec"].clone()).collect::<Vec<_>>()).unwrap();
    for expected in ["system:serviceaccount:other:", "orValue('') == 'example.com/ours'", "group in []"] {
        assert!(text.contains(expected), "{expected} is not in {text}");
    }
}

#[test]
fn the_defaults_ignore_nothing() {
    let notes = Release::standard().notes().unwrap();
    assert!(!notes.contains("no meaning here") && !notes.contains("Warning"), "{notes}");
}

#[test]
fn values_that_cannot_work_are_refused_with_the_key_and_the_reason() {
    let cases = [
        (r#"speaker.tolerateMaster="yes""#, "at '/speaker/tolerateMaster': got string, want boolean"),
        ("speaker.tolerateMastr=true", "at '/speaker': additional properties 'tolerateMastr' not allowed"),
        (r#"speaker.datapath.type="ipvs""#, "at '/speaker/datapath/type'"),
        (r#"speaker.drainOn=["reboot"]"#, "at '/speaker/drainOn/0'"),
        (r#"controller.logLevel="loud""#, "at '/controller/logLevel'"),
        ("prometheus.metricsPort=70000", "at '/prometheus/metricsPort'"),
        (r#"prometheus.metricsAddress="localhost""#, "at '/prometheus/metricsAddress'"),
        ("controller.replicas=0", "at '/controller/replicas'"),
        (r#"configInline={"address-pools": []}"#, "configInline is the configuration of MetalLB before 0.13"),
        (
            "prometheus.podMonitor.enabled=true",
            "prometheus.rbacPrometheus with a monitor needs prometheus.serviceAccount",
        ),
    ];
    for (value, expected) in cases {
        let refusal = Release::standard().set(value).objects().unwrap_err().to_string();
        assert!(refusal.contains(expected), "{value} is refused with:\n{refusal}");
    }
    let both = Release::everything().set("prometheus.podMonitor.enabled=true").objects().unwrap_err().to_string();
    assert!(both.contains("switch one of them off"), "{both}");
}

#[test]
fn a_lone_controller_can_be_evicted() {
    let objects = Release::standard().set("controller.replicas=1").objects().unwrap();
    assert_eq!(of_kind(&objects, "PodDisruptionBudget").count(), 0);
}

#[test]
fn the_list_of_excluded_interfaces_is_metallbs_unless_the_values_have_one() {
    let list = |release: Release| {
        let objects = release.objects().unwrap();
        let speaker = of_kind(&objects, "DaemonSet").next().unwrap();
        let mounted =
            speaker.pointer("/spec/template/spec/volumes/0/configMap/name").unwrap().as_str().unwrap().to_owned();
        let written = of_kind(&objects, "ConfigMap").find(|map| map.name() == mounted);
        (mounted, written.map(|map| map["data"]["excludel2.yaml"].as_str().unwrap().to_owned()))
    };
    assert_eq!(list(Release::standard()), ("metallb-excludel2".to_owned(), None));
    let none = list(Release::standard().set("speaker.excludeInterfaces.enabled=false"));
    assert_eq!(none, ("clarion-excludel2".to_owned(), Some("announcedInterfacesToExclude: []\n".to_owned())));
    let some = list(Release::standard().set(r#"speaker.excludeInterfaces.patterns=["^eth1$"]"#));
    assert_eq!(some.1.as_deref(), Some("announcedInterfacesToExclude: [\"^eth1$\"]\n"));
}

#[test]
fn another_list_of_excluded_interfaces_makes_other_pods() {
    let template = |value: &str| {
        let objects = Release::standard().set(&format!("speaker.excludeInterfaces.{value}")).objects().unwrap();
        of_kind(&objects, "DaemonSet").next().unwrap().pointer("/spec/template").unwrap().clone()
    };
    let templates = [r#"patterns=["^eth1$"]"#, r#"patterns=["^eth2$"]"#, "enabled=false"].map(template);
    for (index, template) in templates.iter().enumerate() {
        assert!(!templates[..index].contains(template), "list {index} makes the same pods as one before it");
    }
    assert_eq!(template(r#"patterns=["^eth1$"]"#), templates[0], "the same list makes the same pods");
}

#[test]
fn the_probes_of_a_pod_ask_the_one_port_that_its_values_name() {
    for (value, expected) in [
        ("speaker.refresh=60", 17472),
        ("speaker.livenessProbe.port=1", 1),
        ("speaker.readinessProbe.port=2", 2),
        ("speaker.startupProbe.port=3", 3),
    ] {
        let objects = Release::standard().set(value).objects().unwrap();
        let speaker = of_kind(&objects, "DaemonSet").next().unwrap();
        let ports = speaker.list("/spec/template/spec/containers/0/ports");
        let health = ports.iter().find(|port| port["name"] == "health").unwrap();
        assert_eq!(health["containerPort"], expected, "{value}");
        let arguments = speaker.list("/spec/template/spec/containers/0/args");
        assert!(arguments.iter().any(|argument| *argument == format!("--health-probe-port={expected}")), "{value}");
    }
    let two = Release::standard().set("controller.livenessProbe.port=1").set("controller.readinessProbe.port=2");
    let refusal = two.objects().unwrap_err().to_string();
    assert!(refusal.contains("controller.yaml") && refusal.contains("name 1 and 2; leave one"), "{refusal}");
}

#[test]
fn metrics_are_served_on_one_address_if_the_values_name_it() {
    let served = |value: &str| {
        let objects = Release::standard().set(value).objects().unwrap();
        ["DaemonSet", "Deployment"].map(|kind| {
            let workload = of_kind(&objects, kind).next().unwrap();
            let arguments = workload.list("/spec/template/spec/containers/0/args");
            arguments
                .iter()
                .filter(|it| it.as_str().is_some_and(|it| it.starts_with("--metrics-address")))
                .cloned()
                .collect()
        })
    };
    let arguments: [Vec<Value>; 2] = served(r#"prometheus.metricsAddress="127.0.0.1""#);
    assert_eq!(arguments, [["--metrics-address=127.0.0.1"], ["--metrics-address=127.0.0.1"]]);
    assert_eq!(served("prometheus.metricsPort=9120"), [Vec::<Value>::new(), Vec::new()]);
}

#[test]
fn the_chart_and_its_image_have_the_version_of_the_programs() {
    let chart = read(&folder().join("helm/clarion/Chart.yaml")).unwrap();
    assert_eq!(chart["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(chart["appVersion"], concat!("v", env!("CARGO_PKG_VERSION")));
}

fn of_kind<'a>(objects: &'a [Object], kind: &'a str) -> impl Iterator<Item = &'a Object> {
    objects.iter().filter(move |object| object.kind() == kind)
}

fn workloads(objects: &[Object]) -> impl Iterator<Item = &Object> {
    objects.iter().filter(|object| ["Deployment", "DaemonSet"].contains(&object.kind()))
}

/// The dotted paths of everything that is no map; an empty map is a leaf as well.
fn leaves(value: &Value) -> Vec<String> {
    let Some(map) = value.as_object().filter(|map| !map.is_empty()) else { return vec![String::new()] };
    let inner = |(key, value): (&String, &Value)| -> Vec<String> {
        leaves(value)
            .into_iter()
            .map(|rest| if rest.is_empty() { key.clone() } else { format!("{key}.{rest}") })
            .collect()
    };
    map.iter().flat_map(inner).collect()
}
