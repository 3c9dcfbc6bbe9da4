use std::fs;
use std::path::Path;

use crds::checked::{Compiled, Compiler, Nodes};
use crds::fault::{Fault, Severity};

use super::*;
use crate::manifests::Directory;

const NAMESPACE: &str = "metallb-system";

fn pool(name: &str, range: &str) -> String {
    format!(
        "apiVersion: metallb.io/v1beta1\nkind: IPAddressPool\nmetadata: {{name: {name}, namespace: {NAMESPACE}}}\n\
         spec:\n  addresses:\n  - {range}\n"
    )
}

/// A directory, and the compiler that sees its changes.
struct Bench {
    path: tempfile::TempDir,
    directory: Directory,
    compiler: Compiler,
}

impl Bench {
    fn new(files: &[(&str, String)]) -> (Self, Compiled) {
        let path = tempfile::tempdir().unwrap();
        write(path.path(), files);
        let (directory, loaded) = Directory::load(path.path()).unwrap();
        let mut compiler = Compiler::default();
        let compiled = compiler.compile(&written(&loaded), Some(&Nodes::new()), NAMESPACE);
        (Self { path, directory, compiler }, compiled)
    }

    fn change(&mut self, files: &[(&str, String)]) -> Compiled {
        write(self.path.path(), files);
        self.compiler.compile(&written(&self.directory.reload()), Some(&Nodes::new()), NAMESPACE)
    }
}

fn write(path: &Path, files: &[(&str, String)]) {
    for (name, text) in files {
        fs::write(path.join(name), text).unwrap();
    }
}

fn ranges(compiled: &Compiled, pool: &str) -> Vec<String> {
    compiled.config.pools.get(pool).into_iter().flat_map(|pool| &pool.ranges).map(ToString::to_string).collect()
}

/// Returns the faults that leave an object out.
fn errors(compiled: &Compiled) -> Vec<&Fault> {
    compiled.faults.iter().filter(|fault| fault.severity() == Severity::Error).collect()
}

#[test]
fn a_pool_that_goes_bad_stays_as_it_was_and_the_fault_says_what_is_written_now() {
    let (mut bench, before) = Bench::new(&[("lan.yaml", pool("lan", "192.0.2.1-192.0.2.9"))]);
    assert!(errors(&before).is_empty());
    let after = bench.change(&[("lan.yaml", pool("lan", "192.0.2.9-192.0.2.1"))]);
    assert_eq!(ranges(&after, "lan"), ranges(&before, "lan"));
    assert_eq!(errors(&after)[0].field.as_str(), "spec.addresses[0]");
    assert_eq!(after.kept.iter().map(ToString::to_string).collect::<Vec<_>>(), ["IPAddressPool metallb-system/lan"]);

    let mended = bench.change(&[("lan.yaml", pool("lan", "192.0.2.1-192.0.2.5"))]);
    assert_eq!((errors(&mended).len(), mended.kept.len()), (0, 0));
    assert_ne!(ranges(&mended, "lan"), ranges(&before, "lan"));
}

#[test]
fn a_pool_that_was_never_good_is_left_out_and_the_others_take_effect() {
    let (_bench, compiled) =
        Bench::new(&[("a.yaml", pool("bad", "192.0.2.9-192.0.2.1")), ("b.yaml", pool("good", "198.51.100.0/28"))]);
    assert_eq!(ranges(&compiled, "bad"), [""; 0]);
    assert_eq!(ranges(&compiled, "good").len(), 1);
    assert!(compiled.kept.is_empty());
}

#[test]
fn a_pool_that_is_removed_is_gone() {
    let (mut bench, _) = Bench::new(&[("lan.yaml", pool("lan", "192.0.2.0/28"))]);
    fs::remove_file(bench.path.path().join("lan.yaml")).unwrap();
    let after = bench.change(&[]);
    assert!(after.config.pools.is_empty() && after.kept.is_empty());
}

#[test]
fn a_pool_edited_into_another_ones_range_stays_where_it_was() {
    let (mut bench, before) =
        Bench::new(&[("a.yaml", pool("a", "192.0.2.0/28")), ("b.yaml", pool("b", "198.51.100.0/28"))]);
    let after = bench.change(&[("b.yaml", pool("b", "192.0.2.0/29"))]);
    assert_eq!((ranges(&after, "a"), ranges(&after, "b")), (ranges(&before, "a"), ranges(&before, "b")));
    assert_eq!(errors(&after).len(), 1, "{:?}", after.faults);
}
