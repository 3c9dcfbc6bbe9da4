//! The states of a session, each with what only it has.

use std::time::Instant;

use crate::{Neighbor, State, echo::EchoLoop, negotiation::Negotiation};

#[derive(Clone, Debug)]
pub(super) enum Phase {
    AdminDown { neighbor: Option<Neighbor>, farewell: Instant },
    Down { neighbor: Option<Neighbor> },
    Init { neighbor: Neighbor },
    Up { neighbor: Neighbor, since: Instant, negotiation: Negotiation, echo: Option<EchoLoop> },
}

impl Phase {
    pub(super) fn state(&self) -> State {
        match self {
            Self::AdminDown { .. } => State::AdminDown,
            Self::Down { .. } => State::Down,
            Self::Init { .. } => State::Init,
            Self::Up { .. } => State::Up,
        }
    }

    pub(super) fn neighbor(&self) -> Option<&Neighbor> {
        match self {
            Self::AdminDown { neighbor, .. } | Self::Down { neighbor } => neighbor.as_ref(),
            Self::Init { neighbor } | Self::Up { neighbor, .. } => Some(neighbor),
        }
    }

    pub(super) fn negotiation(&self) -> Option<&Negotiation> {
        match self {
            Self::Up { negotiation, .. } => Some(negotiation),
            Self::AdminDown { .. } | Self::Down { .. } | Self::Init { .. } => None,
        }
    }

    pub(super) fn echo(&self) -> Option<&EchoLoop> {
        match self {
            Self::Up { echo, .. } => echo.as_ref(),
            Self::AdminDown { .. } | Self::Down { .. } | Self::Init { .. } => None,
        }
    }
}
