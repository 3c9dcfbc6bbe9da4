use std::net::Ipv4Addr;

use members::{ClusterTag, Format, KeyId};

use super::*;

const FROM: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 12));

#[test]
fn each_stranger_is_named_with_the_next_step() {
    let cases = [
        (Stranger::Cluster { cluster: ClusterTag(1), has_our_key: false }, "another cluster (00000001)"),
        (Stranger::Cluster { cluster: ClusterTag(1), has_our_key: true }, "Secret memberlist of its own"),
        (Stranger::Key(KeyId(0xab)), "key 000000ab"),
        (Stranger::Version(Format { version: 9, min_version: 8 }), "it needs version 8"),
    ];
    for (who, expected) in cases {
        let text = stranger(who, FROM);
        assert!(text.contains(expected) && text.contains("192.0.2.12"), "{text}");
    }
}

#[test]
fn speakers_that_have_shown_nothing_are_named_with_the_next_step() {
    let member = |node: &str| members::MemberId {
        node: members::NodeName::new(node).unwrap(),
        link: members::LinkName::new("eth0").unwrap(),
    };
    let unproven = |node: &str, last: u8| UnprovenView {
        member: member(node),
        address: ([192, 0, 2, last], 7473).into(),
        since: std::time::Instant::now(),
    };
    assert_eq!(unproven_text("eth0", &[]), None);
    let one = unproven_text("eth0", &[unproven("n2", 12)]).unwrap();
    assert!(one.starts_with("eth0: heartbeats of n2 at 192.0.2.12 arrive, but it has not shown"), "{one}");
    let two = unproven_text("eth0", &[unproven("n2", 12), unproven("n3", 13)]).unwrap();
    assert!(two.contains("n2 at 192.0.2.12, n3 at 192.0.2.13 arrive, but they have not shown"), "{two}");
    assert!(two.contains("filter of UDP") && two.contains("recorded heartbeats"), "{two}");
}
