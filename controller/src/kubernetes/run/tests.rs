use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{Request, Response, StatusCode};
use kube::Client;
use kube::client::Body;

use super::*;
use crate::kubernetes::fixtures::{cluster, pool, service, told};

/// Returns an API server that says what becomes of a request by its path; none never answers.
fn server(answer: impl Fn(&str) -> Option<StatusCode> + Clone + Send + 'static) -> Client {
    let service = tower::service_fn(move |request: Request<Body>| {
        let status = answer(request.uri().path());
        async move {
            let Some(status) = status else { return std::future::pending().await };
            let body = Body::from(br#"{"metadata":{"resourceVersion":"100"}}"#.to_vec());
            let mut response = Response::new(body);
            *response.status_mut() = status;
            Ok::<_, Infallible>(response)
        }
    });
    Client::new(service, "lb")
}

/// Returns a leader that knows these Services, which have no addresses, and who has sent what may go out at once.
fn leader(client: Client, services: impl IntoIterator<Item = String>) -> (Leader, watch::Sender<Observed>) {
    let mut cluster = cluster(vec![pool("lan", &["192.0.2.0/26"])]);
    for name in services {
        cluster.take(ClusterEvent::Service(told(&service(&name, &[]), 1)));
    }
    let pacing = Pacing::default();
    let mut leader = Leader {
        cluster,
        applier: Applier::default(),
        changes: mpsc::channel(CHANGES).1,
        writer: Arc::new(Writer::new(client, pacing)),
        in_flight: pacing.in_flight,
        writes: JoinSet::new(),
        occurrences: mpsc::channel(1).0,
        planned: Arc::default(),
        situation: watch::Sender::default(),
        running: Vec::new(),
        meters: Meters::new().expect("the names are names"),
    };
    let observed = watch::Sender::default();
    leader.plan(&observed);
    leader.dispatch();
    (leader, observed)
}

#[tokio::test]
async fn a_service_is_served_while_writes_to_many_others_fail_for_ever() {
    let served = Arc::new(AtomicBool::new(false));
    let client = {
        let served = served.clone();
        server(move |path| match path.contains("/good") {
            true => {
                served.store(true, Ordering::Relaxed);
                Some(StatusCode::OK)
            }
            false => Some(StatusCode::INTERNAL_SERVER_ERROR),
        })
    };
    let bad = (0..Pacing::default().in_flight).map(|index| format!("bad-{index:02}"));
    let (mut leader, observed) = leader(client, bad.chain(["good".to_owned()]));
    let all = async {
        while !served.load(Ordering::Relaxed) {
            leader.step(&observed).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(20), all).await.is_ok());
}

#[tokio::test]
async fn a_leader_that_leaves_says_whether_its_writes_were_answered() {
    let (answered, _) = leader(server(|_| Some(StatusCode::OK)), ["a".to_owned()]);
    assert!(answered.finish().await);
    let (unanswered, _) = leader(server(|_| None), ["a".to_owned()]);
    assert!(!unanswered.finish().await);
}
