use super::*;

#[test]
fn ten_thousand_changes_at_once_are_twenty_lines_and_a_summary() {
    let now = Instant::now();
    let mut lines = Lines::new(now);
    let written = (0..10_000).filter(|_| lines.admit(now, Kind::Announcing)).count();
    assert_eq!(written, 20);
    assert_eq!(lines.summaries(now), [(Kind::Announcing, 9_980)]);
    assert_eq!(lines.summaries(now), [], "it is told once");
}

#[test]
fn one_kind_takes_no_line_from_another() {
    let now = Instant::now();
    let mut lines = Lines::new(now);
    for _ in 0..100 {
        lines.admit(now, Kind::Owner);
    }
    assert!(lines.admit(now, Kind::Claimed));
}

#[test]
fn a_storm_that_goes_on_is_a_line_in_three_seconds_and_a_summary_in_ten() {
    let begin = Instant::now();
    let mut lines = Lines::new(begin);
    let (mut written, mut summaries, mut counted) = (0, 0, 0);
    for step in 0..6_000_u32 {
        let now = begin + step * Duration::from_millis(10);
        written += u64::from(lines.admit(now, Kind::Silent));
        for (_, count) in lines.summaries(now) {
            summaries += 1;
            counted += count;
        }
    }
    assert!((38..=40).contains(&written), "{written} lines in a minute");
    assert!((5..=7).contains(&summaries), "{summaries} summaries in a minute");
    let rest = lines.summaries(begin + Duration::from_secs(70)).iter().map(|(_, count)| count).sum::<u64>();
    assert_eq!(written + counted + rest, 6_000, "everything is told");
}

#[test]
fn a_quiet_link_writes_every_line() {
    let begin = Instant::now();
    let mut lines = Lines::new(begin);
    for step in 0..100_u32 {
        let now = begin + step * Duration::from_secs(4);
        assert!(lines.admit(now, Kind::Owner));
        assert_eq!(lines.summaries(now), []);
    }
}
