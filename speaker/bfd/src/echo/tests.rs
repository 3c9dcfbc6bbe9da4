use proptest::prelude::*;

use super::*;
use crate::session::tests::epoch;

const INTERVAL: Micros = Micros::new(50_000);

fn multiplier() -> NonZeroU8 {
    NonZeroU8::new(3).unwrap()
}

fn fresh(random: &mut Random, now: Instant) -> EchoLoop {
    EchoLoop::new(Discriminator::new(9).unwrap(), INTERVAL, multiplier(), random, now)
}

#[test]
fn detects_nothing_before_the_first_echo_came_back() {
    let (mut random, now) = (Random::new(1), epoch());
    let mut echo = fresh(&mut random, now);
    let packet = echo.transmit(now, &mut random);
    assert_eq!(echo.expires(), None);
    assert_eq!(echo.receive(now, packet), Ok(()));
    assert_eq!(echo.expires(), Some(now + Duration::from_millis(150)));
}

#[test]
fn an_echo_counts_once_and_only_newer_ones_count_after_it() {
    let (mut random, now) = (Random::new(1), epoch());
    let mut echo = fresh(&mut random, now);
    let sent: Vec<_> = (0..3).map(|_| echo.transmit(now, &mut random)).collect();
    assert_eq!(echo.receive(now, sent[1]), Ok(()));
    assert_eq!(echo.receive(now, sent[1]), Err(Discard::UnexpectedEcho));
    assert_eq!(echo.receive(now, sent[0]), Err(Discard::UnexpectedEcho));
    assert_eq!(echo.receive(now, sent[2]), Ok(()));
}

#[test]
fn a_made_up_echo_is_refused() {
    let (mut random, now) = (Random::new(1), epoch());
    let mut echo = fresh(&mut random, now);
    let sent = echo.transmit(now, &mut random);
    let guesses = [
        EchoPacket { nonce: sent.nonce ^ 1, ..sent },
        EchoPacket { sequence: 2, ..sent },
        EchoPacket { sequence: 0, ..sent },
        EchoPacket { sequence: u64::MAX, ..sent },
    ];
    for guess in guesses {
        assert_eq!(echo.receive(now, guess), Err(Discard::UnexpectedEcho), "{guess:?}");
    }
}

#[test]
fn a_shorter_interval_starts_its_detection_time_when_it_is_set() {
    let (mut random, start) = (Random::new(1), epoch());
    let mut echo = EchoLoop::new(Discriminator::new(9).unwrap(), Micros::ONE_SECOND, multiplier(), &mut random, start);
    let packet = echo.transmit(start, &mut random);
    assert_eq!(echo.receive(start, packet), Ok(()));
    let later = start + Duration::from_millis(500);
    echo.adjust(INTERVAL, multiplier(), later);
    assert_eq!(echo.expires(), Some(later + Duration::from_millis(150)));
    assert!(echo.next_transmit() <= later + Duration::from_millis(50));
}

proptest! {
    #[test]
    fn what_is_encoded_decodes_to_the_same(number in 1..=u32::MAX, sequence in any::<u64>(), nonce in any::<u64>()) {
        let packet = EchoPacket { discriminator: Discriminator::new(number).unwrap(), sequence, nonce };
        prop_assert_eq!(EchoPacket::decode(&packet.encode()), Some(packet));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        if let Some(packet) = EchoPacket::decode(&bytes) {
            prop_assert_eq!(&packet.encode()[..], &bytes[..EchoPacket::LENGTH]);
        }
    }
}
