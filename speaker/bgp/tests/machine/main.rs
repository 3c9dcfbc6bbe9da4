//! The machine from outside: every event in every state, pairs of peers, edits of routes.

#![expect(clippy::unwrap_used, reason = "a test may fail by panic")]
#![expect(clippy::wildcard_enum_match_arm, reason = "the enums of other codecs have variants that never occur here")]

mod edits;
mod endings;
mod golden;
mod hostile;
mod oracles;
mod pairs;
mod router;
mod routes;
mod solo;
mod states;
