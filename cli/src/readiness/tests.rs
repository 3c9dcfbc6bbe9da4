use std::collections::{BTreeMap, BTreeSet};

use members::PhaseView;
use speaker::Counters;

use super::*;

fn link(name: &str, phase: PhaseView) -> LinkObserved {
    LinkObserved {
        name: name.to_owned(),
        mac: l2::MacAddr([2, 0, 0, 0, 0, 1]),
        phase,
        damped_for: None,
        members: Vec::new(),
        owners: BTreeMap::new(),
        answering: BTreeSet::new(),
        heartbeats: members::Stats::default(),
        l2: l2::Stats::default(),
        conflicts: BTreeMap::new(),
        splits: Vec::new(),
        unproven: Vec::new(),
        strangers: Vec::new(),
        settled_for: None,
        deaf: false,
        duplicate: None,
        unjoined: BTreeSet::new(),
        counters: Counters::default(),
    }
}

#[test]
fn a_node_is_ready_when_nothing_forbids_it_and_its_links_were_listened_to() {
    let wire = |links: Vec<LinkObserved>, faults: &[&str]| WireObserved {
        links,
        faults: faults.iter().map(|fault| (*fault).to_owned()).collect(),
        ..WireObserved::default()
    };
    let (listening, active) = (link("eth0", PhaseView::Listening), link("eth1", PhaseView::Active));
    for (closed, wire, expected) in [
        (None, wire(vec![], &[]), None),
        (None, wire(vec![active.clone()], &[]), None),
        (Some("no key"), wire(vec![active.clone()], &["no CAP_NET_RAW"]), Some("no key")),
        (None, wire(vec![], &["no CAP_NET_RAW"]), Some("no CAP_NET_RAW")),
        (None, wire(vec![active.clone()], &["eth2 is odd"]), None),
        (None, wire(vec![listening, active], &[]), Some("still listening on eth0")),
    ] {
        assert_eq!(unready(closed.map(str::to_owned), &wire).as_deref(), expected, "{wire:?}");
    }
}
