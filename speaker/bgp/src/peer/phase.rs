//! Whether the peer runs, and on which connections.

use std::time::Instant;

use super::connection::Connection;
use crate::{ConnId, State};

/// What a peer is doing.
#[derive(Debug)]
pub(super) enum Phase {
    /// RFC 4271's Idle: connections of the peer are turned away.
    Idle {
        /// When we try again by ourselves; `None` while stopped.
        resume: Option<Instant>,
    },
    /// All other states.
    Running { outgoing: Outgoing, incoming: Option<Connection> },
}

/// The connection we open.
#[derive(Debug)]
pub(super) enum Outgoing {
    /// We do not open any.
    Never,
    /// Not before this time, nor while the peer's own connection gets somewhere.
    Waiting { until: Instant },
    /// The operating system is at it.
    Dialing { conn: ConnId, until: Instant },
    /// It is open.
    Open(Connection),
}

impl Phase {
    pub(super) const STOPPED: Self = Self::Idle { resume: None };

    pub(super) fn connections(&self) -> impl Iterator<Item = &Connection> {
        let (outgoing, incoming) = match self {
            Self::Idle { .. } => (None, None),
            Self::Running { outgoing: Outgoing::Open(connection), incoming } => (Some(connection), incoming.as_ref()),
            Self::Running { incoming, .. } => (None, incoming.as_ref()),
        };
        outgoing.into_iter().chain(incoming)
    }

    pub(super) fn connection_mut(&mut self, id: ConnId) -> Option<&mut Connection> {
        let (outgoing, incoming) = match self {
            Self::Idle { .. } => (None, None),
            Self::Running { outgoing: Outgoing::Open(connection), incoming } => (Some(connection), incoming.as_mut()),
            Self::Running { incoming, .. } => (None, incoming.as_mut()),
        };
        outgoing.into_iter().chain(incoming).find(|connection| connection.id == id)
    }

    /// Takes a connection out, or one that is being opened; the outgoing side then waits until `retry`.
    pub(super) fn take(&mut self, id: ConnId, retry: Instant) -> Option<Taken> {
        let Self::Running { outgoing, incoming } = self else { return None };
        if let Some(connection) = incoming.take_if(|connection| connection.id == id) {
            return Some(Taken::Connection(connection));
        }
        let is_it = match outgoing {
            Outgoing::Never | Outgoing::Waiting { .. } => false,
            Outgoing::Dialing { conn, .. } => *conn == id,
            Outgoing::Open(connection) => connection.id == id,
        };
        if !is_it {
            return None;
        }
        match std::mem::replace(outgoing, Outgoing::Waiting { until: retry }) {
            Outgoing::Open(connection) => Some(Taken::Connection(connection)),
            Outgoing::Dialing { .. } => Some(Taken::Attempt),
            Outgoing::Never | Outgoing::Waiting { .. } => None,
        }
    }

    pub(super) fn state(&self) -> State {
        let best = self.connections().map(Connection::state).max();
        best.unwrap_or(match self {
            Self::Idle { .. } => State::Idle,
            Self::Running { outgoing: Outgoing::Dialing { .. }, .. } => State::Connect,
            Self::Running { .. } => State::Active,
        })
    }

    /// Returns the deadline that belongs to no open connection.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Idle { resume } => *resume,
            Self::Running { outgoing: Outgoing::Dialing { until, .. }, .. }
            | Self::Running { outgoing: Outgoing::Waiting { until }, incoming: None } => Some(*until),
            Self::Running { .. } => None,
        }
    }
}

/// What [`Phase::take`] took out.
#[derive(Debug)]
pub(super) enum Taken {
    /// A connection that was not open yet.
    Attempt,
    /// A connection that was.
    Connection(Connection),
}
