use super::*;

fn address() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 7473))
}

#[expect(clippy::disallowed_methods, reason = "the one place where virtual time begins")]
fn begin() -> Instant {
    Instant::now()
}

#[test]
fn one_that_does_not_answer_is_asked_less_and_less_often() {
    let (mut newcomers, now) = (Newcomers::default(), begin());
    let mut asked = Vec::new();
    for ms in 0..5000 {
        let at = now + Duration::from_millis(ms);
        if newcomers.hear(at, (MemberTag(1), BootId(1)), address(), None).is_to_be_asked(at) {
            asked.push(ms);
        }
    }
    assert_eq!(asked, [0, 30, 90, 210, 450, 930, 1890, 2890, 3890, 4890]);
}

#[test]
fn many_take_bounded_room_and_the_one_that_is_heard_again_and_again_stays() {
    let (mut newcomers, now) = (Newcomers::default(), begin());
    for boot in 0..10_000 {
        let at = now + Duration::from_millis(boot);
        newcomers.hear(at, (MemberTag(2), BootId(boot)), address(), None);
        if boot % 100 == 0 {
            newcomers.hear(at, (MemberTag(1), BootId(7)), address(), None).is_reported = true;
        }
    }
    assert_eq!(newcomers.0.len(), LIMIT);
    let now = now + Duration::from_secs(10);
    assert!(newcomers.hear(now, (MemberTag(1), BootId(7)), address(), None).is_reported);
    assert!(newcomers.is_any_heard(now, MemberTag(2)) && !newcomers.is_any_heard(now, MemberTag(1)));
    newcomers.prune(now + Duration::from_secs(60));
    assert!(newcomers.addresses(MemberTag(1)).is_empty());
}
