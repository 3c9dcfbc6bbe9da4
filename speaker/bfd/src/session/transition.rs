//! The state machine of RFC 5880 §6.2 and §6.8.6.

use crate::State;

/// What a packet does to our state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Transition {
    Stay,
    Init,
    Up,
    Down,
}

/// Returns what hearing `neighbor` does to a session in state `ours`.
pub(super) fn transition(ours: State, neighbor: State) -> Transition {
    match (ours, neighbor) {
        (State::Down, State::Down) => Transition::Init,
        (State::Down, State::Init) | (State::Init, State::Init | State::Up) => Transition::Up,
        (State::Init | State::Up, State::AdminDown) | (State::Up, State::Down) => Transition::Down,
        (State::AdminDown, State::AdminDown | State::Down | State::Init | State::Up)
        | (State::Down, State::AdminDown | State::Up)
        | (State::Init, State::Down)
        | (State::Up, State::Init | State::Up) => Transition::Stay,
    }
}
