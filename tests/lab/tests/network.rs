//! The lab's own promises: what is silent, what each fault does, and what a prober sees.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    panic::{AssertUnwindSafe, catch_unwind},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use lab::Lab;

const FOUR: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 130));
const SIX: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 1, 2));
const SOON: Duration = Duration::from_secs(20);

#[test]
fn kernels_stay_silent_for_service_addresses_and_still_serve_them() {
    let Some(lab) = Lab::new() else { return };
    let lan = lab.bridge("lan");
    let node = lab.node("n1", &lan);
    let client = lab.client("c1", &lan);
    let vips = [FOUR, SIX];

    let newcomer = client.newcomer(&vips);
    let asked = |vip: &IpAddr| newcomer.so_far().asked.get(vip).map_or(0, Vec::len);
    lab.eventually(SOON, "each is asked for often", || vips.iter().all(|vip| asked(vip) >= 5));
    thread::sleep(Duration::from_millis(300));
    let sightings = newcomer.stop();
    for vip in vips {
        assert!(sightings.macs(vip).is_empty(), "a kernel answers for {vip}");
        assert!(!client.reaches(vip));
        point(&client, vip, &node);
        assert_eq!(client.page(vip).unwrap(), format!("n1 serves {}\n", SocketAddr::new(vip, 80)));
    }
}

#[test]
fn kernels_answer_for_their_own_addresses_so_that_silence_means_something() {
    let Some(lab) = Lab::new() else { return };
    let lan = lab.bridge("lan");
    let node = lab.node("n1", &lan);
    let client = lab.client("c1", &lan);
    let own: Vec<IpAddr> = node.link.addresses.iter().map(|address| address.addr()).collect();

    let newcomer = client.newcomer(&own);
    for address in &own {
        lab.eventually(SOON, "the kernel answers", || newcomer.so_far().macs(*address).contains(&node.mac()));
        assert!(newcomer.so_far().longest_silence(*address).is_some());
    }
    assert_eq!(newcomer.stop().macs(own[0]).len(), 1);
}

#[test]
fn a_prober_measures_a_cut_of_300_ms() {
    let Some(lab) = Lab::new() else { return };
    let lan = lab.bridge("lan");
    let node = lab.node("n1", &lan);
    let client = lab.client("c1", &lan);
    for vip in [FOUR, SIX] {
        point(&client, vip, &node);
        let prober = client.prober(vip);
        lab.eventually(SOON, "probes are answered", || prober.so_far().tcp.answerers().len() == 1);
        let start = Instant::now();
        node.cut();
        thread::sleep(Duration::from_millis(300));
        node.heal();
        lab.eventually(SOON, "the page is back", || client.reaches(vip));
        // On a busy machine the cut takes longer, and the prober comes late to both of its ends.
        let (least, most) = (Duration::from_millis(200), start.elapsed() + Duration::from_millis(400));
        thread::sleep(Duration::from_millis(100));
        let report = prober.stop().unwrap();
        for series in [&report.udp, &report.tcp] {
            let gap = series.longest_gap().unwrap().length;
            assert!((least..most).contains(&gap), "{vip}: a gap of {gap:?}, and {most:?} allowed\n{report}");
            assert!(series.lost() > 0, "{vip}: {report}");
        }
    }
}

#[test]
fn pulling_takes_the_carrier_and_healing_gives_it_back() {
    let Some(lab) = Lab::new() else { return };
    let lan = lab.bridge("lan");
    let node = lab.node("n1", &lan);
    let client = lab.client("c1", &lan);
    point(&client, FOUR, &node);
    lab.eventually(SOON, "the page is there", || client.reaches(FOUR));
    assert!(carrier(&node));

    node.cut();
    assert!(carrier(&node), "a cut is silent");
    assert!(!client.reaches(FOUR));
    node.heal();
    lab.eventually(SOON, "the page is back", || client.reaches(FOUR));

    node.pull();
    assert!(!carrier(&node));
    assert!(!client.reaches(FOUR));
    node.heal();
    lab.eventually(SOON, "the carrier is back", || carrier(&node));
    lab.eventually(SOON, "the page is back", || client.reaches(FOUR));
}

#[test]
fn a_node_that_hangs_answers_nothing_until_it_resumes() {
    let Some(lab) = Lab::new() else { return };
    let lan = lab.bridge("lan");
    let node = lab.node("n1", &lan);
    let client = lab.client("c1", &lan);
    point(&client, FOUR, &node);
    let prober = client.prober(FOUR);
    lab.eventually(SOON, "probes are answered", || !prober.so_far().udp.answerers().is_empty());
    node.hang();
    thread::sleep(Duration::from_millis(200));
    node.resume();
    lab.eventually(SOON, "what has queued up is answered", || prober.so_far().udp.lost() <= 1);
    let report = prober.stop().unwrap();
    let gap = report.longest_gap().unwrap().length;
    assert!(gap >= Duration::from_millis(100), "{report}");
    assert_eq!(report.lost(), 0, "{report}");
}

#[test]
fn replies_leave_from_the_address_that_was_asked() {
    let Some(lab) = Lab::new() else { return };
    let lan = lab.bridge("lan");
    let node = lab.node("n1", &lan);
    let client = lab.client("c1", &lan);
    for vip in [FOUR, SIX] {
        point(&client, vip, &node);
        let prober = client.prober(vip);
        thread::sleep(Duration::from_millis(200));
        let report = prober.stop().unwrap();
        assert!(report.udp.probes.len() > 5);
        // A connected socket drops replies from any other address.
        assert_eq!(report.lost(), 0, "{vip}: {report}");
    }
}

#[test]
fn a_sniffer_sees_announcements_and_a_client_that_forgot_asks_again() {
    let Some(lab) = Lab::new() else { return };
    let lan = lab.bridge("lan");
    let node = lab.node("n1", &lan);
    let client = lab.client("c1", &lan);
    let own = node.link.addresses[0].addr();
    let sniffer = client.sniffer();
    let claims = |solicited| {
        sniffer.so_far().claims.iter().filter(|(_, claim)| claim.address == own && claim.solicited == solicited).count()
    };

    // With this setting the kernel announces its own addresses when the Ethernet address is set.
    node.host.set("ipv4/conf/eth0/arp_notify", "1").unwrap();
    node.host.ip(&format!("link set eth0 address {}\n", node.mac())).unwrap();
    lab.eventually(SOON, "an announcement is seen", || claims(false) > 0);

    assert!(client.reaches(own));
    client.forget(own);
    assert!(client.reaches(own));
    lab.eventually(SOON, "the client asked twice", || claims(true) == 2);
    assert_eq!(sniffer.stop().macs(own), [node.mac()].into());
}

/// Tells the client which node has an address, as a speaker's answer would.
fn point(client: &lab::Client, vip: IpAddr, node: &lab::Node) {
    let (mac, interface) = (node.mac(), &client.link.interface);
    client
        .host
        .ip(&format!("neigh replace {vip} lladdr {mac} dev {interface} nud permanent\n"))
        .expect("ip sets a neighbour");
}

fn carrier(node: &lab::Node) -> bool {
    let output = node.host.output(Command::new("ip").args(["link", "show", "eth0"])).expect("ip runs");
    String::from_utf8_lossy(&output.stdout).contains("LOWER_UP")
}

#[test]
fn a_program_that_panicked_fails_its_test_unless_that_was_expected() {
    for (file, expected) in [("n1/log", false), ("one.controller.log", false), ("n1/log", true), ("n1/note.txt", true)]
    {
        let Some(lab) = Lab::new() else { return };
        let log = lab.directory().join(file);
        fs::create_dir_all(log.parent().expect("it is in the lab's directory")).expect("a directory can be made");
        fs::write(&log, "fine\nthread 'bfd' panicked at session.rs:75:9:\n").expect("a file can be written");
        if file == "n1/log" && expected {
            lab.expect_panics();
        }
        assert_eq!(catch_unwind(AssertUnwindSafe(move || drop(lab))).is_ok(), expected, "{file}");
    }
}
