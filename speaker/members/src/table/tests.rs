use std::net::Ipv4Addr;

use proptest::prelude::*;

use super::*;

fn vip(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, last))
}

fn claim(epoch: u64) -> Claim {
    Claim { epoch: Epoch(epoch), yielding: false }
}

fn everything(table: &OwnTable) -> Piece {
    table.piece(Span { after: 0, upto: table.version }, usize::MAX)
}

#[derive(Debug, Clone)]
enum Step {
    Set(u8, u64),
    Remove(u8),
    /// Sends a piece of the table, which may be lost.
    Send {
        lost: bool,
        room: usize,
    },
    /// Repairs the first gap with a piece, which may be lost.
    Repair {
        lost: bool,
        room: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0u8..12, 1u64..9).prop_map(|(vip, epoch)| Step::Set(vip, epoch)),
        (0u8..12).prop_map(Step::Remove),
        (any::<bool>(), 10usize..60).prop_map(|(lost, room)| Step::Send { lost, room }),
        (any::<bool>(), 10usize..60).prop_map(|(lost, room)| Step::Repair { lost, room }),
    ]
}

proptest! {
    #[test]
    fn a_complete_copy_equals_the_table(steps in prop::collection::vec(step(), 1..120)) {
        let (mut table, mut copy, mut sequence) = (OwnTable::default(), PeerTable::default(), 0);
        let mut told = 0;
        for step in steps {
            sequence += 1;
            match step {
                Step::Set(last, epoch) => {
                    table.set(vip(last), claim(epoch));
                }
                Step::Remove(last) => {
                    table.remove(vip(last));
                }
                Step::Send { lost, room } => {
                    let piece = table.piece(Span { after: told, upto: table.version }, room);
                    told = piece.span.upto;
                    if !lost {
                        copy.apply(sequence, table.summary(), Some(&piece).filter(|piece| piece.span.after < piece.span.upto));
                    }
                }
                Step::Repair { lost, room } => {
                    if let Some(gap) = copy.gaps(1).first().filter(|_| !lost) {
                        let piece = table.piece(*gap, room);
                        copy.apply(sequence, table.summary(), Some(&piece));
                    }
                }
            }
            if copy.is_complete() && copy.summary.version == table.version {
                let held: Vec<(IpAddr, Claim)> = table.claims.iter().map(|(vip, (claim, _))| (*vip, *claim)).collect();
                prop_assert_eq!(copy.claims(), held);
            }
            prop_assert_eq!(copy.mismatches(), 0);
        }
    }
}

#[test]
fn an_unchanged_claim_is_told_again_and_changes_nothing_for_who_knows_it() {
    let (mut table, mut copy) = (OwnTable::default(), PeerTable::default());
    table.set(vip(1), claim(3));
    assert_eq!(copy.apply(1, table.summary(), Some(&everything(&table))).len(), 1);
    let span = table.set(vip(1), claim(3));
    assert_eq!(copy.apply(2, table.summary(), Some(&table.piece(span, 100))), []);
    assert!(copy.is_complete());
}

#[test]
fn a_vip_given_up_is_told_even_to_who_never_knew_the_claim() {
    let (mut table, mut copy) = (OwnTable::default(), PeerTable::default());
    table.set(vip(1), claim(3));
    table.remove(vip(1));
    let changes = copy.apply(1, table.summary(), Some(&everything(&table)));
    assert_eq!(changes, [Change { vip: vip(1), claim: None }]);
}

#[test]
fn a_copy_with_another_digest_is_read_again_while_its_claims_stay_in_force() {
    let (mut table, mut copy) = (OwnTable::default(), PeerTable::default());
    table.set(vip(1), claim(1));
    table.set(vip(2), claim(1));
    copy.apply(1, table.summary(), Some(&everything(&table)));
    // The removal of vip 2 is forgotten before the peer hears of it.
    table.remove(vip(2));
    let version = table.gone.remove(&vip(2)).unwrap();
    table.log.remove(&version);
    let gap = copy.gaps(1);
    assert_eq!(gap, []);
    let changes = copy.apply(2, table.summary(), Some(&table.piece(Span { after: 2, upto: 3 }, 100)));
    assert_eq!(changes, []);
    assert_eq!((copy.mismatches(), copy.len(), copy.is_complete()), (1, 2, false));
    let changes = copy.apply(3, table.summary(), Some(&everything(&table)));
    assert_eq!(changes, [Change { vip: vip(2), claim: None }]);
    assert!(copy.is_complete());
}

#[test]
fn what_was_given_up_long_ago_is_forgotten() {
    let mut table = OwnTable::default();
    for number in 0..10_000u32 {
        let vip = IpAddr::V4(Ipv4Addr::from_bits(number));
        table.set(vip, claim(1));
        table.remove(vip);
    }
    assert!(table.gone.len() <= MAX_GONE && table.log.len() <= MAX_GONE);
    assert_eq!(table.summary(), Summary { version: 20_000, count: 0, digest: 0 });
}
