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
