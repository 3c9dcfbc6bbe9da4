use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use super::*;

/// A program whose metrics are as many bytes as those of a large cluster.
#[derive(Clone, Default)]
struct Large {
    rendered: Arc<AtomicUsize>,
    /// The snapshot never comes.
    deaf: bool,
}

impl Source for Large {
    type Snapshot = Arc<AtomicUsize>;

    async fn observe(&self) -> Arc<AtomicUsize> {
        if self.deaf {
            std::future::pending().await
        }
        self.rendered.clone()
    }

    fn metrics(rendered: &Arc<AtomicUsize>, registry: &Registry) -> prometheus::Result<()> {
        rendered.fetch_add(1, Ordering::SeqCst);
        // As long as a scrape of ten thousand Services takes.
        thread::sleep(Duration::from_millis(150));
        let opts = prometheus::Opts::new("large", "x".repeat(2_500_000));
        registry.register(Box::new(prometheus::Gauge::with_opts(opts)?))
    }

    fn status(_: &Arc<AtomicUsize>) -> Status {
        Status { node: "n1".to_owned(), ..Status::default() }
    }

    fn unready(_: &Arc<AtomicUsize>) -> Option<String> {
        Some("no key".to_owned())
    }
}

struct Bench {
    health: SocketAddr,
    metrics: SocketAddr,
    everything: SocketAddr,
    source: Large,
    _server: Server,
}

impl Bench {
    fn start_with(source: Large, pulse: Pulse) -> Self {
        let open = |serves| Port::open("--test", (Ipv4Addr::UNSPECIFIED, 0).into(), serves).unwrap();
        let ports = vec![open(Serves::Health), open(Serves::Metrics), open(Serves::Everything)];
        let at = |number: usize| SocketAddr::from((Ipv4Addr::LOCALHOST, ports[number].address().port()));
        let (health, metrics, everything) = (at(0), at(1), at(2));
        let server = Server::start(ports, source.clone(), pulse).unwrap();
        Self { health, metrics, everything, source, _server: server }
    }

    fn start() -> Self {
        Self::start_with(Large::default(), Pulse::start())
    }
}

/// Returns the status and the body; nothing if the connection is closed without an answer.
fn ask(address: SocketAddr, request: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

fn get(address: SocketAddr, path: &str) -> Option<(u16, String)> {
    ask(address, &format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n"))
}

/// Returns this machine's address that is no loopback address, if it has one.
fn outside() -> Option<IpAddr> {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").ok()?;
    // Nothing is sent: the kernel looks for the route.
    socket.connect("192.0.2.1:9").ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|ip| !ip.is_loopback())
}

#[test]
fn each_port_serves_its_pages_and_no_others() {
    let bench = Bench::start();
    for (path, health, metrics, everything) in [
        ("/healthz", 200, 404, 200),
        ("/readyz", 503, 404, 503),
        ("/status", 200, 404, 200),
        ("/metrics", 404, 200, 200),
        ("/", 404, 404, 404),
    ] {
        let status = |address| get(address, path).map(|(status, _)| status);
        assert_eq!(status(bench.health), Some(health), "{path}");
        assert_eq!(status(bench.metrics), Some(metrics), "{path}");
        assert_eq!(status(bench.everything), Some(everything), "{path}");
    }
    assert_eq!(get(bench.health, "/readyz"), Some((503, "no key\n".to_owned())));
    assert_eq!(ask(bench.health, "POST /status HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n").unwrap().0, 405);
    assert_eq!(ask(bench.health, "HEAD /healthz HTTP/1.1\r\nHost: test\r\n\r\n"), Some((200, String::new())));
}

#[test]
fn the_status_on_a_health_port_is_for_this_machine_alone() {
    let bench = Bench::start();
    let Some(outside) = outside() else { return };
    let from_outside = SocketAddr::new(outside, bench.health.port());
    let (status, text) = get(from_outside, "/status").unwrap();
    assert_eq!(status, 403, "{text}");
    assert_eq!(get(from_outside, "/healthz").unwrap().0, 200);
    assert_eq!(get(bench.health, "/status").unwrap().0, 200);
}

#[test]
fn thousands_of_half_open_requests_cost_a_few_connections_and_delay_no_probe() {
    let bench = Bench::start();
    let mut half_open = Vec::new();
    for number in 1..=3_000 {
        // Refused ones may be closed already, even before the call returns.
        if let Ok(mut stream) = TcpStream::connect(bench.metrics) {
            let _ = stream.write_all(b"GET /metrics HTTP/1.1\r\nHo");
            half_open.push(stream);
        }
        if number % 500 == 0 {
            let asked = Instant::now();
            assert_eq!(get(bench.health, "/healthz"), Some((200, "ok\n".to_owned())));
            assert!(asked.elapsed() < Duration::from_secs(1), "/healthz took {:?}", asked.elapsed());
        }
    }
    drop(half_open);
    let text = get(bench.everything, "/metrics").unwrap().1;
    let refused = text.lines().find_map(|line| {
        line.strip_prefix("clarion_http_connections_dropped_total{reason=\"client_limit\"} ")?.parse::<u64>().ok()
    });
    assert!(refused.unwrap() >= 2_900, "{refused:?} of 3000 were counted");
}

#[test]
fn a_request_that_does_not_end_is_given_up() {
    let bench = Bench::start();
    let mut stream = TcpStream::connect(bench.health).unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHo").unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(9))).unwrap();
    let asked = Instant::now();
    let mut rest = Vec::new();
    // The end, with or without an error, is all that counts.
    drop(stream.read_to_end(&mut rest));
    assert!(asked.elapsed() < Duration::from_secs(8), "it was kept for {:?}", asked.elapsed());
    let text = get(bench.everything, "/metrics").unwrap().1;
    assert!(
        text.contains("clarion_http_connections_dropped_total{reason=\"timeout\"} 1"),
        "{}",
        &text[text.len() - 500..]
    );
}

#[test]
fn a_request_of_many_bytes_or_many_fields_is_refused() {
    let bench = Bench::start();
    let many = "X: y\r\n".repeat(100);
    assert_eq!(ask(bench.health, &format!("GET /healthz HTTP/1.1\r\n{many}\r\n")).unwrap().0, 431);
    let long = "x".repeat(100_000);
    let answer = ask(bench.health, &format!("GET /healthz HTTP/1.1\r\nX: {long}\r\n\r\n"));
    // The rest that is never read may reset the connection before the answer is.
    assert!(answer.is_none_or(|(status, _)| status == 431));
}

#[test]
fn forty_scrapers_share_the_text_and_delay_no_probe() {
    let bench = Bench::start();
    let until = Instant::now() + Duration::from_secs(2);
    let scrapers: Vec<_> = (0..40)
        .map(|_| {
            let metrics = bench.metrics;
            thread::Builder::new().spawn(move || {
                while Instant::now() < until {
                    if let Some((status, text)) = get(metrics, "/metrics") {
                        assert!(status == 200 && text.len() > 2_500_000);
                    }
                }
            })
        })
        .collect();
    let mut slowest = Duration::ZERO;
    while Instant::now() < until {
        let asked = Instant::now();
        assert_eq!(get(bench.health, "/healthz").unwrap().0, 200);
        slowest = slowest.max(asked.elapsed());
    }
    for scraper in scrapers {
        scraper.unwrap().join().unwrap();
    }
    assert!(slowest < Duration::from_secs(1), "/healthz took {slowest:?}");
    let rendered = bench.source.rendered.load(Ordering::SeqCst);
    assert!((1..=4).contains(&rendered), "{rendered} texts were made in 2 s");
}

#[test]
fn a_reader_that_stops_reading_is_given_up() {
    let bench = Bench::start();
    let mut stream = TcpStream::connect(bench.metrics).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    let timeouts = || {
        let text = get(bench.everything, "/metrics").unwrap().1;
        text.contains("clarion_http_connections_dropped_total{reason=\"timeout\"} 1")
    };
    while !timeouts() {
        assert!(Instant::now() < deadline, "the connection is still open");
        thread::sleep(Duration::from_millis(500));
    }
    drop(stream.shutdown(Shutdown::Both));
}

#[test]
fn a_main_loop_that_stands_still_is_unhealthy() {
    let bench = Bench::start_with(Large::default(), Pulse::silent_for(Duration::from_secs(60)));
    let (status, text) = get(bench.health, "/healthz").unwrap();
    assert_eq!((status, text.as_str()), (503, "the main loop has stood still for 60 s; restart the program\n"));
}

#[test]
fn a_program_that_does_not_answer_leaves_nobody_waiting() {
    let bench = Bench::start_with(Large { deaf: true, ..Large::default() }, Pulse::start());
    let (status, text) = get(bench.health, "/readyz").unwrap();
    assert_eq!(status, 503);
    assert!(text.contains("did not say within 5s"), "{text}");
    assert_eq!(get(bench.health, "/healthz").unwrap().0, 200);
}
