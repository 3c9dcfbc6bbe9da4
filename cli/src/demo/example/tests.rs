use std::collections::BTreeSet;

use super::*;

#[test]
fn the_binary_carries_every_example_file() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/examples");
    let on_disk: BTreeSet<_> = fs::read_dir(examples)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".yaml"))
        .collect();
    assert_eq!(on_disk, FILES.map(|(name, _)| name.to_owned()).into());
}

#[test]
fn cordoning_changes_one_node_and_leaves_no_draft() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path()).unwrap();
    let before = fs::read_dir(directory.path()).unwrap().count();
    cordon(directory.path(), "n2").unwrap();
    let read = |node| fs::read_to_string(directory.path().join(format!("node-{node}.yaml"))).unwrap();
    assert!(read("n2").contains("  unschedulable: true\n"));
    assert!(read("n1").contains("  unschedulable: false\n"));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), before);
    assert!(cordon(directory.path(), "n2").is_err());
    uncordon(directory.path(), "n2").unwrap();
    assert!(read("n2").contains("  unschedulable: false\n"));
}

#[test]
fn each_demo_has_a_key_of_its_own() {
    let (one, other) = (secret().unwrap(), secret().unwrap());
    assert_ne!(one, other);
}
