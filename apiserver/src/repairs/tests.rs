use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn repair(repairs: &mut Repairs<&'static str>, now: Instant) -> bool {
    repairs.book(now, "lan", Budget::REPAIR)
}

#[test]
fn a_few_repairs_are_made_at_once_and_a_fight_is_told_once_and_rests_longer_each_time() {
    let (mut repairs, mut now) = (Repairs::default(), Instant::now());
    for _ in 0..3 {
        assert!(!repair(&mut repairs, now) && !repairs.is_resting(now, &"lan"));
    }
    assert!(repair(&mut repairs, now), "the fourth is one too many");
    for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
        assert!(repairs.is_resting(now + SECOND * (seconds - 1), &"lan"), "{seconds}");
        assert_eq!(repairs.next_wake(now), Some(now + SECOND * seconds));
        now += SECOND * seconds;
        assert!(!repairs.is_resting(now, &"lan"), "{seconds}");
        assert!(!repair(&mut repairs, now), "told before");
    }
    assert!(!repairs.is_resting(now, &"wan"), "others are not held up");
}

#[test]
fn a_quiet_time_ends_a_fight() {
    let (mut repairs, now) = (Repairs::default(), Instant::now());
    for _ in 0..4 {
        repair(&mut repairs, now);
    }
    let later = now + EARNING * BUDGET;
    assert!(!repair(&mut repairs, later) && !repairs.is_resting(later, &"lan"));
    assert_eq!(repairs.next_wake(later), None);
}

#[test]
fn ordinary_writes_cost_little() {
    let (mut repairs, now) = (Repairs::default(), Instant::now());
    for _ in 0..BUDGET {
        assert!(!repairs.book(now, "lan", Budget::ORDINARY));
    }
    assert!(repairs.book(now, "lan", Budget::ORDINARY));
}

#[test]
fn a_budget_is_earned_unit_by_unit() {
    let now = Instant::now();
    let mut budget = Budget::full(now);
    assert!(budget.spend(now, BUDGET) && !budget.spend(now, 1));
    assert!(!budget.spend(now + EARNING - SECOND, 1));
    let mut budget = Budget::full(now);
    assert!(budget.spend(now, BUDGET) && budget.spend(now + EARNING, 1));
    assert!(!budget.is_full(now + EARNING * BUDGET) && budget.is_full(now + EARNING * (BUDGET + 1)));
}
