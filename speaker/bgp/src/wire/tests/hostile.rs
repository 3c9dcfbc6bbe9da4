//! Whatever bytes arrive, however they are cut: no panic, no endless loop, bounded memory, the same outcome.

use proptest::{collection::vec, prelude::*};

use super::{
    super::{Decoder, HEADER, MAX_EXTENDED_MESSAGE, Message, keepalive},
    context,
};

/// Everything a stream yields until its end or its first fault.
fn outcome(pieces: &[&[u8]]) -> (Vec<Message>, Option<String>) {
    let mut decoder = Decoder::default();
    decoder.agree(context());
    let mut messages = Vec::new();
    for piece in pieces {
        decoder.push(piece);
        loop {
            match decoder.next_message() {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(fault) => return (messages, Some(format!("{fault} {:?}", fault.notification().encode()))),
            }
        }
        assert!(decoder.held() < MAX_EXTENDED_MESSAGE);
    }
    (messages, None)
}

/// Messages whose header is sound but whose body is anything, and now and then plain noise.
pub(super) fn stream() -> impl Strategy<Value = Vec<u8>> {
    let message = (1_u8..=5, vec(any::<u8>(), 0..80)).prop_map(|(kind, body)| {
        let length = u16::try_from(HEADER + body.len()).unwrap();
        [&[0xff; 16][..], &length.to_be_bytes(), &[kind], &body].concat()
    });
    let sound = Just(keepalive());
    let noise = vec(any::<u8>(), 0..40);
    vec(prop_oneof![6 => message, 3 => sound, 1 => noise], 0..6).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_segmentation_of_a_stream_yields_the_same(bytes in stream(), cuts in vec(any::<prop::sample::Index>(), 0..8)) {
        let whole = outcome(&[&bytes]);
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces: Vec<_> = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect();
        prop_assert_eq!(outcome(&pieces), whole.clone());
        let octets: Vec<_> = bytes.chunks(1).collect();
        prop_assert_eq!(outcome(&octets), whole);
    }

    #[test]
    fn noise_is_refused_at_the_first_header(bytes in vec(any::<u8>(), HEADER..200)) {
        prop_assume!(bytes[..16] != [0xff; 16]);
        prop_assert!(outcome(&[&bytes]).1.is_some());
    }
}
