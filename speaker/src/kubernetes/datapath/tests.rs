use super::*;

const OK: Result<(), String> = Ok(());

fn no() -> Result<(), String> {
    Err("503".to_owned())
}

#[test]
fn a_node_owns_nothing_before_its_datapath_was_ready_once() {
    let now = Instant::now();
    let mut gate = Gate::new(Duration::ZERO);
    gate.answer(now, no());
    assert_eq!(gate.readiness(), Readiness::Never { why: "503".to_owned() });
    assert_eq!(gate.pause(), ASK_CLOSED);
    gate.answer(now, OK);
    assert_eq!(gate.readiness(), Readiness::Ready);
    assert_eq!(gate.pause(), ASK_OPEN);
}

#[test]
fn the_settle_time_counts_from_the_first_of_an_unbroken_row_of_answers() {
    let start = Instant::now();
    let mut gate = Gate::new(Duration::from_secs(3));
    gate.answer(start, OK);
    gate.answer(start + Duration::from_secs(2), no());
    gate.answer(start + Duration::from_secs(3), OK);
    gate.answer(start + Duration::from_secs(5), OK);
    assert!(matches!(gate.readiness(), Readiness::Never { .. }), "{:?}", gate.readiness());
    gate.answer(start + Duration::from_secs(6), OK);
    assert_eq!(gate.readiness(), Readiness::Ready);
}

#[test]
fn a_proxy_that_is_restarted_moves_nothing() {
    let now = Instant::now();
    let mut gate = Gate::new(Duration::ZERO);
    gate.answer(now, OK);
    for _ in 0..3 {
        (1..PATIENCE).for_each(|_| gate.answer(now, no()));
        assert_eq!(gate.readiness(), Readiness::Ready);
        gate.answer(now, OK);
    }
}

#[test]
fn a_datapath_that_is_lost_for_long_drains_and_comes_back() {
    let now = Instant::now();
    let mut gate = Gate::new(Duration::ZERO);
    gate.answer(now, OK);
    (0..PATIENCE).for_each(|_| gate.answer(now, no()));
    assert_eq!(gate.readiness(), Readiness::Lost { why: "503".to_owned() });
    gate.answer(now, OK);
    assert_eq!(gate.readiness(), Readiness::Ready);
}

#[test]
fn only_what_can_be_asked_without_resolving_a_name_is_accepted() {
    let settle = Duration::ZERO;
    assert!(Probe::new("http://127.0.0.1:10256/healthz", settle).is_ok());
    assert!(Probe::new("http://[::1]:10256/healthz", settle).is_ok());
    for url in ["https://127.0.0.1:10256/", "http://localhost:10256/", "http://127.0.0.1/", "127.0.0.1:10256", "::"] {
        assert!(Probe::new(url, settle).is_err(), "{url}");
    }
}
