use std::os::unix::fs::{PermissionsExt as _, symlink};

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

mod faults;
mod reloads;

#[test]
fn one_bad_file_among_fifty_changes_nothing_else() {
    let (alone, together) = (Files::new(), Files::new());
    for number in 0..50 {
        for files in [&alone, &together] {
            files.write(&format!("{number:02}.yaml"), &service(&format!("web-{number}")));
        }
    }
    together.write(
        "25-bad.yaml",
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: bad\nspec:\n  ports:\n  - port: eighty\n",
    );

    let (alone, together) = (alone.load(), together.load());

    assert_eq!(ids(&together), ids(&alone));
    assert_eq!(ids(&alone).len(), 50);
    assert_eq!(
        faults(&together),
        [
            "25-bad.yaml:7: Service default/bad: spec.ports[0].port: is the text \"eighty\", and must be a whole number from 1 to 65535"
        ]
    );
}

#[test]
fn every_kind_is_read_and_other_kinds_are_counted() {
    let files = Files::new();
    files.write("all.yaml", include_str!("tests/every_kind.yaml"));
    let loaded = files.load();
    assert_eq!(faults(&loaded), [""; 0]);
    assert_eq!(
        ids(&loaded),
        [
            "Service default/web",
            "EndpointSlice default/web-1",
            "Node a",
            "Namespace shop",
            "Secret metallb-system/router",
            "IPAddressPool metallb-system/lan",
            "L2Advertisement metallb-system/lan",
            "BGPAdvertisement metallb-system/wan",
            "BGPPeer metallb-system/new",
            "BGPPeer metallb-system/old",
            "BFDProfile metallb-system/fast",
            "Community metallb-system/names",
        ]
    );
    let ignored: Vec<_> = loaded.ignored.iter().map(|(kind, count)| (kind.as_str(), *count)).collect();
    assert_eq!(ignored, [("ConfigMap", 2), ("Deployment", 1), ("ServiceL2Status", 1)]);
}

#[test]
fn only_manifests_of_the_directory_itself_are_read() {
    let files = Files::new();
    for name in ["a.yaml", "b.yml", "c.json"] {
        files.write(name, &service(&name[..1]));
    }
    for name in
        [".a.yaml.swp", ".hidden.yaml", "a.yaml~", "#a.yaml#", "#b.yaml", "a.yaml.bak", "README.md", "yaml", "4913"]
    {
        files.write(name, "}{");
    }
    fs::create_dir(files.path("sub.yaml")).expect("a directory");
    files.write("sub.yaml/d.yaml", &service("d"));

    let loaded = files.load();

    assert_eq!(faults(&loaded), [""; 0]);
    assert_eq!(ids(&loaded), ["Service default/a", "Service default/b", "Service default/c"]);
    assert_eq!(loaded.skipped.len(), 10);
}

#[test]
fn loading_twice_gives_the_same() {
    let files = Files::new();
    for name in ["z.yaml", "a.yaml", "m.yaml"] {
        files.write(name, &format!("{}---\n}}\n---\n{}", service("same"), service(&name[..1])));
    }
    let (first, second) = (files.load(), files.load());
    assert_eq!((ids(&first), faults(&first)), (ids(&second), faults(&second)));
    let same = first.objects.values().map(|manifest| manifest.place.to_string()).find(|place| place.ends_with(":1"));
    assert_eq!(same.as_deref(), Some("a.yaml:1"));
}

#[test]
fn a_directory_that_cannot_be_listed_is_an_error_at_the_start() {
    let files = Files::new();
    for path in [files.path("nowhere"), files.write("file", "")] {
        let Err(error) = Directory::load(&path) else { panic!("{} was read", path.display()) };
        assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    }
}

#[test]
fn the_line_of_a_field_of_configuration_is_known_afterwards() {
    let files = Files::new();
    files.write("all.yaml", include_str!("tests/every_kind.yaml"));
    let loaded = files.load();
    let pool = manifest(&loaded, Kind::IpAddressPool);
    let line =
        include_str!("tests/every_kind.yaml").lines().position(|line| line.contains("2001:db8")).expect("in the file");
    assert_eq!(pool.place_of("spec.addresses[1]").to_string(), format!("all.yaml:{}", line + 1));
}

#[test]
fn a_secret_never_shows_its_values() {
    let files = Files::new();
    files.write(
        "secret.yaml",
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\n  annotations: {last-applied: c2VzYW1l}\ndata: {password: c2VzYW1l, other: YQ==}\nstringData: {other: b}\n",
    );
    let loaded = files.load();
    let secret = manifest(&loaded, Kind::Secret);
    let Object::Secret(decoded) = &*secret.object else { panic!("a secret") };
    assert_eq!(decoded.value("password"), Some(b"sesame".as_slice()));
    assert_eq!(decoded.value("other"), Some(b"b".as_slice()));
    let debug = format!("{:?}", secret.object);
    assert!(!debug.contains("sesame") && !debug.contains("c2VzYW1l"), "{debug}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_either_objects_or_faults(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let files = Files::new();
        fs::write(files.path("any.yaml"), &bytes).expect("a file");
        files.write("good.yaml", &service("good"));
        let loaded = files.load();
        prop_assert!(ids(&loaded).contains(&"Service default/good".to_owned()));
    }

    #[test]
    fn any_damage_to_a_good_file_leaves_the_others_alone(at in 0usize..3000, with in any::<u8>(), cut in 0usize..60) {
        let files = Files::new();
        let mut bytes = include_bytes!("tests/every_kind.yaml").to_vec();
        let at = at % bytes.len();
        let end = (at + cut).min(bytes.len());
        bytes.splice(at..end, [with]);
        fs::write(files.path("damaged.yaml"), &bytes).expect("a file");
        files.write("good.yaml", &service("good"));
        let loaded = files.load();
        prop_assert!(ids(&loaded).contains(&"Service default/good".to_owned()));
        for fault in faults(&loaded) {
            prop_assert!(fault.len() < 2000, "{}", fault);
        }
    }
}

/// A directory of its own for one test.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(TempDir::new().expect("a temporary directory"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).expect("a file");
        path
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).expect("a file to remove");
    }

    fn open(&self) -> (Directory, Loaded) {
        Directory::load(self.0.path()).expect("a directory")
    }

    fn load(&self) -> Loaded {
        self.open().1
    }
}

fn service(name: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: {name}\nspec:\n  type: LoadBalancer\n  ports:\n  - port: 80\n"
    )
}

fn ids(loaded: &Loaded) -> Vec<String> {
    loaded.objects.keys().map(ToString::to_string).collect()
}

fn faults(loaded: &Loaded) -> Vec<String> {
    loaded.faults.iter().map(ToString::to_string).collect()
}

fn manifest(loaded: &Loaded, kind: Kind) -> &Manifest {
    loaded.objects.iter().find(|(id, _)| id.kind == kind).expect("an object of the kind").1
}
