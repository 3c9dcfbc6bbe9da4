use super::*;

fn from(port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], port))
}

#[expect(clippy::disallowed_methods, reason = "the one place where virtual time begins")]
fn begin() -> Instant {
    Instant::now()
}

#[test]
fn each_is_new_once_until_it_is_forgotten() {
    let (mut strangers, now) = (Strangers::default(), begin());
    let key = Stranger::Key(KeyId(1));
    assert!(strangers.hear(now, key, from(1)));
    let later = now + Duration::from_secs(60);
    assert!(!strangers.hear(later, key, from(2)));
    strangers.prune(now + Duration::from_secs(119), Duration::from_secs(60));
    let view: Vec<_> = strangers.view().collect();
    assert_eq!(view, [StrangerView { stranger: key, address: from(2), last_heard: later }]);
    strangers.prune(now + Duration::from_secs(120), Duration::from_secs(60));
    assert_eq!(strangers.view().count(), 0);
}

#[test]
fn made_up_ones_take_bounded_room_and_none_from_those_of_another_kind() {
    let (mut strangers, now) = (Strangers::default(), begin());
    let new = (0..1000).filter(|id| strangers.hear(now, Stranger::Key(KeyId(*id)), from(1))).count();
    assert_eq!(new, LIMIT);
    let cluster = Stranger::Cluster { cluster: ClusterTag(1), has_our_key: false };
    assert!(strangers.hear(now, cluster, from(1)));
    assert!(strangers.hear(now, Stranger::Version(Format { version: 9, min_version: 9 }), from(1)));
}
