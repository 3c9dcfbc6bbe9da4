use super::*;

const SECRET: &[u8] = b"sixteen bytes or more";

fn ring_of(secret: &[u8]) -> KeyRing {
    KeyRing::new(secret, &ClusterId::new("a cluster")).unwrap()
}

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
    let ring = ring_of(SECRET);
    let (header, bytes) = sealed(&ring, 3, 9, b"body");
    assert_eq!(
        header,
        Header {
            format: Format::OURS,
            flags: 0,
            cluster: ClusterId::new("a cluster").tag(),
            key: ring.primary(),
            sender: MemberTag(7),
            boot: BootId(3),
            sequence: 9,
        }
    );
    assert_eq!(bytes.len(), HEADER_LEN + 4 + TAG_LEN);
    assert_eq!(open(&ring, &header, &bytes), Some(b"body".to_vec()));
}

#[test]
fn every_changed_bit_is_noticed() {
    let ring = ring_of(SECRET);
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
    let ring = ring_of(SECRET);
    let body = |boot, sequence| sealed(&ring, boot, sequence, b"body").1[HEADER_LEN..].to_vec();
    assert_ne!(body(1, 1), body(1, 2), "another nonce");
    assert_ne!(body(1, 1), body(2, 1), "another boot, another key");
}

#[test]
fn a_ring_opens_with_every_accepted_secret_and_no_other() {
    let (old, new) = (ring_of(SECRET), ring_of(b"another secret for later"));
    let both = ring_of(b"another secret for later").accepting(SECRET).unwrap();
    let (header, bytes) = sealed(&old, 1, 1, b"body");
    assert!(open(&both, &header, &bytes).is_some());
    assert!(open(&new, &header, &bytes).is_none());
    assert_eq!(both.primary(), new.primary());
    assert_ne!(old.primary(), new.primary());
}

#[test]
fn refuses_short_secrets_and_never_shows_one() {
    assert_eq!(KeyRing::new(b"fifteen bytes!!", &ClusterId::default()).unwrap_err(), KeyError::TooShort { length: 15 });
    let shown = format!("{:?}", ring_of(SECRET));
    assert!(!shown.contains("sixteen"), "{shown}");
}

#[test]
fn clusters_with_one_secret_do_not_understand_each_other_and_name_the_same_key() {
    let (ours, theirs) = (ring_of(SECRET), KeyRing::new(SECRET, &ClusterId::new("another cluster")).unwrap());
    let (header, bytes) = sealed(&theirs, 1, 1, b"body");
    assert_eq!((header.cluster, header.key), (theirs.cluster(), ours.primary()));
    assert_ne!(ours.cluster(), theirs.cluster());
    assert_eq!(open(&ours, &header, &bytes), None);
    assert_ne!(ours, theirs);
}

/// Others compute the id as well: HKDF-SHA256 with salt "clarion members v1" and info "key id".
#[test]
fn the_id_of_a_key_follows_from_the_secret_alone() {
    let ring = ring_of(b"0123456789abcdef");
    assert_eq!(ring.primary().to_string(), "62be7c02");
    assert_eq!(
        ring.accepting(SECRET).unwrap().ids(),
        [ring_of(b"0123456789abcdef").primary(), ring_of(SECRET).primary()]
    );
}
