use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use super::*;

fn announcements(station: &mut Station) -> Vec<(Duration, IpAddr)> {
    let announcement = |(at, output): (Duration, Output)| match meaning(&sent(output)?) {
        Sent::Announcement(vip) => Some((at, vip)),
        Sent::Answer(_) | Sent::Probe(_) => None,
    };
    station.take().into_iter().filter_map(announcement).collect()
}

fn quiet() -> Config {
    Config { refresh: None, ..Config::default() }
}

fn vip(index: u32) -> IpAddr {
    Ipv4Addr::from_bits(0x0a00_0000 + index).into()
}

#[test]
fn a_takeover_is_announced_at_the_times_of_the_burst_and_then_never_when_refresh_is_off() {
    let mut station = Station::new(quiet());
    station.announce(VIP6);
    station.run_for(Duration::from_secs(3600));
    let times: Vec<_> = announcements(&mut station).into_iter().map(|(at, _)| at.as_millis()).collect();
    assert_eq!(times, [0, 100, 500, 1100, 2200, 4400]);
    assert_eq!(station.responder.poll_timeout(), None, "an idle responder wakes for nothing");
}

#[test]
fn the_first_three_announcements_carry_a_probe() {
    let mut station = Station::new(quiet());
    station.announce(VIP4);
    station.run_for(Duration::from_secs(10));
    let probes: Vec<_> = station
        .take()
        .into_iter()
        .filter(|(_, output)| matches!(output, Output::Send(frame) if meaning(frame) == Sent::Probe(ip(VIP4))))
        .map(|(at, _)| at.as_millis())
        .collect();
    assert_eq!(probes, [0, 100, 500]);
}

#[test]
fn announcing_an_owned_address_again_changes_nothing() {
    let mut station = Station::settled(quiet(), &[VIP4]);
    station.announce(VIP4);
    station.run_for(Duration::from_secs(60));
    assert_eq!(station.take(), []);
}

#[test]
fn reasserting_starts_the_burst_anew_without_probes_and_only_for_owned_addresses() {
    let mut station = Station::settled(quiet(), &[VIP6]);
    station.handle(Input::Reassert { vip: ip(VIP6) });
    station.handle(Input::Reassert { vip: ip(VIP4) });
    station.run_for(Duration::from_secs(60));
    let frames = station.take_frames();
    assert_eq!(frames.len(), 6);
    assert!(frames.iter().all(|frame| meaning(frame) == Sent::Announcement(ip(VIP6))));
}

#[test]
fn reasserting_does_not_cost_a_waiting_address_its_turn() {
    let mut station = Station::new(quiet());
    (0..1_000).for_each(|index| station.handle(Input::Announce { vip: vip(index) }));
    station.take();
    let waiting = vip(500);
    for _ in 0..1_000 {
        station.run_for(Duration::from_millis(1));
        station.handle(Input::Reassert { vip: waiting });
    }
    let place = announcements(&mut station).iter().position(|(_, vip)| *vip == waiting);
    assert!(place.is_some_and(|place| place < 2 * 600), "{place:?}");
}

#[test]
fn a_link_that_returns_is_told_everything_again() {
    let mut station = Station::settled(quiet(), &[VIP4, VIP6]);
    station.handle(Input::LinkUp);
    station.run_for(Duration::from_secs(60));
    assert_eq!(announcements(&mut station).len(), 6 * 2 + 6);
}

#[test]
fn an_hour_of_refreshes_keeps_between_80_and_120_percent_of_the_interval_and_spreads() {
    let mut station = Station::settled(Config::default(), &[VIP4, VIP6]);
    station.run_for(Duration::from_secs(3600));
    let mut times: BTreeMap<IpAddr, Vec<Duration>> = BTreeMap::new();
    for (at, vip) in announcements(&mut station) {
        times.entry(vip).or_default().push(at);
    }
    for (vip, times) in &times {
        assert!((50..=75).contains(&times.len()), "{vip} was refreshed {} times", times.len());
        let gaps: Vec<_> = times.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect();
        assert!(gaps.iter().all(|gap| (48.0..=72.1).contains(gap)), "{vip}: {gaps:?}");
        assert!(gaps.iter().any(|gap| *gap < 54.0) && gaps.iter().any(|gap| *gap > 66.0), "{vip}: {gaps:?}");
    }
    assert_eq!(times.len(), 2);
}

#[test]
fn refreshes_of_ten_thousand_addresses_stay_below_fifty_frames_a_second_and_reach_all() {
    let mut station = Station::new(Config { repeats: Vec::new(), ..Config::default() });
    (0..10_000).for_each(|index| station.handle(Input::Announce { vip: vip(index) }));
    station.run_for(Duration::from_secs(40));
    station.take();
    station.run_for(Duration::from_secs(400));
    let refreshes = announcements(&mut station);
    assert!(busiest_second(&refreshes) <= 51, "{}", busiest_second(&refreshes));
    let reached: BTreeSet<_> = refreshes.iter().map(|(_, vip)| *vip).collect();
    assert_eq!(reached.len(), 10_000);
}

#[test]
fn a_handful_of_addresses_is_announced_without_delay() {
    let mut station = Station::new(quiet());
    (0..100).for_each(|index| station.handle(Input::Announce { vip: vip(index) }));
    let first = announcements(&mut station);
    assert_eq!(first.len(), 200);
    assert!(first.iter().all(|(at, _)| at.is_zero()));
}

#[test]
fn ten_thousand_addresses_drain_at_the_cap_first_announcements_first() {
    let mut station = Station::new(quiet());
    (0..10_000).for_each(|index| station.handle(Input::Announce { vip: vip(index) }));
    station.run_for(Duration::from_secs(60));
    let frames: Vec<_> = station.take().into_iter().map(|(at, _)| (at, vip(0))).collect();
    assert_eq!(frames.len(), 10_000 * (6 * 2 + 3));
    assert!(busiest_second(&frames) <= 5_500, "{}", busiest_second(&frames));
    assert!(frames[30_000 - 1].0 < Duration::from_secs(6), "everything is announced once within 6 s");
    let last = frames.last().expect("frames were sent").0;
    assert!(last < Duration::from_secs(32), "150,000 frames at 5,000 a second take 30 s, not {last:?}");
}

#[test]
fn every_address_is_announced_once_before_any_is_repeated() {
    let mut station = Station::new(quiet());
    (0..5_000).for_each(|index| station.handle(Input::Announce { vip: vip(index) }));
    station.run_for(Duration::from_secs(60));
    let order: Vec<_> = announcements(&mut station).into_iter().map(|(_, vip)| vip).collect();
    let early: BTreeSet<_> = order[..10_000].iter().collect();
    assert_eq!(early.len(), 5_000, "request and reply form of each address come first");
}

#[test]
fn answers_do_not_wait_for_a_full_queue_of_announcements() {
    let mut station = Station::new(quiet());
    (0..10_000).for_each(|index| station.handle(Input::Announce { vip: vip(index) }));
    station.take();
    station.frame(&arp_request("10.0.39.15"));
    assert_eq!(meaning(&station.take_frames()[0]), Sent::Answer(vip(9_999)));
}

#[test]
fn withdrawn_addresses_leave_the_queue() {
    let mut station = Station::new(quiet());
    (0..10_000).for_each(|index| station.handle(Input::Announce { vip: vip(index) }));
    (0..10_000).for_each(|index| station.handle(Input::Withdraw { vip: vip(index) }));
    station.take();
    assert_eq!(station.responder.poll_timeout(), None);
}

#[test]
fn an_owner_that_loses_everything_late_sends_nothing_that_was_due() {
    let mut station = Station::new(quiet());
    station.announce(VIP4);
    station.announce(VIP6);
    station.take();
    station.now += Duration::from_secs(3);
    station.handle(Input::Withdraw { vip: ip(VIP4) });
    station.handle(Input::Withdraw { vip: ip(VIP6) });
    station.handle(Input::Timeout);
    assert_eq!(station.take_frames(), Vec::<Vec<u8>>::new());
}

#[test]
fn a_late_timer_neither_loses_nor_bunches_repetitions() {
    let mut station = Station::new(quiet());
    station.announce(VIP6);
    station.now += Duration::from_secs(30);
    station.handle(Input::Timeout);
    station.run_for(Duration::from_secs(60));
    let times: Vec<_> = announcements(&mut station).into_iter().map(|(at, _)| at.as_millis()).collect();
    assert_eq!(times, [0, 30_000, 30_400, 31_000, 32_100, 34_300]);
}

/// The most entries in any window of one second.
fn busiest_second(entries: &[(Duration, IpAddr)]) -> usize {
    let mut first = 0;
    let mut most = 0;
    for (index, (at, _)) in entries.iter().enumerate() {
        while entries[first].0 + Duration::from_secs(1) <= *at {
            first += 1;
        }
        most = most.max(index - first + 1);
    }
    most
}
