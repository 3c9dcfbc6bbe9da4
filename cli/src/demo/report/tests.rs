use super::*;

#[test]
fn counts_a_gap_from_the_first_lost_probe_to_the_next_answer() {
    let start = Instant::now();
    let series = series(start, &[(0, Some(1)), (10, None), (20, None), (30, Some(31)), (40, Some(41))]);
    assert_eq!(series.lost(), 2);
    assert_eq!(series.longest_gap(), Some(gap(start, 10, 21)));
}

#[test]
fn counts_probes_that_were_queued_and_answered_late_as_a_gap_without_loss() {
    let start = Instant::now();
    let series = series(start, &[(0, Some(1)), (10, Some(300)), (20, Some(300)), (310, Some(311))]);
    assert_eq!(series.lost(), 0);
    assert_eq!(series.longest_gap(), Some(gap(start, 10, 290)));
}

#[test]
fn does_not_take_a_prober_without_processor_for_an_outage() {
    let start = Instant::now();
    let series = series(start, &[(0, Some(1)), (500, Some(501)), (1000, Some(1001))]);
    assert_eq!(series.longest_gap().map(|gap| gap.length), Some(Duration::from_millis(1)));
}

#[test]
fn counts_an_outage_that_has_no_end_up_to_the_last_probe() {
    let start = Instant::now();
    let series = series(start, &[(0, Some(1)), (10, None), (20, None), (90, None)]);
    assert_eq!(series.longest_gap(), Some(gap(start, 10, 80)));
}

#[test]
fn an_answer_to_an_early_probe_does_not_hide_the_wait_of_the_ones_after_it() {
    let start = Instant::now();
    let series = series(start, &[(0, Some(15)), (10, None), (20, None), (30, Some(100))]);
    assert_eq!(series.longest_gap(), Some(gap(start, 20, 80)));
}

#[test]
fn a_lost_datagram_and_two_lost_connections_in_a_row_are_an_interruption_and_a_single_connection_is_none() {
    let start = Instant::now();
    let whole = series(start, &[(0, Some(1)), (10, Some(11)), (20, Some(21)), (30, Some(31))]);
    let single = series(start, &[(0, Some(1)), (10, None), (20, Some(21)), (30, None)]);
    let pair = series(start, &[(0, Some(1)), (10, None), (20, None), (30, Some(31))]);
    let many = series(start, &(0..7).map(|at| (at * 10, (at % 2 == 0).then_some(at * 10 + 1))).collect::<Vec<_>>());
    let interrupted = |udp: &Series, tcp: &Series| Report { udp: udp.clone(), tcp: tcp.clone() }.interrupted();
    assert_eq!(interrupted(&whole, &single), 0);
    assert_eq!(interrupted(&single, &whole), 2);
    assert_eq!(interrupted(&whole, &pair), 2);
    assert_eq!(interrupted(&whole, &many), 1);
}

#[test]
fn names_answerers_in_order_of_answering() {
    let start = Instant::now();
    let mut series = series(start, &[(0, Some(1)), (10, Some(11)), (20, Some(25)), (22, Some(23))]);
    for (probe, name) in series.probes.iter_mut().zip(["n1", "n1", "n3", "n2"]) {
        probe.answer.as_mut().unwrap().1 = name.into();
    }
    assert_eq!(series.answerers(), [Arc::from("n1"), Arc::from("n2"), Arc::from("n3")]);
}

#[test]
fn sorts_round_trips_into_buckets() {
    let start = Instant::now();
    let series = series(start, &[(0, Some(1)), (10, Some(14)), (20, Some(5000)), (30, None)]);
    let filled: Vec<_> = series.histogram().into_iter().filter(|(_, count)| *count > 0).collect();
    assert_eq!(filled, [(None, 1), (Some(1), 1), (Some(5), 1)]);
}

#[test]
fn says_when_probes_were_lost() {
    let series = series(Instant::now(), &[(0, Some(1)), (10, None), (20, None), (30, Some(31)), (40, None)]);
    let text = series.to_string();
    assert!(
        text.ends_with(
            "; lost those sent 10.0 to 20.0 ms after the first; lost those sent 40.0 to 40.0 ms after the first"
        ),
        "{text}"
    );
}

fn series(start: Instant, probes: &[(u64, Option<u64>)]) -> Series {
    let at = |millis| start + Duration::from_millis(millis);
    let probe = |&(sent, answered): &(u64, Option<u64>)| Probe {
        sent: at(sent),
        answer: answered.map(|answered| (at(answered), "n1".into())),
        retried: false,
    };
    Series { probes: probes.iter().map(probe).collect() }
}

fn gap(start: Instant, from: u64, length: u64) -> Gap {
    Gap { from: start + Duration::from_millis(from), length: Duration::from_millis(length) }
}
