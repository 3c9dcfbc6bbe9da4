use super::*;

/// As many ordinary writes as a full budget allows.
const SMALL_CHANGE: u32 = 30;

fn service() -> ServiceId {
    ServiceId::new("shop", "web")
}

fn uid() -> Uid {
    Uid::from("1")
}

/// Lets another program change the status, and repairs it.
fn repair(contention: &mut Contention, now: Instant) -> Spent {
    contention.changed(now, &service(), &uid(), "rival");
    contention.spend(now, &service(), &uid(), true)
}

#[test]
fn a_few_repairs_are_free_and_then_it_is_a_fight() {
    let now = Instant::now();
    let mut contention = Contention::default();
    for _ in 0..3 {
        assert_eq!(repair(&mut contention, now), Spent::Within);
        assert_eq!(contention.rival(&service()), None);
    }
    assert_eq!(repair(&mut contention, now), Spent::Beyond { first: true });
    assert_eq!(contention.rival(&service()), Some("rival"));
    assert_eq!(contention.contended(), [(service(), "rival".into())].into());
    assert_eq!(repair(&mut contention, now), Spent::Beyond { first: false }, "it is told once");
}

#[test]
fn somebody_who_tries_things_out_is_not_held_up() {
    let now = Instant::now();
    let mut contention = Contention::default();
    for number in 0..SMALL_CHANGE {
        assert_eq!(contention.spend(now, &service(), &uid(), true), Spent::Within, "write {number}");
    }
    assert_eq!(contention.spend(now, &service(), &uid(), true), Spent::Beyond { first: true });
    assert_eq!(contention.rival(&service()), Some(UNSEEN), "nobody has changed what we wrote");
}

#[test]
fn a_fight_at_the_longest_rest_stays_one() {
    let start = Instant::now();
    let mut contention = Contention::default();
    for _ in 0..3 {
        repair(&mut contention, start);
    }
    for minute in 0..60 {
        let now = start + Duration::from_secs(60) * minute;
        contention.sweep(now);
        assert_eq!(repair(&mut contention, now), Spent::Beyond { first: minute == 0 }, "minute {minute}");
    }
}

#[test]
fn a_fight_is_over_once_the_other_program_is_quiet_whatever_we_write() {
    let start = Instant::now();
    let mut contention = Contention::default();
    for _ in 0..4 {
        repair(&mut contention, start);
    }
    let later = start + Duration::from_secs(30);
    contention.changed(later, &service(), &uid(), "rival");
    contention.spend(later + Duration::from_secs(60), &service(), &uid(), true);
    assert_eq!(contention.next_wake(), Some(later + PEACE));
    contention.sweep(later + PEACE - Duration::from_secs(1));
    assert_eq!(contention.rival(&service()), Some("rival"));
    contention.sweep(later + PEACE);
    assert_eq!((contention.rival(&service()), contention.next_wake()), (None, None));
    contention.sweep(later + PEACE * 4);
    assert!(contention.accounts.is_empty());
}

#[test]
fn writes_that_come_too_late_count_and_do_not_use_up_the_knowledge_of_who_was_faster() {
    let now = Instant::now();
    let mut contention = Contention::default();
    contention.changed(now, &service(), &uid(), "rival");
    (0..SMALL_CHANGE).for_each(|_| assert_eq!(contention.spend(now, &service(), &uid(), false), Spent::Within));
    assert_eq!(contention.spend(now, &service(), &uid(), false), Spent::Beyond { first: true });
    assert_eq!(contention.rival(&service()), Some("rival"));
}

#[test]
fn a_rival_that_is_seen_late_is_news() {
    let now = Instant::now();
    let mut contention = Contention::default();
    for _ in 0..SMALL_CHANGE {
        contention.spend(now, &service(), &uid(), true);
    }
    assert_eq!(contention.spend(now, &service(), &uid(), true), Spent::Beyond { first: true });
    assert_eq!(repair(&mut contention, now), Spent::Beyond { first: true });
    assert_eq!(contention.rival(&service()), Some("rival"));
}

#[test]
fn a_service_made_anew_owes_nothing() {
    let now = Instant::now();
    let mut contention = Contention::default();
    for _ in 0..4 {
        repair(&mut contention, now);
    }
    assert_eq!(contention.spend(now, &service(), &Uid::from("2"), true), Spent::Within);
    assert_eq!(contention.rival(&service()), None);
}
