use proptest::prelude::*;

use super::*;

fn packet() -> ControlPacket {
    ControlPacket {
        diag: Diag::NeighborSignaledDown,
        state: State::Init,
        poll: true,
        final_: false,
        control_plane_independent: true,
        demand: false,
        detect_multiplier: NonZeroU8::new(3).unwrap(),
        my_discriminator: Discriminator::new(0x0102_0304).unwrap(),
        your_discriminator: Discriminator::new(0x0506_0708),
        desired_min_tx: Micros::new(300_000),
        required_min_rx: Micros::new(50_000),
        required_min_echo_rx: Micros::new(10_000),
    }
}

/// Returns the encoding of a good packet with one byte replaced.
fn with(position: usize, byte: u8) -> [u8; ControlPacket::LENGTH] {
    let mut bytes = packet().encode();
    bytes[position] = byte;
    bytes
}

#[test]
fn encodes_as_rfc_5880_draws_it() {
    let expected = [0x23, 0xa8, 3, 24, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0x04, 0x93, 0xe0, 0, 0, 0xc3, 0x50, 0, 0, 0x27, 0x10];
    assert_eq!(packet().encode(), expected);
}

#[test]
fn discards_a_datagram_shorter_than_the_mandatory_section() {
    for length in 0..ControlPacket::LENGTH {
        let bytes = packet().encode();
        assert_eq!(ControlPacket::decode(&bytes[..length]), Err(Discard::Truncated { length }));
    }
}

#[test]
fn discards_every_version_but_1() {
    for version in [0, 2, 3, 4, 5, 6, 7] {
        assert_eq!(ControlPacket::decode(&with(0, version << 5)), Err(Discard::Version { version }));
    }
}

#[test]
fn discards_a_length_field_below_the_minimum() {
    assert_eq!(ControlPacket::decode(&with(3, 23)), Err(Discard::Length { claimed: 23, length: 24 }));
}

#[test]
fn discards_a_length_field_below_26_with_the_a_bit() {
    let mut bytes = with(1, 0xa8 | AUTHENTICATED).to_vec();
    bytes.extend([0; 8]);
    bytes[3] = 25;
    assert_eq!(ControlPacket::decode(&bytes), Err(Discard::Length { claimed: 25, length: 32 }));
}

#[test]
fn discards_a_length_field_beyond_the_datagram() {
    assert_eq!(ControlPacket::decode(&with(3, 25)), Err(Discard::Length { claimed: 25, length: 24 }));
}

#[test]
fn accepts_padding_after_the_packet() {
    let mut bytes = packet().encode().to_vec();
    bytes.extend([0xff; 10]);
    assert_eq!(ControlPacket::decode(&bytes), Ok(packet()));
}

#[test]
fn discards_a_zero_detection_multiplier() {
    assert_eq!(ControlPacket::decode(&with(2, 0)), Err(Discard::ZeroDetectMultiplier));
}

#[test]
fn discards_the_multipoint_bit() {
    assert_eq!(ControlPacket::decode(&with(1, 0xa8 | MULTIPOINT)), Err(Discard::Multipoint));
}

#[test]
fn discards_a_zero_my_discriminator() {
    let mut bytes = packet().encode();
    bytes[4..8].fill(0);
    assert_eq!(ControlPacket::decode(&bytes), Err(Discard::ZeroMyDiscriminator));
}

#[test]
fn discards_a_zero_your_discriminator_unless_the_sender_is_down() {
    for (state, accepted) in [(State::AdminDown, true), (State::Down, true), (State::Init, false), (State::Up, false)] {
        let bytes = ControlPacket { state, your_discriminator: None, ..packet() }.encode();
        let expected = if accepted { Ok(None) } else { Err(Discard::ZeroYourDiscriminator) };
        assert_eq!(ControlPacket::decode(&bytes).map(|packet| packet.your_discriminator), expected, "{state:?}");
    }
}

#[test]
fn discards_an_authenticated_packet() {
    let mut bytes = with(1, 0xa8 | AUTHENTICATED).to_vec();
    bytes.extend([1, 9, 1, b's', b'e', b'c', b'r', b'e', b't']);
    bytes[3] = 33;
    assert_eq!(ControlPacket::decode(&bytes), Err(Discard::Authenticated));
}

#[test]
fn the_first_broken_rule_is_the_one_reported() {
    assert_eq!(ControlPacket::decode(&[0; 24]), Err(Discard::Version { version: 0 }));
    assert_eq!(ControlPacket::decode(&[0xff; 24]), Err(Discard::Version { version: 7 }));
}

#[test]
fn diagnostic_codes_survive_the_round_trip() {
    for code in 0..32 {
        assert_eq!(Diag::from_code(code).code(), code);
    }
}

prop_compose! {
    fn any_packet()(
        (diag, state) in (0_u8..32, 0_u8..4),
        (poll, final_, control_plane_independent, demand) in any::<(bool, bool, bool, bool)>(),
        (multiplier, mine, yours) in (1..=u8::MAX, 1..=u32::MAX, any::<u32>()),
        (tx, rx, echo) in any::<(u32, u32, u32)>(),
    ) -> ControlPacket {
        ControlPacket {
            diag: Diag::from_code(diag),
            state: State::from_bits(state),
            poll,
            final_,
            control_plane_independent,
            demand,
            detect_multiplier: NonZeroU8::new(multiplier).unwrap(),
            my_discriminator: Discriminator::new(mine).unwrap(),
            your_discriminator: Discriminator::new(yours),
            desired_min_tx: Micros::new(tx),
            required_min_rx: Micros::new(rx),
            required_min_echo_rx: Micros::new(echo),
        }
    }
}

proptest! {
    #[test]
    fn what_is_encoded_decodes_to_the_same(packet in any_packet()) {
        let nameless = packet.your_discriminator.is_none() && matches!(packet.state, State::Init | State::Up);
        let expected = if nameless { Err(Discard::ZeroYourDiscriminator) } else { Ok(packet) };
        prop_assert_eq!(ControlPacket::decode(&packet.encode()), expected);
    }

    #[test]
    fn arbitrary_bytes_decode_to_what_they_say_or_are_discarded(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(packet) = ControlPacket::decode(&bytes) {
            let mut canonical = bytes[..ControlPacket::LENGTH].to_vec();
            canonical[3] = 24;
            prop_assert_eq!(&packet.encode()[..], &canonical[..]);
        }
    }

    #[test]
    fn one_flipped_bit_never_panics(packet in any_packet(), bit in 0_usize..192) {
        let mut bytes = packet.encode();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let _ = ControlPacket::decode(&bytes);
    }
}
