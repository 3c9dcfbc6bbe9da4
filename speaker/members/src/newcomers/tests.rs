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

fn member(node: &str) -> MemberId {
    MemberId { node: crate::NodeName::new(node).unwrap(), link: crate::LinkName::new("eth0").unwrap() }
}

#[test]
fn those_that_prove_nothing_are_shown_once_each_until_they_are_no_longer_heard() {
    let (mut newcomers, now) = (Newcomers::default(), begin());
    let second = |number: u64| now + Duration::from_secs(number);
    for (boot, at) in [(1, 0), (2, 1)] {
        newcomers.hear(second(at), (MemberTag(1), BootId(boot)), address(), None).note_unproven(&member("a"), true);
    }
    newcomers.hear(second(2), (MemberTag(2), BootId(1)), address(), None).note_unproven(&member("b"), true);
    newcomers.hear(second(2), (MemberTag(3), BootId(1)), address(), None).note_unproven(&member("c"), false);
    let shown = |newcomers: &Newcomers, live: Option<MemberTag>| -> Vec<(String, Instant)> {
        let views = newcomers.unproven(|tag| Some(tag) == live);
        views.into_iter().map(|view| (view.member.node.to_string(), view.since)).collect()
    };
    let (a, b) = (("a".to_owned(), now), ("b".to_owned(), second(2)));
    assert_eq!(shown(&newcomers, None), [a.clone(), b.clone()], "one line for two starts");
    assert_eq!(
        shown(&newcomers, Some(MemberTag(1))),
        std::slice::from_ref(&b),
        "recordings of one that lives are no news"
    );
    newcomers.admit(MemberTag(2), BootId(1));
    assert_eq!(shown(&newcomers, None), [a]);
    newcomers.prune(second(11));
    assert_eq!(shown(&newcomers, None), []);
}

#[test]
fn made_up_ones_are_not_all_shown_and_hide_none_that_was_heard_before() {
    let (mut newcomers, now) = (Newcomers::default(), begin());
    for tag in 0..100 {
        let at = now + Duration::from_millis(tag);
        newcomers
            .hear(at, (MemberTag(tag), BootId(1)), address(), None)
            .note_unproven(&member(&format!("n{tag}")), true);
    }
    let shown = newcomers.unproven(|_| false);
    assert_eq!((shown.len(), shown[0].since), (SHOWN, now));
}
