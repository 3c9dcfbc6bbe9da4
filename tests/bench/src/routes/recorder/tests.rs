use super::*;

fn message(kind: u8, body: usize) -> Vec<u8> {
    let mut message = vec![0xff; 16];
    message.extend(u16::try_from(HEADER + body).unwrap().to_be_bytes());
    message.push(kind);
    message.extend(vec![0; body]);
    message
}

fn cut(sequence: u32, bytes: &[u8], range: std::ops::Range<usize>) -> Segment {
    let sequence = sequence.wrapping_add(u32::try_from(range.start).unwrap());
    Segment { port: 40_000, sequence, payload: bytes[range].to_vec() }
}

#[test]
fn segments_sent_twice_and_numbers_that_wrap_make_one_stream() {
    let sent = [message(1, 10), message(4, 0), message(UPDATE, 100), message(UPDATE, 4)].concat();
    let start = u32::MAX - 30;
    let segments = [cut(start, &sent, 0..20), cut(start, &sent, 60..sent.len()), cut(start, &sent, 10..60)];
    let stream = joined(&segments).unwrap();
    assert_eq!(stream, sent);
    assert_eq!(Stream::try_from(stream).unwrap(), Stream { bytes: sent.len(), updates: 2 });
}

#[test]
fn a_gap_is_an_error_and_no_shorter_stream() {
    let sent = message(UPDATE, 100);
    let segments = [cut(7, &sent, 0..20), cut(7, &sent, 30..sent.len())];
    assert_eq!(joined(&segments).unwrap_err().to_string(), "the recorder has missed 10 bytes");
}

#[test]
fn a_padded_frame_of_the_sender_gives_its_payload_alone() {
    let sender = Ipv4Addr::new(10, 0, 0, 11);
    let mut frame = vec![0; 14];
    frame.extend([0x45, 0, 0, 43, 0, 0, 0, 0, 64, 6, 0, 0]);
    frame.extend(sender.octets());
    frame.extend([10, 0, 0, 21]);
    frame.extend([0x9c, 0x40, 0, 179, 0, 0, 0, 5, 0, 0, 0, 0, 0x50, 0x18, 0, 0, 0, 0, 0, 0]);
    frame.extend(b"bgp");
    frame.extend([0; 3]);
    assert_eq!(segment(&frame, sender), Some(Segment { port: 40_000, sequence: 5, payload: b"bgp".to_vec() }));
    assert_eq!(segment(&frame, Ipv4Addr::LOCALHOST), None);
}
