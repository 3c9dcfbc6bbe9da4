use super::*;

const HEADER: Header = Header {
    format: Format::OURS,
    flags: 0,
    cluster: ClusterTag(0x0102_0304),
    key: KeyId(0x0506_0708),
    sender: MemberTag(9),
    boot: BootId(10),
    sequence: 11,
};

fn datagram(header: Header) -> Vec<u8> {
    let mut bytes = header.to_bytes().to_vec();
    bytes.extend_from_slice(&[0; TAG_LEN]);
    bytes
}

#[test]
fn the_bytes_of_the_clear_part() {
    let mut expected = vec![1, 1, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
    for number in [9u64, 10, 11] {
        expected.extend_from_slice(&number.to_be_bytes());
    }
    assert_eq!(HEADER.to_bytes().to_vec(), expected);
    assert_eq!(Header::parse(&datagram(HEADER)), Ok(HEADER));
}

#[test]
fn a_datagram_is_read_when_our_version_is_at_least_its_lowest_and_its_sender_is_not_too_old() {
    let cases =
        [((1, 1), true), ((2, 1), true), ((255, 1), true), ((2, 2), false), ((255, 255), false), ((0, 0), false)];
    for ((version, min_version), is_read) in cases {
        let format = Format { version, min_version };
        let header = Header { format, ..HEADER };
        let expected = if is_read { Ok(header) } else { Err(HeaderError::Version(format)) };
        assert_eq!(Header::parse(&datagram(header)), expected);
    }
}

#[test]
fn another_version_is_named_before_its_length_is_judged() {
    assert_eq!(Header::parse(&[7, 6]), Err(HeaderError::Version(Format { version: 7, min_version: 6 })));
}

#[test]
fn reserved_flags_are_ignored() {
    let header = Header { flags: 0xffff, ..HEADER };
    assert_eq!(Header::parse(&datagram(header)), Ok(header));
}

#[test]
fn refuses_impossible_lengths() {
    let bytes = datagram(HEADER);
    assert_eq!(Header::parse(&[]), Err(HeaderError::Length));
    assert_eq!(Header::parse(&bytes[..bytes.len() - 1]), Err(HeaderError::Length));
    assert_eq!(Header::parse(&[1; MAX_DATAGRAM + 1]), Err(HeaderError::Length));
}
