//! Every fault, with its exact words and line.

use super::*;

#[test]
fn a_document_that_is_no_object_is_named_by_its_line() {
    says(
        "--- just text\n",
        "x.yaml:1: is not a Kubernetes object; write apiVersion, kind and metadata at the top of the document",
    );
    says(
        "# list\n- a\n",
        "x.yaml:2: is not a Kubernetes object; write apiVersion, kind and metadata at the top of the document",
    );
    says(
        "apiVersion: v1\n",
        "x.yaml:1: kind: is missing; every object needs apiVersion, kind and metadata.name, so add it",
    );
    says(
        "kind: Service\n",
        "x.yaml:1: apiVersion: is missing; every object needs apiVersion, kind and metadata.name, so add it",
    );
    says("apiVersion: v1\nkind: 5\n", "x.yaml:2: kind: is not text; put it in quotes");
}

#[test]
fn a_document_that_is_not_yaml_is_named_by_its_line() {
    let text = format!("{}---\nspec: [1,\n---\n{}", service("a"), service("b"));
    let loaded = load(&text);
    assert_eq!(ids(&loaded), ["Service default/a", "Service default/b"]);
    let faults = faults(&loaded);
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].starts_with("x.yaml:1") && faults[0].contains("is not valid YAML: "), "{}", faults[0]);
    assert!(faults[0].ends_with("; correct the text near this line"), "{}", faults[0]);
}

#[test]
fn an_object_without_a_usable_name_is_refused() {
    says(
        "apiVersion: v1\nkind: Node\n",
        "x.yaml:1: Node: metadata.name: is missing; every object needs apiVersion, kind and metadata.name, so add it",
    );
    says(
        "apiVersion: v1\nkind: Node\nmetadata:\n  generateName: n-\n",
        "x.yaml:3: Node: metadata.name: is missing; generateName works on an API server only, so write a name",
    );
    says(
        "apiVersion: v1\nkind: Node\nmetadata:\n  name: 7\n",
        "x.yaml:4: Node: metadata.name: is not text; put it in quotes",
    );
    says(
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: a.b\n",
        "x.yaml:4: Service: metadata.name: \"a.b\" is not a valid name: at most 63 lower-case letters, digits and '-', starting and ending with a letter or digit; rename it",
    );
    says(
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: A\n",
        "x.yaml:4: Secret: metadata.name: \"A\" is not a valid name: at most 253 lower-case letters, digits, '-' and '.', every part starting and ending with a letter or digit; rename it",
    );
    says(
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: a\n  namespace: a/b\n",
        "x.yaml:5: Service: metadata.namespace: \"a/b\" is not a valid name: at most 63 lower-case letters, digits and '-', starting and ending with a letter or digit; rename it",
    );
}

#[test]
fn a_version_or_kind_that_is_not_read_is_refused_where_it_would_be_missed() {
    says(
        "apiVersion: metallb.io/v1alpha1\nkind: BGPPeer\nmetadata: {name: a}\n",
        "x.yaml:1: BGPPeer default/a: apiVersion: \"metallb.io/v1alpha1\" is not read for this kind; write metallb.io/v1beta2 or metallb.io/v1beta1",
    );
    says(
        "apiVersion: metallb.io/v1beta1\nkind: AddressPool\nmetadata: {name: a}\n",
        "x.yaml:2: AddressPool: kind: is configuration of MetalLB before 0.13, which is not read; write an IPAddressPool and an L2Advertisement or a BGPAdvertisement, with a BGPPeer for each router",
    );
    let loaded = load("apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: a}\n");
    assert_eq!((faults(&loaded), loaded.ignored.get("Service")), (Vec::new(), Some(&1)));
}

#[test]
fn a_field_of_the_wrong_type_is_named_with_what_was_expected() {
    for (spec, fault) in [
        (
            "  type: Loadbalancer\n",
            "x.yaml:6: Service default/a: spec.type: is the text \"Loadbalancer\", and must be ClusterIP, NodePort, LoadBalancer or ExternalName",
        ),
        ("  ports:\n  - name: web\n", "x.yaml:7: Service default/a: spec.ports[0].port: is missing; add it"),
        (
            "  ports:\n  - port: 80\n  - port: 65536\n",
            "x.yaml:8: Service default/a: spec.ports[1].port: is the number 65536, and must be a whole number from 1 to 65535",
        ),
        (
            "  selector:\n    app.kubernetes.io/name: 5\n",
            "x.yaml:7: Service default/a: spec.selector[\"app.kubernetes.io/name\"]: is the number 5, and must be text; put it in quotes",
        ),
        (
            "  ipFamilies: IPv4\n",
            "x.yaml:6: Service default/a: spec.ipFamilies: is the text \"IPv4\", and must be a list",
        ),
        (
            "  publishNotReadyAddresses: 'yes'\n",
            "x.yaml:6: Service default/a: spec.publishNotReadyAddresses: is the text \"yes\", and must be true or false",
        ),
        ("  - 5\n", "x.yaml:5: Service default/a: spec: is a list, and must be a mapping"),
    ] {
        says(&format!("apiVersion: v1\nkind: Service\nmetadata:\n  name: a\nspec:\n{spec}"), fault);
    }
    says(
        "apiVersion: metallb.io/v1beta2\nkind: BGPPeer\nmetadata:\n  name: a\nspec:\n  myASN: 1\n  peerASN: 4294967296\n",
        "x.yaml:7: BGPPeer default/a: spec.peerASN: is the number 4294967296, and must be a whole number from 0 to 4294967295",
    );
}

#[test]
fn a_field_that_a_kind_does_not_have_is_refused() {
    let pool = "apiVersion: metallb.io/v1beta1\nkind: IPAddressPool\nmetadata:\n  name: a\n  anything: x\nspec:\n  addresses: [192.0.2.0/24]\n";
    assert_eq!(faults(&load(pool)), [""; 0]);
    says(
        &format!("{pool}  autoAsign: false\n"),
        "x.yaml:8: IPAddressPool default/a: spec.autoAsign: there is no such field; did you mean autoAssign?",
    );
    says(
        &format!(
            "{pool}  serviceAllocation:\n    namespaceSelectors:\n    - matchLabels: {{a: b}}\n    - matchLabel: {{a: b}}\n"
        ),
        "x.yaml:11: IPAddressPool default/a: spec.serviceAllocation.namespaceSelectors[1].matchLabel: there is no such field; did you mean matchLabels?",
    );
}

#[test]
fn all_that_is_wrong_with_an_object_is_said_at_once() {
    let text = "apiVersion: metallb.io/v1beta2\nkind: BGPPeer\nmetadata:\n  name: tor\n  labels: {rack: 1}\nspec:\n  myASN: '64512'\n  peerAddress: [192.0.2.1]\n  peerPort: 70000\n  connectionMode: Both\n  ebgpMultihop: true\n  holdTime: 90\n";
    assert_eq!(
        faults(&load(text)),
        [
            "x.yaml:5: BGPPeer default/tor: metadata.labels.rack: is the number 1, and must be text; put it in quotes",
            "x.yaml:7: BGPPeer default/tor: spec.myASN: is the text \"64512\", and must be a whole number from 0 to 4294967295",
            "x.yaml:8: BGPPeer default/tor: spec.peerAddress: is a list, and must be text",
            "x.yaml:9: BGPPeer default/tor: spec.peerPort: is the number 70000, and must be a whole number from 0 to 65535",
            "x.yaml:10: BGPPeer default/tor: spec.connectionMode: is the text \"Both\", and must be active, passive or both",
            "x.yaml:11: BGPPeer default/tor: spec.ebgpMultihop: there is no such field; did you mean ebgpMultiHop?",
            "x.yaml:12: BGPPeer default/tor: spec.holdTime: is the number 90, and must be text; put it in quotes",
        ]
    );
}

#[test]
fn a_slip_of_indentation_is_named_where_it_is() {
    says(
        "apiVersion: metallb.io/v1beta1\nkind: IPAddressPool\nmetadata: {name: a}\nspec:\naddresses:\n- 192.0.2.0/24\n",
        "x.yaml:5: IPAddressPool default/a: addresses: there is no such field here; indent it below spec",
    );
    says(
        "apiVersion: metallb.io/v1beta1\nkind: IPAddressPool\nmetadata: {name: a}\nspec:\n",
        "x.yaml:4: IPAddressPool default/a: spec: is missing; add it",
    );
    says(
        "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {type: LoadBalancer}\nports: [{port: 80}]\n",
        "x.yaml:5: Service default/a: ports: there is no such field here; indent it below spec",
    );
}

#[test]
fn a_field_of_kubernetes_that_is_written_in_another_case_is_refused_and_one_that_is_not_read_is_not() {
    let service =
        "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec:\n  type: LoadBalancer\n  ports: [{port: 80}]\n";
    says(
        &format!("{service}  LoadBalancerIP: 192.0.2.1\n"),
        "x.yaml:7: Service default/a: spec.LoadBalancerIP: there is no such field; did you mean loadBalancerIP?",
    );
    says(
        &service.replace("port: 80", "Port: 80, port: 81"),
        "x.yaml:6: Service default/a: spec.ports[0].Port: there is no such field; did you mean port?",
    );
    says(
        &service.replace("metadata: {name: a}", "metadata: {name: a, Annotations: {a: b}}"),
        "x.yaml:3: Service default/a: metadata.Annotations: there is no such field; did you mean annotations?",
    );
    assert_eq!(
        faults(&load(&format!("{service}  sessionAffinity: None\n  trafficDistribution: PreferClose\n"))),
        [""; 0]
    );
}

#[test]
fn an_annotation_that_no_api_server_takes_says_what_kubernetes_reads() {
    for (value, found) in [
        ("yes", "the boolean true, and must be text; put it in quotes, for yes, no, on, off, y and n are booleans too"),
        ("010", "the number 8, and must be text; put it in quotes"),
        ("1_0", "the number 10, and must be text; put it in quotes"),
    ] {
        says(
            &format!(
                "apiVersion: v1\nkind: Service\nmetadata: {{name: a, annotations: {{metallb.io/allow-shared-ip: {value}}}}}\nspec: {{ports: [{{port: 80}}]}}\n"
            ),
            &format!("x.yaml:3: Service default/a: metadata.annotations[\"metallb.io/allow-shared-ip\"]: is {found}"),
        );
    }
    let pool = load(
        "apiVersion: metallb.io/v1beta1\nkind: IPAddressPool\nmetadata: {name: a}\nspec: {addresses: [192.0.2.0/24], autoAssign: no, avoidBuggyIPs: On}\n",
    );
    let Object::IpAddressPool(pool) = &*manifest(&pool, Kind::IpAddressPool).object else { panic!("a pool") };
    assert_eq!((pool.spec.auto_assign, pool.spec.avoid_buggy_ips), (Some(false), Some(true)));
}

#[test]
fn kinds_of_our_group_are_others_unless_they_are_almost_ours() {
    says(
        "apiVersion: metallb.io/v1beta1\nkind: IPAdressPool\nmetadata: {name: a}\n",
        "x.yaml:2: IPAdressPool: kind: is not a kind of metallb.io; did you mean IPAddressPool?",
    );
    let loaded =
        load("apiVersion: metallb.io/v1beta1\nkind: MetalLB\nmetadata: {name: metallb}\nspec: {logLevel: info}\n");
    assert_eq!((faults(&loaded), loaded.ignored.get("MetalLB")), (Vec::new(), Some(&1)));
}

#[test]
fn the_configmap_of_old_versions_is_named_and_any_other_is_not() {
    says(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: config}\ndata:\n  config: |\n    address-pools:\n    - name: default\n",
        "x.yaml:5: ConfigMap: data.config: is configuration of MetalLB before 0.13, which is not read; write an IPAddressPool and an L2Advertisement or a BGPAdvertisement, with a BGPPeer for each router",
    );
    let loaded = load("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: config}\ndata: {config: 'pools: []'}\n");
    assert_eq!((faults(&loaded), loaded.ignored.get("ConfigMap")), (Vec::new(), Some(&1)));
}

#[test]
fn a_key_written_twice_refuses_its_object_only() {
    says(
        &format!("{}---\n{}  type: NodePort\n", service("a"), service("b")),
        "x.yaml:18: Service default/b: spec.type: key \"type\" is written twice, first on line 15; remove one of the two",
    );
    let list = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Node\n  metadata: {name: a}\n- apiVersion: v1\n  kind: Node\n  metadata:\n    name: b\n    name: c\n";
    assert_eq!(ids(&load(list)), ["Node a"]);
    says(
        list,
        "x.yaml:11: Node b: metadata.name: key \"name\" is written twice, first on line 10; remove one of the two",
    );
    let other = load("apiVersion: v1\nkind: ConfigMap\nkind: ConfigMap\n");
    assert_eq!((faults(&other), other.ignored.len()), (Vec::new(), 1));
}

#[test]
fn the_second_of_two_equal_objects_is_refused_with_both_places() {
    let files = Files::new();
    files.write("b.yaml", &format!("{}---\n{}", service("web"), service("web")));
    files.write("a.yaml", &format!("\n{}", service("web").replace("80", "81")));
    let loaded = files.load();
    assert_eq!(
        faults(&loaded),
        [
            "b.yaml:1: Service default/web: is also written at a.yaml:2, which is used; remove one of the two",
            "b.yaml:10: Service default/web: is also written at b.yaml:1, which is used; remove one of the two",
        ]
    );
    assert_eq!(manifest(&loaded, Kind::Service).place.to_string(), "a.yaml:2");
}

#[test]
fn secrets_do_not_show_in_faults() {
    let secret = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\n";
    for text in [
        format!("{secret}data:\n  password: '!sesame'\n"),
        format!("{secret}data:\n  password: 123454321\n"),
        format!("{secret}stringData:\n  password: 123454321\n"),
        format!("{secret}data: sesame\n"),
        format!("{secret}stringData: [sesame]\n"),
        "apiVersion: metallb.io/v1beta2\nkind: BGPPeer\nmetadata: {name: a}\nspec:\n  myASN: 1\n  password: 123454321\n".to_owned(),
    ] {
        let faults = faults(&load(&text));
        assert_eq!(faults.len(), 1, "{text}");
        assert!(faults[0].contains("(its value is not shown)"), "{}", faults[0]);
        assert!(!faults[0].contains("sesame") && !faults[0].contains("12345"), "{}", faults[0]);
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let files = Files::new();
    fs::write(files.path("binary.yaml"), b"a: \xff").expect("a file");
    symlink("nowhere", files.path("dangling.yaml")).expect("a link");
    symlink("/dev/zero", files.path("device.yaml")).expect("a link");
    let huge = fs::File::create(files.path("huge.yaml")).expect("a file");
    huge.set_len(MAX_FILE_BYTES + 1).expect("a size");
    nix::unistd::mkfifo(&files.path("pipe.yaml"), nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
    assert_eq!(
        faults(&files.load()),
        [
            "binary.yaml: is not UTF-8 text; save it as UTF-8",
            "dangling.yaml: cannot be read (No such file or directory (os error 2)); restore it, or make it readable for the user Clarion runs as",
            "device.yaml: is not a regular file; put a file in its place or remove it",
            "huge.yaml: is larger than 16777216 bytes; split it into several files",
            "pipe.yaml: is not a regular file; put a file in its place or remove it",
        ]
    );
}

#[test]
fn a_file_of_mistakes_does_not_fill_the_log() {
    let faults = faults(&load(&"}\n---\n".repeat(10_000)));
    assert_eq!(faults.len(), 101);
    assert!(
        faults[100].ends_with("has 100 mistakes up to here and is not read further; correct those first"),
        "{}",
        faults[100]
    );
}

#[test]
fn long_and_unprintable_values_are_cut_in_messages() {
    let text = format!("apiVersion: v1\nkind: Service\nmetadata: {{name: \"\\e[31m{}\"}}\n", "x".repeat(100_000));
    let faults = faults(&load(&text));
    assert!(faults[0].len() < 600 && !faults[0].contains('\u{1b}'), "{}", faults[0]);
}

fn load(text: &str) -> Loaded {
    let files = Files::new();
    files.write("x.yaml", text);
    files.load()
}

#[track_caller]
fn says(text: &str, fault: &str) {
    assert_eq!(faults(&load(text)), [fault], "{text}");
}
