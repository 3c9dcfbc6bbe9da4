use super::*;

fn is_missing(incomplete: &Incomplete) -> bool {
    incomplete.wants_list(SECOND_LOOK)
}

fn fits(rooms: &mut Rooms, namespace: &str, name: &str, before: usize, after: usize) -> bool {
    rooms.book(namespace, name, before, after).is_ok()
}

#[test]
fn one_namespace_takes_no_room_from_another() {
    let (mut rooms, shop, bank) = (Rooms::new(100), "shop", "bank");
    assert!(fits(&mut rooms, shop, "a", 0, 60));
    assert!(!fits(&mut rooms, shop, "b", 0, 41));
    assert!(fits(&mut rooms, shop, "b", 0, 40));
    assert!(fits(&mut rooms, bank, "c", 0, 100));
    assert!(rooms.has_passed_over("shop", "b") && !rooms.has_passed_over("shop", "a"));
    assert_eq!(rooms.crowded().map(|(namespace, _)| &**namespace).collect::<Vec<_>>(), ["shop"]);
}

#[test]
fn an_object_that_outgrows_the_room_takes_nothing_and_one_that_shrinks_always_fits() {
    let (mut rooms, shop) = (Rooms::new(100), "shop");
    assert!(fits(&mut rooms, shop, "a", 0, 60));
    assert!(!fits(&mut rooms, shop, "a", 60, 101));
    assert!(fits(&mut rooms, shop, "b", 0, 100));
    rooms.insist(shop, 0, 50);
    assert!(!fits(&mut rooms, shop, "c", 0, 1));
    assert!(fits(&mut rooms, shop, "b", 100, 99));
    assert!(fits(&mut rooms, shop, "b", 99, 0));
    assert!(fits(&mut rooms, shop, "c", 0, 50));
}

#[test]
fn a_list_says_anew_what_there_is_no_room_for() {
    let (mut rooms, shop) = (Rooms::new(100), "shop");
    let incomplete = rooms.incomplete();
    assert!(fits(&mut rooms, shop, "a", 0, 100) && !fits(&mut rooms, shop, "b", 0, 1) && is_missing(&incomplete));
    rooms.relisting();
    // What is not told by the end of a list may still have been passed over.
    assert!(rooms.has_passed_over("shop", "b"));
    assert!(fits(&mut rooms, shop, "a", 100, 90) && fits(&mut rooms, shop, "b", 0, 1));
    assert!(rooms.listed([(shop, 90), (shop, 1)].into_iter()));
    assert!(!rooms.has_passed_over("shop", "b") && !is_missing(&incomplete));
    rooms.relisting();
    assert!(!rooms.listed([(shop, 91)].into_iter()));
    assert!(fits(&mut rooms, shop, "c", 0, 9) && !fits(&mut rooms, shop, "d", 0, 1));
    // The first list of all may end without a beginning.
    assert!(!rooms.listed(std::iter::empty()) && is_missing(&incomplete));
}

#[test]
fn the_names_of_what_is_passed_over_are_few() {
    let (mut rooms, shop) = (Rooms::new(0), "shop");
    let mut told = Vec::new();
    for number in 0..1000 {
        told.push(rooms.book(shop, &format!("{number:04}"), 0, 1));
    }
    assert_eq!(told[0], Err(NoRoom::New));
    assert_eq!(told.iter().filter(|told| **told == Err(NoRoom::New)).count(), 16);
    assert_eq!(told[16..18], [Err(NoRoom::Everyone), Err(NoRoom::Known)]);
    let (_, passed) = rooms.crowded().next().unwrap();
    assert_eq!((passed.versions, passed.names.len(), passed.others), (1000, 16, true));
    assert!(passed.text().starts_with("0000, 0001, ") && passed.text().ends_with(", 0015 and others"));
    assert!(rooms.has_passed_over("shop", "0999") && !rooms.has_passed_over("bank", "0999"));
}
