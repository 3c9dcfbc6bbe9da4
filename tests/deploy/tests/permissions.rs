//! The programs may do what they do, and no more.
#![expect(clippy::unwrap_used, reason = "the helpers of a test end it as the test would")]

use std::collections::BTreeSet;

use deploy::{Object, Release, files, folder, read};
use serde_json::Value;

const READING: [&str; 3] = ["get", "list", "watch"];

#[test]
fn no_rule_has_a_wildcard_or_hands_out_permissions() {
    for (role, rule) in rules() {
        for field in ["apiGroups", "resources", "verbs", "resourceNames", "nonResourceURLs"] {
            for word in words(&rule, field) {
                assert!(!word.contains('*'), "{role}: {rule}");
                assert!(!["escalate", "bind", "impersonate"].contains(&word.as_str()), "{role}: {rule}");
            }
        }
    }
}

#[test]
fn outside_the_own_namespace_only_events_and_the_status_of_services_are_written() {
    for (role, rule) in rules().into_iter().filter(|(role, _)| role.starts_with("ClusterRole ")) {
        let writes = words(&rule, "verbs").iter().any(|verb| !READING.contains(&verb.as_str()));
        for resource in words(&rule, "resources") {
            let speaker = role.ends_with("speaker");
            let may = resource == "events" || (resource == "services/status" && !speaker);
            assert!(may || !writes, "{role} writes {resource}: {rule}");
            assert!(!["secrets", "pods", "configmaps", "leases"].contains(&resource.as_str()), "{role}: {rule}");
        }
    }
}

#[test]
fn the_speaker_changes_no_secret_and_no_configuration() {
    for (role, rule) in rules().into_iter().filter(|(role, _)| role.ends_with("-speaker")) {
        let writes = words(&rule, "verbs").iter().any(|verb| !READING.contains(&verb.as_str()));
        for resource in words(&rule, "resources") {
            let status = ["servicel2statuses", "servicebgpstatuses", "configurationstates"];
            let own = resource == "events" || status.contains(&resource.trim_end_matches("/status"));
            assert!(own || !writes, "{role} writes {resource}: {rule}");
        }
    }
}

#[test]
fn every_secret_that_is_read_is_named_where_its_name_can_be_known() {
    let secrets = |release: Release, component: &str| {
        let objects = release.objects().unwrap();
        let role = objects.iter().find(|object| object.kind() == "Role" && object.name().ends_with(component)).unwrap();
        let reading = |rule: &&Value| words(rule, "resources") == ["secrets"] && words(rule, "verbs") != ["create"];
        let rules: Vec<&Value> = role.list("/rules").iter().filter(reading).collect();
        assert_eq!(rules.len(), 1, "{component}");
        words(rules[0], "resourceNames")
    };
    for release in [Release::standard(), Release::everything()] {
        assert_eq!(secrets(release, "-controller"), ["memberlist"]);
    }
    // BGPPeers choose the names of Secrets with passwords, so that only whoever installs can say which they are.
    assert_eq!(secrets(Release::standard(), "-speaker"), [""; 0]);
    assert_eq!(secrets(Release::standard().set("speaker.passwordSecrets=[]"), "-speaker"), ["memberlist"]);
    assert_eq!(secrets(Release::everything(), "-speaker"), ["memberlist", "router-a", "router-b"]);
}

#[test]
fn every_kind_that_is_permitted_is_one_that_we_define() {
    let definitions = files(&folder().join("crds"), "yaml").unwrap();
    let plurals: BTreeSet<String> = definitions
        .iter()
        .map(|file| read(file).unwrap()["spec"]["names"]["plural"].as_str().unwrap().to_owned())
        .collect();
    let mut permitted = BTreeSet::new();
    for (role, rule) in rules() {
        if words(&rule, "apiGroups") != ["metallb.io"] {
            continue;
        }
        for resource in words(&rule, "resources") {
            let plural = resource.trim_end_matches("/status").to_owned();
            assert!(plurals.contains(&plural), "{role} permits {resource}, which no definition has");
            permitted.insert(plural);
        }
    }
    assert_eq!(permitted, plurals, "a kind that no program may read");
}

#[test]
fn every_binding_ties_an_account_of_the_release_to_a_role_of_the_release() {
    for release in [Release::standard(), Release::everything()] {
        let objects = release.objects().unwrap();
        let has = |kind: &Value, name: &Value| {
            objects.iter().any(|object| object["kind"] == *kind && object["metadata"]["name"] == *name)
        };
        let used: BTreeSet<&str> = objects
            .iter()
            .filter_map(|object| object.pointer("/spec/template/spec/serviceAccountName"))
            .filter_map(Value::as_str)
            .collect();
        for binding in objects.iter().filter(|object| object.kind().ends_with("Binding")) {
            assert!(has(&binding["roleRef"]["kind"], &binding["roleRef"]["name"]), "{}", binding.name());
            let subject = binding["subjects"][0]["name"].as_str().unwrap();
            assert!(used.contains(subject) || binding.name().ends_with("-prometheus"), "{}: {subject}", binding.name());
        }
    }
}

#[test]
fn the_pods_have_no_more_rights_on_the_node_than_they_need() {
    // With everything on, the threads of the speaker that must not be late may take priority over others.
    let capabilities = [(Release::standard(), vec!["NET_RAW"]), (Release::everything(), vec!["NET_RAW", "SYS_NICE"])];
    for (release, capabilities) in capabilities {
        for workload in release.objects().unwrap().iter().filter(|object| is_workload(object)) {
            let pod = &workload["spec"]["template"]["spec"];
            let container = &pod["containers"][0]["securityContext"];
            let speaker = workload.kind() == "DaemonSet";
            assert_eq!(container["allowPrivilegeEscalation"], false);
            assert_eq!(container["readOnlyRootFilesystem"], true);
            assert!(container["privileged"].is_null());
            assert_eq!(container["capabilities"]["drop"], serde_json::json!(["ALL"]));
            let added = if speaker { serde_json::json!(capabilities) } else { Value::Null };
            assert_eq!(container["capabilities"]["add"], added);
            let profile = if speaker { container } else { &pod["securityContext"] };
            assert_eq!(profile["seccompProfile"]["type"], "RuntimeDefault");
            assert_eq!(pod["securityContext"]["runAsNonRoot"] == true, !speaker);
            assert_eq!(pod["hostNetwork"] == true, speaker);
            assert!(pod["hostPID"].is_null() && pod["hostIPC"].is_null());
            for volume in workload.list("/spec/template/spec/volumes") {
                assert!(volume["hostPath"].is_null(), "{volume}");
            }
        }
    }
}

fn is_workload(object: &Object) -> bool {
    ["Deployment", "DaemonSet"].contains(&object.kind())
}

/// Every rule of the default installation and of the one with everything on, under kind and name of its role.
fn rules() -> Vec<(String, Value)> {
    let mut rules = Vec::new();
    for release in [Release::standard(), Release::everything()] {
        for object in release.objects().unwrap() {
            let role = format!("{} {}", object.kind(), object.name());
            rules.extend(object.list("/rules").iter().map(|rule| (role.clone(), rule.clone())));
        }
    }
    assert!(rules.len() > 20, "the roles were not found");
    rules
}

fn words(rule: &Value, field: &str) -> Vec<String> {
    let list = rule[field].as_array();
    list.into_iter().flatten().map(|word| word.as_str().unwrap().to_owned()).collect()
}
