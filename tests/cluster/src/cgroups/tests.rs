use super::*;

#[test]
fn a_machine_with_separate_hierarchies_is_used_without_the_unified_one() {
    let offered =
        [("pids", "/"), ("cpu,cpuacct", "/user"), ("name=systemd", "/"), ("memory", "/"), ("cpuset", "/"), ("", "/")];
    let text = lines(&offered);
    let chosen = choose(&text, "", |_| true).expect("everything needed is there");
    let names: Vec<_> = chosen.iter().map(|hierarchy| hierarchy.name.as_str()).collect();
    assert_eq!(names, ["pids", "cpu,cpuacct", "systemd", "memory", "cpuset"]);
    assert_eq!(chosen[1].own, Path::new("user"));
}

#[test]
fn a_hierarchy_that_is_not_mounted_is_not_used() {
    let text = lines(&[("pids", "/"), ("cpu", "/"), ("memory", "/"), ("cpuset", "/"), ("hugetlb", "/")]);
    let chosen = choose(&text, "", |hierarchy| hierarchy.name != "hugetlb").expect("everything needed is there");
    assert!(chosen.iter().all(|hierarchy| hierarchy.name != "hugetlb"));
}

#[test]
fn a_machine_with_the_unified_hierarchy_alone_is_used() {
    let chosen =
        choose("0::/user.slice\n", "cpuset cpu io memory pids\n", |_| true).expect("everything needed is there");
    assert_eq!(chosen, [Hierarchy { name: String::new(), own: "user.slice".into() }]);
}

#[test]
fn missing_controllers_are_named() {
    let refusal = choose("0::/\n", "cpu memory\n", |_| true).expect_err("two are missing").to_string();
    assert!(refusal.starts_with("the cgroup controllers cpuset, pids are not handed out"), "{refusal}");
}

#[test]
fn a_whole_tree_is_removed_and_an_absent_one_is_no_error() {
    let root = std::env::temp_dir().join(format!("clarion-cgroups-{}", std::process::id()));
    fs::create_dir_all(root.join("a/b/c")).expect("the temporary folder can be written");
    remove(&root).expect("folders without files go away");
    assert!(!root.exists());
    remove(&root).expect("nothing is left to remove");
}

fn lines(hierarchies: &[(&str, &str)]) -> String {
    let numbered = (1..).zip(hierarchies);
    numbered.map(|(number, (controllers, own))| format!("{number}:{controllers}:{own}\n")).collect()
}
