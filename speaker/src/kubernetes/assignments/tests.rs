use std::collections::BTreeMap;

use super::*;
use crate::kubernetes::statuses::Announced;

fn services(names: &[&str]) -> BTreeSet<ServiceId> {
    names.iter().map(|name| ServiceId::new("shop", name)).collect()
}

fn situation(announced: &[&str], willing: &[&str]) -> Situation {
    let announced: BTreeMap<_, _> =
        services(announced).into_iter().map(|service| (service, Announced::default())).collect();
    Situation { announced, willing: services(willing) }
}

/// Returns the news of each situation in turn, for a node that had `before`.
fn news(before: &[&str], situations: &[Situation]) -> Vec<Vec<ServiceId>> {
    let mut assignments = Assignments::default();
    situations.iter().map(|situation| assignments.update(situation, || services(before))).collect()
}

fn named(names: &[&str]) -> Vec<ServiceId> {
    services(names).into_iter().collect()
}

#[test]
fn a_service_is_news_once() {
    let both = situation(&["api", "web"], &["api", "web"]);
    let one = situation(&["web"], &["web"]);
    assert_eq!(news(&[], &[one, both.clone(), both]), [named(&["web"]), named(&["api"]), vec![]]);
}

#[test]
fn a_session_that_comes_back_is_no_news() {
    let (up, down) = (situation(&["web"], &["web"]), situation(&[], &["web"]));
    assert_eq!(news(&[], &[up.clone(), down, up]), [named(&["web"]), vec![], vec![]]);
}

#[test]
fn a_service_that_this_node_gave_up_and_takes_on_again_is_news_again() {
    let (up, gone) = (situation(&["web"], &["web"]), situation(&[], &[]));
    assert_eq!(news(&[], &[up.clone(), gone, up]), [named(&["web"]), vec![], named(&["web"])]);
}

#[test]
fn what_a_former_process_had_is_no_news_even_if_the_session_comes_up_late() {
    let (waiting, up) = (situation(&[], &["web"]), situation(&["web"], &["web"]));
    assert_eq!(news(&["web"], &[waiting, up]), [vec![], vec![]]);
}
