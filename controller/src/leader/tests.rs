use super::*;

const ME: &str = "me";

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn election(now: Instant) -> Election {
    let mut election = Election::new(ME, Timing::default(), now);
    assert_eq!(tick(&mut election, now), [Output::Read]);
    election
}

fn tick(election: &mut Election, now: Instant) -> Vec<Output> {
    give(election, now, Input::Timeout)
}

fn give(election: &mut Election, now: Instant, input: Input) -> Vec<Output> {
    election.handle(now, input);
    std::iter::from_fn(|| election.poll_output()).collect()
}

fn lease(version: &str, holder: &str) -> Input {
    let (version, holder) = (version.to_owned(), holder.to_owned());
    Input::Read(Some(Lease { version, holder, duration: s(15), transitions: 4 }))
}

fn claim(replaces: Option<&str>, claim: Claim, transitions: u32) -> Vec<Output> {
    vec![Output::Write { replaces: replaces.map(str::to_owned), claim, transitions }]
}

fn leading(now: Instant) -> Election {
    let mut election = election(now);
    assert_eq!(give(&mut election, now, Input::Read(None)), claim(None, Claim::Acquire, 0));
    assert_eq!(give(&mut election, now, Input::Wrote("1".to_owned())), [Output::Lead]);
    election
}

#[test]
fn a_lease_that_is_missing_empty_or_its_own_is_taken_at_once() {
    let now = Instant::now();
    assert_eq!(give(&mut election(now), now, Input::Read(None)), claim(None, Claim::Acquire, 0));
    assert_eq!(give(&mut election(now), now, lease("7", "")), claim(Some("7"), Claim::Acquire, 5));
    assert_eq!(give(&mut election(now), now, lease("7", ME)), claim(Some("7"), Claim::Acquire, 4));
}

#[test]
fn a_foreign_lease_is_waited_for_until_it_has_not_changed_for_its_duration() {
    let start = Instant::now();
    let mut election = election(start);
    for second in (0..14).step_by(2) {
        let now = start + s(second);
        assert_eq!(give(&mut election, now, lease("7", "other")), []);
        assert_eq!(election.poll_timeout(), Some(now + s(2)));
        assert_eq!(tick(&mut election, now + s(2)), [Output::Read]);
    }
    assert_eq!(give(&mut election, start + s(14), lease("8", "other")), [], "it was renewed");
    assert_eq!(tick(&mut election, start + s(16)), [Output::Read]);
    assert_eq!(give(&mut election, start + s(28), lease("8", "other")), []);
    assert_eq!(election.poll_timeout(), Some(start + s(29)), "looks again when it runs out");
    assert_eq!(tick(&mut election, start + s(29)), [Output::Read]);
    assert_eq!(give(&mut election, start + s(29), lease("8", "other")), claim(Some("8"), Claim::Acquire, 5));
}

#[test]
fn a_foreign_lease_that_is_deleted_is_waited_for_as_if_it_had_just_changed() {
    let start = Instant::now();
    let mut election = election(start);
    give(&mut election, start, lease("7", "other"));
    for second in (2..16).step_by(2) {
        assert_eq!(tick(&mut election, start + s(second)), [Output::Read]);
        assert_eq!(give(&mut election, start + s(second), Input::Read(None)), [], "its holder may not know yet");
    }
    assert_eq!(tick(&mut election, start + s(16)), [Output::Read]);
    assert_eq!(give(&mut election, start + s(16), Input::Read(None)), []);
    assert_eq!(election.poll_timeout(), Some(start + s(17)));
    assert_eq!(tick(&mut election, start + s(17)), [Output::Read]);
    assert_eq!(give(&mut election, start + s(17), Input::Read(None)), claim(None, Claim::Acquire, 0));
}

#[test]
fn a_lease_that_is_deleted_after_a_claim_on_it_was_lost_is_waited_for() {
    let start = Instant::now();
    let mut election = election(start);
    give(&mut election, start, Input::Read(None));
    assert_eq!(give(&mut election, start, Input::Conflict), [], "somebody else has made it");
    assert_eq!(tick(&mut election, start + s(2)), [Output::Read]);
    assert_eq!(give(&mut election, start + s(2), Input::Read(None)), []);
}

#[test]
fn a_claim_that_somebody_else_won_is_a_new_wait() {
    let now = Instant::now();
    let mut election = election(now);
    give(&mut election, now, lease("7", ""));
    assert_eq!(give(&mut election, now, Input::Conflict), []);
    assert_eq!(election.poll_timeout(), Some(now + s(2)));
    assert!(!election.leads(now));
}

#[test]
fn a_leader_counts_from_when_it_sent_the_last_renewal_that_succeeded() {
    let start = Instant::now();
    let mut election = leading(start);
    assert_eq!(tick(&mut election, start + s(2)), claim(Some("1"), Claim::Renew, 0));
    assert_eq!(give(&mut election, start + s(5), Input::Wrote("2".to_owned())), []);
    assert!(election.leads(start + s(12) - Duration::from_millis(1)));
    assert!(!election.leads(start + s(12)));
    assert_eq!(tick(&mut election, start + s(5)), claim(Some("2"), Claim::Renew, 0));
    assert_eq!(
        tick(&mut election, start + s(12)),
        [Output::Lost(Loss::Deadline { after: s(10) }), Output::Done],
        "the answer never came"
    );
    assert_eq!(give(&mut election, start + s(13), Input::Wrote("3".to_owned())), []);
    assert!(!election.leads(start + s(13)));
}

#[test]
fn an_answer_after_the_deadline_does_not_revive_a_leader() {
    let start = Instant::now();
    let mut election = leading(start);
    tick(&mut election, start + s(2));
    let late = give(&mut election, start + s(40), Input::Wrote("2".to_owned()));
    assert_eq!(late[0], Output::Lost(Loss::Deadline { after: s(10) }));
    assert!(!election.leads(start + s(40)));
}

#[test]
fn a_conflict_of_a_leader_is_looked_into() {
    let start = Instant::now();
    let mut own = leading(start);
    tick(&mut own, start + s(2));
    assert_eq!(give(&mut own, start + s(2), Input::Conflict), [Output::Read]);
    assert_eq!(give(&mut own, start + s(2), lease("9", ME)), [], "an answer got lost, or somebody set a label");
    assert_eq!(tick(&mut own, start + s(2)), claim(Some("9"), Claim::Renew, 0));

    let mut taken = leading(start);
    tick(&mut taken, start + s(2));
    give(&mut taken, start + s(2), Input::Conflict);
    let mut deleted = leading(start);
    tick(&mut deleted, start + s(2));
    give(&mut deleted, start + s(2), Input::Conflict);
    assert_eq!(give(&mut deleted, start + s(2), Input::Read(None)), [Output::Lost(Loss::Deleted), Output::Done]);

    let holder = "other".to_owned();
    assert_eq!(
        give(&mut taken, start + s(2), lease("9", "other")),
        [Output::Lost(Loss::Taken { holder }), Output::Done]
    );
}

#[test]
fn a_leader_that_stops_gives_the_lease_up_and_a_candidate_just_stops() {
    let start = Instant::now();
    let mut leader = leading(start);
    assert_eq!(give(&mut leader, start, Input::Stop), claim(Some("1"), Claim::Release, 0));
    assert!(!leader.leads(start));
    assert_eq!(give(&mut leader, start, Input::Wrote("2".to_owned())), [Output::Done]);
    assert_eq!(give(&mut election(start), start, Input::Stop), [Output::Done]);
}

#[test]
fn a_claim_answered_after_a_pause_is_made_anew() {
    let start = Instant::now();
    let mut election = election(start);
    give(&mut election, start, Input::Read(None));
    assert_eq!(give(&mut election, start + s(30), Input::Wrote("1".to_owned())), []);
    assert!(!election.leads(start + s(30)));
    assert_eq!(tick(&mut election, start + s(30)), [Output::Read]);
}

/// Returns a leader whose renewal is out when it is asked to stop.
fn stopped_in_a_renewal(now: Instant) -> Election {
    let mut leader = leading(now);
    assert_eq!(tick(&mut leader, now + s(2)), claim(Some("1"), Claim::Renew, 0));
    assert_eq!(give(&mut leader, now + s(2), Input::Stop), []);
    assert!(leader.awaits_answer() && !leader.leads(now + s(2)));
    leader
}

#[test]
fn a_leader_that_stops_during_a_renewal_gives_up_what_the_renewal_made() {
    let start = Instant::now();
    let (now, release) = (start + s(2), |version| claim(Some(version), Claim::Release, 0));
    let mut renewed = stopped_in_a_renewal(start);
    assert_eq!(give(&mut renewed, now, Input::Wrote("2".to_owned())), release("2"));
    assert!(!renewed.awaits_answer());
    assert_eq!(give(&mut renewed, now, Input::Wrote("3".to_owned())), [Output::Done]);

    for unknown in [Input::WriteFailed, Input::Conflict] {
        let mut looking = stopped_in_a_renewal(start);
        assert_eq!(give(&mut looking, now, unknown.clone()), [Output::Read]);
        assert_eq!(give(&mut looking, now, lease("7", ME)), release("7"), "{unknown:?}");
    }
}

#[test]
fn a_leader_that_stops_and_cannot_learn_what_it_holds_lets_it_run_out() {
    let start = Instant::now();
    let now = start + s(2);
    for last in [lease("7", "other"), Input::Read(None), Input::ReadFailed] {
        let mut leader = stopped_in_a_renewal(start);
        assert_eq!(give(&mut leader, now, Input::WriteFailed), [Output::Read]);
        assert_eq!(give(&mut leader, now, last.clone()), [Output::Done], "{last:?}");
    }
    let mut silent = stopped_in_a_renewal(start);
    let until = silent.poll_timeout().expect("it does not wait for ever");
    assert_eq!(give(&mut silent, until, Input::Timeout), [Output::Done]);
}

#[test]
fn a_candidate_that_stops_during_its_claim_gives_up_what_it_won() {
    let start = Instant::now();
    let mut winner = election(start);
    give(&mut winner, start, Input::Read(None));
    assert_eq!(give(&mut winner, start, Input::Stop), []);
    let release = claim(Some("1"), Claim::Release, 0);
    assert_eq!(give(&mut winner, start, Input::Wrote("1".to_owned())), release, "it never leads");

    let mut loser = election(start);
    give(&mut loser, start, Input::Read(None));
    give(&mut loser, start, Input::Stop);
    assert_eq!(give(&mut loser, start, Input::Conflict), [Output::Read]);
    assert_eq!(give(&mut loser, start, lease("7", "other")), [Output::Done]);
}
