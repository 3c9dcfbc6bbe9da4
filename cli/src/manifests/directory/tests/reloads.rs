//! What stays, changes and goes when a directory is read again.

use super::*;

#[test]
fn changed_added_and_deleted_files_take_effect() {
    let files = Files::new();
    files.write("a.yaml", &service("a"));
    files.write("b.yaml", &service("b"));
    let (mut directory, _) = files.open();

    files.write("a.yaml", &service("a").replace("80", "81"));
    files.remove("b.yaml");
    files.write("c.yaml", &service("c"));
    let loaded = directory.reload();

    assert_eq!(
        (ids(&loaded), faults(&loaded)),
        (vec!["Service default/a".to_owned(), "Service default/c".to_owned()], Vec::new())
    );
    assert_eq!(port(&loaded, "a"), 81);
}

#[test]
fn a_file_that_did_not_change_is_not_read_again() {
    let files = Files::new();
    let old = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/manifests/directory/tests/every_kind.yaml");
    symlink(old, files.path("a.yaml")).expect("a link");
    let (mut directory, first) = files.open();
    let second = directory.reload();
    assert_eq!((ids(&second), &second.ignored), (ids(&first), &first.ignored));
    for (before, after) in first.objects.values().zip(second.objects.values()) {
        assert!(Arc::ptr_eq(&before.object, &after.object));
    }

    files.remove("a.yaml");
    files.write("a.yaml", &service("web"));
    assert_eq!(ids(&directory.reload()), ["Service default/web"]);
}

#[test]
fn a_file_that_became_unreadable_keeps_its_objects_and_says_which() {
    let files = Files::new();
    files.write("a.yaml", &format!("{}---\n{}", service("one"), service("two")));
    files.write("b.yaml", &service("other"));
    let (mut directory, first) = files.open();

    files.write("a.yaml", "spec: [");
    for _ in 0..2 {
        let loaded = directory.reload();
        assert_eq!(ids(&loaded), ids(&first));
        let faults = faults(&loaded);
        assert_eq!(faults.len(), 1);
        assert!(
            faults[0].ends_with("; still used as last read: Service default/one, Service default/two"),
            "{}",
            faults[0]
        );
        assert!(loaded.objects.values().filter(|manifest| manifest.is_kept).count() == 2);
    }

    files.write("a.yaml", &service("two"));
    let loaded = directory.reload();
    assert_eq!(
        (ids(&loaded), faults(&loaded)),
        (vec!["Service default/other".to_owned(), "Service default/two".to_owned()], Vec::new())
    );
    assert!(loaded.objects.values().all(|manifest| !manifest.is_kept));
}

#[test]
fn an_object_that_became_wrong_stays_as_it_was_and_the_rest_of_its_file_moves_on() {
    let files = Files::new();
    files.write("a.yaml", &format!("{}---\n{}---\n{}", service("one"), service("two"), service("gone")));
    let (mut directory, _) = files.open();

    files.write("a.yaml", &format!("{}---\n{}", service("one").replace("80", "x"), service("two").replace("80", "81")));
    let loaded = directory.reload();

    assert_eq!(ids(&loaded), ["Service default/one", "Service default/two"]);
    assert_eq!((port(&loaded, "one"), port(&loaded, "two")), (80, 81));
    assert_eq!(
        faults(&loaded),
        [
            "a.yaml:8: Service default/one: spec.ports[0].port: is the text \"x\", and must be a whole number from 1 to 65535; still used as last read: Service default/one"
        ]
    );
}

#[test]
fn a_document_that_cannot_be_read_keeps_only_what_is_missing_beside_it() {
    let files = Files::new();
    files.write("a.yaml", &format!("{}---\n{}", service("one"), service("two")));
    let (mut directory, _) = files.open();

    files.write("a.yaml", &format!("{}---\n}}\n", service("two").replace("80", "81")));
    let loaded = directory.reload();

    assert_eq!((port(&loaded, "one"), port(&loaded, "two")), (80, 81));
    assert!(faults(&loaded)[0].ends_with("; still used as last read: Service default/one"));
}

#[test]
fn an_object_that_lost_its_name_keeps_objects_of_its_kind_only() {
    let files = Files::new();
    let node = "apiVersion: v1\nkind: Node\nmetadata: {name: n}\n";
    files.write("a.yaml", &format!("{}---\n{node}", service("web")));
    let (mut directory, _) = files.open();

    files.write("a.yaml", "apiVersion: v1\nkind: Service\nmetadata: {}\n");

    assert_eq!(ids(&directory.reload()), ["Service default/web"]);
}

#[test]
fn a_misspelt_kind_of_configuration_keeps_the_object() {
    let files = Files::new();
    let pool = "apiVersion: metallb.io/v1beta1\nkind: IPAddressPool\nmetadata: {name: lan}\nspec: {addresses: [192.0.2.0/24]}\n";
    files.write("a.yaml", pool);
    let (mut directory, _) = files.open();
    files.write("a.yaml", &pool.replace("IPAddressPool", "IPAdressPool"));
    assert_eq!(ids(&directory.reload()), ["IPAddressPool default/lan"]);
}

#[test]
fn a_deleted_file_removes_its_objects_even_after_it_went_bad() {
    let files = Files::new();
    files.write("a.yaml", &service("a"));
    let (mut directory, _) = files.open();
    files.write("a.yaml", "}");
    assert_eq!(ids(&directory.reload()).len(), 1);
    files.remove("a.yaml");
    assert_eq!((ids(&directory.reload()), faults(&directory.reload())), (Vec::new(), Vec::new()));
}

#[test]
fn an_object_that_moved_to_another_file_is_not_kept_in_the_old_one() {
    let files = Files::new();
    files.write("a.yaml", &service("web"));
    let (mut directory, _) = files.open();

    files.write("a.yaml", "}");
    files.write("b.yaml", &service("web").replace("80", "81"));
    let loaded = directory.reload();

    assert_eq!(port(&loaded, "web"), 81);
    assert!(!faults(&loaded)[0].contains("still used"), "{:?}", faults(&loaded));
}

#[test]
fn the_second_of_two_takes_over_when_the_first_is_deleted() {
    let files = Files::new();
    files.write("a.yaml", &service("web"));
    files.write("b.yaml", &service("web").replace("80", "81"));
    let (mut directory, first) = files.open();
    assert_eq!((port(&first, "web"), first.faults.len()), (80, 1));
    files.remove("a.yaml");
    let loaded = directory.reload();
    assert_eq!((port(&loaded, "web"), loaded.faults.len()), (81, 0));
}

#[test]
fn an_empty_file_is_one_being_written_unless_it_never_had_objects() {
    let files = Files::new();
    files.write("a.yaml", &service("a"));
    files.write("b.yaml", "");
    let (mut directory, first) = files.open();
    assert_eq!(faults(&first), [""; 0]);
    files.write("a.yaml", "");
    let loaded = directory.reload();
    assert_eq!(ids(&loaded), ["Service default/a"]);
    assert_eq!(
        faults(&loaded),
        ["a.yaml: is empty; delete the file if its objects are to go; still used as last read: Service default/a"]
    );
}

#[test]
fn a_file_without_permission_keeps_its_objects() {
    let files = Files::new();
    let path = files.write("a.yaml", &service("a"));
    let (mut directory, _) = files.open();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).expect("permissions");
    let loaded = directory.reload();
    // Root reads everything, so the fault is only seen by other users; the object is there for all.
    assert_eq!(ids(&loaded), ["Service default/a"]);
}

#[test]
fn a_directory_that_went_away_keeps_everything_until_it_is_back() {
    let files = Files::new();
    fs::create_dir(files.path("in")).expect("a directory");
    files.write("in/a.yaml", &service("a"));
    let (mut directory, _) = Directory::load(&files.path("in")).expect("a directory");

    fs::rename(files.path("in"), files.path("out")).expect("a rename");
    let loaded = directory.reload();
    assert_eq!(ids(&loaded), ["Service default/a"]);
    assert!(faults(&loaded)[0].ends_with("; still used as last read: Service default/a"), "{:?}", faults(&loaded));

    fs::create_dir(files.path("in")).expect("a directory");
    files.write("in/b.yaml", &service("b"));
    assert_eq!(ids(&directory.reload()), ["Service default/b"]);
}

#[test]
fn a_mounted_config_map_is_swapped_as_a_whole() {
    let files = Files::new();
    let version = |name: &str, text: &str| {
        fs::create_dir(files.path(name)).expect("a directory");
        files.write(&format!("{name}/a.yaml"), text);
        symlink(name, files.path("..data_tmp")).expect("a link");
        fs::rename(files.path("..data_tmp"), files.path("..data")).expect("a swap");
    };
    version("..1", &service("a"));
    symlink("..data/a.yaml", files.path("a.yaml")).expect("a link");
    let (mut directory, first) = files.open();
    assert_eq!((ids(&first), port(&first, "a")), (vec!["Service default/a".to_owned()], 80));
    version("..2", &service("a").replace("80", "81"));
    assert_eq!(port(&directory.reload(), "a"), 81);
}

fn port(loaded: &Loaded, name: &str) -> u16 {
    let (_, manifest) = loaded.objects.iter().find(|(id, _)| id.name == name).expect("the Service");
    let Object::Service(service) = &*manifest.object else { panic!("a Service") };
    service.spec.ports[0].port.get()
}
