use super::*;

fn held(ip: &str) -> Held {
    Held { ips: vec![ip.parse().unwrap()], pool: "lan".to_owned() }
}

#[test]
fn what_was_stored_is_there_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path().join("not/yet/there");
    let addresses = Addresses::from([("default/web".to_owned(), held("192.0.2.1"))]);
    State::load(&directory).unwrap().store(addresses.clone()).unwrap();
    assert_eq!(*State::load(&directory).unwrap().addresses(), addresses);
}

#[test]
fn a_damaged_file_is_an_error_and_not_an_empty_memory() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join(FILE), "{\"default/web\": {").unwrap();
    let error = State::load(directory.path()).unwrap_err();
    assert!(error.to_string().contains("is damaged; restore it"), "{error}");
}

#[test]
fn addresses_are_held_in_memory_when_the_directory_cannot_be_written() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    let mut state = State { directory: file, addresses: Addresses::new(), saved: true };
    let addresses = Addresses::from([("default/web".to_owned(), held("192.0.2.1"))]);
    for _ in 0..2 {
        assert!(matches!(state.store(addresses.clone()), Err(StateError::Unwritable { .. })));
        assert_eq!(*state.addresses(), addresses);
    }
}
