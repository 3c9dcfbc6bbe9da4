use tokio::io::AsyncWriteExt as _;

use super::*;
use crate::status::{Member, Peer, Pool, Service};

fn service(name: &str, ips: &[&str], reason: Option<&str>) -> Service {
    Service {
        namespace: "shop".to_owned(),
        name: name.to_owned(),
        ips: ips.iter().map(|ip| ip.parse().unwrap()).collect(),
        pool: (!ips.is_empty()).then(|| "lan".to_owned()),
        peers: Vec::new(),
        state: if ips.is_empty() { "pending" } else { "allocated" }.to_owned(),
        reason: reason.map(str::to_owned),
    }
}

fn controller(standing: Standing, listed: bool) -> Status {
    Status { controller: Some(Controller { standing, listed }), ..Status::default() }
}

fn printed(status: &Status) -> String {
    let mut text = Vec::new();
    print(status, &mut text).unwrap();
    String::from_utf8(text).unwrap()
}

/// Returns the words of the line that contains `start`.
fn line(text: &str, start: &str) -> Vec<String> {
    let line = text.lines().find(|line| line.trim_start().starts_with(start));
    line.unwrap_or_else(|| panic!("{start} is missing in\n{text}")).split_whitespace().map(str::to_owned).collect()
}

#[test]
fn a_controller_that_leads_shows_pools_services_and_why_some_have_no_address() {
    let status = Status {
        services: vec![
            service("api", &["192.0.2.1", "2001:db8::1"], None),
            service("web", &[], Some("every pool is full")),
        ],
        pools: vec![Pool { name: "lan".to_owned(), assigned: "2".to_owned(), available: "254".to_owned() }],
        ..controller(Standing::Leading, true)
    };
    let text = printed(&status);
    assert_eq!(line(&text, "controller:"), ["controller:", "leading"]);
    assert_eq!(line(&text, "lan"), ["lan", "2", "254"]);
    assert_eq!(line(&text, "shop/api"), ["shop/api", "192.0.2.1,", "2001:db8::1", "lan"]);
    assert_eq!(line(&text, "shop/web"), ["shop/web", "<pending>", "every", "pool", "is", "full"]);
}

#[test]
fn a_controller_that_does_not_lead_says_so_and_shows_no_empty_tables() {
    let text = printed(&controller(Standing::Standby, false));
    assert!(text.contains("standby; ask the replica that the Lease names") && !text.contains("SERVICE"), "{text}");
    let text = printed(&controller(Standing::Unknown, false));
    assert!(text.contains("the API server has not answered yet") && !text.contains("SERVICE"), "{text}");
    let text = printed(&Status {
        faults: vec!["the watch of services is lost".to_owned()],
        ..controller(Standing::Standby, false)
    });
    assert!(text.contains("fault: the watch of services is lost"), "{text}");
}

#[test]
fn a_service_that_routers_were_told_of_has_no_owner_and_is_not_nobodys() {
    let mut told = service("web", &["192.0.2.1"], None);
    told.peers = vec!["tor-a".to_owned(), "tor-b".to_owned()];
    let text = printed(&Status { node: "n1".to_owned(), services: vec![told], ..Status::default() });
    assert_eq!(line(&text, "shop/web"), ["shop/web", "192.0.2.1", "lan", "by", "BGP", "to", "tor-a,", "tor-b"]);
    let alone = service("web", &["192.0.2.1"], Some("no endpoint is ready"));
    let text = printed(&Status { services: vec![alone], ..Status::default() });
    assert_eq!(line(&text, "shop/web")[3], "nobody");
}

#[test]
fn a_speaker_that_is_chosen_last_is_shown_as_such() {
    let member = |node: &str, damped| Member {
        link: "eth0".to_owned(),
        node: node.to_owned(),
        state: "live".to_owned(),
        mac: None,
        address: None,
        silent_ms: 7,
        claims: 2,
        damped,
        hears_us: true,
    };
    let text = printed(&Status { members: vec![member("n1", false), member("n2", true)], ..Status::default() });
    assert_eq!(line(&text, "eth0  n1"), ["eth0", "n1", "live", "7", "ms", "ago", "2", "yes"]);
    assert!(text.contains("live, chosen last"), "{text}");
}

#[test]
fn a_session_that_is_down_shows_its_latest_failure_and_one_that_is_up_does_not() {
    let peer = |up_seconds| Peer {
        name: "tor".to_owned(),
        router: "192.0.2.9:179".to_owned(),
        state: "Active".to_owned(),
        up_seconds,
        announced: 0,
        wanted: 1,
        asn: None,
        bfd: Some("Up".to_owned()),
        bfd_timing: up_seconds.map(|_| BfdTiming { transmit_ms: 150, detection_ms: 1000, echo: false }),
        fault: None,
        last_error: Some("refused".to_owned()),
    };
    let text = |peer| printed(&Status { peers: vec![peer], ..Status::default() });
    assert!(text(peer(None)).contains("refused"));
    assert!(!text(peer(Some(3))).contains("refused"));
    assert!(text(peer(Some(3))).contains("Up, every 150 ms, lost after 1000 ms"));
}

#[tokio::test]
async fn without_an_address_both_usual_ports_are_asked_and_every_failure_is_told() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (open, shut) = (listener.local_addr().unwrap(), "127.0.0.1:1".parse().unwrap());
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let body = "{\"node\":\"n1\"}";
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream
    });
    assert_eq!(ask_at(&[shut, open]).await.unwrap(), "{\"node\":\"n1\"}");
    let error = ask_at(&[shut, shut]).await.unwrap_err().to_string();
    assert_eq!(error.matches("nobody answers at 127.0.0.1:1").count(), 2, "{error}");
    server.abort();
}

#[test]
fn half_an_address_is_asked_at_the_usual_other_half() {
    let addresses = |text: &str| -> Vec<String> {
        addresses(Some(text.parse().unwrap())).iter().map(ToString::to_string).collect()
    };
    assert_eq!(addresses("9200"), ["127.0.0.1:9200"]);
    assert_eq!(addresses("192.0.2.1"), ["192.0.2.1:9120", "192.0.2.1:17472"]);
    assert_eq!(addresses("[::1]:9200"), ["[::1]:9200"]);
}

fn vip(link: &str, owner: Option<&str>) -> Vip {
    Vip {
        ip: "192.0.2.1".parse().unwrap(),
        link: Some(link.to_owned()),
        state: "backup".to_owned(),
        owner: owner.map(str::to_owned),
        mac: owner.map(|owner| format!("mac-of-{owner}")),
        conflict: None,
        reason: None,
    }
}

#[test]
fn owners_that_differ_by_link_are_all_shown_the_one_on_the_subnet_of_the_ip_first() {
    let owners = |vips: Vec<Vip>| {
        let text = printed(&Status { services: vec![service("web", &["192.0.2.1"], None)], vips, ..Status::default() });
        line(&text, "shop/web")[3..].join(" ")
    };
    assert_eq!(owners(vec![vip("eth1", Some("n1")), vip("eth0", Some("n3"))]), "n1 on eth1; n3 on eth0 mac-of-n1");
    assert_eq!(owners(vec![vip("eth1", None), vip("eth0", Some("n3"))]), "n3 on eth0 mac-of-n3");
    assert_eq!(owners(vec![vip("eth1", Some("n1")), vip("eth0", Some("n1"))]), "n1 mac-of-n1");
    assert_eq!(owners(vec![vip("eth1", Some("n1"))]), "n1 mac-of-n1");
}

#[test]
fn an_ip_of_nobody_always_has_a_reason() {
    let dual = Status {
        services: vec![service("web", &["192.0.2.1", "2001:db8::1"], None)],
        vips: vec![vip("eth0", Some("n1"))],
        ..Status::default()
    };
    let text = printed(&dual);
    let row = text.lines().find(|line| line.contains("2001:db8::1")).unwrap();
    assert!(row.contains("nobody") && row.ends_with("no speaker answers for it yet"), "{text}");
    let refused = Vip { owner: None, reason: Some("node n1: eth0 is down".to_owned()), ..vip("eth0", None) };
    let text = printed(&Status { services: vec![service("web", &["192.0.2.1"], None)], vips: vec![refused], ..dual });
    assert!(text.lines().any(|line| line.ends_with("node n1: eth0 is down")), "{text}");
}
