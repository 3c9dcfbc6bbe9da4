use super::*;

const ONE: Mac = Mac([2, 0, 0, 0, 0, 1]);
const TWO: Mac = Mac([2, 0, 0, 0, 0, 2]);

#[test]
fn silence_is_counted_from_the_first_question_nobody_answered() {
    let start = Instant::now();
    let sightings = sightings(start, &[0, 20, 40, 60], &[(1, ONE, true), (61, TWO, true)]);
    assert_eq!(silence(&sightings), Some(41));
}

#[test]
fn an_announcement_does_not_end_the_silence_for_a_newcomer() {
    let start = Instant::now();
    let sightings = sightings(start, &[0, 20, 40, 60], &[(1, ONE, true), (25, TWO, false), (61, TWO, true)]);
    assert_eq!(silence(&sightings), Some(41));
}

#[test]
fn an_address_that_was_never_answered_was_silent_all_the_time() {
    let start = Instant::now();
    assert_eq!(silence(&sightings(start, &[0, 20, 40], &[])), Some(40));
}

#[test]
fn a_question_between_two_owners_is_unanswered_even_if_the_second_answers_those_that_follow() {
    let start = Instant::now();
    let answers = [(1, ONE, true), (45, TWO, false), (61, TWO, true), (81, TWO, true)];
    assert_eq!(unanswered(start, &[0, 20, 40, 60, 80, 400], &answers), [20, 40]);
}

#[test]
fn late_answers_count_for_the_questions_that_waited_and_double_ones_for_no_other() {
    let start = Instant::now();
    let late = [(1, ONE, true), (50, ONE, true), (51, TWO, true), (61, TWO, true)];
    assert_eq!(unanswered(start, &[0, 20, 40, 60, 400], &late), [0; 0]);
    let double = [(21, ONE, true), (41, ONE, true), (1102, ONE, true), (1103, TWO, true)];
    assert_eq!(unanswered(start, &[0, 20, 40, 1100, 2000], &double), [0]);
}

#[test]
fn questions_at_the_end_of_the_watch_may_still_be_open() {
    let start = Instant::now();
    assert_eq!(unanswered(start, &[0, 99, 100, 101, 400], &[(1, ONE, true)]), [99, 100]);
    assert_eq!(unanswered(start, &[], &[(1, ONE, true)]), [0; 0]);
}

#[test]
fn windows_name_everybody_who_claimed_in_them() {
    let start = Instant::now();
    let sightings =
        sightings(start, &[], &[(0, ONE, true), (99, ONE, true), (100, ONE, true), (150, TWO, true), (300, TWO, true)]);
    let windows = sightings.windows(address(), Duration::from_millis(100));
    let expected = [(0, vec![ONE]), (100, vec![ONE, TWO]), (300, vec![TWO])]
        .map(|(from, macs)| Window { from: start + Duration::from_millis(from), macs: macs.into_iter().collect() });
    assert_eq!(windows, expected);
}

#[test]
fn overlap_is_the_time_in_which_two_nodes_answer() {
    let start = Instant::now();
    let moved = sightings(start, &[], &[(0, ONE, true), (100, TWO, false), (130, ONE, true), (200, TWO, true)]);
    assert_eq!(moved.overlap(address()), Duration::from_millis(30));
    let clean = sightings(start, &[], &[(0, ONE, true), (100, TWO, true)]);
    assert_eq!(clean.overlap(address()), Duration::ZERO);
    assert_eq!(clean.latest(address()), Some(TWO));
}

fn sightings(start: Instant, asked: &[u64], claims: &[(u64, Mac, bool)]) -> Sightings {
    let at = |millis: &u64| start + Duration::from_millis(*millis);
    let claim = |(millis, mac, solicited): &(u64, Mac, bool)| {
        (at(millis), Claim { address: address(), mac: *mac, solicited: *solicited })
    };
    Sightings {
        asked: [(address(), asked.iter().map(at).collect())].into(),
        claims: claims.iter().map(claim).collect(),
    }
}

fn unanswered(start: Instant, asked: &[u64], claims: &[(u64, Mac, bool)]) -> Vec<u128> {
    let unanswered = sightings(start, asked, claims).unanswered(address());
    unanswered.into_iter().map(|question| question.duration_since(start).as_millis()).collect()
}

fn silence(sightings: &Sightings) -> Option<u128> {
    sightings.longest_silence(address()).map(|gap| gap.length.as_millis())
}

fn address() -> IpAddr {
    "192.0.2.130".parse().unwrap()
}
