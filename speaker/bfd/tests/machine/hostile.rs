//! Arbitrary input in arbitrary order: nothing panics, nothing spins, nothing is sent faster than allowed.

use std::{num::NonZeroU8, time::Duration};

use bfd::{Config, ControlPacket, Discriminator, EchoConfig, EchoPacket, Input, Output, Path, Role, Session};
use proptest::prelude::*;

use crate::{config, epoch, interval};

#[derive(Clone, Debug)]
enum Act {
    Wait(u32),
    Receive { bytes: [u8; ControlPacket::LENGTH], ttl: u8 },
    Echo([u8; EchoPacket::LENGTH]),
    ReturnEcho,
    Reconfigure(Config),
    Stop,
    Start,
}

fn any_config() -> impl Strategy<Value = Config> {
    let path = prop_oneof![
        Just(Path::SingleHop { echo: None }),
        (10_u32..200, proptest::option::of(10_u32..200)).prop_map(|(transmit, receive)| Path::SingleHop {
            echo: Some(EchoConfig { transmit_interval: interval(transmit), receive_interval: receive.map(interval) }),
        }),
        (1_u8..=254).prop_map(|ttl| Path::MultiHop { minimum_ttl: NonZeroU8::new(ttl).unwrap() }),
    ];
    (path, 10_u32..=60_000, 10_u32..=60_000, 1_u8.., any::<(bool, bool)>()).prop_map(
        |(path, transmit, receive, multiplier, (passive, control_plane_independent))| Config {
            path,
            role: if passive { Role::Passive } else { Role::Active },
            control_plane_independent,
            ..config(transmit, receive, multiplier)
        },
    )
}

/// Packets that mostly decode: a valid head, then anything.
fn any_bytes() -> impl Strategy<Value = [u8; ControlPacket::LENGTH]> {
    (any::<[u8; ControlPacket::LENGTH]>(), 0_u32..2_000_000, 0_u32..2_000_000).prop_map(|(mut bytes, tx, rx)| {
        bytes[0] = 0x20 | bytes[0] & 0x1f;
        bytes[1] &= 0xfa;
        bytes[3] = 24;
        bytes[12..16].copy_from_slice(&tx.to_be_bytes());
        bytes[16..20].copy_from_slice(&rx.to_be_bytes());
        bytes
    })
}

fn any_act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (0_u32..3_000_000).prop_map(Act::Wait),
        8 => (any_bytes(), any::<bool>(), any::<u8>())
            .prop_map(|(bytes, near, ttl)| Act::Receive { bytes, ttl: if near { 255 } else { ttl } }),
        1 => any::<[u8; EchoPacket::LENGTH]>().prop_map(Act::Echo),
        2 => Just(Act::ReturnEcho),
        1 => any_config().prop_map(Act::Reconfigure),
        1 => Just(Act::Stop),
        2 => Just(Act::Start),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_session_survives_any_history(
        first in any_config(),
        seed in any::<u64>(),
        acts in proptest::collection::vec(any_act(), 1..150),
    ) {
        let mut now = epoch();
        let start = now;
        let mut session = Session::new(Discriminator::new(1).unwrap(), first, seed, now);
        let (mut echo, mut sent, mut heard) = (None, 0_u64, 0_u64);
        drain(&mut session, &mut echo, &mut sent);
        for act in acts {
            match act {
                Act::Wait(microseconds) => {
                    let end = now + Duration::from_micros(microseconds.into());
                    while let Some(next) = session.poll_timeout().filter(|next| *next <= end) {
                        now = now.max(next);
                        session.handle(now, Input::Timeout);
                        prop_assert!(session.poll_timeout().is_none_or(|next| next > now), "the driver would spin");
                        drain(&mut session, &mut echo, &mut sent);
                    }
                    now = end;
                }
                Act::Receive { bytes, ttl } => {
                    let Ok(packet) = ControlPacket::decode(&bytes) else { continue };
                    heard += 1;
                    session.handle(now, Input::Packet { packet, ttl });
                }
                Act::Echo(bytes) => {
                    if let Some(packet) = EchoPacket::decode(&bytes) {
                        session.handle(now, Input::Echo(packet));
                    }
                }
                Act::ReturnEcho => {
                    if let Some(packet) = echo.take() {
                        session.handle(now, Input::Echo(packet));
                    }
                }
                Act::Reconfigure(config) => session.handle(now, Input::Reconfigure(config)),
                Act::Stop => session.handle(now, Input::Stop),
                Act::Start => session.handle(now, Input::Start),
            }
            drain(&mut session, &mut echo, &mut sent);
        }
        let stats = session.stats();
        let control = stats.discards.iter().filter(|(label, _)| *label != "unexpected_echo");
        let discarded: u64 = control.map(|(_, count)| count).sum();
        prop_assert_eq!(stats.control_packet_input + discarded, heard);
        prop_assert_eq!(stats.control_packet_output, sent);
        // At most 200 per second out of turn, and one per 7.5 ms in turn (75 % of the shortest interval).
        let allowance = 2.0 + (now - start).as_secs_f64() * (200.0 + 134.0);
        prop_assert!((sent as f64) <= allowance, "{} packets in {:?}", sent, now - start);
    }
}

fn drain(session: &mut Session, echo: &mut Option<EchoPacket>, sent: &mut u64) {
    while let Some(output) = session.poll_output() {
        match output {
            Output::Send(packet) => {
                assert!(!(packet.poll && packet.final_));
                *sent += 1;
            }
            Output::Echo(packet) => *echo = Some(packet),
            Output::Event(_) => {}
        }
    }
}
