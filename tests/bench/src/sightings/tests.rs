use clarion::demo::frame::Claim;

use super::*;

fn seen(claims: &[(u64, u8)]) -> Sightings {
    let base = Instant::now();
    let address = vip();
    let claim = |(at, mac): &(u64, u8)| {
        let claim = Claim { address, mac: Mac([2, 0, 0, 0, 0, *mac]), solicited: true };
        (base + Duration::from_millis(*at), claim)
    };
    Sightings { claims: claims.iter().map(claim).collect(), ..Sightings::default() }
}

fn vip() -> IpAddr {
    "10.0.64.0".parse().unwrap()
}

#[test]
fn a_handover_without_a_common_moment_has_no_overlap() {
    assert_eq!(overlap(&seen(&[(0, 1), (20, 1), (40, 2), (60, 2)]), &[vip()]), Duration::ZERO);
}

#[test]
fn an_old_owner_that_comes_back_for_a_moment_counts_for_that_moment() {
    let claims: Vec<_> = (0..25).map(|number| (20 * number, 2)).chain([(21, 1), (41, 1)]).collect();
    assert_eq!(overlap(&seen(&claims), &[vip()]), Duration::from_millis(20));
}

#[test]
fn an_owner_that_never_stops_counts_to_the_end() {
    let both = (15..=40).flat_map(|number| [(20 * number, 1), (20 * number, 2)]);
    let claims: Vec<_> = (0..15).map(|number| (20 * number, 1)).chain(both).collect();
    assert_eq!(overlap(&seen(&claims), &[vip()]), Duration::from_millis(500));
}

#[test]
fn an_owner_that_moves_away_and_comes_back_was_not_there_meanwhile() {
    let claims: Vec<_> = (0..60).map(|number| (20 * number, if (20..40).contains(&number) { 2 } else { 1 })).collect();
    assert_eq!(overlap(&seen(&claims), &[vip()]), Duration::ZERO);
}
