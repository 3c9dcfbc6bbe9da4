use super::*;

fn router(number: u16) -> Ipv6Addr {
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, number)
}

#[test]
fn two_routers_stay_two_as_long_as_both_speak() {
    let (mut heard, start) = (Heard::default(), Instant::now());
    let second = |number: u64| start + Duration::from_secs(number);
    assert_eq!(heard.judge(router(1), second(0)), Found::Router(router(1)));
    for number in 1..100 {
        let source = router(1 + u16::from(number % 2 == 1));
        assert_eq!(heard.judge(source, second(number)), Found::Two(router(1), router(2)), "after {number} s");
    }
    assert_eq!(
        heard.judge(router(1), second(134)),
        Found::Router(router(1)),
        "the other one was silent for long enough"
    );
}

#[test]
fn a_router_that_is_silent_gives_way_to_the_one_that_speaks() {
    let (mut heard, start) = (Heard::default(), Instant::now());
    heard.judge(router(1), start);
    heard.judge(router(2), start + Duration::from_secs(1));
    assert_eq!(heard.judge(router(2), start + SILENCE), Found::Router(router(2)));
    assert_eq!(heard.judge(router(1), start + SILENCE), Found::Two(router(2), router(1)));
}

#[test]
fn routers_that_somebody_makes_up_are_news_once() {
    let (mut heard, start) = (Heard::default(), Instant::now());
    heard.judge(router(1), start);
    let mut news = BTreeSet::new();
    for number in 2..10_000_u16 {
        let now = start + Duration::from_millis(u64::from(number));
        let source = if number % 100 == 0 { router(1) } else { router(number) };
        let Found::Two(known, other) = heard.judge(source, now) else { panic!("two are heard") };
        news.insert((known, other));
    }
    assert_eq!(news, [(router(1), router(2))].into());
}
