//! What an operator sees of a peer.

use std::{collections::BTreeMap, time::Instant};

use super::{Peer, State, Stats, connection::Connection, why::Why};
use crate::{Config, Family, Impact, Prefix, Session, Setting, TimeToLive};

/// A peer at one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Status {
    /// How far the peer has come.
    pub state: State,
    /// Since when the session is established.
    pub since: Option<Instant>,
    /// What was agreed on, from OpenConfirm on.
    pub session: Option<Session>,
    /// The latest failure, which stays after the next success.
    pub last_error: Option<Why>,
    /// Routes the peer has.
    pub announced: usize,
    /// Routes and withdrawals on their way; before a session, all routes.
    pub backlog: usize,
    /// Routes that are held back because their attributes fill a whole message; give them fewer communities.
    pub oversized: usize,
    /// What becomes of each configured family, once there is a session.
    pub families: BTreeMap<Family, FamilyState>,
}

/// What becomes of the routes of a family.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FamilyState {
    /// They are announced.
    Announced,
    /// The peer did not offer the family; enable it there.
    NotOffered,
    /// There is no address to send the traffic to; give the interface one, or configure a next hop.
    NoNextHop,
}

impl Peer {
    /// Returns the counters.
    #[must_use]
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Returns the settings.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Returns how far the peer has come.
    #[must_use]
    pub fn state(&self) -> State {
        self.phase.state()
    }

    /// Returns all there is to show.
    #[must_use]
    pub fn status(&self) -> Status {
        let best = self.phase.connections().max_by_key(|connection| connection.state());
        Status {
            state: self.state(),
            since: best.and_then(Connection::established_since),
            session: best.and_then(Connection::session).cloned(),
            last_error: self.last_error.clone(),
            announced: self.rib.announced(),
            backlog: self.rib.backlog(),
            oversized: self.rib.oversized(),
            families: best.map(|connection| self.families(connection)).unwrap_or_default(),
        }
    }

    fn families(&self, connection: &Connection) -> BTreeMap<Family, FamilyState> {
        let Some(session) = connection.session() else { return BTreeMap::new() };
        let channels = session.channels(&self.config, &connection.link);
        let state = |family: &Family| {
            if !session.families.contains(family) {
                FamilyState::NotOffered
            } else if !channels.contains_key(family) {
                FamilyState::NoNextHop
            } else {
                FamilyState::Announced
            }
        };
        self.config.families.iter().map(|family| (*family, state(family))).collect()
    }

    /// Returns whether the peer has everything it shall have, as far as the operating system knows.
    #[must_use]
    pub fn is_synced(&self) -> bool {
        let established = self.phase.connections().find(|connection| connection.established_since().is_some());
        established.is_some_and(Connection::is_drained) && self.rib.backlog() == 0
    }

    /// Returns the wanted routes that [`Config::export`] keeps in.
    pub fn filtered(&self) -> impl Iterator<Item = Prefix> {
        self.rib.filtered()
    }

    /// Returns the wanted routes that the peer has not been told of, for whatever reason; without a session, all of them.
    pub fn unsent(&self) -> impl Iterator<Item = Prefix> {
        self.rib.unsent()
    }

    /// Returns the TTL settings for connections with this peer, also for those the peer opens.
    #[must_use]
    pub fn time_to_live(&self) -> TimeToLive {
        self.config.time_to_live()
    }

    /// Returns what new settings would do to this peer as it is; like [`Config::impact`], but a peer that is there and
    /// passes under the new settings as well is left alone.
    #[must_use]
    pub fn impact(&self, new: &Config) -> Impact {
        let mut impact = self.config.impact(new);
        let peer = self.phase.connections().find_map(Connection::session);
        if peer.is_some_and(|session| new.remote_as.admits(new.local_as, session.peer_as.get()).is_ok()) {
            impact.resets.remove(&Setting::RemoteAs);
        }
        impact
    }
}
