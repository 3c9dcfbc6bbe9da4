use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::table::Summary;
use crate::{Acquired, BootId, ClusterId, DropReason, LinkName, Mac, MemberId, Mine, NodeName, Released, Timing, To};

mod versions;

const MAC: Mac = Mac([2, 0, 0, 0, 0, 1]);
const FROM: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7946);
const VIP: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

#[expect(clippy::disallowed_methods, reason = "the one place where virtual time begins")]
fn begin() -> Instant {
    Instant::now() + Duration::from_secs(1000)
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn id(node: &str) -> MemberId {
    MemberId { node: NodeName::new(node).unwrap(), link: LinkName::new("lan0").unwrap() }
}

fn ring() -> KeyRing {
    KeyRing::new(b"a secret for the tests", &ClusterId::default()).unwrap()
}

fn candidacy(mine: Mine) -> Candidacy {
    let nodes = ["a", "b"].map(|node| (NodeName::new(node).unwrap(), 0));
    Candidacy { nodes: Arc::new(BTreeMap::from(nodes)), mine, group: 0 }
}

fn down(node: &str, boot: u64, now: Instant) -> Segment {
    Segment::new(Config::new(id(node), Timing::default()).unwrap(), BootId(boot), 1, now)
}

/// A machine with keys, link, readiness and one VIP to own.
fn up(node: &str, boot: u64, now: Instant) -> Segment {
    let mut segment = down(node, boot, now);
    segment.handle(now, Input::Keys(ring()));
    segment.handle(now, Input::Link(LinkFacts { mac: MAC, up: true }));
    segment.handle(now, Input::Ready(true));
    segment.handle(now, Input::Want(BTreeMap::from([(VIP, candidacy(Mine::Eligible))])));
    segment
}

fn outputs(segment: &mut Segment) -> Vec<Output> {
    std::iter::from_fn(|| segment.poll_output()).collect()
}

fn datagrams(segment: &mut Segment) -> Vec<Vec<u8>> {
    let sent = |output| match output {
        Output::Send { bytes, .. } => Some(bytes),
        Output::Acquire { .. }
        | Output::Release { .. }
        | Output::Reassert { .. }
        | Output::CheckReception
        | Output::Event(_)
        | Output::Left => None,
    };
    outputs(segment).into_iter().filter_map(sent).collect()
}

fn run(segment: &mut Segment, from: Instant, time: Duration) -> (Instant, Vec<Output>) {
    let mut all = Vec::new();
    while let Some(due) = segment.poll_timeout().filter(|due| *due <= from + time) {
        segment.handle(due.max(from), Input::Timeout);
        all.extend(outputs(segment));
    }
    (from + time, all)
}

fn settled(node: &str, now: Instant) -> (Instant, Segment) {
    let mut segment = up(node, 5, now);
    let (now, _) = run(&mut segment, now, ms(320));
    assert_eq!(segment.answering().collect::<Vec<_>>(), [VIP]);
    (now, segment)
}

fn receive(segment: &mut Segment, now: Instant, bytes: &[u8]) {
    segment.handle(now, Input::Datagram { from: FROM, bytes });
}

#[test]
fn says_and_owns_nothing_without_keys_or_link() {
    let now = begin();
    for input in [Input::Keys(ring()), Input::Link(LinkFacts { mac: MAC, up: true })] {
        let mut segment = down("a", 1, now);
        segment.handle(now, input);
        segment.handle(now, Input::Ready(true));
        segment.handle(now, Input::Want(BTreeMap::from([(VIP, candidacy(Mine::Eligible))])));
        receive(&mut segment, now, &[0; 80]);
        assert_eq!((outputs(&mut segment), segment.poll_timeout()), (vec![], None));
        assert_eq!(segment.stats().dropped(DropReason::Idle), 1);
    }
}

#[test]
fn a_lone_newcomer_claims_after_the_loss_time() {
    let now = begin();
    let mut segment = up("a", 1, now);
    let (later, early) = run(&mut segment, now, ms(299));
    assert!(!early.iter().any(|output| matches!(output, Output::Acquire { .. })));
    let (_, late) = run(&mut segment, later, ms(2));
    let acquired = late.iter().position(|output| *output == Output::Acquire { vip: VIP, why: Acquired::Vacant });
    let sent = late.iter().position(|output| matches!(output, Output::Send { to: To::Group, .. }));
    assert!(acquired.unwrap() < sent.unwrap(), "answers first, then tells the others: {late:?}");
}

/// The next datagram that a member sends to all, and the time of it.
fn next_beat(segment: &mut Segment, mut now: Instant) -> (Instant, Vec<u8>) {
    outputs(segment);
    for _ in 0..200 {
        now += ms(1);
        segment.handle(now, Input::Timeout);
        let to_all = |output| if let Output::Send { to: To::Group, bytes } = output { Some(bytes) } else { None };
        let beat = outputs(segment).into_iter().find_map(to_all);
        if let Some(beat) = beat {
            return (now, beat);
        }
    }
    panic!("no beat in 200 ms")
}

#[test]
fn counts_what_it_drops_by_reason() {
    let (now, mut segment, mut peer) = settled_pair();
    let mut stranger = up("b", 10, now);
    stranger.handle(now, Input::Keys(KeyRing::new(b"a secret of strangers", &ClusterId::default()).unwrap()));
    let mut foreigner = up("b", 11, now);
    foreigner.handle(now, Input::Keys(KeyRing::new(b"a secret for the tests", &ClusterId::new("other")).unwrap()));
    let recorded = datagrams(&mut up("b", 8, now)).remove(0);
    let (later, own) = next_beat(&mut segment, now);
    let ((_, beat), (_, unknown), (_, foreign)) =
        (next_beat(&mut peer, now), next_beat(&mut stranger, now), next_beat(&mut foreigner, now));
    let mut forged = beat.clone();
    *forged.last_mut().unwrap() ^= 1;
    let mut version = beat.clone();
    version[1] = 9;
    let before = segment.stats().clone();
    let inputs: [&[u8]; 9] = [&forged, &beat, &beat, &recorded, &unknown, &foreign, &own, &version, &beat[..20]];
    inputs.into_iter().for_each(|bytes| receive(&mut segment, later, bytes));
    let stats = segment.stats();
    assert_eq!(stats.received, before.received + 1);
    let reasons = [
        DropReason::Forged,
        DropReason::Copy,
        DropReason::Unproven,
        DropReason::UnknownKey,
        DropReason::ForeignCluster,
        DropReason::Own,
        DropReason::Version,
        DropReason::Length,
    ];
    assert_eq!(reasons.map(|why| stats.dropped(why) - before.dropped(why)), [1; 8]);
}

#[test]
fn forged_datagrams_of_unknown_senders_cost_bounded_time_and_no_member_is_dropped_for_them() {
    let (now, mut segment, mut peer) = settled_pair();
    let (later, beat) = next_beat(&mut peer, now);
    let mut forged = beat.clone();
    for sender in 0..5000u16 {
        forged[12..14].copy_from_slice(&sender.to_be_bytes());
        receive(&mut segment, later, &forged);
    }
    let received = segment.stats().received;
    assert!(segment.stats().dropped(DropReason::Busy) > 4000);
    receive(&mut segment, later, &beat);
    assert_eq!(segment.stats().received, received + 1);
}

#[test]
fn a_member_cannot_speak_for_another() {
    let now = begin();
    let (now, mut segment) = settled("a", now);
    let mut liar = up("b", 9, now);
    liar.config.me = id("c");
    liar.sending.urgent = true;
    liar.handle(now, Input::Timeout);
    let lie = datagrams(&mut liar).pop().unwrap();
    receive(&mut segment, now, &lie);
    assert_eq!((segment.stats().received, segment.stats().dropped(DropReason::Malformed)), (0, 1));
}

#[test]
fn a_late_call_releases_before_it_looks_at_the_input() {
    let now = begin();
    let (now, mut segment) = settled("a", now);
    let beat = datagrams(&mut up("b", 9, now)).remove(0);
    let now = now + ms(400);
    receive(&mut segment, now, &beat);
    let all = outputs(&mut segment);
    assert!(matches!(all[0], Output::Event(Event::Paused { .. })));
    assert_eq!(all[1], Output::Release { vip: VIP, why: Released::Paused });
    assert_eq!(segment.view().phase, PhaseView::Revalidating);
    assert!(!all.iter().any(|output| matches!(output, Output::Acquire { .. })));
}

#[test]
fn releases_at_once_when_the_link_goes_down_and_listens_when_it_returns() {
    let now = begin();
    let (now, mut segment) = settled("a", now);
    segment.handle(now, Input::Link(LinkFacts { mac: MAC, up: false }));
    assert_eq!(outputs(&mut segment)[0], Output::Release { vip: VIP, why: Released::LinkDown });
    assert_eq!((segment.view().phase, segment.poll_timeout()), (PhaseView::Down, None));
    segment.handle(now + ms(5000), Input::Link(LinkFacts { mac: MAC, up: true }));
    assert_eq!(segment.view().phase, PhaseView::Listening);
}

/// Takes the link away and gives it back, and returns what came out until the member has settled again.
fn replug(segment: &mut Segment, now: Instant) -> (Instant, Vec<Output>) {
    segment.handle(now, Input::Link(LinkFacts { mac: MAC, up: false }));
    let mut all = outputs(segment);
    let now = now + ms(1000);
    segment.handle(now, Input::Link(LinkFacts { mac: MAC, up: true }));
    let (now, rest) = run(segment, now, ms(320));
    all.extend(rest);
    (now, all)
}

#[test]
fn a_link_lost_three_times_makes_the_member_the_last_choice_until_it_is_quiet() {
    let (mut now, mut segment) = settled("a", begin());
    let damped = Output::Event(Event::Damped { losses: 3, window: Duration::from_secs(600) });
    for expected in [false, false, true, false] {
        let (later, all) = replug(&mut segment, now);
        now = later;
        assert_eq!(all.contains(&damped), expected);
        assert_eq!(segment.answering().collect::<Vec<_>>(), [VIP], "better than nobody");
    }
    let until = segment.view().damped_until.unwrap();
    let (_, all) = run(&mut segment, now, until - now - ms(1));
    assert!(!all.contains(&Output::Event(Event::Undamped)));
    let (_, all) = run(&mut segment, until - ms(1), ms(1));
    assert!(all.contains(&Output::Event(Event::Undamped)));
    let told = all.iter().position(|output| matches!(output, Output::Send { to: To::Group, .. }));
    assert!(told.is_some(), "the others learn of it at once");
    assert_eq!(segment.view().damped_until, None);
}

#[test]
fn damping_that_ends_while_the_link_is_down_is_over_when_it_returns() {
    let (mut now, mut segment) = settled("a", begin());
    for _ in 0..3 {
        (now, _) = replug(&mut segment, now);
    }
    segment.handle(now, Input::Link(LinkFacts { mac: MAC, up: false }));
    outputs(&mut segment);
    segment.handle(now + Duration::from_secs(601), Input::Link(LinkFacts { mac: MAC, up: true }));
    assert_eq!(outputs(&mut segment)[0], Output::Event(Event::Undamped));
}

#[test]
fn only_own_faults_that_end_ownership_count() {
    let is_damped = |segment: &Segment| segment.view().damped_until.is_some();
    let first_counts = |node: &str, now: Instant| {
        let mut segment = up(node, 5, now);
        segment.config.timing.damping_losses = 1;
        let (now, _) = run(&mut segment, now, ms(320));
        (now, segment)
    };
    let cases: [(Input<'_>, bool); 5] = [
        (Input::Want(BTreeMap::new()), false),
        (Input::Want(BTreeMap::from([(VIP, candidacy(Mine::Ineligible))])), false),
        (Input::Leave, false),
        (Input::Ready(false), true),
        (Input::Link(LinkFacts { mac: MAC, up: false }), true),
    ];
    for (input, counts) in cases {
        let told = format!("{input:?}");
        let (now, mut segment) = first_counts("a", begin());
        segment.handle(now, input);
        run(&mut segment, now, ms(600));
        assert_eq!((segment.answering().count(), is_damped(&segment)), (0, counts), "{told}");
    }
    let (now, mut idle) = first_counts("a", begin());
    idle.handle(now, Input::Want(BTreeMap::new()));
    idle.handle(now, Input::Link(LinkFacts { mac: MAC, up: false }));
    assert!(!is_damped(&idle), "nothing was lost");
}

#[test]
fn standing_still_counts_only_if_somebody_took_over() {
    for taken in [false, true] {
        let (mut now, mut a, mut b) = settled_pair();
        a.config.timing.damping_losses = 1;
        outputs(&mut a);
        let mut beats = Vec::new();
        while beats.is_empty() {
            now += ms(1);
            a.handle(now, Input::Timeout);
            b.handle(now, Input::Timeout);
            beats = datagrams(&mut a);
        }
        beats.iter().for_each(|bytes| receive(&mut b, now, bytes));
        let mut waiting = Vec::new();
        for _ in 0..if taken { 1000 } else { 260 } {
            now += ms(1);
            b.handle(now, Input::Timeout);
            waiting.extend(datagrams(&mut b));
        }
        a.handle(now, Input::Timeout);
        assert_eq!(a.phase(), PhaseView::Revalidating);
        waiting.iter().for_each(|bytes| receive(&mut a, now, bytes));
        for _ in 0..100 {
            datagrams(&mut a).iter().for_each(|bytes| receive(&mut b, now, bytes));
            datagrams(&mut b).iter().for_each(|bytes| receive(&mut a, now, bytes));
            now += ms(1);
            a.handle(now, Input::Timeout);
            b.handle(now, Input::Timeout);
        }
        assert_eq!(b.answering().count(), usize::from(taken));
        assert_eq!(a.view().damped_until.is_some(), taken);
        assert_eq!(b.view().members[0].damped, taken, "the others know");
    }
}

#[test]
fn announces_everything_again_under_a_new_hardware_address() {
    let now = begin();
    let (now, mut segment) = settled("a", now);
    segment.handle(now, Input::Link(LinkFacts { mac: Mac([2, 0, 0, 0, 0, 9]), up: true }));
    let all = outputs(&mut segment);
    assert_eq!(all[0], Output::Reassert { vip: VIP });
    assert!(matches!(all[1], Output::Send { to: To::Group, .. }), "the others learn of it at once");
}

#[test]
fn the_others_tell_once_of_a_new_hardware_address() {
    let (now, mut a, mut b) = settled_pair();
    let mut told = Vec::new();
    let other = Mac([2, 0, 0, 0, 0, 9]);
    for mac in [other, other, MAC] {
        b.handle(now, Input::Link(LinkFacts { mac, up: true }));
        datagrams(&mut b).iter().for_each(|bytes| receive(&mut a, now, bytes));
        let changed = |output: &Output| matches!(output, Output::Event(Event::MemberChanged { .. }));
        told.push(outputs(&mut a).iter().filter(|output| changed(output)).count());
    }
    assert_eq!(told, [1, 0, 1]);
}

#[test]
fn a_vip_that_is_no_longer_desired_is_released_at_once() {
    let now = begin();
    let (now, mut segment) = settled("a", now);
    segment.handle(now, Input::Want(BTreeMap::new()));
    assert_eq!(outputs(&mut segment)[0], Output::Release { vip: VIP, why: Released::Unwanted });
}

#[test]
fn two_members_settle_on_one_owner_and_hand_over_on_leave() {
    let now = begin();
    let (mut now, a) = settled("a", now);
    let mut pair = [a, up("b", 9, now)];
    for _ in 0..700 {
        for from in [0, 1] {
            for bytes in datagrams(&mut pair[from]) {
                receive(&mut pair[1 - from], now, &bytes);
            }
        }
        now += ms(1);
        pair.iter_mut().for_each(|segment| segment.handle(now, Input::Timeout));
    }
    assert_eq!(pair[1].owner(VIP), Some(&id("a")), "joins move nothing");
    let [mut a, mut b] = pair;
    a.handle(now, Input::Leave);
    datagrams(&mut a).iter().for_each(|bytes| receive(&mut b, now, bytes));
    let taken = outputs(&mut b);
    assert!(taken.contains(&Output::Acquire { vip: VIP, why: Acquired::Handover }));
    assert_eq!(a.answering().count(), 1, "the former owner answers until its successor does");
    for output in taken {
        if let Output::Send { bytes, .. } = output {
            receive(&mut a, now, &bytes);
        }
    }
    let rest = outputs(&mut a);
    assert!(rest.contains(&Output::Release { vip: VIP, why: Released::HandedOver }));
    assert_eq!(rest.last(), Some(&Output::Left));
}

#[test]
fn a_timeout_at_any_time_is_harmless_and_the_next_is_later() {
    let mut now = begin();
    let mut segment = up("a", 1, now);
    for step in 0..2000u64 {
        now += Duration::from_micros(step % 7 * 100);
        segment.handle(now, Input::Timeout);
        assert!(segment.poll_timeout().unwrap() > now);
        outputs(&mut segment);
    }
    assert_eq!(segment.stats().pauses, 0);
}

/// A settled owner and a settled peer of it, in step.
fn settled_pair() -> (Instant, Segment, Segment) {
    let (mut now, mut a) = settled("a", begin());
    let mut b = up("b", 9, now);
    for _ in 0..700 {
        datagrams(&mut a).iter().for_each(|bytes| receive(&mut b, now, bytes));
        datagrams(&mut b).iter().for_each(|bytes| receive(&mut a, now, bytes));
        now += ms(1);
        a.handle(now, Input::Timeout);
        b.handle(now, Input::Timeout);
    }
    (now, a, b)
}

#[test]
fn a_peer_whose_beats_wait_in_the_socket_is_not_lost() {
    let (mut now, mut a, mut b) = settled_pair();
    outputs(&mut a);
    // The peer's next beats wait unread while this member is late, just short of a pause.
    let mut waiting = Vec::new();
    while datagrams(&mut b).is_empty() {
        now += ms(1);
        waiting.extend(datagrams(&mut a));
        a.handle(now, Input::Timeout);
        b.handle(now, Input::Timeout);
    }
    now += ms(245);
    a.handle(now, Input::Timeout);
    waiting.extend(datagrams(&mut a));
    b.handle(now, Input::Timeout);
    waiting.iter().for_each(|bytes| receive(&mut b, now, bytes));
    b.handle(now + ms(20), Input::Timeout);
    let lost = Output::Event(Event::MemberLost { member: id("a") });
    assert!(!outputs(&mut b).contains(&lost));
}

#[test]
fn only_an_answer_to_a_question_asked_after_the_pause_ends_it() {
    let (now, mut a, mut b) = settled_pair();
    let (_, beats) = run(&mut b, now, ms(110));
    let later = now + ms(500);
    a.handle(later, Input::Timeout);
    for output in beats {
        if let Output::Send { bytes, .. } = output {
            receive(&mut a, later, &bytes);
        }
    }
    a.handle(later + ms(100), Input::Timeout);
    assert_eq!(a.phase(), PhaseView::Revalidating, "a beat from before proves nothing");
    let questions = datagrams(&mut a);
    b.handle(later + ms(100), Input::Timeout);
    outputs(&mut b);
    questions.iter().for_each(|bytes| receive(&mut b, later + ms(100), bytes));
    datagrams(&mut b).iter().for_each(|bytes| receive(&mut a, later + ms(100), bytes));
    assert_eq!(a.phase(), PhaseView::Active);
}

/// Runs `a` alone until its peer is lost, and returns what came out.
fn lose_peer(a: &mut Segment, now: Instant) -> (Instant, Vec<Output>) {
    let (now, all) = run(a, now, ms(320));
    assert!(all.contains(&Output::Event(Event::MemberLost { member: id("b") })));
    (now, all)
}

#[test]
fn a_lost_peer_is_shown_for_ten_minutes_and_then_forgotten() {
    let (now, mut a, _) = settled_pair();
    let (now, _) = lose_peer(&mut a, now);
    let lost = |a: &Segment| a.view().members.iter().filter(|member| member.state == MemberState::Lost).count();
    let (now, _) = run(&mut a, now, Duration::from_secs(599));
    assert_eq!(lost(&a), 1);
    run(&mut a, now, Duration::from_secs(2));
    assert_eq!(lost(&a), 0);
    assert!(a.view().members.is_empty() && a.retired.is_empty());
}

#[test]
fn an_owner_announces_again_when_a_peer_is_lost_whose_claims_were_not_all_known() {
    for is_complete in [true, false] {
        let (now, mut a, _) = settled_pair();
        outputs(&mut a);
        let peer = a.peers.values_mut().next().unwrap();
        if !is_complete {
            let sequence = peer.table.sequence() + 1;
            peer.table.apply(sequence, Summary { version: 9, count: 1, digest: 1 }, None);
        }
        let (_, all) = lose_peer(&mut a, now);
        assert_eq!(all.contains(&Output::Reassert { vip: VIP }), !is_complete, "it may have answered for any of them");
    }
}

#[test]
fn a_silent_peer_is_asked_twice_before_it_is_lost_and_once_at_a_time() {
    let (now, mut a, _) = settled_pair();
    outputs(&mut a);
    let before = a.stats().solicitations;
    let (_, all) = lose_peer(&mut a, now);
    assert_eq!(a.stats().solicitations - before, 2, "after the time of suspicion, and in the last look");
    let asked = all.iter().filter(|output| matches!(output, Output::Send { to: To::Peer(_), .. }));
    assert_eq!(asked.count(), 2);
    // A late call finds both due at once, and one question serves for both.
    let (now, mut a, _) = settled_pair();
    outputs(&mut a);
    a.sending.last_beat = now + ms(290);
    let before = a.stats().solicitations;
    a.handle(now + ms(296), Input::Timeout);
    assert_eq!(a.stats().solicitations - before, 1);
}

proptest! {
    #[test]
    fn any_datagram_is_taken_or_counted(bytes in prop::collection::vec(any::<u8>(), 0..1300), version in any::<bool>()) {
        let (now, mut segment) = settled("a", begin());
        let mut bytes = bytes;
        if let Some(first) = bytes.first_mut().filter(|_| version) {
            *first = 1;
        }
        if let Some(second) = bytes.get_mut(1).filter(|_| version) {
            *second = 1;
        }
        receive(&mut segment, now, &bytes);
        let dropped: u64 = DropReason::ALL.into_iter().map(|why| segment.stats().dropped(why)).sum();
        prop_assert_eq!(dropped, 1);
    }
}
