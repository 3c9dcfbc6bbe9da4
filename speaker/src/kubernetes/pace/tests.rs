use super::*;

/// Plans as the program does while there is a change in every millisecond, and returns how long each waited and the time spent on
/// plans.
fn churn(plan_takes: Duration, lasts: Duration) -> (Vec<Duration>, Duration) {
    let (start, mut pace) = (Instant::now(), Pace::default());
    let (mut now, mut spent, mut waited) = (start, Duration::ZERO, Vec::new());
    while now < start + lasts {
        let change = now;
        now = pace.due(now);
        waited.push(now - change);
        let began = now;
        now += plan_takes;
        spent += plan_takes;
        pace.planned(began, now);
        now += Duration::from_millis(1);
    }
    (waited, spent)
}

#[test]
fn changes_that_keep_coming_cost_a_quarter_of_the_time_at_most_and_the_first_is_planned_at_once() {
    let lasts = Duration::from_secs(60);
    for plan_takes in [1, 20, 100, 900].map(Duration::from_millis) {
        let (waited, spent) = churn(plan_takes, lasts);
        assert_eq!(waited[0], Duration::ZERO);
        // The first comes at once, and the last may go on beyond the end.
        assert!(spent <= lasts / 4 + 2 * plan_takes, "{plan_takes:?} each, {spent:?} in all");
        assert!(waited.iter().all(|waited| *waited <= 3 * plan_takes), "{plan_takes:?} each, {waited:?}");
    }
}

#[test]
fn a_change_after_a_rest_is_planned_at_once_and_none_waits_for_ever() {
    let (start, mut pace) = (Instant::now(), Pace::default());
    pace.planned(start, start + Duration::from_secs(60));
    let ended = start + Duration::from_secs(60);
    assert_eq!(pace.due(ended), ended + LONGEST_REST);
    let later = ended + LONGEST_REST;
    assert_eq!(pace.due(later), later);
}
