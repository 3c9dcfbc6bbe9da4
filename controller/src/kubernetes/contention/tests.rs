use super::*;

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
    assert_eq!(contention.contended().collect::<Vec<_>>(), [(&service(), "rival")]);
    assert_eq!(repair(&mut contention, now), Spent::Beyond { first: false }, "it is told once");
}

#[test]
fn somebody_who_tries_things_out_is_not_held_up() {
    let now = Instant::now();
    let mut contention = Contention::default();
    for number in 0..BUDGET {
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
        let spent = repair(&mut contention, start + Duration::from_secs(60) * minute);
        assert_eq!(spent, Spent::Beyond { first: minute == 0 }, "minute {minute}");
    }
}

#[test]
fn quiet_ends_a_fight() {
    let start = Instant::now();
    let mut contention = Contention::default();
    for _ in 0..4 {
        repair(&mut contention, start);
    }
    contention.sweep(start + EARNING * (BUDGET - 1));
    assert_eq!(contention.rival(&service()), Some("rival"));
    contention.sweep(start + EARNING * BUDGET + SWEEP);
    assert_eq!(contention.rival(&service()), None);
    assert!(contention.accounts.is_empty());
}

#[test]
fn writes_that_come_too_late_count_and_do_not_use_up_the_knowledge_of_who_was_faster() {
    let now = Instant::now();
    let mut contention = Contention::default();
    contention.changed(now, &service(), &uid(), "rival");
    (0..BUDGET).for_each(|_| assert_eq!(contention.spend(now, &service(), &uid(), false), Spent::Within));
    assert_eq!(contention.spend(now, &service(), &uid(), false), Spent::Beyond { first: true });
    assert_eq!(contention.rival(&service()), Some("rival"));
}

#[test]
fn a_rival_that_is_seen_late_is_news() {
    let now = Instant::now();
    let mut contention = Contention::default();
    for _ in 0..BUDGET {
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
