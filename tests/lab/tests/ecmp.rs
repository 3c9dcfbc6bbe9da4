//! Three nodes behind one router that spreads connections over them: real traffic, and what becomes of it when a node goes.
#![expect(clippy::print_stdout, reason = "the figures of a run, which the bounds hide")]

use std::{collections::BTreeMap, fmt::Write as _, net::IpAddr, sync::Arc, thread, time::Duration};

use clarion::demo::{
    prober::Prober,
    report::{Report, Series, millis},
};
use lab::{
    Client, Node,
    cluster::MARGIN,
    manifests::Service,
    peers::Bird,
    routed::{FOUR, SIX, SOON, Scene},
};

const NODES: [&str; 3] = ["n1", "n2", "n3"];

/// How many flows of datagrams are followed; each keeps its node until that one goes.
const FLOWS: usize = 4;

/// How many connections come with each flow before anything happens.
const CONNECTIONS: usize = 60;

/// How long packets may go to a node that is lost: twice what is promised with BFD of 50 ms x 3, or for a connection that its kernel
/// closes.
const LEG_LOST: Duration = Duration::from_millis(500);

/// What befalls a node.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Hang,
    Cut,
    Kill,
}

impl Fault {
    fn befall(self, node: &mut Node) {
        match self {
            Self::Hang => node.hang(),
            Self::Cut => node.cut(),
            Self::Kill => node.kill(),
        }
    }
}

/// Three nodes, a router that spreads, and a client behind it.
struct Fabric {
    scene: Scene,
    bird: Bird,
    far: Client,
}

impl Fabric {
    /// Starts everything, with words for each session of the router and for the peer of the nodes, and waits for all legs.
    fn start(session: &str, peer: &str) -> Option<Self> {
        let mut scene = Scene::build(&NODES).filter(|_| Bird::is_available())?;
        scene.manifests.service(Service { families: "[IPv4, IPv6]", endpoints: &NODES, ..Service::default() });
        let far = scene.far_client();
        let mut protocols = "router id 192.0.2.14;\n\
            protocol bfd { interface \"eth0\" { interval 50 ms; multiplier 3; }; }\n\
            filter prudent { if (65535, 0) ~ bgp_community then bgp_local_pref = 0; accept; }\n"
            .to_owned();
        for (number, name) in NODES.iter().enumerate() {
            let _ = writeln!(
                protocols,
                "protocol bgp {name} from node {{ local 192.0.2.14 as 65000; neighbor 192.0.2.{} as 65001; {session} \
                 ipv4 {{ import filter prudent; export none; }}; ipv6 {{ import filter prudent; export none; }}; }}",
                11 + number
            );
        }
        let bird = scene.bird(&protocols);
        let profile = "spec: {receiveInterval: 50, transmitInterval: 50, detectMultiplier: 3}";
        scene.object("metallb.io/v1beta1", "BFDProfile", "fast", profile);
        let text = "peerASN: 65000, peerAddress: 192.0.2.14, dualStackAddressFamily: true, connectTime: 1s";
        scene.peer("tor", &format!("{text}{peer}"));
        for number in 0..NODES.len() {
            scene.start_node(number, &["--drain-on", "cordon"]);
        }
        let fabric = Self { scene, bird, far };
        fabric.expect_legs(NODES.len());
        Some(fabric)
    }

    fn expect_legs(&self, count: usize) -> Duration {
        self.scene.lab.eventually(SOON, &format!("the router spreads over {count}"), || {
            [FOUR, SIX].iter().all(|prefix| self.scene.legs(prefix) == count)
        })
    }

    fn expect_bfd(&self) {
        let all_up = || self.scene.nodes.iter().all(|node| node.try_metric("metallb_bfd_session_up", &[]) == Some(1.0));
        self.scene.lab.eventually(SOON, "BFD is up with every node", all_up);
    }

    /// Starts several flows over IPv4 and one over IPv6, and waits until each has made connections enough to be spread.
    fn probe(&self) -> Vec<Prober> {
        let mut targets = vec![FOUR; FLOWS];
        targets.push(SIX);
        let probers: Vec<_> = targets.iter().map(|vip| self.far.prober(address(vip))).collect();
        self.scene.lab.eventually(SOON, "every flow is served", || {
            probers.iter().map(Prober::so_far).all(|report| {
                !report.udp.answerers().is_empty() && answers(&report.tcp).values().sum::<usize>() >= CONNECTIONS
            })
        });
        probers
    }

    /// Does something to the node that serves the first flow, and returns that node's place and what all flows saw.
    fn strike(&mut self, fault: impl FnOnce(&mut Node)) -> (usize, Vec<Report>) {
        let probers = self.probe();
        let serving = probers[0].so_far().udp.answerers().pop().expect("the flow is served");
        let struck = NODES.iter().position(|name| **name == *serving).expect("only nodes serve");
        fault(&mut self.scene.nodes[struck]);
        let took = self.expect_legs(NODES.len() - 1);
        thread::sleep(2 * MARGIN);
        println!("{}: its legs were gone after {:.0} ms", NODES[struck], millis(took));
        (struck, stop(probers))
    }
}

fn address(text: &str) -> IpAddr {
    text.parse().expect("the test writes addresses correctly")
}

fn stop(probers: Vec<Prober>) -> Vec<Report> {
    Prober::stop_all(probers).expect("the probers work")
}

fn answers(series: &Series) -> BTreeMap<Arc<str>, usize> {
    let mut counts = BTreeMap::new();
    for (_, name) in series.probes.iter().filter_map(|probe| probe.answer.as_ref()) {
        *counts.entry(Arc::clone(name)).or_default() += 1;
    }
    counts
}

/// Returns the longest time in which one flow of datagrams had no answer.
fn longest_gap(reports: &[Report]) -> Duration {
    let gaps = reports.iter().filter_map(|report| report.udp.longest_gap());
    gaps.map(|gap| gap.length).max().expect("flows were followed")
}

fn assert_nothing_lost(reports: &[Report]) {
    for report in reports {
        assert_eq!(report.lost(), 0, "{report}");
    }
}

#[test]
fn every_node_gets_connections_and_none_goes_to_a_node_that_died() {
    let Some(mut fabric) = Fabric::start("bfd on;", ", bfdProfile: fast") else { return };
    fabric.expect_bfd();
    let reports = stop(fabric.probe());
    assert_nothing_lost(&reports);
    for family in [&reports[..FLOWS], &reports[FLOWS..]] {
        let mut counts = BTreeMap::<_, usize>::new();
        for (name, count) in family.iter().flat_map(|report| answers(&report.tcp)) {
            *counts.entry(name).or_default() += count;
        }
        println!("connections: {counts:?}");
        let (total, smallest) = (counts.values().sum::<usize>(), counts.values().min().copied().unwrap_or_default());
        assert_eq!(counts.len(), NODES.len(), "{counts:?}");
        // By chance alone less often than once in a hundred thousand runs.
        assert!(smallest * 20 > total, "each gets a twentieth at least: {counts:?}");
    }

    for fault in [Fault::Hang, Fault::Cut, Fault::Kill] {
        let (struck, reports) = fabric.strike(|node| fault.befall(node));
        let (name, gap) = (NODES[struck], longest_gap(&reports));
        println!("{fault:?} of {name}: no flow waited longer than {:.0} ms", millis(gap));
        assert!(gap < LEG_LOST, "{fault:?} of {name}: a flow waited for {gap:?}");
        assert_ne!(*reports[0].udp.answerers().pop().unwrap(), *name, "the flow went on elsewhere");
        match fault {
            Fault::Hang => fabric.scene.nodes[struck].resume(),
            Fault::Cut => fabric.scene.nodes[struck].heal(),
            Fault::Kill => fabric.scene.start_node(struck, &[]),
        }
        fabric.expect_legs(NODES.len());
        fabric.expect_bfd();
    }
}

#[test]
fn with_graceful_restart_no_probe_is_lost_while_every_speaker_is_replaced() {
    let Some(mut fabric) = Fabric::start("graceful restart on;", ", enableGracefulRestart: true") else { return };
    let probers = fabric.probe();
    for number in 0..NODES.len() {
        if number == 0 {
            fabric.scene.nodes[number].kill();
        } else {
            fabric.scene.nodes[number].leave();
        }
        let all_legs = || fabric.scene.legs(FOUR) == NODES.len() && fabric.scene.legs(SIX) == NODES.len();
        fabric.scene.lab.always(MARGIN, "the router keeps all legs", all_legs);
        fabric.scene.start_node(number, &[]);
        // A rollout looks at nothing else, and may be at the next node before the session of this one is back.
        let node = &fabric.scene.nodes[number];
        fabric.scene.lab.eventually(SOON, "it is ready", || node.speaker().page(&node.host, "/readyz").is_ok());
    }
    fabric.scene.lab.eventually(SOON, "every session is back", || NODES.iter().all(|name| fabric.bird.is_up(name)));
    fabric.scene.lab.always(MARGIN, "the router keeps all legs", || {
        fabric.scene.legs(FOUR) == NODES.len() && fabric.scene.legs(SIX) == NODES.len()
    });
    let reports = stop(probers);
    assert_nothing_lost(&reports);
    let moved = reports.iter().filter(|report| report.udp.answerers().len() > 1).count();
    assert_eq!(moved, 0, "every flow stays at its node");
}

#[test]
fn a_speaker_that_stops_in_order_loses_no_probe_and_one_that_is_killed_few() {
    let Some(mut fabric) = Fabric::start("", "") else { return };
    let (stopped, reports) = fabric.strike(|node| {
        node.leave();
        // Whatever were still sent here would be lost.
        node.cut();
    });
    assert_nothing_lost(&reports);
    fabric.scene.nodes[stopped].heal();
    fabric.scene.start_node(stopped, &[]);
    fabric.expect_legs(NODES.len());

    let (killed, reports) = fabric.strike(Node::kill);
    let gap = longest_gap(&reports);
    println!("{} was killed: no flow waited longer than {:.0} ms", NODES[killed], millis(gap));
    assert!(gap < LEG_LOST, "a flow waited for {gap:?}");
}

#[test]
fn a_node_that_is_drained_is_avoided_first_then_left_out_and_no_probe_is_lost() {
    let Some(fabric) = Fabric::start("", "") else { return };
    let scene = &fabric.scene;
    let probers = fabric.probe();
    let node = "apiVersion: v1\nkind: Node\nmetadata: {name: n2}\nspec: {unschedulable: true}\n";
    scene.manifests.write("node-n2.yaml", node);
    let known = |prefix: &str| fabric.bird.ask(&format!("show route protocol n2 {prefix} all"));
    // RFC 8326: the route is still there and marked, so that packets on their way arrive while others are chosen.
    scene.lab.eventually(SOON, "the router is asked to prefer others", || {
        [format!("{FOUR}/32"), format!("{SIX}/128")].iter().all(|prefix| known(prefix).contains("(65535,0)"))
    });
    fabric.expect_legs(NODES.len() - 1);
    scene.lab.eventually(SOON, "the routes are withdrawn", || !known(&format!("{FOUR}/32")).contains("BGP"));
    assert!(fabric.bird.is_up("n2"), "the session stays");
    // Whatever were still sent here would be lost.
    scene.nodes[1].cut();
    thread::sleep(MARGIN);
    assert_nothing_lost(&stop(probers));
}
