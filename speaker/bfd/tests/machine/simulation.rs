//! Many seeds of two sessions over links that lose, delay and reorder.
//!
//! `CLARION_SEEDS` sets how many; a failure names its seed.

use std::{
    num::NonZeroU8,
    time::{Duration, Instant},
};

use bfd::{Config, DownCause, EchoConfig, Event, Input, Micros, Path, Role, State};
use rand::{RngExt, SeedableRng, rngs::StdRng};

use crate::{
    config, interval,
    pair::{GOOD, Link, Pair},
};

fn seeds() -> impl Iterator<Item = u64> {
    0..std::env::var("CLARION_SEEDS").map_or(60, |text| text.parse().expect("CLARION_SEEDS is a number"))
}

fn any_config(rng: &mut StdRng) -> Config {
    let intervals = [50, 60, 100, 300, 700, 1_000, 2_500];
    let mut pick = || intervals[rng.random_range(0..intervals.len())];
    let (transmit, receive) = (pick(), pick());
    config(transmit, receive, rng.random_range(3..6))
}

fn configs(seed: u64) -> [Config; 2] {
    let mut rng = StdRng::seed_from_u64(seed ^ 0xc0f1);
    let (a, mut b) = (any_config(&mut rng), any_config(&mut rng));
    if rng.random() {
        b.role = Role::Passive;
    }
    [a, b]
}

/// Checks what no session may ever do, whatever the link does.
fn check_conduct(pair: &Pair, seed: u64) {
    for end in &pair.ends {
        let mut answered: Option<Instant> = None;
        for (at, packet) in &end.sent {
            assert!(!(packet.poll && packet.final_), "seed {seed}: a packet with both P and F");
            let slow = packet.desired_min_tx >= Micros::ONE_SECOND;
            assert!(slow || packet.state == State::Up, "seed {seed}: fast in {:?}", packet.state);
            if packet.final_ {
                let gap = answered.replace(*at).map(|before| *at - before);
                assert!(gap.is_none_or(|gap| gap >= Duration::from_millis(5)), "seed {seed}: answers {gap:?} apart");
            }
        }
        assert_eq!(end.session.stats().control_packet_output, end.sent.len() as u64, "seed {seed}");
    }
}

/// Checks that both ends live by what the other one wants.
fn check_agreement(pair: &Pair, configs: [Config; 2], seed: u64) {
    for (end, (ours, theirs)) in [(0, (configs[0], configs[1])), (1, (configs[1], configs[0]))] {
        let session = &pair.ends[end].session;
        let transmit = ours.transmit_interval.max(theirs.receive_interval).micros().duration();
        assert_eq!(session.transmit_interval(), Some(transmit), "seed {seed}");
        let receive = theirs.transmit_interval.max(ours.receive_interval).micros().duration();
        let detection = receive * u32::from(theirs.detect_multiplier.get());
        assert_eq!(session.detection_time(), Some(detection), "seed {seed}");
    }
}

fn downs(pair: &Pair) -> usize {
    pair.ends.iter().flat_map(|end| &end.events).filter(|(_, event)| matches!(event, Event::Down { .. })).count()
}

#[test]
fn a_good_link_comes_up_quickly_and_stays_up() {
    for seed in seeds() {
        let mut pair = Pair::new(seed, configs(seed));
        pair.run(Duration::from_secs(150));
        assert!(pair.is_settled(), "seed {seed}: {:?}", pair.states());
        assert_eq!(downs(&pair), 0, "seed {seed}");
        check_agreement(&pair, configs(seed), seed);
        check_conduct(&pair, seed);
    }
}

#[test]
fn two_active_ends_with_default_timers_are_up_within_a_tenth_of_a_second() {
    for seed in seeds() {
        let mut pair = Pair::new(seed, [Config::default(); 2]);
        pair.run(Duration::from_millis(100));
        assert_eq!(pair.states(), [State::Up; 2], "seed {seed}");
    }
}

#[test]
fn after_loss_and_reordering_the_session_recovers_and_agrees() {
    for seed in seeds() {
        let mut pair = Pair::new(seed, configs(seed));
        for _ in 0..5 {
            let loss = pair.rng.random_range(0..80);
            let longest_delay = Duration::from_millis(pair.rng.random_range(0..400));
            pair.link = Link { loss, longest_delay, reorders: true };
            pair.run(Duration::from_secs(10));
        }
        pair.link = GOOD;
        pair.run(Duration::from_secs(60));
        assert!(pair.is_settled(), "seed {seed}: {:?}", pair.states());
        let before = downs(&pair);
        pair.run(Duration::from_secs(60));
        assert_eq!(downs(&pair), before, "seed {seed}");
        check_agreement(&pair, configs(seed), seed);
        check_conduct(&pair, seed);
    }
}

#[test]
fn no_edit_of_timers_takes_a_session_down() {
    for seed in seeds() {
        let mut configs = configs(seed);
        let mut pair = Pair::up(seed, configs);
        pair.link = Link { loss: 0, longest_delay: Duration::from_millis(10), reorders: false };
        for _ in 0..100 {
            let end = pair.rng.random_range(0..2);
            configs[end] = any_config(&mut pair.rng);
            pair.input(end, Input::Reconfigure(configs[end]));
            let pause = pair.rng.random_range(0..1_500);
            pair.run(Duration::from_millis(pause));
        }
        pair.run(Duration::from_secs(30));
        assert_eq!(downs(&pair), 0, "seed {seed}");
        assert!(pair.is_settled(), "seed {seed}: {:?}", pair.states());
        check_agreement(&pair, configs, seed);
        check_conduct(&pair, seed);
    }
}

#[test]
fn a_cut_link_is_noticed_within_the_detection_time_and_never_before() {
    for seed in seeds() {
        let configs = configs(seed);
        let mut pair = Pair::up(seed, configs);
        let cut = pair.now;
        pair.cut();
        let expected = [0, 1].map(|end| pair.ends[end].session.detection_time().unwrap());
        pair.run(Duration::from_secs(60));
        for (end, detection) in expected.into_iter().enumerate() {
            let (at, event) = *pair.ends[end].events.last().unwrap();
            let expired = Event::Down { cause: DownCause::DetectionTimeExpired, neighbor_independent: false };
            assert_eq!(event, expired, "seed {seed}");
            let interval = detection / u32::from(configs[1 - end].detect_multiplier.get());
            assert!(at <= cut + detection, "seed {seed}: {:?} of {detection:?}", at - cut);
            assert!(
                at + interval + GOOD.longest_delay >= cut + detection,
                "seed {seed}: {:?} of {detection:?}",
                at - cut
            );
        }
    }
}

#[test]
fn a_stopped_end_is_no_failure_to_the_other() {
    for seed in seeds() {
        let mut pair = Pair::up(seed, [config(50, 50, 3), config(300, 300, 3)]);
        pair.input(0, Input::Stop);
        let farewell = pair.ends[0].session.farewell().unwrap();
        pair.run(farewell - pair.now);
        let (_, event) = *pair.ends[1].events.last().unwrap();
        let told = Event::Down { cause: DownCause::NeighborAdminDown, neighbor_independent: false };
        assert_eq!(event, told, "seed {seed}");
        pair.input(0, Input::Start);
        pair.run(Duration::from_secs(5));
        assert!(pair.is_settled(), "seed {seed}: {:?}", pair.states());
    }
}

#[test]
fn echoes_detect_a_forwarding_failure_that_control_packets_do_not_see() {
    for seed in seeds() {
        let echo = Some(EchoConfig { transmit_interval: interval(50), receive_interval: Some(interval(20)) });
        let echoing = Config { path: Path::SingleHop { echo }, ..config(50, 50, 3) };
        let mut pair = Pair::up(seed, [echoing; 2]);
        assert!(pair.ends.iter().all(|end| end.session.is_echo_active()), "seed {seed}");
        let slow = pair.ends[0].session.transmit_interval().unwrap();
        assert_eq!(slow, Duration::from_secs(1), "seed {seed}: control packets are slow while echoes run");

        let broken = pair.now;
        pair.set_echoes(0, false);
        pair.run(Duration::from_secs(1));
        let (at, event) = pair.ends[0].events[1];
        let failed = Event::Down { cause: DownCause::EchoFailed, neighbor_independent: false };
        assert_eq!(event, failed, "seed {seed}");
        assert!(at - broken <= Duration::from_millis(152), "seed {seed}: {:?}", at - broken);

        pair.run(Duration::from_secs(20));
        assert!(pair.is_settled(), "seed {seed}: {:?}", pair.states());
        assert_eq!(pair.ends[0].events.len(), 3, "seed {seed}: one failure and one recovery, no flapping");
        assert!(!pair.ends[0].session.is_echo_active(), "seed {seed}");
    }
}

#[test]
fn a_multiplier_of_one_survives_on_a_link_without_delay() {
    for seed in seeds() {
        let mut pair = Pair::new(seed, [config(100, 100, 1); 2]);
        pair.link.longest_delay = Duration::ZERO;
        pair.run(Duration::from_secs(120));
        assert!(pair.is_settled() && downs(&pair) == 0, "seed {seed}: {:?}", pair.states());
        assert_eq!(pair.ends[0].session.neighbor().unwrap().packet.detect_multiplier, NonZeroU8::MIN);
    }
}
