use std::collections::BTreeMap;

use crate::{Event, Object, ObjectName, StatusError, Table, Unreadable, Version, WatchError};

fn object(name: &str, version: u64, value: Result<u32, &str>) -> Event<u32> {
    let value = value.map_err(|reason| Unreadable { reason: reason.to_owned(), labels: BTreeMap::new() });
    Event::Applied(Object { name: ObjectName::new("default", name), version: Version(version), value })
}

fn listed(objects: Vec<Event<u32>>) -> Table<u32> {
    let mut table = Table::default();
    for event in [Event::Relisting].into_iter().chain(objects).chain([Event::Listed]) {
        table.take(event);
    }
    table
}

fn values(table: &Table<u32>) -> Vec<u32> {
    table.values().copied().collect()
}

#[test]
fn the_first_list_counts_as_a_change_even_if_it_is_empty() {
    let mut table = Table::<u32>::default();
    assert!(!table.take(Event::Relisting));
    assert!(!table.is_listed());
    assert!(table.take(Event::Listed));
    assert!(table.is_listed() && table.is_empty());
}

#[test]
fn an_object_that_a_relist_does_not_mention_stays_until_its_end() {
    let mut table = listed(vec![object("a", 1, Ok(1)), object("b", 2, Ok(2))]);
    table.take(Event::Relisting);
    assert!(!table.take(object("b", 2, Ok(2))));
    assert_eq!(values(&table), [1, 2]);
    assert!(table.take(Event::Listed));
    assert_eq!(values(&table), [2]);
}

#[test]
fn a_relist_that_broke_off_removes_nothing() {
    let mut table = listed(vec![object("a", 1, Ok(1)), object("b", 2, Ok(2))]);
    table.take(Event::Relisting);
    table.take(object("b", 2, Ok(2)));
    table.take(Event::Lost(WatchError::Connection("broken".to_owned())));
    table.take(Event::Relisting);
    table.take(object("a", 1, Ok(1)));
    table.take(object("b", 2, Ok(2)));
    assert!(!table.take(Event::Listed));
    assert_eq!(values(&table), [1, 2]);
}

#[test]
fn a_new_version_with_the_same_content_is_no_change_and_is_remembered() {
    let mut table = listed(vec![object("a", 1, Ok(1))]);
    assert!(!table.take(object("a", 7, Ok(1))));
    let row = table.get(&ObjectName::new("default", "a")).expect("the object is known");
    assert_eq!(row.version, Version(7));
}

#[test]
fn an_object_that_goes_bad_keeps_its_last_readable_value_and_tells_why() {
    let mut table = listed(vec![object("a", 1, Ok(1)), object("b", 2, Ok(2))]);
    assert!(table.take(object("a", 3, Err("spec.port: too large"))));
    assert_eq!(values(&table), [1, 2]);
    let told: Vec<String> = table.faults().map(ToString::to_string).collect();
    assert_eq!(told, ["default/a cannot be read: spec.port: too large; correct the object"]);
    assert!(table.take(object("a", 4, Ok(1))), "its recovery is a change");
    assert_eq!(table.faults().count(), 0);
}

#[test]
fn losing_contact_keeps_what_is_known_and_says_so_until_it_is_back() {
    let mut table = listed(vec![object("a", 1, Ok(1))]);
    let error = StatusError { code: 403, reason: "Forbidden".into(), message: "no".into(), retry_after: None };
    assert!(!table.take(Event::Lost(error.into())));
    assert!(table.lost().is_some() && table.is_listed());
    table.take(Event::Connected);
    assert!(table.lost().is_none());
    assert_eq!(values(&table), [1]);
}

#[test]
fn a_deletion_counts_only_if_the_object_was_there() {
    let mut table = listed(vec![object("a", 1, Ok(1))]);
    assert!(table.take(Event::Deleted(ObjectName::new("default", "a"), Version(2))));
    assert!(!table.take(Event::Deleted(ObjectName::new("default", "a"), Version(3))));
}
