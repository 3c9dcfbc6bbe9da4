//! Sessions that stay up: through ten thousand edits, after each hundred of which the router knows exactly what it should, and
//! while BFD comes and goes.
#![expect(clippy::print_stdout, reason = "the figures of a run, which the bounds hide")]

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use ipnet::Ipv4Net;
use lab::{
    manifests::Service,
    peers::Bird,
    routed::{SOON, Scene},
};

const BATCHES: usize = 100;
const EDITS_IN_A_BATCH: usize = 100;

/// Where the random edits begin; another number is another test.
const SEED: u64 = 0x5eed_0b97;

const BIRD: &str = "router id 192.0.2.12;\ntimeformat protocol iso long ms;\nprotocol bgp n1 from node { \
                    local 192.0.2.12 as 65000; neighbor 192.0.2.11 as 65001; ipv4 { import all; export none; }; }\n";

/// The two pools, each half of the addresses of the lab, and what may come to them.
const POOLS: [(&str, &str, &str); 2] =
    [("low", "192.0.2.128/26", ", 198.51.100.0/25"), ("high", "192.0.2.192/26", ", 198.51.100.128/25")];

/// What the manifests say, as far as routers are concerned.
#[derive(Clone)]
struct Model {
    /// Services by the last byte of their address, and whether they have an endpoint.
    services: BTreeMap<u8, bool>,
    /// Which of the pools is advertised.
    advertised: [bool; 2],
    length: u8,
    community: u16,
}

impl Model {
    fn routes(&self) -> BTreeSet<Ipv4Net> {
        let served = self.services.iter().filter(|(_, ready)| **ready).map(|(last, _)| *last);
        let told = served.filter(|last| self.advertised[usize::from(*last >= 192)]);
        let route = |last| Ipv4Net::new([192, 0, 2, last].into(), self.length).expect("at most 32 bits").trunc();
        told.map(route).collect()
    }

    fn advertise(&self, scene: &Scene) {
        let names = POOLS.iter().zip(self.advertised).filter(|(_, told)| *told).map(|((name, ..), _)| *name);
        // A name without a pool is ignored, and no name at all would mean every pool.
        let names = names.chain(["nothing"]).collect::<Vec<_>>().join(", ");
        let Self { services: _, advertised: _, length, community } = self;
        scene.advertisement(&format!(
            "{{ipAddressPools: [{names}], aggregationLength: {length}, communities: ['65001:{community}']}}"
        ));
    }

    /// Makes one edit, in the model and in the manifests.
    fn edit(&mut self, scene: &Scene, random: &mut Random) {
        match random.below(100) {
            0..45 => {
                let last = self.some_service(random);
                let ready = self.services.entry(last).and_modify(|ready| *ready = !*ready).or_insert(true);
                write(scene, last, *ready);
            }
            45..80 => {
                let last = self.some_service(random);
                if self.services.remove(&last).is_some() {
                    scene.manifests.remove(&format!("service-s{last}.yaml"));
                } else {
                    self.services.insert(last, true);
                    write(scene, last, true);
                }
            }
            80..90 => {
                // More addresses, which no Service asks for.
                let (name, range, further) = POOLS[random.below(2)];
                let also = ["", further][random.below(2)];
                scene.manifests.pool(name, &format!("[{range}{also}]"));
            }
            90..94 => {
                let pool = random.below(2);
                self.advertised[pool] = !self.advertised[pool];
                self.advertise(scene);
            }
            94..97 => {
                self.length = [32, 30, 27][random.below(3)];
                self.advertise(scene);
            }
            _ => {
                self.community = u16::try_from(random.below(1000)).expect("below a thousand");
                self.advertise(scene);
            }
        }
    }

    fn some_service(&self, random: &mut Random) -> u8 {
        128 + 2 * u8::try_from(random.below(64)).expect("below 64")
    }
}

fn write(scene: &Scene, last: u8, ready: bool) {
    let (name, annotations) = (format!("s{last}"), format!("{{metallb.io/loadBalancerIPs: 192.0.2.{last}}}"));
    let endpoints: &[&str] = if ready { &["n1"] } else { &[] };
    scene.manifests.service(Service { name: &name, endpoints, annotations: &annotations, ..Service::default() });
}

/// splitmix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).expect("below a usize")
    }
}

/// Returns the routes that BIRD has from the node.
fn table(bird: &Bird) -> BTreeSet<Ipv4Net> {
    let text = bird.ask("show route protocol n1");
    text.lines().filter_map(|line| line.split_whitespace().next()?.parse().ok()).collect()
}

/// Returns the first number of a line of BIRD's words on the session: how many routes it was told of.
fn received(bird: &Bird, line: &str) -> usize {
    let text = bird.ask("show protocols all n1");
    let rest = text.lines().find_map(|words| words.trim().strip_prefix(line)).expect("BIRD counts routes");
    rest.split_whitespace().next().and_then(|word| word.parse().ok()).expect("a count")
}

/// Returns since when the session is established, with milliseconds.
fn since(bird: &Bird) -> String {
    let text = bird.ask("show protocols n1");
    let line = text.lines().find(|line| line.starts_with("n1")).expect("BIRD knows the session");
    assert!(line.contains("Established"), "{line}");
    line.to_owned()
}

#[test]
fn ten_thousand_edits_leave_the_session_up_and_the_table_right() {
    let Some(mut scene) = Scene::build(&["n1"]).filter(|_| Bird::is_available()) else { return };
    let bird = scene.bird(BIRD);
    scene.manifests.remove("pool-lan.yaml");
    scene.manifests.remove("service-web.yaml");
    for (name, range, _) in POOLS {
        scene.manifests.pool(name, &format!("[{range}]"));
    }
    let mut model = Model { services: BTreeMap::new(), advertised: [true, true], length: 32, community: 1 };
    for last in (128..=254).step_by(4) {
        model.services.insert(last, true);
        write(&scene, last, true);
    }
    model.advertise(&scene);
    scene.peer("tor", "peerASN: 65000, peerAddress: 192.0.2.12, connectTime: 1s");
    scene.start();
    scene.lab.eventually(SOON, "the router knows the first Services", || table(&bird) == model.routes());
    let (begun, mut random) = (since(&bird), Random(SEED));
    let told = || received(&bird, "Import updates:") + received(&bird, "Import withdraws:");
    let (told_before, start) = (told(), Instant::now());

    // Each edit may have been seen alone, so the changes between two edits are as many as may be told.
    let mut changes = 0;
    for batch in 0..BATCHES {
        for _ in 0..EDITS_IN_A_BATCH {
            let before = model.clone();
            model.edit(&scene, &mut random);
            let (old, new) = (before.routes(), model.routes());
            changes +=
                if before.community == model.community { old.symmetric_difference(&new).count() } else { new.len() };
        }
        let what = format!("the router's table is the model's after batch {batch} from seed {SEED:#x}");
        scene.lab.eventually(SOON, &what, || table(&bird) == model.routes());
    }
    assert_eq!(since(&bird), begun, "the session never began anew");
    assert_eq!(scene.nodes[0].metric("clarion_bgp_sessions_established_total", &[]), 1.0);
    assert_eq!(scene.nodes[0].metric("metallb_bgp_notifications_sent", &[]), 0.0);
    let marked = format!("(65001,{})", model.community);
    scene.lab.eventually(SOON, "every route has the last community", || {
        let routes = bird.ask("show route protocol n1 all");
        routes.matches("BGP.community").count() == routes.matches(&marked).count()
    });
    let told = told() - told_before;
    assert!(told <= changes, "{told} routes were told for {changes} changes");
    let updates = scene.nodes[0].metric("metallb_bgp_updates_total", &[]);
    assert!(updates <= (BATCHES * EDITS_IN_A_BATCH) as f64, "{updates} UPDATE messages");
    println!(
        "{} edits in {:.1?}: {told} routes in {updates} messages, {changes} changes",
        BATCHES * EDITS_IN_A_BATCH,
        start.elapsed()
    );
}

#[test]
fn bfd_comes_and_goes_and_the_session_stays() {
    let Some(mut scene) = Scene::build(&["n1"]).filter(|_| Bird::is_available()) else { return };
    let watched = BIRD.replace("from node {", "from node { bfd on;");
    // BIRD has ordinary priority: on a busy machine it is silent for hundreds of milliseconds.
    let timers = "protocol bfd { interface \"eth0\" { interval 300 ms; multiplier 5; }; }\n";
    let bird = scene.bird(&format!("{watched}{timers}"));
    scene.object(
        "metallb.io/v1beta1",
        "BFDProfile",
        "plain",
        "spec: {receiveInterval: 300, transmitInterval: 300, detectMultiplier: 5}",
    );
    let bare = "peerASN: 65000, peerAddress: 192.0.2.12, connectTime: 1s";
    let with_bfd = format!("{bare}, bfdProfile: plain");
    scene.peer("tor", bare);
    scene.start();
    scene.expect_route();
    let begun = since(&bird);

    scene.peer("tor", &with_bfd);
    let is_watched =
        || scene.observed("tor").is_some_and(|peer| peer.state == "Established" && peer.bfd.as_deref() == Some("Up"));
    scene
        .lab
        .eventually(SOON, "BFD is up at both ends", || is_watched() && bird.ask("show bfd sessions").contains("Up"));
    assert_eq!(since(&bird), begun, "BFD came without a new session");
    let established = || scene.nodes[0].metric("clarion_bgp_sessions_established_total", &[]);
    assert_eq!(established(), 1.0);

    // The session listens to the path it was given last.
    bird.hang();
    scene.lab.eventually(SOON, "a router that hangs is noticed by BFD", || scene.reason("tor").contains("BFD"));
    bird.resume();
    // The route that a router which hangs leaves in its kernel says nothing.
    scene.lab.eventually(SOON, "session and BFD are up again", is_watched);

    // What the router makes of it is its own affair; this side has no reason to end the session.
    let ended = || scene.nodes[0].metric("metallb_bgp_notifications_sent", &[]);
    let before = ended();
    scene.peer("tor", bare);
    scene
        .lab
        .eventually(SOON, "nobody watches any more", || scene.observed("tor").is_some_and(|peer| peer.bfd.is_none()));
    scene.expect_route();
    assert_eq!(ended(), before, "BFD went without an end of the session from this side");
}
