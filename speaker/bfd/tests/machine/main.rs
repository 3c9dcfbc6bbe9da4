//! The machine against itself over a bad link, against arbitrary input, and against recordings of other implementations.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall fail")]

mod golden;
mod hostile;
mod pair;
mod simulation;

use std::{num::NonZeroU8, time::Instant};

use bfd::{Config, Interval};

#[expect(clippy::disallowed_methods, reason = "an Instant has no other origin; every test counts from this one")]
fn epoch() -> Instant {
    Instant::now()
}

fn interval(milliseconds: u32) -> Interval {
    Interval::from_millis(milliseconds).unwrap()
}

fn config(transmit: u32, receive: u32, multiplier: u8) -> Config {
    Config {
        transmit_interval: interval(transmit),
        receive_interval: interval(receive),
        detect_multiplier: NonZeroU8::new(multiplier).unwrap(),
        ..Config::default()
    }
}
