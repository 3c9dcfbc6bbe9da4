use std::num::NonZeroU32;

use super::*;
use crate::{DropReason, RateLimit};

fn quiet() -> Config {
    Config { refresh: None, ..Config::default() }
}

fn conflict(vip: &str) -> Event {
    Event::Conflict(by(vip, STRANGER, Claimant::Stranger))
}

fn cleared(vip: &str) -> Event {
    Event::ConflictCleared(by(vip, STRANGER, Claimant::Stranger))
}

/// The speaker n2 has the stranger's address in the tests of splits.
fn split(vip: &str) -> Claim {
    by(vip, STRANGER, Claimant::Silent("n2".into()))
}

fn by(vip: &str, mac: MacAddr, claimant: Claimant) -> Claim {
    Claim { vip: ip(vip), mac, claimant }
}

/// A claim of another station to the IPv4 address.
fn claim_of(station: [u8; 6]) -> Vec<u8> {
    let mut frame = golden("scapy_arp_reply_foreign");
    frame[6..12].copy_from_slice(&station);
    frame[22..28].copy_from_slice(&station);
    frame
}

/// A station that nobody has seen before or will see again.
fn face(number: u32) -> [u8; 6] {
    let [a, b, c, d] = number.to_be_bytes();
    [2, 0xfa, a, b, c, d]
}

#[test]
fn a_foreign_claim_is_told_once_and_cleared_after_quiet() {
    for (vip, claim) in [(VIP4, "scapy_arp_reply_foreign"), (VIP6, "scapy_na_foreign")] {
        let mut station = Station::settled(quiet(), &[VIP4, VIP6]);
        for _ in 0..5 {
            station.frame(&golden(claim));
            station.run_for(Duration::from_secs(290));
        }
        assert_eq!(station.take_events(), [conflict(vip)]);
        assert_eq!(station.responder.stats().vips[&ip(vip)].foreign_claims, 5);
        station.run_for(Duration::from_secs(11));
        assert_eq!(station.take_events(), [cleared(vip)]);
        station.frame(&golden(claim));
        assert_eq!(station.take_events(), [conflict(vip)], "a claim after that is a new conflict");
    }
}

#[test]
fn gratuitous_forms_of_a_stranger_are_claims_and_get_no_answer() {
    for name in ["kernel_arp_gratuitous_request", "arping_gratuitous_request", "arping_gratuitous_reply"] {
        let mut frame = golden(name);
        frame[6..12].copy_from_slice(&STRANGER.0);
        frame[22..28].copy_from_slice(&STRANGER.0);
        let mut station = Station::settled(quiet(), &[VIP4]);
        station.frame(&frame);
        let outputs: Vec<_> = station.take().into_iter().map(|(_, output)| output).collect();
        let defence =
            ["kernel_arp_gratuitous_request", "arping_gratuitous_reply"].map(|name| Output::Send(golden(name)));
        assert_eq!(outputs[0], Output::Event(conflict(VIP4)), "{name}");
        assert_eq!(outputs[1..], defence, "{name}");
    }
}

#[test]
fn two_stubborn_claimants_exchange_one_announcement_per_ten_seconds() {
    let mut station = Station::settled(quiet(), &[VIP4, VIP6]);
    for _ in 0..60_000 {
        station.now += Duration::from_millis(1);
        station.frame(&golden("scapy_arp_reply_foreign"));
        station.frame(&golden("scapy_na_foreign"));
    }
    let frames = station.take_frames();
    assert_eq!(frames.len(), 6 * 2 + 6, "six defences in a minute, two forms of ARP and one of NDP");
    assert_eq!(station.responder.stats().arp.foreign_claims, 60_000);
}

#[test]
fn claims_of_other_speakers_are_neither_conflicts_nor_answered() {
    let mut station = Station::new(quiet());
    station.speakers(&[STRANGER]);
    station.announce(VIP4);
    station.announce(VIP6);
    station.run_for(Duration::from_secs(10));
    station.take();
    station.frame(&golden("scapy_arp_reply_foreign"));
    station.frame(&golden("scapy_na_foreign"));
    assert_eq!(station.take(), []);
    assert_eq!(station.responder.stats().drops[&DropReason::KnownSpeaker], 2);
}

#[test]
fn a_conflict_ends_when_the_stranger_turns_out_to_be_a_speaker_or_the_address_is_withdrawn() {
    let mut station = Station::settled(quiet(), &[VIP4, VIP6]);
    station.frame(&golden("scapy_arp_reply_foreign"));
    station.frame(&golden("scapy_na_foreign"));
    assert_eq!(station.take_events(), [conflict(VIP4), conflict(VIP6)]);
    station.handle(Input::Withdraw { vip: ip(VIP6) });
    assert_eq!(station.take_events(), [cleared(VIP6)]);
    station.speakers(&[STRANGER]);
    assert_eq!(station.take_events(), [cleared(VIP4)]);
    assert_eq!(station.responder.poll_timeout(), None);
}

#[test]
fn the_answer_of_a_holder_to_the_probe_is_a_conflict_while_answers_go_on() {
    let mut station = Station::new(quiet());
    station.announce(VIP4);
    station.frame(&golden("scapy_arp_reply_foreign"));
    assert_eq!(station.take_events(), [conflict(VIP4)]);
    station.frame(&golden("kernel_arp_request"));
    assert_eq!(station.take_frames(), [golden("kernel_arp_reply")]);
}

#[test]
fn claims_to_addresses_of_others_are_nothing_to_us() {
    let mut station = Station::settled(quiet(), &["192.0.2.99"]);
    station.frame(&golden("scapy_arp_reply_foreign"));
    station.frame(&golden("scapy_na_foreign"));
    assert_eq!(station.take(), []);
    assert_eq!(station.responder.stats().drops[&DropReason::NotOwned], 2);
}

#[test]
fn a_claimant_as_slow_as_the_slowest_refresh_is_one_conflict_however_slow_refreshes_are() {
    for refresh in [1, 60, 3600] {
        let refresh = Duration::from_secs(refresh);
        let config = Config { refresh: Some(refresh), ..Config::default() };
        let mut station = Station::settled(config, &[VIP4]);
        station.frame(&golden("scapy_arp_reply_foreign"));
        assert_eq!(station.take_events(), [conflict(VIP4)]);
        for _ in 0..10 {
            // Two of three are lost.
            station.run_for(3 * refresh.mul_f64(1.25));
            station.frame(&golden("scapy_arp_reply_foreign"));
        }
        assert_eq!(station.take_events(), [], "{refresh:?}");
    }
}

#[test]
fn a_stranger_with_a_thousand_faces_costs_bounded_memory_and_events() {
    let mut station = Station::settled(quiet(), &[VIP4]);
    for number in 0..50_000 {
        station.frame(&claim_of(face(number)));
    }
    assert_eq!(station.take_events().len(), 4);
    assert_eq!(station.responder.conflicts().count(), 4);
    assert_eq!(station.responder.stats().arp.foreign_claims, 50_000);
    station.run_for(Duration::from_secs(301));
    assert_eq!(station.take_events().len(), 4, "all are cleared");
    assert_eq!(station.responder.poll_timeout(), None);
}

#[test]
fn a_station_that_means_it_is_named_first_in_the_middle_of_a_flood_of_made_up_ones() {
    let mut station = Station::settled(quiet(), &[VIP4]);
    // 200 made-up stations per second for a minute, and one that claims once in two seconds.
    for number in 0..12_000 {
        station.now += Duration::from_millis(5);
        station.frame(&claim_of(face(number)));
        if number > 2_000 && number % 400 == 0 {
            station.frame(&claim_of(STRANGER.0));
        }
    }
    let claim = by(VIP4, STRANGER, Claimant::Stranger);
    assert_eq!(station.responder.conflicts().next(), Some(claim.clone()));
    let events = station.take_events();
    assert!(events.contains(&Event::Conflict(claim)));
    assert_eq!(events.len(), 4 + 2, "one of the first four gave way to the station that claims again");
    assert_eq!(station.responder.conflicts().count(), 4);
}

#[test]
fn a_flood_against_one_address_hides_no_conflict_over_another() {
    let mut station = Station::settled(quiet(), &[VIP4, VIP6]);
    for number in 0..5_000 {
        station.frame(&claim_of(face(number)));
    }
    station.take();
    station.frame(&golden("scapy_na_foreign"));
    assert_eq!(station.take_events(), [conflict(VIP6)]);
}

#[test]
fn a_speaker_that_is_not_heard_and_claims_an_owned_address_is_a_split_after_a_second_of_grace() {
    for (vip, claim) in [(VIP4, "scapy_arp_reply_foreign"), (VIP6, "scapy_na_foreign")] {
        let mut station = Station::settled(quiet(), &[VIP4, VIP6]);
        station.know(&[], &[STRANGER]);
        station.frame(&golden(claim));
        station.run_for(Duration::from_millis(999));
        assert_eq!(station.take(), [], "neither alarm nor defence");
        assert_eq!(station.responder.conflicts().count(), 0);
        station.run_for(Duration::from_millis(1));
        assert_eq!(station.take_events(), [Event::Conflict(split(vip))]);
        assert_eq!(station.responder.conflicts().collect::<Vec<_>>(), [split(vip)]);
        station.know(&[STRANGER], &[]);
        assert_eq!(station.take_events(), [Event::ConflictCleared(split(vip))], "heard again");
        station.frame(&golden(claim));
        station.run_for(Duration::from_secs(10));
        assert_eq!(station.take(), []);
    }
}

#[test]
fn a_speaker_that_returns_from_a_pause_and_is_heard_within_the_grace_is_no_split() {
    let mut station = Station::settled(quiet(), &[VIP4]);
    station.know(&[], &[STRANGER]);
    for _ in 0..8 {
        station.frame(&golden("scapy_arp_reply_foreign"));
        station.run_for(Duration::from_millis(100));
    }
    station.know(&[STRANGER], &[]);
    station.run_for(Duration::from_secs(10));
    assert_eq!(station.take(), []);
    assert_eq!(station.responder.poll_timeout(), None);
}

#[test]
fn a_split_outlives_the_memory_of_the_speakers_heartbeats() {
    let mut station = Station::settled(quiet(), &[VIP4]);
    station.know(&[], &[STRANGER]);
    station.frame(&golden("scapy_arp_reply_foreign"));
    station.run_for(Duration::from_secs(2));
    assert_eq!(station.take_events(), [Event::Conflict(split(VIP4))]);
    station.know(&[CLIENT], &[]);
    station.frame(&golden("scapy_arp_reply_foreign"));
    assert_eq!(station.take_events(), [], "it stays the same speaker");
    station.run_for(Duration::from_secs(301));
    assert_eq!(station.take_events(), [Event::ConflictCleared(split(VIP4))]);
}

#[test]
fn a_stranger_that_turns_out_to_be_a_speaker_which_is_not_heard_is_a_split() {
    let mut station = Station::settled(quiet(), &[VIP4]);
    station.frame(&golden("scapy_arp_reply_foreign"));
    assert_eq!(station.take_events(), [conflict(VIP4)]);
    station.know(&[], &[STRANGER]);
    assert_eq!(station.take_events(), [cleared(VIP4)]);
    station.frame(&golden("scapy_arp_reply_foreign"));
    station.run_for(Duration::from_secs(2));
    assert_eq!(station.take_events(), [Event::Conflict(split(VIP4))]);
}

#[test]
fn made_up_stations_push_out_no_speaker_and_many_speakers_cost_bounded_memory() {
    let mut station = Station::settled(quiet(), &[VIP4]);
    let speakers: Vec<MacAddr> = (0..50).map(|number| MacAddr([2, 1, 0, 0, 0, number])).collect();
    station.know(&[], &speakers);
    for mac in &speakers {
        station.frame(&claim_of(mac.0));
    }
    for number in 0..5_000 {
        station.frame(&claim_of(face(number)));
    }
    station.run_for(Duration::from_secs(2));
    let silent = |claim: &Claim| claim.claimant != Claimant::Stranger;
    assert_eq!(station.responder.conflicts().filter(silent).count(), 4);
    assert_eq!(station.responder.conflicts().count(), 8);
}

#[test]
fn the_probe_of_a_speaker_that_is_not_heard_is_answered_so_that_it_learns_of_the_split_too() {
    let mut station = Station::settled(quiet(), &[VIP4]);
    station.know(&[], &[CLIENT]);
    station.frame(&golden("arping_probe"));
    assert_eq!(station.take_frames(), [golden("kernel_arp_reply_probe")]);
}

#[test]
fn probes_of_other_speakers_are_not_answered_while_their_other_questions_are() {
    let mut station = Station::settled(quiet(), &[VIP4, VIP6]);
    station.speakers(&[CLIENT]);
    station.frame(&golden("arping_probe"));
    station.frame(&golden("kernel_ns_dad"));
    assert_eq!(station.take(), []);
    assert_eq!(station.responder.stats().drops[&DropReason::KnownSpeaker], 2);
    station.frame(&golden("kernel_arp_request"));
    station.frame(&golden("kernel_ns_multicast"));
    assert_eq!(station.take_frames(), ["kernel_arp_reply", "kernel_na_solicited"].map(golden));
}

#[test]
fn a_planned_move_between_speakers_leaves_every_cache_at_the_new_owner() {
    let new_mac = STRANGER;
    let mut old = Station::settled(quiet(), &[VIP4, VIP6]);
    old.speakers(&[new_mac]);
    let mut new = Station::new(quiet());
    new.handle(Input::Link(LinkFacts { mac: new_mac }));
    new.speakers(&[OWNER]);
    new.announce(VIP4);
    new.announce(VIP6);
    for frame in new.take_frames() {
        old.frame(&frame);
    }
    assert_eq!(old.take(), [], "the old owner says nothing after the new one has announced");
}

#[test]
fn a_solicitation_from_an_owned_address_is_a_claim_and_gets_no_answer() {
    let mut station = Station::settled(quiet(), &[VIP6]);
    station.frame(&golden("scapy_ns_claim"));
    let outputs: Vec<_> = station.take().into_iter().map(|(_, output)| output).collect();
    assert_eq!(outputs, [Output::Event(conflict(VIP6)), Output::Send(golden("kernel_na_unsolicited"))]);
}

#[test]
fn a_defence_within_a_burst_brings_it_forward_and_drops_none_of_it() {
    let mut station = Station::new(quiet());
    station.announce(VIP6);
    station.run_for(Duration::from_millis(1200));
    station.frame(&golden("scapy_na_foreign"));
    station.run_for(Duration::from_secs(50));
    let times: Vec<_> = station
        .take()
        .into_iter()
        .filter(|(_, output)| matches!(output, Output::Send(frame) if meaning(frame) == Sent::Announcement(ip(VIP6))))
        .map(|(at, _)| at.as_millis())
        .collect();
    assert_eq!(times, [0, 100, 500, 1100, 1200, 3400]);
}

#[test]
fn a_claim_does_not_push_a_waiting_first_announcement_behind_repetitions() {
    let slow = RateLimit { per_second: NonZeroU32::MIN, at_once: NonZeroU32::MIN };
    let mut station = Station::new(Config { burst_limit: slow, ..quiet() });
    for vip in ["2001:db8::1", VIP6, "2001:db8::20"] {
        station.announce(vip);
    }
    station.take();
    station.frame(&golden("scapy_na_foreign"));
    station.run_for(Duration::from_secs(2));
    assert_eq!(station.take_frames().last().map(|frame| meaning(frame)), Some(Sent::Announcement(ip(VIP6))));
}
