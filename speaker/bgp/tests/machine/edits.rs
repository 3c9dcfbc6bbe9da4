//! No edit of routes ever costs a session, and the peer always ends up with what it shall have.

use std::{collections::BTreeMap, sync::Arc};

use bgp::{Attributes, Community, Config, ExportFilter, Input, Prefix, Routes};
use proptest::{collection::vec, prelude::*};

use crate::{
    router::Router,
    solo::{Seen, Solo, config, prefix, their_open},
};

#[derive(Clone, Debug)]
enum Edit {
    Replace(Vec<(u8, u8)>),
    Change(Vec<(u8, Option<u8>)>),
    GracefulShutdown(bool),
    NextHop(Option<u8>),
    Filter(u8),
    Stall(bool),
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        4 => vec((0..40_u8, 0..4_u8), 0..30).prop_map(Edit::Replace),
        6 => vec((0..40_u8, proptest::option::of(0..4_u8)), 0..6).prop_map(Edit::Change),
        1 => any::<bool>().prop_map(Edit::GracefulShutdown),
        1 => proptest::option::of(1..9_u8).prop_map(Edit::NextHop),
        1 => (28..=32_u8).prop_map(Edit::Filter),
        3 => any::<bool>().prop_map(Edit::Stall),
    ]
}

/// Half of the prefixes are IPv6.
fn numbered(index: u8) -> Prefix {
    let text = if index.is_multiple_of(2) { format!("10.0.0.{index}/32") } else { format!("2001:db8::{index:x}/128") };
    prefix(&text)
}

fn attributes(kind: u8) -> Arc<Attributes> {
    let communities = (0..kind).map(|value| Community(value.into())).collect();
    Arc::new(Attributes { med: Some(kind.into()), communities, ..Attributes::default() })
}

fn filter(length: u8) -> ExportFilter {
    ExportFilter::new([format!("10.0.0.0/{length}"), format!("2001:db8::/{}", 96 + length)].map(|text| prefix(&text)))
}

/// Takes what is sent only when told to.
struct Stalled {
    solo: Solo,
    conn: bgp::ConnId,
    read: usize,
    router: Router,
}

impl Stalled {
    fn apply(&mut self, input: Input) {
        for seen in self.solo.input(input) {
            assert!(matches!(seen, Seen::Update | Seen::Refresh), "an edit led to {seen:?}");
        }
    }

    fn drain(&mut self) {
        while self.read < self.solo.sent.len() {
            let bytes = self.solo.sent[self.read..].to_vec();
            self.read = self.solo.sent.len();
            self.router.read(&bytes);
            self.apply(Input::Sent { conn: self.conn, bytes: bytes.len() });
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn no_edit_resets_the_session_and_the_peer_learns_the_outcome(edits in vec(edit(), 1..40)) {
        let mut config = Config { export: filter(28), ..config() };
        let (mut solo, conn) = Solo::established(config.clone(), &their_open());
        solo.takes = false;
        let read = solo.sent.len();
        let mut stalled = Stalled { solo, conn, read, router: Router::default() };
        let mut wanted = BTreeMap::new();
        stalled.apply(Input::Routes(Arc::default()));
        let (mut takes, mut shutdown) = (true, false);
        for edit in edits {
            match edit {
                Edit::Replace(routes) => {
                    wanted = routes.into_iter().map(|(index, kind)| (numbered(index), kind)).collect();
                    let all: Routes = wanted.iter().map(|(prefix, kind)| (*prefix, attributes(*kind))).collect();
                    stalled.apply(Input::Routes(Arc::new(all)));
                }
                Edit::Change(changes) => {
                    for (index, kind) in &changes {
                        match kind {
                            Some(kind) => drop(wanted.insert(numbered(*index), *kind)),
                            None => drop(wanted.remove(&numbered(*index))),
                        }
                    }
                    let changes = changes.into_iter().map(|(index, kind)| (numbered(index), kind.map(attributes)));
                    stalled.apply(Input::Change(changes.collect()));
                }
                Edit::GracefulShutdown(on) => {
                    shutdown = on;
                    stalled.apply(Input::GracefulShutdown(on));
                }
                Edit::NextHop(last) => {
                    config.next_hop_ipv4 = last.map(|last| [192, 0, 2, last].into());
                    stalled.apply(Input::Reconfigure(Box::new(config.clone())));
                }
                Edit::Filter(length) => {
                    config.export = filter(length);
                    stalled.apply(Input::Reconfigure(Box::new(config.clone())));
                }
                Edit::Stall(stall) => takes = !stall,
            }
            if takes {
                stalled.drain();
            }
        }
        stalled.drain();
        let expected: BTreeMap<_, _> = wanted.into_iter().filter(|(prefix, _)| config.export.allows(*prefix)).collect();
        let learned: BTreeMap<_, _> = stalled.router.table.iter().map(|(prefix, route)| {
            let marked = route.communities.contains(&Community::GRACEFUL_SHUTDOWN.0);
            assert_eq!(marked, shutdown);
            if let (Some(std::net::IpAddr::V4(next_hop)), Some(fixed)) = (route.next_hop, config.next_hop_ipv4) {
                assert_eq!(next_hop, fixed);
            }
            (*prefix, u8::try_from(route.med.unwrap()).unwrap())
        }).collect();
        prop_assert_eq!(learned, expected);
        prop_assert!(stalled.solo.peer.is_synced());
        prop_assert_eq!(stalled.solo.peer.stats().established, 1);
    }
}
