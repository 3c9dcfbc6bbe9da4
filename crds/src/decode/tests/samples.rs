//! Objects with every field that is read, and objects as Kubernetes' own programs write them.

use serde_json::{Value, json};

/// What the controller writes for a Service whose selector finds no pod.
pub(super) const PLACEHOLDER_SLICE: &str = r#"{"kind":"EndpointSlice","apiVersion":"discovery.k8s.io/v1","metadata":{"name":"web-5ptqb","generateName":"web-","namespace":"shop","uid":"0d5a","resourceVersion":"412","generation":1,"creationTimestamp":"2026-11-30T10:00:00Z","labels":{"endpointslice.kubernetes.io/managed-by":"endpointslice-controller.k8s.io","kubernetes.io/service-name":"web"},"annotations":{"endpoints.kubernetes.io/last-change-trigger-time":"2026-11-30T10:00:00Z"},"ownerReferences":[{"apiVersion":"v1","kind":"Service","name":"web","uid":"77","controller":true,"blockOwnerDeletion":true}]},"addressType":"IPv4","endpoints":null,"ports":null}"#;

/// What a Go client sends for a Service of which it has set next to nothing.
pub(super) const SERVICE_WITHOUT_PORTS: &str = r#"{"metadata":{"name":"web","namespace":"shop","creationTimestamp":null,"labels":null,"annotations":null},"spec":{"ports":null,"selector":null,"clusterIP":"10.96.0.7","clusterIPs":["10.96.0.7"],"type":"LoadBalancer","sessionAffinity":"None","externalTrafficPolicy":"Local","ipFamilies":["IPv4"],"ipFamilyPolicy":"SingleStack","allocateLoadBalancerNodePorts":true,"internalTrafficPolicy":"Cluster"},"status":{"loadBalancer":{"ingress":null},"conditions":null}}"#;

/// A Node of kubeadm before its network is there.
pub(super) const FRESH_NODE: &str = r#"{"metadata":{"name":"n1","labels":{"kubernetes.io/hostname":"n1","node-role.kubernetes.io/control-plane":""},"annotations":{"kubeadm.alpha.kubernetes.io/cri-socket":"unix:///run/containerd/containerd.sock"}},"spec":{"podCIDR":"10.244.0.0/24","podCIDRs":["10.244.0.0/24"],"taints":[{"key":"node.kubernetes.io/not-ready","effect":"NoExecute","timeAdded":null}],"unschedulable":null},"status":{"capacity":{"cpu":"2"},"conditions":[{"type":"Ready","status":"False","lastHeartbeatTime":null,"lastTransitionTime":null,"reason":"KubeletNotReady","message":"container runtime network not ready"}],"addresses":null,"images":null,"nodeInfo":{"bootID":""}}}"#;

/// Returns an object of each kind.
pub(super) fn objects() -> Vec<(&'static str, Value)> {
    let metadata = json!({
        "name": "one", "namespace": "shop", "uid": "1", "creationTimestamp": "2026-11-30T10:00:00Z",
        "deletionTimestamp": "2026-11-30T10:00:01Z", "labels": { "a.example/b": "c" }, "annotations": { "d": "e" },
        "finalizers": ["f"], "managedFields": [{ "manager": "kubectl", "time": "2026-11-30T10:00:00Z" }],
        "ownerReferences": [{ "apiVersion": "v1", "kind": "Node", "name": "n", "uid": "2" }],
    });
    let selector = json!([{
        "matchLabels": { "a": "b" },
        "matchExpressions": [{ "key": "a", "operator": "In", "values": ["b"] }],
    }]);
    let ours = |kind: &'static str, spec: Value| {
        let conditions = json!([{
            "type": "Accepted", "status": "True", "reason": "Accepted", "message": "", "observedGeneration": 1,
            "lastTransitionTime": "2026-11-30T10:00:00Z",
        }]);
        let (version, status) = ("metallb.io/v1beta1", json!({ "conditions": conditions }));
        (kind, json!({ "apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec, "status": status }))
    };
    let service = json!({
        "metadata": metadata,
        "spec": {
            "type": "LoadBalancer", "loadBalancerClass": "x/y", "loadBalancerIP": "192.0.2.1", "clusterIP": "10.0.0.1",
            "clusterIPs": ["10.0.0.1"], "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack",
            "externalTrafficPolicy": "Local", "selector": { "app": "web" },
            "ports": [{ "name": "http", "protocol": "TCP", "port": 80, "nodePort": 30080, "targetPort": 8080 }],
            "publishNotReadyAddresses": true, "allocateLoadBalancerNodePorts": true,
            "sessionAffinityConfig": { "clientIP": { "timeoutSeconds": 1 } },
        },
        "status": { "loadBalancer": { "ingress": [{ "ip": "192.0.2.1", "hostname": "h", "ipMode": "VIP" }] } },
    });
    let slice = json!({
        "metadata": metadata, "addressType": "IPv4",
        "endpoints": [{
            "addresses": ["10.0.0.1"], "nodeName": "n1", "zone": "z", "hostname": "h",
            "conditions": { "ready": true, "serving": true, "terminating": false },
            "targetRef": { "kind": "Pod", "name": "p" }, "hints": { "forZones": [{ "name": "z" }] },
        }],
        "ports": [{ "name": "http", "protocol": "TCP", "port": 80, "appProtocol": "http" }],
    });
    let node = json!({
        "metadata": metadata,
        "spec": { "unschedulable": true, "taints": [{ "key": "k", "value": "v", "effect": "NoSchedule" }] },
        "status": {
            "conditions": [{ "type": "Ready", "status": "True", "reason": "r", "message": "m" }],
            "addresses": [{ "type": "InternalIP", "address": "10.0.0.1" }],
        },
    });
    let secret =
        json!({ "metadata": metadata, "type": "Opaque", "data": { "a": "YWI=" }, "stringData": { "b": "cd" } });
    let pool = json!({
        "addresses": ["192.0.2.0/24"], "autoAssign": true, "avoidBuggyIPs": true,
        "serviceAllocation": {
            "priority": 1, "namespaces": ["shop"], "namespaceSelectors": selector, "serviceSelectors": selector,
        },
    });
    let l2 = json!({
        "ipAddressPools": ["lan"], "ipAddressPoolSelectors": selector, "nodeSelectors": selector,
        "interfaces": ["eth0"], "serviceSelectors": selector,
    });
    let bgp = json!({
        "ipAddressPools": ["lan"], "ipAddressPoolSelectors": selector, "nodeSelectors": selector,
        "aggregationLength": 32, "aggregationLengthV6": 128, "localPref": 100, "communities": ["1:2"],
        "peers": ["p"], "serviceSelectors": selector,
    });
    let peer = json!({
        "myASN": 64512, "peerASN": 64513, "dynamicASN": "external", "peerAddress": "192.0.2.1", "interface": "eth0",
        "sourceAddress": "192.0.2.2", "peerPort": 179, "holdTime": "90s", "keepaliveTime": "30s",
        "connectTime": "10s", "routerID": "192.0.2.3", "nodeSelectors": selector, "password": "p",
        "passwordSecret": { "name": "s", "namespace": "shop" }, "bfdProfile": "b", "enableGracefulRestart": true,
        "ebgpMultiHop": true, "vrf": "v", "disableMP": true, "dualStackAddressFamily": true,
    });
    let profile = json!({
        "receiveInterval": 300, "transmitInterval": 300, "detectMultiplier": 3, "echoInterval": 50, "echoMode": true,
        "passiveMode": true, "minimumTtl": 254,
    });
    vec![
        ("Service", service),
        ("EndpointSlice", slice),
        ("Node", node),
        ("Namespace", json!({ "metadata": metadata, "spec": { "finalizers": ["kubernetes"] } })),
        ("Secret", secret),
        ours("IPAddressPool", pool),
        ours("L2Advertisement", l2),
        ours("BGPAdvertisement", bgp),
        ours("BGPPeer", peer),
        ours("BFDProfile", profile),
        ours("Community", json!({ "communities": [{ "name": "a", "value": "1:2" }] })),
    ]
}
