//! Manifests mean what they mean to a cluster, and what looks like a slip is said.

use super::*;

fn planned(manifests: &str) -> Planned {
    plan(manifests, None, |options| options.json = true).unwrap()
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

fn ips_of<'a>(planned: &'a Value, name: &str) -> Vec<&'a str> {
    let services = planned["services"].as_array().unwrap();
    texts(&services.iter().find(|service| service["name"] == name).unwrap()["ips"])
}

fn reason_of<'a>(planned: &'a Value, name: &str) -> &'a str {
    let services = planned["services"].as_array().unwrap();
    services.iter().find(|service| service["name"] == name).unwrap()["reason"].as_str().unwrap_or_default()
}

/// A pool for namespaces with one label.
fn pool_for(label: &str) -> String {
    pool("lan", "192.0.2.10-192.0.2.20")
        .replace("20]}", &format!("20], serviceAllocation: {{namespaceSelectors: [{{matchLabels: {{{label}}}}}]}}}}"))
}

#[test]
fn a_namespace_is_found_by_the_label_that_every_api_server_gives_it() {
    let namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n---\n";
    let web = service("web", 80, "", "");
    for (manifests, ips) in [
        (pool_for("kubernetes.io/metadata.name: shop") + namespace + &web, vec!["192.0.2.10"]),
        (pool_for("kubernetes.io/metadata.name: shop") + &web, vec!["192.0.2.10"]),
        (pool_for("kubernetes.io/metadata.name: other") + namespace + &web, vec![]),
        (pool_for("team: a") + namespace + &web, vec![]),
    ] {
        assert_eq!(ips_of(&planned(&manifests).json(), "web"), ips, "{manifests}");
    }
}

#[test]
fn the_first_address_of_an_ipv6_prefix_goes_to_nobody_and_stays_where_it_is() {
    let six = |name: &str, status: &str| {
        service(name, 80, "", status).replace("type: LoadBalancer", "type: LoadBalancer, ipFamilies: [IPv6]")
    };
    let lan = pool("six", "\"2001:db8:0:1::/120\"");
    let fresh = planned(&(lan.clone() + &six("new", ""))).json();
    assert_eq!(ips_of(&fresh, "new"), ["2001:db8:0:1::1"]);

    let taken_over = planned(&(lan + &six("old", &held("\"2001:db8:0:1::\"")) + &six("new", "")));
    assert_eq!(taken_over.verdict, Verdict::Undisturbed);
    let taken_over = taken_over.json();
    assert_eq!(ips_of(&taken_over, "old"), ["2001:db8:0:1::"]);
    assert_eq!(ips_of(&taken_over, "new"), ["2001:db8:0:1::1"]);
    let reason = reason_of(&taken_over, "old");
    assert!(
        reason.contains("2001:db8:0:1:: is kept because the service holds it") && reason.contains("RFC 4291"),
        "{reason}"
    );

    let literal = pool("six", "\"2001:db8:0:1::-2001:db8:0:1::ff\"");
    assert_eq!(ips_of(&planned(&(literal + &six("new", ""))).json(), "new"), ["2001:db8:0:1::"]);
}

#[test]
fn addresses_that_no_host_can_have_are_named_and_go_to_nobody() {
    let lan = pool("lan", "224.0.0.0/24, 127.1.0.1/32, 126.255.255.255-127.0.0.9");
    let planned = planned(&(lan + &service("a", 80, "", "") + &service("b", 80, "", ""))).json();
    assert_eq!((ips_of(&planned, "a"), ips_of(&planned, "b")), (vec!["126.255.255.255"], vec![]));
    let faults = texts(&planned["faults"]);
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(faults[0].contains("spec.addresses[0]: 224.0.0.0/24 has multicast addresses only"), "{faults:?}");
    assert!(faults[1].contains("spec.addresses[1]: 127.1.0.1/32 has loopback addresses only"), "{faults:?}");
    let notes = texts(&planned["notes"]).join("\n");
    assert!(notes.contains("spec.addresses[2]: 126.255.255.255-127.0.0.9 contains loopback addresses"), "{notes}");
}

#[test]
fn an_annotation_that_nobody_reads_is_noted_with_its_service_and_line() {
    let web = service("web", 80, "metallb.universe.tf/allow-shared: k, metallb.io/address-pool: lan", "");
    let planned = planned(&(pool("lan", "192.0.2.0/30") + &web)).json();
    let notes = texts(&planned["notes"]);
    let expected = "standard input:11: Service shop/web: annotation metallb.universe.tf/allow-shared is read by nobody; did you mean \
                    metallb.io/allow-shared-ip?";
    assert_eq!(
        notes.iter().filter(|note| note.contains("read by nobody")).collect::<Vec<_>>(),
        [&expected],
        "{notes:?}"
    );
    assert_eq!(planned["verdict"], "undisturbed");
}

#[test]
fn a_secret_whose_password_ends_with_a_line_break_is_noted_without_its_password() {
    let secret = |name: &str, data: &str| {
        format!(
            "apiVersion: v1\nkind: Secret\ntype: kubernetes.io/basic-auth\nmetadata: {{name: {name}, namespace: \
             metallb-system}}\ndata: {{password: {data}}}\n---\n"
        )
    };
    let tor = pool("lan", "192.0.2.0/30") + &peer(", passwordSecret: {name: tor}");
    for (data, count) in [("czNjcmV0Cg==", 1), ("czNjcmV0", 0)] {
        let manifests = tor.clone() + &secret("tor", data) + &secret("other", "czNjcmV0Cg==");
        let planned = planned(&manifests);
        let noted: Vec<&str> = planned.text.lines().filter(|line| line.contains("ends with a line break")).collect();
        assert_eq!(noted.len(), count, "{}", planned.text);
        assert!(noted.iter().all(|line| line.contains("Secret metallb-system/tor: password: ")), "{noted:?}");
        assert!(!planned.text.contains("s3cret"), "a password is never printed");
    }
}

#[test]
fn an_object_without_a_namespace_says_where_that_puts_it() {
    let lan = pool("lan", "192.0.2.0/30").replace(", namespace: metallb-system", "");
    let planned = planned(&(lan + &service("web", 80, "", ""))).json();
    let faults = texts(&planned["faults"]).join("\n");
    assert!(faults.contains("as every object without metadata.namespace is"), "{faults}");
    assert!(faults.contains("set metadata.namespace to \"metallb-system\""), "{faults}");
}
