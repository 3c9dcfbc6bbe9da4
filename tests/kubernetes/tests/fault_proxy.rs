//! The proxy in front of the API server: what goes through it, what it counts, and each of its faults.

use std::time::{Duration, Instant};

use control_plane::{ControlPlane, Fault, FaultProxy, Faults, Identity, Matching, Mode, Network, Rule, Watches};
use futures::{StreamExt, TryStreamExt, stream::BoxStream};
use http_body_util::BodyExt;
use hyper::Request;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, Client, Error,
    api::{ListParams, ObjectMeta, PostParams, WatchEvent, WatchParams},
    client::Body,
};
use lab::Lab;

const SOON: Duration = Duration::from_secs(20);

/// How long a client waits for something that is not to come.
const LONG: Duration = Duration::from_secs(1);

type Watch = BoxStream<'static, Result<WatchEvent<ConfigMap>, Error>>;

struct Bed {
    proxy: FaultProxy,
    client: Client,
    control_plane: ControlPlane,
    lab: Lab,
}

impl Bed {
    fn new() -> Option<Self> {
        let lab = Lab::new()?;
        let control_plane = ControlPlane::start_api_server(&lab);
        let proxy = control_plane.fault_proxy();
        let client = control_plane.client_at(&proxy.kubeconfig(&control_plane, &Identity::Admin));
        Some(Self { proxy, client, control_plane, lab })
    }

    fn maps(&self) -> Api<ConfigMap> {
        Api::default_namespaced(self.client.clone())
    }

    /// Looks past the proxy.
    fn exists(&self, name: &str) -> bool {
        let maps: Api<ConfigMap> = Api::default_namespaced(self.control_plane.admin());
        self.control_plane.run(maps.get_opt(name)).expect("the API server answers").is_some()
    }

    fn create(&self, name: &str) -> Result<(), Error> {
        let map = ConfigMap {
            metadata: ObjectMeta { name: Some(name.to_owned()), ..Default::default() },
            ..Default::default()
        };
        self.control_plane.run(self.maps().create(&PostParams::default(), &map)).map(drop)
    }

    fn creates(&self, code: u16) -> u64 {
        let requests = self.proxy.requests();
        requests.count(|request| request.resource == "configmaps" && request.verb == "POST" && request.code == code)
    }

    /// Starts to watch for what is created from now on.
    fn watch(&self) -> Watch {
        let maps: Api<ConfigMap> = Api::default_namespaced(self.client.clone());
        self.control_plane.run(async move {
            let listed = maps.list(&ListParams::default()).await.expect("a list");
            let version = listed.metadata.resource_version.unwrap_or_default();
            maps.watch(&WatchParams::default(), &version).await.expect("a watch").boxed()
        })
    }

    /// Starts to watch without the client's own handling of errors.
    fn raw_watch(&self) -> Body {
        let request = Request::get("/api/v1/configmaps?watch=true").body(Body::empty()).expect("a path is a URI");
        let response = self.control_plane.run(self.client.send(request)).expect("a watch");
        response.into_body()
    }

    /// Reads a body to its end.
    fn all_of(&self, body: Body) -> Result<(), Error> {
        let read = self.control_plane.run(async { tokio::time::timeout(SOON, body.collect()).await });
        read.expect("the watch ends").map(drop)
    }

    /// Returns the name of the next object that a watch tells of, or nothing if it says nothing for so long.
    fn next(&self, watch: &mut Watch, patience: Duration) -> Option<String> {
        let next = self.control_plane.run(async { tokio::time::timeout(patience, watch.try_next()).await });
        let event = next.ok()?.expect("the watch goes on")?;
        let WatchEvent::Added(map) = event else { panic!("nothing but creations happens here: {event:?}") };
        map.metadata.name
    }

    /// Returns whether a request is answered within [`LONG`].
    fn answers(&self) -> bool {
        let maps = self.maps();
        let answer = self.control_plane.run(async { tokio::time::timeout(LONG, maps.get_opt("x")).await });
        answer.is_ok_and(|answer| answer.is_ok())
    }
}

#[test]
fn requests_pass_and_are_counted_by_verb_resource_and_status() {
    let Some(bed) = Bed::new() else { return };
    bed.create("a").expect("it is new");
    assert!(bed.create("a").is_err());
    assert!(bed.exists("a"));
    assert_eq!((bed.creates(201), bed.creates(409)), (1, 1), "{:?}", bed.proxy.requests());
    assert_eq!(bed.proxy.requests().writes().count(|_| true), 2);
    assert_eq!(bed.proxy.injected(), 0);
}

#[test]
fn the_next_two_writes_are_told_to_come_later() {
    let Some(mut bed) = Bed::new() else { return };
    let busy = Fault::Answer { status: 429, retry_after: Some(0) };
    bed.proxy.set(Faults { rules: vec![Rule::next(2, Matching::writes("configmaps"), busy)], ..Faults::default() });
    // The client itself may come again, so what counts is what the proxy has seen.
    bed.lab.eventually(SOON, "a write is accepted", || bed.create("a").is_ok());
    assert_eq!((bed.creates(429), bed.creates(201)), (2, 1), "{:?}", bed.proxy.requests());
    assert_eq!(bed.proxy.injected(), 2);
}

#[test]
fn a_write_is_lost_on_its_way_to_the_server() {
    let Some(mut bed) = Bed::new() else { return };
    bed.proxy.set(Faults {
        rules: vec![Rule::next(1, Matching::writes("configmaps"), Fault::CutBefore)],
        ..Faults::default()
    });
    assert!(bed.create("a").is_err());
    assert!(!bed.exists("a"));
    bed.create("b").expect("only one write is hit");
}

#[test]
fn an_answer_is_lost_after_the_server_has_accepted_the_write() {
    let Some(mut bed) = Bed::new() else { return };
    bed.proxy.set(Faults {
        rules: vec![Rule::next(1, Matching::writes("configmaps"), Fault::CutAfter)],
        ..Faults::default()
    });
    assert!(bed.create("a").is_err());
    assert!(bed.exists("a"));
    assert_eq!(bed.creates(201), 1);
    bed.create("b").expect("only one write is hit");
}

#[test]
fn requests_are_late_by_what_was_asked_for() {
    let Some(mut bed) = Bed::new() else { return };
    bed.proxy.set(Faults { latency: Duration::from_millis(300), ..Faults::default() });
    let begin = Instant::now();
    bed.create("a").expect("late is not lost");
    assert!(begin.elapsed() >= Duration::from_millis(300), "{:?}", begin.elapsed());
}

#[test]
fn watches_freeze_and_thaw_without_loss_while_other_requests_pass() {
    let Some(mut bed) = Bed::new() else { return };
    let mut watch = bed.watch();
    bed.create("before").expect("it is new");
    assert_eq!(bed.next(&mut watch, SOON).as_deref(), Some("before"));

    bed.proxy.set(Faults { watches: Watches::Freeze, ..Faults::default() });
    bed.create("during").expect("it is new");
    assert_eq!(bed.next(&mut watch, LONG), None);

    bed.proxy.heal();
    assert_eq!(bed.next(&mut watch, SOON).as_deref(), Some("during"));
}

#[test]
fn watches_break_off_or_end_in_order() {
    let Some(bed) = Bed::new() else { return };
    let broken = bed.raw_watch();
    bed.proxy.cut_watches();
    assert!(bed.all_of(broken).is_err());

    let ended = bed.raw_watch();
    bed.proxy.end_watches();
    assert!(bed.all_of(ended).is_ok());

    let mut watch = bed.watch();
    bed.create("after").expect("it is new");
    assert_eq!(bed.next(&mut watch, SOON).as_deref(), Some("after"));
}

#[test]
fn a_proxy_that_refuses_ends_what_was_open_and_comes_back() {
    let Some(mut bed) = Bed::new() else { return };
    bed.lab.eventually(SOON, "it answers", || bed.answers());
    bed.proxy.set(Faults { network: Network::Refused, ..Faults::default() });
    let begin = Instant::now();
    assert!(bed.create("a").is_err());
    assert!(begin.elapsed() < SOON, "a refusal is no time-out");
    bed.proxy.heal();
    bed.lab.eventually(SOON, "it answers again", || bed.answers());
}

#[test]
fn a_silent_proxy_answers_nothing_and_says_nothing() {
    let Some(mut bed) = Bed::new() else { return };
    bed.lab.eventually(SOON, "it answers", || bed.answers());
    bed.proxy.set(Faults { network: Network::Silent, ..Faults::default() });
    let maps = bed.maps();
    let answer = bed.control_plane.run(async { tokio::time::timeout(LONG, maps.get_opt("x")).await });
    assert!(answer.is_err(), "{answer:?}");
    bed.proxy.heal();
    bed.lab.eventually(SOON, "it answers again", || bed.answers());
}

#[test]
fn connections_that_are_cut_end_in_the_middle_and_new_ones_are_welcome() {
    let Some(bed) = Bed::new() else { return };
    let watch = bed.raw_watch();
    bed.proxy.cut_connections();
    assert!(bed.all_of(watch).is_err());
    bed.lab.eventually(SOON, "it answers again", || bed.answers());
}

#[test]
fn kube_proxy_works_through_the_proxy() {
    let Some(lab) = Lab::new() else { return };
    let lan = lab.bridge("lan");
    let control_plane = ControlPlane::start_api_server(&lab);
    let proxy = control_plane.fault_proxy();
    let mut node = control_plane.node(&lab, "n1", &lan);
    node.kube_proxy(Mode::Nftables, &proxy.kubeconfig(&control_plane, &Identity::KubeProxy));
    let watches = proxy.requests().count(|request| request.verb == "WATCH" && request.code == 200);
    assert!(watches >= 3, "Services, EndpointSlices and its Node: {:?}", proxy.requests());
}
