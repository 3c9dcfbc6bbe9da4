//! Speakers of this version and of later ones on one wire.

use super::*;
use crate::header::{Format, HEADER_LEN, Header};
use crate::strangers::Stranger;

/// What a later version says beside what this one does.
#[derive(Clone, Copy)]
struct Later {
    format: Format,
    header_flags: u16,
    body_flags: u32,
    tail: &'static [u8],
}

const COMPATIBLE: Later = Later {
    format: Format { version: 3, min_version: 1 },
    header_flags: 0x8001,
    body_flags: 0xf000_0000,
    tail: &[200, 0, 3, 1, 2, 3, 201, 0, 0],
};

const INCOMPATIBLE: Later = Later { format: Format { version: 3, min_version: 2 }, ..COMPATIBLE };

impl Later {
    /// Returns the datagram as a member of this later version would have sent it.
    fn speak(self, bytes: &[u8]) -> Vec<u8> {
        let header = Header::parse(bytes).unwrap();
        let mut scratch = Vec::new();
        let mut body = ring().opener(&header).unwrap().open(&header, bytes, &mut scratch).unwrap().to_vec();
        let flags = u32::from_be_bytes([body[0], body[1], body[2], body[3]]) | self.body_flags;
        body[..4].copy_from_slice(&flags.to_be_bytes());
        body.extend_from_slice(self.tail);
        let header = Header { format: self.format, flags: self.header_flags, ..header };
        let sealed = ring().sealer(header.sender, header.boot).seal_as(header, &body);
        assert_eq!(sealed.len(), HEADER_LEN + body.len() + crate::header::TAG_LEN);
        sealed
    }
}

/// Runs `a` and `b` on one wire, where `b` is of a later version.
fn together(a: &mut Segment, b: &mut Segment, later: Later, mut now: Instant, time: u64) -> (Instant, Vec<Output>) {
    let mut told = Vec::new();
    for _ in 0..time {
        for output in outputs(a) {
            if let Output::Send { bytes, .. } = &output {
                receive(b, now, bytes);
            }
            told.push(output);
        }
        datagrams(b).iter().for_each(|bytes| receive(a, now, &later.speak(bytes)));
        now += ms(1);
        a.handle(now, Input::Timeout);
        b.handle(now, Input::Timeout);
    }
    (now, told)
}

#[test]
fn a_later_version_that_can_be_read_is_a_member_like_any_other() {
    let (now, mut a) = settled("a", begin());
    let mut b = up("b", 9, now);
    let (now, _) = together(&mut a, &mut b, COMPATIBLE, now, 700);
    assert_eq!((a.owner(VIP), b.owner(VIP)), (Some(&id("a")), Some(&id("a"))));
    assert_eq!(a.stats().dropped(DropReason::Malformed) + a.stats().dropped(DropReason::Version), 0);
    a.handle(now, Input::Leave);
    let (_, told) = together(&mut a, &mut b, COMPATIBLE, now, 50);
    assert!(told.contains(&Output::Release { vip: VIP, why: Released::HandedOver }), "its claims are read as well");
    assert_eq!(b.answering().count(), 1);
}

#[test]
fn a_later_version_that_cannot_be_read_is_told_of_once_and_counted() {
    let (now, mut a) = settled("a", begin());
    let mut b = up("b", 9, now);
    let (_, told) = together(&mut a, &mut b, INCOMPATIBLE, now, 1000);
    let stranger = Stranger::Version(INCOMPATIBLE.format);
    let events = told.iter().filter(|output| matches!(output, Output::Event(Event::Stranger { .. })));
    assert_eq!(events.collect::<Vec<_>>(), [&Output::Event(Event::Stranger { stranger, from: FROM })]);
    assert!(a.stats().dropped(DropReason::Version) > 5);
    assert_eq!(a.view().strangers.first().map(|view| view.stranger), Some(stranger));
    assert_eq!(a.owner(VIP), Some(&id("a")), "nothing of it counts");
}
