#![expect(clippy::disallowed_methods, reason = "a test waits for what its tasks do")]

use tokio::net::{TcpListener, TcpSocket};

use super::*;

const OTHERWISE: Duration = Duration::from_secs(2);

fn no() -> Answer {
    Answer::No("503".to_owned())
}

fn settled(time: Duration) -> Gate {
    Gate::new(Belief::Settled(time))
}

fn rules(metrics: &str) -> Belief {
    Belief::Rules { metrics: url(metrics).expect("tests write URLs correctly"), otherwise: OTHERWISE }
}

fn proxy() -> Gate {
    Gate::new(rules("http://127.0.0.1:10249/metrics"))
}

#[test]
fn a_node_owns_nothing_before_its_datapath_was_ready_once() {
    let now = Instant::now();
    let mut gate = settled(Duration::ZERO);
    assert!(matches!(gate.readiness(), Readiness::Never { .. }), "{:?}", gate.readiness());
    gate.answer(now, no());
    assert_eq!(gate.readiness(), Readiness::Never { why: "503".to_owned() });
    assert_eq!(gate.pause(), ASK_CLOSED);
    gate.answer(now, Answer::Claimed);
    assert_eq!(gate.readiness(), Readiness::Ready);
    assert_eq!(gate.pause(), ASK_OPEN);
}

#[test]
fn the_settle_time_counts_from_the_first_of_an_unbroken_row_of_answers() {
    let start = Instant::now();
    let mut gate = settled(Duration::from_secs(3));
    gate.answer(start, Answer::Claimed);
    gate.answer(start + Duration::from_secs(2), no());
    gate.answer(start + Duration::from_secs(3), Answer::Claimed);
    gate.answer(start + Duration::from_secs(5), Answer::Claimed);
    assert!(matches!(gate.readiness(), Readiness::Never { .. }), "{:?}", gate.readiness());
    gate.answer(start + Duration::from_secs(6), Answer::Claimed);
    assert_eq!(gate.readiness(), Readiness::Ready);
}

#[test]
fn a_proxy_that_has_made_its_rules_is_believed_at_once() {
    let now = Instant::now();
    for before in [vec![], vec![no()], vec![no(), Answer::Claimed]] {
        let mut gate = proxy();
        before.into_iter().for_each(|answer| gate.answer(now, answer));
        gate.answer(now, Answer::Proven);
        assert_eq!(gate.readiness(), Readiness::Ready);
        assert_eq!(gate.wants_proof(), None, "an open gate costs no page of metrics");
    }
}

#[test]
fn a_proxy_without_metrics_is_believed_at_once_only_if_it_was_there_before_us() {
    let start = Instant::now();
    let mut gate = proxy();
    gate.answer(start, Answer::Claimed);
    assert_eq!(gate.readiness(), Readiness::Ready);

    let mut gate = proxy();
    gate.answer(start, no());
    gate.answer(start, Answer::Claimed);
    gate.answer(start + OTHERWISE / 2, Answer::Claimed);
    assert!(matches!(gate.readiness(), Readiness::Never { .. }), "{:?}", gate.readiness());
    gate.answer(start + OTHERWISE, Answer::Claimed);
    assert_eq!(gate.readiness(), Readiness::Ready);
}

#[test]
fn a_proxy_that_is_restarted_moves_nothing() {
    let now = Instant::now();
    let mut gate = proxy();
    gate.answer(now, Answer::Proven);
    for _ in 0..3 {
        (1..PATIENCE).for_each(|_| gate.answer(now, no()));
        assert_eq!(gate.readiness(), Readiness::Ready);
        gate.answer(now, Answer::Claimed);
    }
}

#[test]
fn a_datapath_that_is_lost_for_long_drains_and_comes_back() {
    let now = Instant::now();
    let mut gate = settled(Duration::ZERO);
    gate.answer(now, Answer::Claimed);
    (0..PATIENCE).for_each(|_| gate.answer(now, no()));
    assert_eq!(gate.readiness(), Readiness::Lost { why: "503".to_owned() });
    gate.answer(now, Answer::Claimed);
    assert_eq!(gate.readiness(), Readiness::Ready);
}

#[test]
fn only_what_can_be_asked_without_resolving_a_name_is_accepted() {
    assert!(url("http://127.0.0.1:10256/healthz").is_ok());
    assert!(url("http://[::1]:10256/healthz").is_ok());
    for text in ["https://127.0.0.1:10256/", "http://localhost:10256/", "http://127.0.0.1/", "127.0.0.1:10256", "::"] {
        assert!(url(text).is_err(), "{text}");
    }
}

#[tokio::test]
async fn what_a_proxy_answers_is_as_good_as_its_metrics() {
    const WANTED: &str = "kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds 1.7e+09\n";
    let made = format!("{WANTED}kubeproxy_sync_proxy_rules_last_timestamp_seconds 1.7e+09\n");
    for (health, metrics, expected) in [
        ("503 Service Unavailable", Some(made.as_str()), false),
        ("200 OK", Some(WANTED), false),
        ("200 OK", Some(made.as_str()), true),
    ] {
        let answer = asked(health, metrics).await;
        assert_eq!(answer == Answer::Proven, expected, "{health}, {metrics:?}: {answer:?}");
        assert!(expected || matches!(answer, Answer::No(_)), "{health}, {metrics:?}: {answer:?}");
    }
    assert_eq!(asked("200 OK", None).await, Answer::Claimed);
}

#[tokio::test]
async fn a_proxy_without_ipv4_is_found_on_the_other_loopback_address() {
    let Some((_nobody, listener)) = on_ipv6_only().await else { return };
    let port = listener.local_addr().expect("a bound socket has an address").port();
    answer(listener, "200 OK", String::new());
    let probe = Probe::new(&format!("http://127.0.0.1:{port}/healthz"), Belief::Settled(Duration::ZERO));
    assert_eq!(probe.expect("tests write URLs correctly").once(None).await, Answer::Claimed);
}

#[tokio::test]
async fn a_datapath_that_is_asked_elsewhere_answers_there_or_not_at_all() {
    let Some((_nobody, listener)) = on_ipv6_only().await else { return };
    let port = listener.local_addr().expect("a bound socket has an address").port();
    let probe = Probe::new(&format!("http://127.0.0.2:{port}/healthz"), Belief::Settled(Duration::ZERO));
    let answer = probe.expect("tests write URLs correctly").once(None).await;
    assert!(matches!(&answer, Answer::No(why) if why.contains("127.0.0.2")), "{answer:?}");
}

/// Listens on a port of ::1 that is refused on every IPv4 address while the other socket is held; nothing where there is no ::1.
async fn on_ipv6_only() -> Option<(TcpSocket, TcpListener)> {
    for _ in 0..20 {
        let nobody = TcpSocket::new_v4().expect("this machine has IPv4");
        nobody.bind(SocketAddr::from(([0; 4], 0))).expect("IPv4 has a free port");
        let port = nobody.local_addr().expect("a bound socket has an address").port();
        match TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await {
            Ok(listener) => return Some((nobody, listener)),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            Err(error) => {
                #[expect(clippy::print_stderr, reason = "a test that is left out says why")]
                {
                    eprintln!("skipped: this machine has no ::1: {error}");
                }
                return None;
            }
        }
    }
    panic!("every port of ::1 is taken");
}

/// Asks a proxy that answers with a status, and with metrics if there are some.
async fn asked(health: &'static str, metrics: Option<&str>) -> Answer {
    let health = serve(health, String::new()).await;
    let metrics = match metrics {
        Some(page) => serve("200 OK", page.to_owned()).await,
        None => serve("403 Forbidden", String::new()).await,
    };
    let belief = rules(&format!("http://{metrics}/metrics"));
    let probe = Probe::new(&format!("http://{health}/healthz"), belief).expect("tests write URLs correctly");
    let gate = Gate::new(probe.belief.clone());
    probe.once(gate.wants_proof()).await
}

/// Answers one request and returns where.
async fn serve(status: &'static str, page: String) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
    let address = listener.local_addr().expect("a bound socket has an address");
    answer(listener, status, page);
    address
}

fn answer(listener: TcpListener, status: &'static str, page: String) {
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("somebody connects");
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            assert_ne!(stream.read_buf(&mut request).await.expect("a request comes"), 0);
        }
        let answer = format!("HTTP/1.0 {status}\r\nContent-Type: text/plain\r\n\r\n{page}");
        stream.write_all(answer.as_bytes()).await.expect("the answer is taken");
    });
}
