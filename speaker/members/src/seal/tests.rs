use super::*;

const SECRET: &[u8] = b"sixteen bytes or more";

fn sealed(ring: &KeyRing, boot: u64, sequence: u64, body: &[u8]) -> (Header, Vec<u8>) {
    let bytes = ring.sealer(MemberTag(7), BootId(boot)).seal(sequence, body);
    (Header::parse(&bytes).unwrap(), bytes)
}

fn open(ring: &KeyRing, header: &Header, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut scratch = Vec::new();
    ring.opener(header)?.open(header, bytes, &mut scratch).map(<[u8]>::to_vec)
}

#[test]
fn opens_what_it_sealed_and_reads_the_clear_part() {
    let ring = KeyRing::new(SECRET).unwrap();
    let (header, bytes) = sealed(&ring, 3, 9, b"body");
    assert_eq!(header, Header { key: ring.primary(), sender: MemberTag(7), boot: BootId(3), sequence: 9 });
    assert_eq!(bytes.len(), HEADER_LEN + 4 + TAG_LEN);
    assert_eq!(open(&ring, &header, &bytes), Some(b"body".to_vec()));
}

#[test]
fn every_changed_bit_is_noticed() {
    let ring = KeyRing::new(SECRET).unwrap();
    let (_, bytes) = sealed(&ring, 3, 9, b"body");
    for bit in 0..bytes.len() * 8 {
        let mut forged = bytes.clone();
        forged[bit / 8] ^= 1 << (bit % 8);
        let opened = Header::parse(&forged).ok().and_then(|header| open(&ring, &header, &forged));
        assert_eq!(opened, None, "bit {bit}");
    }
}

#[test]
fn the_same_body_never_looks_the_same() {
    let ring = KeyRing::new(SECRET).unwrap();
    let body = |boot, sequence| sealed(&ring, boot, sequence, b"body").1[HEADER_LEN..].to_vec();
    assert_ne!(body(1, 1), body(1, 2), "another nonce");
    assert_ne!(body(1, 1), body(2, 1), "another boot, another key");
}

#[test]
fn a_ring_opens_with_every_accepted_secret_and_no_other() {
    let (old, new) = (KeyRing::new(SECRET).unwrap(), KeyRing::new(b"another secret for later").unwrap());
    let both = KeyRing::new(b"another secret for later").unwrap().accepting(SECRET).unwrap();
    let (header, bytes) = sealed(&old, 1, 1, b"body");
    assert!(open(&both, &header, &bytes).is_some());
    assert!(open(&new, &header, &bytes).is_none());
    assert_eq!(both.primary(), new.primary());
    assert_ne!(old.primary(), new.primary());
}

#[test]
fn refuses_short_secrets_and_never_shows_one() {
    assert_eq!(KeyRing::new(b"fifteen bytes!!").unwrap_err(), KeyError::TooShort { length: 15 });
    let shown = format!("{:?}", KeyRing::new(SECRET).unwrap());
    assert!(!shown.contains("sixteen"), "{shown}");
}

#[test]
fn refuses_other_versions_and_impossible_lengths() {
    let (_, bytes) = sealed(&KeyRing::new(SECRET).unwrap(), 1, 1, b"");
    let mut other = bytes.clone();
    other[0] = 2;
    assert_eq!(Header::parse(&other), Err(HeaderError::Version));
    assert_eq!(Header::parse(&[]), Err(HeaderError::Length));
    assert_eq!(Header::parse(&bytes[..bytes.len() - 1]), Err(HeaderError::Length));
    assert_eq!(Header::parse(&[VERSION; MAX_DATAGRAM + 1]), Err(HeaderError::Length));
}
