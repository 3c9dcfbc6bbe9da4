use serde_json::{Value, json};

use super::*;
use crate::checked::tests::created;

const NAMESPACE: &str = "metallb-system";

fn pool(name: &str, day: u8, range: &str) -> Arc<IpAddressPool> {
    Arc::new(created(name, day, json!({ "addresses": [range] })))
}

fn pools(pools: [Arc<IpAddressPool>; 2]) -> Written {
    let mut written = Written::default();
    pools.into_iter().for_each(|pool| add(&mut written.pools, pool));
    written
}

/// Says which objects stay in effect as they were, and which are at fault.
fn names(compiled: &Compiled) -> (Vec<&str>, Vec<&str>) {
    let kept = compiled.kept.iter().map(|object| object.name.as_str()).collect();
    let errors = compiled.faults.iter().filter(|fault| fault.severity() == Severity::Error);
    (kept, errors.map(|fault| fault.object.name.as_str()).collect())
}

/// Compiles what is written before and, more than once, after an edit that makes `old` contradict the younger `young`.
fn assert_that_the_edited_object_is_at_fault(before: &Written, after: &Written) {
    let mut compiler = Compiler::default();
    let good = compiler.compile(before, None, NAMESPACE);
    assert_eq!(names(&good), (vec![], vec![]));
    for _ in 0..3 {
        let edited = compiler.compile(after, None, NAMESPACE);
        assert_eq!(edited.config, good.config);
        assert_eq!(names(&edited), (vec!["old"], vec!["old"]));
    }
    assert_eq!(compiler.compile(before, None, NAMESPACE), good);
}

#[test]
fn an_older_pool_edited_into_a_younger_ones_range_is_at_fault_and_stays_where_it_was() {
    let young = || pool("young", 2, "10.0.0.128/25");
    assert_that_the_edited_object_is_at_fault(
        &pools([pool("old", 1, "10.0.0.0/25"), young()]),
        &pools([pool("old", 1, "10.0.0.0/24"), young()]),
    );
}

#[test]
fn an_older_community_edited_to_take_a_younger_ones_alias_is_at_fault() {
    let written = |alias: &str| {
        let community = |name: &str, day, alias: &str| {
            Arc::new(created(name, day, json!({ "communities": [{ "name": alias, "value": "1:1" }] })))
        };
        let mut written = Written::default();
        add(&mut written.communities, community("old", 1, alias));
        add(&mut written.communities, community("young", 2, "taken"));
        written
    };
    assert_that_the_edited_object_is_at_fault(&written("free"), &written("taken"));
}

#[test]
fn an_older_advertisement_edited_to_prefer_routes_otherwise_is_at_fault() {
    let written = |preference: u32| {
        let advertisement = |name: &str, day, spec: Value| Arc::new(created(name, day, spec));
        let mut written = pools([pool("a", 1, "10.0.0.0/25"), pool("b", 1, "10.0.1.0/25")]);
        let old = json!({ "localPref": preference, "aggregationLength": 32, "communities": ["1:1"] });
        add(&mut written.bgp_advertisements, advertisement("old", 1, old));
        add(&mut written.bgp_advertisements, advertisement("young", 2, json!({ "localPref": 100 })));
        written
    };
    assert_that_the_edited_object_is_at_fault(&written(100), &written(200));
}

#[test]
fn a_pool_that_is_added_does_not_push_out_one_that_looks_younger() {
    let mut compiler = Compiler::default();
    let mut written = Written::default();
    add(&mut written.pools, pool("young", 2, "10.0.0.0/24"));
    let before = compiler.compile(&written, None, NAMESPACE);
    add(&mut written.pools, pool("old", 1, "10.0.0.0/25"));
    let after = compiler.compile(&written, None, NAMESPACE);
    assert_eq!(after.config, before.config);
    assert_eq!(names(&after), (vec![], vec!["old"]));
}

#[test]
fn where_nothing_is_remembered_age_decides() {
    let written = pools([pool("old", 1, "10.0.0.0/24"), pool("young", 2, "10.0.0.128/25")]);
    assert_eq!(names(&Compiler::default().compile(&written, None, NAMESPACE)), (vec![], vec!["young"]));
}
