use super::*;
use crate::name::{LinkName, NodeName};

fn config(timing: Timing) -> Result<Config, ConfigError> {
    let (node, link) = (NodeName::new("a").unwrap(), LinkName::new("lan0").unwrap());
    Config::new(MemberId { node, link }, timing)
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

#[test]
fn refuses_times_that_contradict_each_other() {
    let base = Timing::default;
    let cases = [
        (Timing { interval: Duration::ZERO, ..base() }, ConfigError::Interval(Duration::ZERO)),
        (Timing { interval: ms(10_001), ..base() }, ConfigError::Interval(ms(10_001))),
        (Timing { suspect_after: ms(100), ..base() }, ConfigError::Suspect { suspect: ms(100), interval: ms(100) }),
        (Timing { lost_after: ms(209), ..base() }, ConfigError::Lost { lost: ms(209), suspect: ms(200) }),
        (Timing { pause_margin: ms(200), ..base() }, ConfigError::Margin { margin: ms(200) }),
        (Timing { link_rate: 9, ..base() }, ConfigError::Rate { field: "link rate", rate: 9 }),
        (Timing { change_rate: 0, ..base() }, ConfigError::Rate { field: "change rate", rate: 0 }),
    ];
    for (timing, refusal) in cases {
        assert_eq!(config(timing).unwrap_err(), refusal);
    }
    assert!(config(base()).is_ok());
}

#[test]
fn a_wire_of_any_size_keeps_its_rate() {
    let config = config(Timing::default()).unwrap();
    for members in [1u32, 2, 50, 51, 100, 500, 5000] {
        for owners in [0, 1, members / 2, members] {
            let idle = members - owners;
            let rate = |count: u32, is_owner| {
                let interval = config.interval(owners, idle, is_owner);
                assert!(interval >= ms(100));
                f64::from(count) / interval.as_secs_f64()
            };
            let total =
                if owners > 0 { rate(owners, true) } else { 0.0 } + if idle > 0 { rate(idle, false) } else { 0.0 };
            assert!(total <= 501.0, "{owners} owners and {idle} idle members send {total} beats per second");
        }
    }
}

#[test]
fn owners_keep_the_base_interval_while_the_idle_slow_down() {
    let config = config(Timing::default()).unwrap();
    assert_eq!(config.interval(30, 100, true), ms(100));
    assert_eq!(config.interval(30, 100, false), ms(500));
    assert_eq!(config.interval(50, 0, true), ms(100));
    assert_eq!(config.interval(100, 0, true), ms(200));
}

#[test]
fn the_loss_time_of_a_slow_sender_grows_in_proportion() {
    let config = config(Timing::default()).unwrap();
    assert_eq!(config.lost_after(ms(100)), ms(300));
    assert_eq!(config.lost_after(ms(20)), ms(300));
    assert_eq!(config.lost_after(ms(250)), ms(750));
}
